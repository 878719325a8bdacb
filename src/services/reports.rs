//! A worker says how it gets on with its task, and asks whether it may go on.

use super::{
    Error, Services,
    failing::{fail, judging_job},
    known_worker,
    releasing::release,
    server_news::{News, ServerNews},
};
use crate::{
    domain::{
        event::Event,
        failure::FailurePolicy,
        ids::{TaskId, WorkerId},
        task::{Task, TaskEvent, TaskStatus},
        update::{ReportedStatus, WorkerReport, merge},
        worker::{Worker, WorkerStatus},
    },
    store::WriteTx,
    tasklogs::{TaskLogs, last_lines},
};

/// As many lines of a log go to the Server.
const TAIL_LINES: usize = 10;
/// And of these, if they are absurdly long, as many bytes of their end.
const TAIL_BYTES: usize = 1 << 20;
/// The most files that a worker may name at once; genuine ones name one.
const MOST_PATHS: usize = 1_000;
/// The longest path, in bytes.
const LONGEST_PATH: usize = 1 << 12;

/// Whether a worker may go on with its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MayIRun {
    /// Why it may not; nothing when it may.
    pub refusal: Option<String>,
    /// What is requested of it; never `awake`, which would double the worker (`worker-protocol.md`, 0.5).
    pub status_requested: Option<WorkerStatus>,
}

impl Services {
    /// `POST /tasks/{id}/update`: a worker reports on a task.
    ///
    /// The log is written first: if it cannot be, the whole report is refused, and the worker repeats it. A
    /// task that is not active keeps its status and activity, whatever the report says.
    pub async fn task_update(
        &self,
        worker: WorkerId,
        id: TaskId,
        mut report: WorkerReport,
    ) -> Result<(), Error> {
        if ends_in_silence(&report) {
            return self.apply(worker, id, report, String::new()).await;
        }
        let task = self.store.read(self.now(), |tx| tx.task(id))?.ok_or(Error::UnknownTask(id))?;
        owned_by(&task, worker)?;
        let is_news = self.news.is_wanted_of(&task);
        let tail = self.write_log(&task, is_news, report.log.take().unwrap_or_default()).await?;
        if is_active_at(&task, worker) {
            self.store.heartbeats().task(worker, id, self.now());
        } else if !is_news {
            return Ok(());
        }
        if !is_news && says_nothing_new(&task, &report) {
            return Ok(());
        }
        self.apply(worker, id, report, tail).await
    }

    /// Merges a report into its task. A task that the worker has no longer gives no sign of life any more.
    async fn apply(
        &self,
        worker: WorkerId,
        id: TaskId,
        report: WorkerReport,
        tail: String,
    ) -> Result<(), Error> {
        let (news, policy, percentage) =
            (self.news.clone(), self.policy.failure, self.policy.job_fail_percentage);
        let failed = report.status == Some(ReportedStatus::Failed);
        if failed {
            self.look_after_jobs();
        }
        let in_hand = self
            .store
            .write(self.now(), move |tx| {
                let act = |tx: &mut WriteTx<'_>| apply(tx, &news, policy, worker, id, &report, &tail);
                if !failed {
                    return act(tx);
                }
                let job = tx.task(id)?.ok_or(Error::UnknownTask(id))?.job;
                judging_job(tx, percentage, job, act)
            })
            .await?;
        if !in_hand {
            self.store.heartbeats().task_ended(worker, id);
        }
        Ok(())
    }

    /// Appends to the task's log, and returns its last lines for the Server if it wants them.
    async fn write_log(&self, task: &Task, wanted: bool, text: String) -> Result<String, Error> {
        if text.is_empty() {
            return Ok(String::new());
        }
        let (job, id) = (task.job, task.id);
        let append = move |logs: &TaskLogs| {
            logs.append(job, id, &text)?;
            Ok(if wanted { tail_of(&text) } else { String::new() })
        };
        Ok(self.logs.run(id, append).await?)
    }

    /// `POST /tasks/{id}/return`: the worker gives a task back. One that is not in its hands stays as it is.
    pub async fn return_task(&self, worker: WorkerId, id: TaskId) -> Result<(), Error> {
        let news = self.news.clone();
        let note = self.store.write(self.now(), move |tx| {
            let task = tx.task(id)?.ok_or(Error::UnknownTask(id))?;
            let in_hand = task.worker_id == Some(worker) && task.status.is_in_hand();
            in_hand.then(|| release(tx, &news, task, "returned by worker")).transpose()
        });
        self.write_notes(note.await?);
        Ok(())
    }

    /// `GET /may-i-run/{id}`: may the worker go on with this task? Asking is a sign of life of both.
    pub fn may_i_run(&self, worker: WorkerId, id: TaskId) -> Result<MayIRun, Error> {
        let now = self.now();
        let (task, worker) = self.store.read(now, |tx| {
            Ok::<_, Error>((tx.task(id)?, tx.worker(worker)?.ok_or(Error::UnknownWorker(worker))?))
        })?;
        if task.as_ref().is_some_and(|task| is_active_at(task, worker.id)) {
            self.store.heartbeats().task(worker.id, id, now);
        }
        Ok(MayIRun {
            refusal: refusal(&worker, id, task.as_ref()),
            status_requested: worker.requested_status().filter(|status| *status != WorkerStatus::Awake),
        })
    }

    /// `POST /output-produced`: the worker wrote files.
    pub async fn output_produced(&self, worker: WorkerId, paths: Vec<String>) -> Result<(), Error> {
        if paths.len() > MOST_PATHS || paths.iter().any(|path| path.len() > LONGEST_PATH) {
            return Err(Error::Refused(format!(
                "paths: at most {MOST_PATHS} are taken, of at most {LONGEST_PATH} bytes each"
            )));
        }
        let at = self.now();
        let event = Event::OutputProduced { at, worker, paths: paths.clone() };
        self.store.write(at, move |tx| Ok::<_, Error>(tx.push_event(&event)?)).await?;
        self.look_at_pictures(at, worker, paths)
    }
}

fn tail_of(text: &str) -> String {
    let mut tail = last_lines(text, TAIL_LINES);
    let start = tail.ceil_char_boundary(tail.len().saturating_sub(TAIL_BYTES));
    tail.split_off(start)
}

/// Why the worker may not go on with the task.
fn refusal(worker: &Worker, id: TaskId, task: Option<&Task>) -> Option<String> {
    let Some(task) = task else { return Some(format!("unable to find task {id}")) };
    if task.worker_id != Some(worker.id) {
        return Some(format!("task {id} reassigned to another worker"));
    }
    if task.status != TaskStatus::Active {
        return Some(format!("task {id} in non-runnable status {}", task.status));
    }
    let request =
        worker.requested.filter(|request| !request.lazy && request.status != WorkerStatus::Awake)?;
    Some(format!("worker status change to {} requested", request.status))
}

fn is_active_at(task: &Task, worker: WorkerId) -> bool {
    task.status == TaskStatus::Active && task.worker_id == Some(worker)
}

/// A task belongs to the worker that has it or had it last, and to anybody if nobody ever had it.
fn owned_by(task: &Task, worker: WorkerId) -> Result<(), Error> {
    if task.worker_id.is_some_and(|owner| owner != worker) {
        return Err(Error::NotYours { task: task.id });
    }
    Ok(())
}

/// Would this report change nothing that is kept?
fn says_nothing_new(task: &Task, report: &WorkerReport) -> bool {
    let mut merged = task.clone();
    merge(&mut merged, report);
    merged == *task && matches!(report.status, None | Some(ReportedStatus::Active))
}

/// Does the report end the task, with no log to be written before that? Then it need not be looked at twice.
fn ends_in_silence(report: &WorkerReport) -> bool {
    let ends = match report.status {
        Some(ReportedStatus::Completed | ReportedStatus::Failed | ReportedStatus::Canceled) => true,
        Some(ReportedStatus::Active) | None => false,
    };
    ends && report.log.as_ref().is_none_or(String::is_empty)
}

/// Merges a report into its task. Returns whether the worker still has the task.
fn apply(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    policy: FailurePolicy,
    worker: WorkerId,
    id: TaskId,
    report: &WorkerReport,
    tail: &str,
) -> Result<bool, Error> {
    let mut task = tx.task(id)?.ok_or(Error::UnknownTask(id))?;
    owned_by(&task, worker)?;
    if !is_active_at(&task, worker) {
        news.tell(tx, &task, News { log_tail: tail.to_owned(), ..News::default() })?;
        return Ok(task.status.is_in_hand());
    }
    let worker = known_worker(tx, worker)?;
    merge(&mut task, report);
    task.last_updated = tx.now();
    task.last_worker_ping = Some(tx.now());
    match report.status {
        Some(ReportedStatus::Completed) => {
            task.status = task.status.after(TaskEvent::Finished)?;
            if let Some(started) = task.started {
                tx.measure_task(task.job, tx.now().duration_since(started))?;
            }
        }
        Some(ReportedStatus::Failed) => fail(tx, news, policy, &mut task, &worker)?,
        // A person stopped the worker by a signal. Nobody asked for the task to be cancelled, so it is not
        // lost: somebody else does it.
        Some(ReportedStatus::Canceled) => task.status = task.status.after(TaskEvent::Released)?,
        Some(ReportedStatus::Active) | None => {}
    }
    tx.put_task(&task)?;
    news.tell(
        tx,
        &task,
        News {
            status: report.status.map(|_| task.status),
            activity: report.activity.clone().unwrap_or_default(),
            log_tail: tail.to_owned(),
            worker: worker.identifier(),
            failed_by: report.status == Some(ReportedStatus::Failed),
        },
    )?;
    Ok(task.status.is_in_hand())
}
