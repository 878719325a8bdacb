//! Threads of their own for task logs, so that a slow disk keeps no request waiting but those that need it. All work
//! on one task's log is done by one thread, in the order in which it was asked for: what was asked to be written before
//! is there for whoever reads after.

use std::{
    io, iter,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{LogError, TaskLogs};
use crate::domain::ids::TaskId;

/// As many logs are written at the same time: more than one for the sake of network disks, few for that of
/// everything else on the machine.
const THREADS: usize = 4;

/// As many pieces of work may wait for a thread. When a disk hangs, memory must not fill up with what cannot be written.
const WAITING: usize = 2000;

/// When a thread finds as many pieces of work waiting there are more to come.
const MANY: usize = 2;

/// So long it then lets it gather: to be woken for every line costs more than to write it.
const GATHERING: Duration = Duration::from_millis(2);

/// As long is waited at the end for what has yet to be written.
const SETTLING: Duration = Duration::from_secs(5);

type Work = Box<dyn FnOnce(&TaskLogs) + Send>;

/// Keeps task logs.
#[derive(Debug)]
pub struct LogKeeper {
    logs: Arc<TaskLogs>,
    queues: Vec<SyncSender<Work>>,
}

impl LogKeeper {
    /// Starts the threads. They end when the keeper is dropped and nothing is left to do.
    pub fn start(logs: TaskLogs) -> io::Result<Self> {
        let logs = Arc::new(logs);
        let queues = (0..THREADS).map(|_| start_thread(Arc::clone(&logs))).collect::<io::Result<_>>()?;
        Ok(Self { logs, queues })
    }

    /// The logs, for what concerns no one task.
    pub fn logs(&self) -> &Arc<TaskLogs> {
        &self.logs
    }

    /// Does `work` on the log of `task`, after everything that was asked for before.
    pub async fn run<T: Send + 'static>(
        &self,
        task: TaskId,
        work: impl FnOnce(&TaskLogs) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let (answer, done) = oneshot::channel();
        self.queue(task, move |logs| {
            // Whoever has given up asks again: doing it for nobody would do it twice.
            if !answer.is_closed() {
                let _gone = answer.send(work(logs));
            }
        })?;
        done.await.unwrap_or(Err(LogError::Broken))
    }

    /// The same, but nobody waits for it: for what tells of something that has happened already. A failure is logged.
    pub fn note(&self, task: TaskId, work: impl FnOnce(&TaskLogs) -> Result<(), LogError> + Send + 'static) {
        let queued = self.queue(task, move |logs| {
            if let Err(error) = work(logs) {
                tracing::warn!(%task, error = &error as &dyn std::error::Error, "a line of a task log was lost");
            }
        });
        if let Err(error) = queued {
            tracing::warn!(%task, %error, "a line of a task log was lost");
        }
    }

    /// Waits until all that was asked for so far is done.
    pub async fn settle(&self) {
        for queue in &self.queues {
            let (answer, done) = oneshot::channel();
            let mark = move |_: &TaskLogs| {
                let _gone = answer.send(());
            };
            // An error means that the thread has ended, or that the disk hangs: there is nothing to wait for.
            if queue.try_send(Box::new(mark)).is_ok() {
                let _in_time = tokio::time::timeout(SETTLING, done).await;
            }
        }
    }

    fn queue(&self, task: TaskId, work: impl FnOnce(&TaskLogs) + Send + 'static) -> Result<(), LogError> {
        let queue = &self.queues[usize::from(task.0[11]) % self.queues.len()];
        queue.try_send(Box::new(work)).map_err(|error| match error {
            TrySendError::Full(_) => LogError::Overloaded,
            TrySendError::Disconnected(_) => LogError::Broken,
        })
    }
}

fn start_thread(logs: Arc<TaskLogs>) -> io::Result<SyncSender<Work>> {
    let (queue, waiting) = mpsc::sync_channel::<Work>(WAITING);
    thread::Builder::new().name("task-logs".into()).spawn(move || {
        while let Ok(first) = waiting.recv() {
            let mut done = 0;
            for work in iter::once(first).chain(waiting.try_iter()) {
                // A panic ends the one piece of work; whoever waits for it learns so.
                let _panic = catch_unwind(AssertUnwindSafe(|| work(&logs)));
                done += 1;
            }
            if done >= MANY {
                thread::sleep(GATHERING);
            }
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
            (0..100).map(|line| keeper.run(TASK, move |logs| logs.append(JOB, TASK, &line.to_string())));
        futures_util::future::try_join_all(appends).await.unwrap();
        let text = std::fs::read_to_string(keeper.logs().path(JOB, TASK)).unwrap();
        assert!(text.lines().eq((0..100).map(|line| line.to_string())), "{text}");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_there_for_whoever_asks_after() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = LogKeeper::start(TaskLogs::new(folder.path().into())).unwrap();
        keeper.note(TASK, |logs| logs.append(JOB, TASK, "noted"));
        assert!(keeper.run(TASK, |logs| logs.find(JOB, TASK)).await.unwrap().is_some());
        keeper.note(TASK, |logs| logs.append(JOB, TASK, "noted too"));
        keeper.settle().await;
        let text = std::fs::read_to_string(keeper.logs().path(JOB, TASK)).unwrap();
        assert_eq!(text, "noted\nnoted too\n");
    }

    #[tokio::test]
    async fn a_panic_ends_only_the_work_that_panicked() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = LogKeeper::start(TaskLogs::new(folder.path().into())).unwrap();
        let broken = keeper.run::<()>(TASK, |_| panic!("on purpose")).await;
        assert!(matches!(broken, Err(LogError::Broken)), "{broken:?}");
        keeper.run(TASK, |logs| logs.append(JOB, TASK, "still here")).await.unwrap();
    }
}
