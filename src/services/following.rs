//! Following the log of a task while it is written.

use super::{Error, Services};
use crate::{
    domain::{
        ids::{JobId, TaskId},
        task::TaskStatus,
    },
    tasklogs::{LogFile, Next, Place, TaskLogs},
};

impl Services {
    /// Where to begin: at the beginning of the current log, or at its last lines.
    pub async fn place_in_log(&self, job: JobId, task: TaskId, tail: Option<usize>) -> Result<Place, Error> {
        let look = move |logs: &TaskLogs| Ok((logs.run(job, task)?, logs.find(job, task)?));
        let (run, log) = self.logs.run(task, look).await?;
        if log.as_ref().is_some_and(LogFile::is_compressed) {
            let why =
                "the log of this task was compressed, so that nothing is added to it; read it without follow";
            return Err(Error::Refused(why.into()));
        }
        let offset = match (log, tail) {
            (Some(log), Some(lines)) => {
                // The last lines may be long, and the threads that write logs have no time.
                let start = tokio::task::spawn_blocking(move || log.start_of_tail(lines)).await;
                start.map_err(|_| Error::Panicked)??
            }
            _ => 0,
        };
        Ok(Place { run, offset })
    }

    /// What comes behind `place`. A line that has no end yet is waited for, unless the task `is_over`.
    pub async fn next_of_log(
        &self,
        job: JobId,
        task: TaskId,
        place: Place,
        is_over: bool,
    ) -> Result<Next, Error> {
        Ok(self.logs.run(task, move |logs| logs.next(job, task, place, is_over)).await?)
    }

    /// The status of a task; nothing if it is gone.
    pub fn task_status(&self, id: TaskId) -> Result<Option<TaskStatus>, Error> {
        self.store.read(self.now(), |tx| Ok(tx.task(id)?.map(|task| task.status)))
    }
}
