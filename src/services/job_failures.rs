//! What went wrong with a job: its failed tasks, each with what its log says.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::task::spawn_blocking;

use super::{Error, Services, listing::known_job};
use crate::domain::{
    ids::{JobId, TaskId},
    log_error::error_line,
    paging::{Key, Page, Place, Window},
    task::{Task, TaskStatus},
};

/// As many failures are shown, the newest.
const MOST: usize = 100;

/// As many logs are read at a time.
const AT_A_TIME: usize = 4;

/// The statuses of tasks that failed, for good or on some workers.
const FAILED: [TaskStatus; 2] = [TaskStatus::Failed, TaskStatus::SoftFailed];

/// A task that failed.
#[derive(Debug)]
pub struct Failure {
    /// The task.
    pub task: Task,
    /// The line of its log that says why, as far as one can tell; nothing without a log.
    pub line: Option<String>,
}

impl Services {
    /// The newest failures of a job, the newest first, and how many there are in all.
    pub async fn failures_of_job(self: &Arc<Self>, job: JobId) -> Result<(Vec<Failure>, u64), Error> {
        let own = Arc::clone(self);
        let failed = spawn_blocking(move || own.failed_tasks(job)).await;
        let Page { entries, total, .. } = failed.map_err(|_| Error::Panicked)??;
        let failures = stream::iter(entries)
            .map(async |task| Failure { line: self.why_it_failed(job, task.id).await, task })
            .buffered(AT_A_TIME);
        Ok((failures.collect().await, total))
    }

    fn failed_tasks(&self, job: JobId) -> Result<Page<Task, TaskId>, Error> {
        let window = Window { after: None, limit: MOST };
        let place = |task: Task| (Place { key: Key::time(task.last_updated), id: task.id }, task);
        self.store.read(self.now(), |tx| {
            let (_, state) = known_job(tx, job)?;
            let failed = FAILED.iter().map(|status| state.tally.count(*status)).sum::<u64>();
            // Most jobs have none, and need no look at their tasks.
            let looked_at = if failed == 0 { 0 } else { usize::MAX };
            let tasks = tx.tasks_of_job(job, None)?.take(looked_at);
            let failed =
                tasks.filter(|task| task.as_ref().map_or(true, |task| FAILED.contains(&task.status)));
            window.pick(true, failed.map(|task| Ok(place(task?))))
        })
    }

    /// The line of the task's log that says so. A log that cannot be read does not hide what others say.
    async fn why_it_failed(&self, job: JobId, task: TaskId) -> Option<String> {
        self.line_of_log(job, task).await.unwrap_or_else(|error| {
            tracing::warn!(%task, error = &error as &dyn std::error::Error, "a task log cannot be read");
            None
        })
    }

    async fn line_of_log(&self, job: JobId, task: TaskId) -> Result<Option<String>, Error> {
        let Some(log) = self.log(job, task).await? else { return Ok(None) };
        let text = spawn_blocking(move || log.both_ends()).await.map_err(|_| Error::Panicked)??;
        Ok(error_line(&String::from_utf8_lossy(&text)))
    }
}
