//! The tasks that each worker was given last.

use super::{
    StoreError,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::{TaskId, WorkerId},
    recent_tasks::RecentTasks,
};

impl<T: Rows> Tx<T> {
    /// The tasks that a worker was given last. Some may be gone by now.
    pub fn recent_tasks(&self, worker: WorkerId) -> Result<RecentTasks, StoreError> {
        Ok(self.record(Table::RecentTasks, &worker.0)?.unwrap_or_default())
    }
}

impl WriteTx<'_> {
    /// Keeps that a worker was given a task.
    pub(super) fn add_to_recent(&mut self, worker: WorkerId, task: TaskId) -> Result<(), StoreError> {
        let mut recent = self.recent_tasks(worker)?;
        recent.add(task);
        self.insert_record(Table::RecentTasks, &worker.0, &recent)
    }
}
