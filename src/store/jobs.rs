//! Jobs: what is fixed about them, and what changes.

use std::num::NonZeroU32;

use jiff::SignedDuration;

use super::{
    StoreError, codec,
    keys::Parts,
    records::JobBegin,
    schema::Table,
    tx::{ReadTx, Rows, Tx, WriteTx},
};
use crate::domain::{
    assign::may_run,
    ids::JobId,
    job::{Job, JobState, JobWish, Tally},
    tags::Tags,
};

impl<T: Rows> Tx<T> {
    /// A job.
    pub fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.record(Table::Jobs, &id.0)
    }

    /// What people call a job. The rest of it, which may be large, is left alone.
    pub fn job_name(&self, id: JobId) -> Result<Option<String>, StoreError> {
        let row = self.get(Table::Jobs, &id.0)?;
        let begin = row.map(|job| codec::decode_begin::<Job, JobBegin>(job.value()));
        Ok(begin.transpose()?.map(|begin| begin.name))
    }

    /// How a job stands.
    pub fn job_state(&self, id: JobId) -> Result<Option<JobState>, StoreError> {
        match self.newer_job_state(id) {
            Some(state) => Ok(Some(state.clone())),
            None => self.record(Table::JobStates, &id.0),
        }
    }

    /// How a job stands that is there.
    pub(super) fn known_job_state(&self, id: JobId) -> Result<JobState, StoreError> {
        self.job_state(id)?.ok_or_else(|| StoreError::Corrupt(format!("job {id} is not there")))
    }

    /// The priority of a job of which tasks may be handed out; nothing if they may not.
    pub(super) fn priority_if_running(&self, id: JobId) -> Result<Option<i32>, StoreError> {
        let state = self.known_job_state(id)?;
        Ok(may_run(&state).then_some(state.priority))
    }
}

/// Lists of jobs, which do not see what the group of a change has yet to write.
impl ReadTx {
    /// Jobs from the newest to the oldest, before `before`, read one after the other.
    pub fn jobs(
        &self,
        before: Option<JobId>,
    ) -> Result<impl Iterator<Item = Result<(Job, JobState), StoreError>>, StoreError> {
        let rows = self.before(Table::Jobs, before.as_ref().map(|id| id.0.as_slice()))?;
        Ok(rows.rev().map(|row| {
            let job: Job = codec::decode(row?.1.value())?;
            let state = self.job_state(job.id)?;
            let state = state.ok_or_else(|| StoreError::Corrupt(format!("job {} has no state", job.id)))?;
            Ok((job, state))
        }))
    }

    /// How every job stands.
    pub fn job_states(&self) -> Result<Vec<(JobId, JobState)>, StoreError> {
        self.prefix(Table::JobStates, &[])?
            .map(|row| {
                let (key, state) = row?;
                Ok((Parts(key.value()).job()?, codec::decode(state.value())?))
            })
            .collect()
    }

    /// Jobs whose tasks may have yet to follow what is wanted of the job.
    pub fn jobs_to_follow(&self) -> Result<Vec<(JobId, JobWish)>, StoreError> {
        let mut states = self.job_states()?;
        states.retain(|(_, state)| state.has_tasks_to_follow());
        Ok(states.into_iter().map(|(id, state)| (id, state.wish)).collect())
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
        self.insert_dependencies(job)?;
        let waits_for = u32::try_from(self.unfinished_jobs(&job.depends_on)?.len()).unwrap_or(u32::MAX);
        let state = JobState { priority, updated: self.now(), waits_for, ..JobState::default() };
        self.put_job_state(job.id, state);
        Ok(())
    }

    /// Gives a job another priority: its ready tasks move among those of other jobs.
    pub fn set_job_priority(&mut self, id: JobId, priority: i32) -> Result<(), StoreError> {
        let state = self.known_job_state(id)?;
        if state.priority == priority {
            return Ok(());
        }
        // As long as nothing of it may be handed out it has no heads.
        let runs = may_run(&state);
        self.change_job(id, |state| state.priority = priority)?;
        if runs { self.move_heads(id, state.priority, priority) } else { Ok(()) }
    }

    /// Says how many workers may be at a job at a time, and which.
    pub fn set_job_workers(
        &mut self,
        id: JobId,
        max_workers: Option<NonZeroU32>,
        worker_tags: Tags,
    ) -> Result<(), StoreError> {
        self.change_job(id, |state| (state.max_workers, state.worker_tags) = (max_workers, worker_tags))
    }

    /// Keeps what is wanted of a job. Unless it is to run, none of its tasks is handed out from now on, however many
    /// there are.
    pub fn set_job_wish(&mut self, id: JobId, wish: JobWish) -> Result<(), StoreError> {
        let ran = may_run(&self.known_job_state(id)?);
        self.change_job(id, |state| state.want(wish))?;
        let runs = may_run(&self.known_job_state(id)?);
        self.heads_follow(id, ran, runs)
    }

    /// A task of the job is completed, and took so long.
    pub fn measure_task(&mut self, job: JobId, took: SignedDuration) -> Result<(), StoreError> {
        self.change_job(job, |state| state.measured.add(took))
    }

    /// Forgets a job that has no tasks any more.
    pub fn delete_job(&mut self, id: JobId) -> Result<(), StoreError> {
        if let Some(job) = self.job(id)? {
            self.remove_dependencies(&job)?;
        }
        let blocked = !self.unfinished_jobs(&[id])?.is_empty();
        self.remove(Table::Jobs, &id.0)?;
        self.remove_job_state(id)?;
        self.dependents_follow(id, blocked, false)
    }

    pub(super) fn tally(&mut self, id: JobId, change: impl FnOnce(&mut Tally)) -> Result<(), StoreError> {
        self.change_job(id, |state| change(&mut state.tally))
    }

    /// Changes how a job stands; those that depend on it follow. Its own heads are up to the caller.
    fn change_job(&mut self, id: JobId, change: impl FnOnce(&mut JobState)) -> Result<(), StoreError> {
        let mut state = self.known_job_state(id)?;
        let blocked = state.blocks_dependents();
        change(&mut state);
        let blocks = state.blocks_dependents();
        state.updated = self.now();
        self.put_job_state(id, state);
        self.dependents_follow(id, blocked, blocks)
    }
}
