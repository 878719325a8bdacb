//! Jobs: what is fixed about them, and what changes.

use super::{
    StoreError, codec,
    keys::Parts,
    schema::Table,
    tx::{ReadTx, Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::JobId,
    job::{Job, JobState, JobWish, Tally},
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

    /// The priority of a job of which tasks may be handed out; nothing if they may not.
    pub(super) fn priority_if_running(&self, id: JobId) -> Result<Option<i32>, StoreError> {
        let state = self.job_state(id)?;
        let state = state.ok_or_else(|| StoreError::Corrupt(format!("job {id} is not there")))?;
        Ok(state.wish.lets_run().then_some(state.priority))
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

    /// Jobs whose tasks may have yet to follow what is wanted of the job.
    pub fn jobs_to_follow(&self) -> Result<Vec<(JobId, JobWish)>, StoreError> {
        let mut found = Vec::new();
        for row in self.prefix(Table::JobStates, &[])? {
            let (key, state) = row?;
            let state: JobState = codec::decode(state.value())?;
            if state.has_tasks_to_follow() {
                found.push((Parts(key.value()).job()?, state.wish));
            }
        }
        Ok(found)
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
        let (tally, wish) = (Tally::default(), JobWish::default());
        let state = JobState { priority, updated: self.now(), tally, wish };
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
        // As long as nothing of it may be handed out it has no heads.
        let lets_run = state.wish.lets_run();
        state.priority = priority;
        state.updated = self.now();
        self.put_job_state(id, state);
        if lets_run { self.move_heads(id, priority) } else { Ok(()) }
    }

    /// Keeps what is wanted of a job. Unless it is to run, none of its tasks is handed out from now on, however many
    /// there are.
    pub fn set_job_wish(&mut self, id: JobId, wish: JobWish) -> Result<(), StoreError> {
        let state = self.job_state(id)?;
        let mut state = state.ok_or_else(|| StoreError::Corrupt(format!("job {id} is not there")))?;
        let before = std::mem::replace(&mut state.wish, wish);
        state.updated = self.now();
        self.put_job_state(id, state);
        match (before.lets_run(), wish.lets_run()) {
            (true, false) => self.remove_heads(id),
            (false, true) => self.restore_heads(id),
            _ => Ok(()),
        }
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
