//! Following the log of a task while it is written.

use super::{Error, Services};
use crate::{
    domain::{
        ids::{JobId, TaskId},
        task::TaskStatus,
    },
    tasklogs::{Following, Next, Place, TaskLogs},
};

impl Services {
    /// Where to begin: at the beginning of the current log, or at its last lines.
    pub async fn place_in_log(&self, job: JobId, task: TaskId, tail: Option<usize>) -> Result<Place, Error> {
        let look = move |logs: &TaskLogs| Ok((logs.run(job, task)?, logs.find(job, task)?));
        let (run, log) = self.logs.run(task, look).await?;
        let offset = match (log, tail) {
            (Some(log), Some(lines)) => {
                // That may take long, and the threads that write logs have no time.
                let start = tokio::task::spawn_blocking(move || log.start_of_tail(lines)).await;
                start.map_err(|_| Error::Panicked)??
            }
            _ => 0,
        };
        Ok(Place { run, offset })
    }

    /// What comes next. A line that has no end yet is waited for, unless the task `is_over`.
    pub async fn next_of_log(
        &self,
        mut following: Following,
        is_over: bool,
    ) -> Result<(Next, Following), Error> {
        let task = following.task();
        let next = move |logs: &TaskLogs| Ok((following.next(logs, is_over)?, following));
        Ok(self.logs.run(task, next).await?)
    }

    /// The status of a task; nothing if it is gone.
    pub fn task_status(&self, id: TaskId) -> Result<Option<TaskStatus>, Error> {
        self.store.read(self.now(), |tx| Ok(tx.task(id)?.map(|task| task.status)))
    }
}
