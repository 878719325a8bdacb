//! Jobs that wait for others: who waits for whom, and for how many.
//!
//! Each job counts those that it waits for, so that looking for a task costs nothing because of jobs that wait: they have
//! no heads.

use std::collections::BTreeSet;

use super::{
    StoreError,
    keys::{Key, Parts},
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::{assign::may_run, ids::JobId, job::Job};

impl<T: Rows> Tx<T> {
    /// Those of the jobs that are known and not completed, each once.
    pub fn unfinished_jobs(&self, jobs: &[JobId]) -> Result<Vec<JobId>, StoreError> {
        let mut unfinished = Vec::new();
        for job in jobs.iter().collect::<BTreeSet<_>>() {
            if self.job_state(*job)?.is_some_and(|state| state.blocks_dependents()) {
                unfinished.push(*job);
            }
        }
        Ok(unfinished)
    }

    /// The jobs that depend on this one, whether it is completed or not.
    pub fn dependents(&self, job: JobId) -> Result<Vec<JobId>, StoreError> {
        self.prefix(Table::Dependents, &job.0)?
            .map(|row| {
                let key = row?;
                let mut parts = Parts(key.0.value());
                parts.job()?;
                parts.job()
            })
            .collect()
    }
}

impl WriteTx<'_> {
    /// Lists a new job with those that it depends on.
    pub(super) fn insert_dependencies(&mut self, job: &Job) -> Result<(), StoreError> {
        job.depends_on
            .iter()
            .try_for_each(|on| self.insert(Table::Dependents, &dependency_key(*on, job.id), &[]))
    }

    /// The job no longer depends on others.
    pub(super) fn remove_dependencies(&mut self, job: &Job) -> Result<(), StoreError> {
        job.depends_on.iter().try_for_each(|on| self.remove(Table::Dependents, &dependency_key(*on, job.id)))
    }

    /// Lets the jobs that depend on this one wait, or no longer, if that has changed. Whoever changes how a job stands
    /// comes by here.
    pub(super) fn dependents_follow(
        &mut self,
        id: JobId,
        blocked: bool,
        blocks: bool,
    ) -> Result<(), StoreError> {
        let by = match (blocked, blocks) {
            (false, true) => 1,
            (true, false) => -1,
            (false, false) | (true, true) => return Ok(()),
        };
        for dependent in self.dependents(id)? {
            let mut state = self.known_job_state(dependent)?;
            let ran = may_run(&state);
            state.waits_for = state.waits_for.saturating_add_signed(by);
            let runs = may_run(&state);
            self.put_job_state(dependent, state);
            self.heads_follow(dependent, ran, runs)?;
        }
        Ok(())
    }
}

/// The key in [`Table::Dependents`].
pub(super) fn dependency_key(dependency: JobId, dependent: JobId) -> Key {
    Key::new().job(dependency).job(dependent)
}
