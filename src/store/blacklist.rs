//! The blacklist: which worker gets no more tasks of which type of which job.

use jiff::Timestamp;

use super::{
    StoreError,
    keys::{Key, Parts, time_bytes, time_from},
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::{
    failure::blacklist_counts,
    ids::{JobId, WorkerId},
};

/// A line of the blacklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlacklistEntry {
    /// The worker that is not trusted,
    pub worker: WorkerId,
    /// with this job's
    pub job: JobId,
    /// tasks of this type,
    pub task_type: String,
    /// since then.
    pub created: Timestamp,
}

fn key(worker: WorkerId, job: JobId, task_type: &str) -> Key {
    Key::new().worker(worker).job(job).task_type(task_type)
}

impl<T: Rows> Tx<T> {
    /// Is the worker blacklisted for this job and task type? An expired entry no longer counts.
    pub fn is_blacklisted(&self, worker: WorkerId, job: JobId, task_type: &str) -> Result<bool, StoreError> {
        match self.get(Table::Blacklist, &key(worker, job, task_type))? {
            Some(created) => Ok(blacklist_counts(time_from(created.value())?, self.now())),
            None => Ok(false),
        }
    }

    /// Since when the worker is blacklisted for this job and task type, whether that still counts or not.
    pub fn blacklisted_since(
        &self,
        worker: WorkerId,
        job: JobId,
        task_type: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = self.get(Table::Blacklist, &key(worker, job, task_type))?;
        row.map(|created| time_from(created.value())).transpose()
    }

    /// The entries that count, of one worker or of all.
    pub fn blacklist(&self, worker: Option<WorkerId>) -> Result<Vec<BlacklistEntry>, StoreError> {
        let mut entries = self.blacklist_rows(worker)?;
        entries.retain(|entry| blacklist_counts(entry.created, self.now()));
        Ok(entries)
    }

    /// The entries that no longer count.
    pub fn expired_blacklist(&self) -> Result<Vec<BlacklistEntry>, StoreError> {
        let mut entries = self.blacklist_rows(None)?;
        entries.retain(|entry| !blacklist_counts(entry.created, self.now()));
        Ok(entries)
    }

    fn blacklist_rows(&self, worker: Option<WorkerId>) -> Result<Vec<BlacklistEntry>, StoreError> {
        let prefix = worker.map_or(Key::new(), |worker| Key::new().worker(worker));
        self.prefix(Table::Blacklist, &prefix)?
            .map(|row| {
                let (key, created) = row?;
                let mut parts = Parts(key.value());
                Ok(BlacklistEntry {
                    worker: parts.worker()?,
                    job: parts.job()?,
                    task_type: parts.task_type()?.to_owned(),
                    created: time_from(created.value())?,
                })
            })
            .collect()
    }
}

impl WriteTx<'_> {
    /// Blacklists the worker from now on.
    pub fn put_blacklist(&mut self, worker: WorkerId, job: JobId, task_type: &str) -> Result<(), StoreError> {
        let created = self.now();
        self.put_blacklist_entry(&BlacklistEntry { worker, job, task_type: task_type.to_owned(), created })
    }

    /// Keeps a line of the blacklist.
    pub fn put_blacklist_entry(&mut self, entry: &BlacklistEntry) -> Result<(), StoreError> {
        let BlacklistEntry { worker, job, task_type, created } = entry;
        self.touched().workers.add(*worker);
        self.insert(Table::Blacklist, &key(*worker, *job, task_type), &time_bytes(*created))
    }

    /// Trusts the worker again.
    pub fn forget_blacklist(
        &mut self,
        worker: WorkerId,
        job: JobId,
        task_type: &str,
    ) -> Result<(), StoreError> {
        self.touched().workers.add(worker);
        self.remove(Table::Blacklist, &key(worker, job, task_type))
    }
}
