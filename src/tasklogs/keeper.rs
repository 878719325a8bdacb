//! Threads of their own for writing task logs, so that a slow disk keeps no request waiting but those that need it.
//! All work on one task's log is done by one thread, in the order in which it was asked for.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
};

use tokio::sync::oneshot;

use super::{LogError, TaskLogs};
use crate::domain::ids::TaskId;

/// As many logs are written at the same time: more than one for the sake of network disks, few for that of
/// everything else on the machine.
const THREADS: usize = 4;

type Work = Box<dyn FnOnce(&TaskLogs) + Send>;

/// Writes task logs.
#[derive(Debug)]
pub struct LogKeeper {
    logs: Arc<TaskLogs>,
    queues: Vec<Sender<Work>>,
}

impl LogKeeper {
    /// Starts the threads. They end when the keeper is dropped and nothing is left to do.
    pub fn start(logs: TaskLogs) -> io::Result<Self> {
        let logs = Arc::new(logs);
        let queues = (0..THREADS).map(|_| start_thread(Arc::clone(&logs))).collect::<io::Result<_>>()?;
        Ok(Self { logs, queues })
    }

    /// The logs, to be read.
    pub fn logs(&self) -> &Arc<TaskLogs> {
        &self.logs
    }

    /// Does `work` on the log of `task`, after everything that was asked for before.
    pub async fn write<T: Send + 'static>(
        &self,
        task: TaskId,
        work: impl FnOnce(&TaskLogs) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let (answer, done) = oneshot::channel();
        let work = move |logs: &TaskLogs| {
            // Whoever asked may have gone away.
            let _gone = answer.send(work(logs));
        };
        let queue = &self.queues[usize::from(task.0[11]) % self.queues.len()];
        queue.send(Box::new(work)).map_err(|_| LogError::Broken)?;
        done.await.unwrap_or(Err(LogError::Broken))
    }
}

fn start_thread(logs: Arc<TaskLogs>) -> io::Result<Sender<Work>> {
    let (queue, waiting) = mpsc::channel::<Work>();
    thread::Builder::new().name("task-logs".into()).spawn(move || {
        for work in waiting {
            // A panic ends the one piece of work; whoever waits for it learns so.
            let _panic = catch_unwind(AssertUnwindSafe(|| work(&logs)));
        }
    })?;
    Ok(queue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::JobId;

    const JOB: JobId = JobId([1; 12]);
    const TASK: TaskId = TaskId([2; 12]);

    #[tokio::test]
    async fn what_is_asked_for_first_is_written_first() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = LogKeeper::start(TaskLogs::new(folder.path().into())).unwrap();
        let appends =
            (0..100).map(|line| keeper.write(TASK, move |logs| logs.append(JOB, TASK, &line.to_string())));
        futures_util::future::try_join_all(appends).await.unwrap();
        let text = std::fs::read_to_string(keeper.logs().path(JOB, TASK)).unwrap();
        assert!(text.lines().eq((0..100).map(|line| line.to_string())), "{text}");
    }

    #[tokio::test]
    async fn a_panic_ends_only_the_work_that_panicked() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = LogKeeper::start(TaskLogs::new(folder.path().into())).unwrap();
        let broken = keeper.write::<()>(TASK, |_| panic!("on purpose")).await;
        assert!(matches!(broken, Err(LogError::Broken)), "{broken:?}");
        keeper.write(TASK, |logs| logs.append(JOB, TASK, "still here")).await.unwrap();
    }
}
