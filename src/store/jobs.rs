//! Jobs: what is fixed about them, and what changes.

use super::{
    StoreError, codec,
    schema::Table,
    tx::{ReadTx, Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::JobId,
    job::{Job, JobState, Tally},
};

impl<T: Rows> Tx<T> {
    /// A job.
    pub fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.record(Table::Jobs, &id.0)
    }

    /// How a job stands.
    pub fn job_state(&self, id: JobId) -> Result<Option<JobState>, StoreError> {
        match self.newer_job_state(id) {
            Some(state) => Ok(Some(state.clone())),
            None => self.record(Table::JobStates, &id.0),
        }
    }

    pub(super) fn job_priority(&self, id: JobId) -> Result<i32, StoreError> {
        let state = self.job_state(id)?;
        Ok(state.ok_or_else(|| StoreError::Corrupt(format!("job {id} is not there")))?.priority)
    }
}

/// Lists of jobs, which do not see what the group of a change has yet to write.
impl ReadTx {
    /// Jobs from the newest to the oldest, before `before`, as many as `limit` at the most.
    pub fn jobs(&self, before: Option<JobId>, limit: usize) -> Result<Vec<(Job, JobState)>, StoreError> {
        self.before(Table::Jobs, before.as_ref().map(|id| id.0.as_slice()))?
            .rev()
            .map(|row| codec::decode::<Job>(row?.1.value()))
            .take(limit)
            .map(|job| {
                let job = job?;
                let state = self.job_state(job.id)?;
                Ok((
                    job.clone(),
                    state.ok_or_else(|| StoreError::Corrupt(format!("job {} has no state", job.id)))?,
                ))
            })
            .collect()
    }

    /// How every job stands.
    pub fn job_states(&self) -> Result<Vec<JobState>, StoreError> {
        self.prefix(Table::JobStates, &[])?.map(|row| codec::decode(row?.1.value())).collect()
    }

    /// How many jobs there are.
    pub fn count_jobs(&self) -> Result<u64, StoreError> {
        self.len(Table::Jobs)
    }
}

impl WriteTx<'_> {
    /// Takes in a new job, which has no tasks yet.
    pub fn insert_job(&mut self, job: &Job, priority: i32) -> Result<(), StoreError> {
        self.insert_record(Table::Jobs, &job.id.0, job)?;
        let state = JobState { priority, updated: self.now(), tally: Tally::default() };
        self.put_job_state(job.id, state);
        Ok(())
    }

    /// Gives a job another priority: its ready tasks move among those of other jobs.
    pub fn set_job_priority(&mut self, id: JobId, priority: i32) -> Result<(), StoreError> {
        let state = self.job_state(id)?;
        let mut state = state.ok_or_else(|| StoreError::Corrupt(format!("job {id} is not there")))?;
        if state.priority == priority {
            return Ok(());
        }
        state.priority = priority;
        state.updated = self.now();
        self.put_job_state(id, state);
        self.move_heads(id, priority)
    }

    /// Forgets a job that has no tasks any more.
    pub fn delete_job(&mut self, id: JobId) -> Result<(), StoreError> {
        self.remove(Table::Jobs, &id.0)?;
        self.remove_job_state(id)
    }

    pub(super) fn tally(&mut self, id: JobId, change: impl FnOnce(&mut Tally)) -> Result<(), StoreError> {
        let state = self.job_state(id)?;
        let mut state = state.ok_or_else(|| StoreError::Corrupt(format!("job {id} is not there")))?;
        change(&mut state.tally);
        state.updated = self.now();
        self.put_job_state(id, state);
        Ok(())
    }
}
