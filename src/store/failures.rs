//! Who failed what.

use super::{
    StoreError,
    keys::{Key, Parts},
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::{JobId, TaskId, WorkerId},
    task::Task,
};

fn kind_key(worker: WorkerId, job: JobId, task_type: &str) -> Key {
    Key::new().worker(worker).job(job).task_type(task_type)
}

impl<T: Rows> Tx<T> {
    /// Has the worker failed this task?
    pub fn has_failed(
        &self,
        worker: WorkerId,
        job: JobId,
        task_type: &str,
        task: TaskId,
    ) -> Result<bool, StoreError> {
        Ok(self.get(Table::Failures, &kind_key(worker, job, task_type).task(task))?.is_some())
    }

    /// Has the worker failed any task of this type of this job?
    pub fn has_failures(&self, worker: WorkerId, job: JobId, task_type: &str) -> Result<bool, StoreError> {
        let first = self.prefix(Table::Failures, &kind_key(worker, job, task_type))?.next();
        Ok(first.transpose()?.is_some())
    }

    /// The tasks of this type of this job that the worker has failed.
    pub fn failures(&self, worker: WorkerId, job: JobId, task_type: &str) -> Result<Vec<TaskId>, StoreError> {
        self.prefix(Table::Failures, &kind_key(worker, job, task_type))?
            .map(|row| {
                let row = row?;
                let mut parts = Parts(row.0.value());
                parts.worker()?;
                parts.job()?;
                parts.task_type()?;
                parts.task()
            })
            .collect()
    }
}

impl WriteTx<'_> {
    /// The worker has failed this task. Doing so twice counts once.
    pub fn put_failure(
        &mut self,
        worker: WorkerId,
        job: JobId,
        task_type: &str,
        task: TaskId,
    ) -> Result<(), StoreError> {
        self.insert(Table::Failures, &kind_key(worker, job, task_type).task(task), &[])
    }

    /// Brings the records of who failed a task from what was true of it to what is true of it now. Workers that are
    /// not known are left out.
    pub fn replace_failures(&mut self, old: Option<&Task>, new: &Task) -> Result<(), StoreError> {
        if let Some(old) = old {
            for by in &old.failed_by {
                self.forget_failure(by.id, old.job, &old.task_type, old.id)?;
            }
        }
        for by in &new.failed_by {
            if self.worker(by.id)?.is_some() {
                self.put_failure(by.id, new.job, &new.task_type, new.id)?;
            }
        }
        Ok(())
    }

    pub(super) fn forget_failure(
        &mut self,
        worker: WorkerId,
        job: JobId,
        task_type: &str,
        task: TaskId,
    ) -> Result<(), StoreError> {
        self.remove(Table::Failures, &kind_key(worker, job, task_type).task(task))
    }
}
