//! Workers, and when they were last heard of.

use jiff::Timestamp;

use super::{
    StoreError, codec,
    extras::ExtraOf,
    keys::{Key, time_bytes, time_from},
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::{ids::WorkerId, worker::Worker};

impl<T: Rows> Tx<T> {
    /// A worker.
    pub fn worker(&self, id: WorkerId) -> Result<Option<Worker>, StoreError> {
        self.record(Table::Workers, &id.0)
    }

    /// Is there a worker with this ID?
    pub fn has_worker(&self, id: WorkerId) -> Result<bool, StoreError> {
        Ok(self.get(Table::Workers, &id.0)?.is_some())
    }

    /// All workers, in the order of their IDs.
    pub fn workers(&self) -> Result<Vec<Worker>, StoreError> {
        self.workers_in_turn()?.collect()
    }

    /// All workers, read one after the other.
    pub fn workers_in_turn(
        &self,
    ) -> Result<impl Iterator<Item = Result<Worker, StoreError>> + use<'_, T>, StoreError> {
        Ok(self.prefix(Table::Workers, &[])?.map(|row| codec::decode(row?.1.value())))
    }

    /// How many workers there are.
    pub fn count_workers(&self) -> Result<u64, StoreError> {
        self.len(Table::Workers)
    }

    /// When the worker was last heard of.
    pub fn worker_seen(&self, id: WorkerId) -> Result<Option<Timestamp>, StoreError> {
        let row = self.get(Table::WorkersSeen, &id.0)?;
        let on_disk = row.map(|time| time_from(time.value())).transpose()?;
        Ok(on_disk.max(self.beats().of_worker(id)))
    }
}

impl WriteTx<'_> {
    /// Keeps a worker.
    pub fn put_worker(&mut self, worker: &Worker) -> Result<(), StoreError> {
        self.touched().workers.add(worker.id);
        self.insert_record(Table::Workers, &worker.id.0, worker)
    }

    /// Keeps a new worker, heard of just now.
    pub fn insert_worker(&mut self, worker: &Worker) -> Result<(), StoreError> {
        let now = time_bytes(self.now());
        self.insert(Table::WorkersSeen, &worker.id.0, &now)?;
        self.put_worker(worker)
    }

    /// Forgets a worker, its latest tasks, its failures and its blacklist entries. It has no task in its hands.
    pub fn delete_worker(&mut self, id: WorkerId) -> Result<(), StoreError> {
        let key = Key::new().worker(id);
        self.touched().workers.add(id);
        self.remove(Table::Workers, &key)?;
        self.remove(Table::WorkersSeen, &key)?;
        self.remove(Table::RecentTasks, &key)?;
        self.remove_prefix(Table::Failures, &key)?;
        self.remove_prefix(Table::Blacklist, &key)?;
        self.forget_extra(ExtraOf::Worker(id))
    }
}
