//! What the exchange with the Server has yet to do: tasks to ask about once more, and logs to send.

use jiff::Timestamp;

use super::{
    StoreError,
    keys::{Key, Parts, time_bytes, time_from},
    schema::Table,
    tx::{ReadTx, WriteTx},
};
use crate::domain::ids::{JobId, TaskId};

/// A log that the Server wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRequest {
    /// The job.
    pub job: JobId,
    /// The task whose log it is.
    pub task: TaskId,
    /// When the Server asked for it, or when sending it was last refused.
    pub since: Timestamp,
}

impl ReadTx {
    /// All tasks to ask the Server about once more.
    pub fn ask_again(&self) -> Result<Vec<TaskId>, StoreError> {
        self.prefix(Table::AskAgain, &[])?.map(|row| Parts(row?.0.value()).task()).collect()
    }

    /// How many tasks there are to ask about.
    pub fn count_ask_again(&self) -> Result<u64, StoreError> {
        self.len(Table::AskAgain)
    }

    /// How many logs the Server wants.
    pub fn count_log_requests(&self) -> Result<u64, StoreError> {
        self.len(Table::LogRequests)
    }

    /// The log that the Server has wanted for longest.
    pub fn oldest_log_request(&self) -> Result<Option<LogRequest>, StoreError> {
        let mut oldest: Option<LogRequest> = None;
        for row in self.prefix(Table::LogRequests, &[])? {
            let (key, since) = row?;
            let mut parts = Parts(key.value());
            let request =
                LogRequest { job: parts.job()?, task: parts.task()?, since: time_from(since.value())? };
            if oldest.is_none_or(|oldest| request.since < oldest.since) {
                oldest = Some(request);
            }
        }
        Ok(oldest)
    }
}

impl WriteTx<'_> {
    /// The Server is to be asked about this task once more.
    pub fn put_ask_again(&mut self, task: TaskId) -> Result<(), StoreError> {
        self.insert(Table::AskAgain, &task.0, &[])
    }

    /// The Server was asked about this task.
    pub fn forget_ask_again(&mut self, task: TaskId) -> Result<(), StoreError> {
        if self.get(Table::AskAgain, &task.0)?.is_some() {
            self.remove(Table::AskAgain, &task.0)?;
        }
        Ok(())
    }

    /// The Server wants this log. Asking twice is asking once.
    pub fn put_log_request(&mut self, job: JobId, task: TaskId) -> Result<(), StoreError> {
        let key = Key::new().job(job).task(task);
        let now = time_bytes(self.now());
        if self.get(Table::LogRequests, &key)?.is_none() {
            self.insert(Table::LogRequests, &key, &now)?;
        }
        Ok(())
    }

    /// The log could not be sent: others come first now.
    pub fn postpone_log_request(&mut self, job: JobId, task: TaskId) -> Result<(), StoreError> {
        let now = time_bytes(self.now());
        self.insert(Table::LogRequests, &Key::new().job(job).task(task), &now)
    }

    /// The Server has this log.
    pub fn forget_log_request(&mut self, job: JobId, task: TaskId) -> Result<(), StoreError> {
        self.remove(Table::LogRequests, &Key::new().job(job).task(task))
    }
}
