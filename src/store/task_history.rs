//! What has become of tasks: a record for each task that anything has become of.

use super::{
    StoreError,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::TaskId,
    task::Task,
    task_history::{Entry, TaskHistory, What},
};

impl<T: Rows> Tx<T> {
    /// What has become of a task.
    pub fn task_history(&self, id: TaskId) -> Result<TaskHistory, StoreError> {
        Ok(self.record(Table::TaskHistories, &id.0)?.unwrap_or_default())
    }
}

impl WriteTx<'_> {
    /// Keeps what has become of a task by a change, if anything has; and of its worker that it was given the task.
    pub(super) fn add_to_history(&mut self, old: &Task, new: &Task) -> Result<(), StoreError> {
        let Some(entry) = Entry::of(old, new, self.now()) else { return Ok(()) };
        if let (What::Assigned, Some((worker, _))) = (entry.what, &entry.worker) {
            self.add_to_recent(*worker, new.id)?;
        }
        let mut history = self.task_history(new.id)?;
        history.add(entry);
        self.insert_record(Table::TaskHistories, &new.id.0, &history)
    }

    pub(super) fn forget_history(&mut self, id: TaskId) -> Result<(), StoreError> {
        self.remove(Table::TaskHistories, &id.0)
    }
}
