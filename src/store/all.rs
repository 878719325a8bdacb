//! All rows of a kind, one after the other: for whoever takes everything along, and brings it back.

use super::{
    StoreError,
    codec::{self, Record},
    keys::{Key, Parts, number_from, time_bytes, time_from},
    people::SecretDigest,
    records::TaskRow,
    schema::Table,
    server_wishes::LogRequest,
    tx::{ReadTx, RowGuard, Rows, Tx, WriteTx},
};
use crate::domain::{
    audit::Deed,
    event::Event,
    idempotency::Receipt,
    ids::{TaskId, WorkerId},
    job::{Job, JobState},
    minute::{Done, Minute},
    people::AccessToken,
    recent_tasks::RecentTasks,
    task::Task,
    task_history::TaskHistory,
    task_update::{SetAside, TaskUpdate},
};

/// Rows of a table, read one after the other.
type Result<T> = std::result::Result<T, StoreError>;

/// In the order of their keys, which is that of their IDs or of their numbers.
impl ReadTx {
    /// All jobs, and how they stand.
    pub fn all_jobs(&self) -> Result<impl Iterator<Item = Result<(Job, JobState)>>> {
        let jobs = self.each(Table::Jobs, value::<Job>)?;
        Ok(jobs.map(|job| {
            let job = job?;
            let state = self.known_job_state(job.id)?;
            Ok((job, state))
        }))
    }

    /// All tasks.
    pub fn all_tasks(&self) -> Result<impl Iterator<Item = Result<Task>>> {
        self.each(Table::Tasks, |(_, row)| Ok(codec::decode::<TaskRow>(row.value())?.task))
    }

    /// What has become of each task of which anything has become.
    pub fn all_histories(&self) -> Result<impl Iterator<Item = Result<(TaskId, TaskHistory)>>> {
        self.each(Table::TaskHistories, |(key, row)| {
            Ok((Parts(key.value()).task()?, codec::decode(row.value())?))
        })
    }

    /// The tasks that each worker was given last.
    pub fn all_recent_tasks(&self) -> Result<impl Iterator<Item = Result<(WorkerId, RecentTasks)>>> {
        self.each(Table::RecentTasks, |(key, row)| {
            Ok((Parts(key.value()).worker()?, codec::decode(row.value())?))
        })
    }

    /// The queue of what the Flamenco Server has yet to hear.
    pub fn all_updates(&self) -> Result<impl Iterator<Item = Result<TaskUpdate>>> {
        self.each(Table::UpdateQueue, value)
    }

    /// What the Flamenco Server would not hear.
    pub fn all_set_aside(&self) -> Result<impl Iterator<Item = Result<SetAside>>> {
        self.each(Table::UpdatesSetAside, value)
    }

    /// The logs that the Flamenco Server wants.
    pub fn all_log_requests(&self) -> Result<impl Iterator<Item = Result<LogRequest>>> {
        self.each(Table::LogRequests, |(key, since)| {
            let mut parts = Parts(key.value());
            Ok(LogRequest { job: parts.job()?, task: parts.task()?, since: time_from(since.value())? })
        })
    }

    /// What the Manager remembers of itself: names and texts.
    pub fn all_settings(&self) -> Result<impl Iterator<Item = Result<(String, String)>>> {
        self.each(Table::Settings, |(name, value)| Ok((text(name.value())?, text(value.value())?)))
    }

    /// What happened lately.
    pub fn all_events(&self) -> Result<impl Iterator<Item = Result<Event>>> {
        self.each(Table::Events, value)
    }

    /// What people did.
    pub fn all_deeds(&self) -> Result<impl Iterator<Item = Result<Deed>>> {
        self.each(Table::Audit, value)
    }

    /// The access tokens, each with its hash.
    pub fn all_access_tokens(&self) -> Result<impl Iterator<Item = Result<(SecretDigest, AccessToken)>>> {
        self.each(Table::AccessTokens, |(digest, token)| {
            let digest = digest.value().try_into();
            let digest =
                digest.map_err(|_| StoreError::Corrupt("the hash of an access token is none".into()))?;
            Ok((digest, codec::decode(token.value())?))
        })
    }

    /// What was done in each minute.
    pub fn all_that_was_done(&self) -> Result<impl Iterator<Item = Result<(Minute, Done)>>> {
        self.each(Table::Minutes, |(minute, done)| {
            Ok((Minute(number_from(minute.value())?), codec::decode(done.value())?))
        })
    }

    /// The submissions that are remembered, each with its key.
    pub fn all_receipts(&self) -> Result<impl Iterator<Item = Result<(String, Receipt)>>> {
        self.each(Table::Submissions, |(key, receipt)| {
            Ok((text(key.value())?, codec::decode(receipt.value())?))
        })
    }
}

/// What otherwise comes about by what happens.
impl WriteTx<'_> {
    /// Keeps what has become of a task that is there.
    pub fn load_history(&mut self, task: TaskId, history: &TaskHistory) -> Result<()> {
        self.insert_record(Table::TaskHistories, &task.0, history)
    }

    /// Keeps the tasks that a worker that is there was given last.
    pub fn load_recent_tasks(&mut self, worker: WorkerId, recent: &RecentTasks) -> Result<()> {
        self.insert_record(Table::RecentTasks, &worker.0, recent)
    }

    /// The Flamenco Server wants this log, since then.
    pub fn load_log_request(&mut self, request: &LogRequest) -> Result<()> {
        let LogRequest { job, task, since } = *request;
        self.insert(Table::LogRequests, &Key::new().job(job).task(task), &time_bytes(since))
    }

    /// Keeps what was done in a minute, in place of what is there.
    pub fn load_minute(&mut self, minute: Minute, done: Done) -> Result<()> {
        self.insert_record(Table::Minutes, &minute.0.to_be_bytes(), &done)
    }
}

impl<T: Rows> Tx<T> {
    fn each<R>(
        &self,
        table: Table,
        read: fn(RowGuard<'_>) -> Result<R>,
    ) -> Result<impl Iterator<Item = Result<R>> + use<'_, T, R>> {
        Ok(self.prefix(table, &[])?.map(move |row| read(row?)))
    }
}

fn value<R: Record>((_, row): RowGuard<'_>) -> Result<R> {
    codec::decode(row.value())
}

fn text(bytes: &[u8]) -> Result<String> {
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| StoreError::Corrupt("a name or a setting is no text".into()))
}
