//! What is done from time to time: signs of life are written, whatever is overdue is noticed, and what is no
//! longer needed is forgotten.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    Error, Note, Services,
    failing::judging_job,
    job_cleanup::somebody_waits,
    known_worker,
    releasing::{release, release_all},
    server_news::{News, ServerNews},
};
use crate::{
    domain::{
        ids::{TaskId, WorkerId},
        sleep::Wish,
        task::{Task, TaskEvent, TaskStatus},
        timeout::{SilentTask, is_older, judge_silent_task, worker_timed_out},
        worker::{StatusRequest, Worker, WorkerStatus},
    },
    store::{Rows, StoreError, Tx, WriteTx},
};

/// As many tasks are looked at, or forgotten, in one transaction.
const STEP: usize = 500;

/// When silence is too long (`interface.md`, section 2).
#[derive(Debug, Clone)]
pub struct Overdue {
    /// `active_task_timeout_interval`
    pub active_task: SignedDuration,
    /// `active_worker_timeout_interval`
    pub awake_worker: SignedDuration,
    /// `task_cleanup_max_age`
    pub forgotten_task: SignedDuration,
    /// `job_cleanup_max_age`; nothing: never.
    pub ended_job: Option<SignedDuration>,
    /// `worker_cleanup_max_age`; nothing: never.
    pub gone_worker: Option<SignedDuration>,
    /// `task_log_max_age`; nothing: never.
    pub old_log: Option<SignedDuration>,
    /// `worker_cleanup_status`
    pub gone_worker_status: Vec<WorkerStatus>,
}

/// What a check for timeouts found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimedOut {
    /// Workers that were awake and have not been heard of.
    pub workers: Vec<WorkerId>,
    /// Tasks that were in the hands of a worker and have not been heard of.
    pub tasks: Vec<TaskId>,
}

/// The workers whose sleep schedule wanted something of them.
pub type SleepChanges = Vec<(WorkerId, WorkerStatus)>;

impl Services {
    /// Writes signs of life that are only in memory.
    pub async fn flush_heartbeats(&self) -> Result<(), Error> {
        let beats = self.store.heartbeats().all();
        if beats.is_empty() {
            return Ok(());
        }
        let written = beats.clone();
        self.store.write(self.now(), move |tx| Ok::<_, Error>(tx.put_beats(&beats)?)).await?;
        self.store.heartbeats().forget(&written);
        Ok(())
    }

    /// Notices workers and tasks that have not been heard of for too long (`interface.md`, "Timeouts").
    ///
    /// Workers come first: a task whose worker has vanished goes back to the queue, however long ago that was,
    /// as it may be after the Manager itself was away. What fails is the task that a living worker forgot.
    pub async fn check_timeouts(&self) -> Result<TimedOut, Error> {
        let overdue = &self.policy.overdue;
        let mut timed_out = TimedOut::default();
        for id in self.store.read(self.now(), |tx| find_silent_workers(tx, overdue))? {
            if self.time_out_worker(id).await? {
                timed_out.workers.push(id);
            }
        }
        for (worker, id) in self.store.read(self.now(), |tx| find_silent_tasks(tx, overdue))? {
            if self.time_out_task(worker, id).await? {
                timed_out.tasks.push(id);
            }
        }
        Ok(timed_out)
    }

    /// Gives a task up, unless something has been heard of it since it was found, and returns whether it did.
    async fn time_out_task(&self, worker: WorkerId, id: TaskId) -> Result<bool, Error> {
        let (news, interval) = (self.news.clone(), self.policy.overdue.active_task);
        let percentage = self.policy.job_fail_percentage;
        let note = self.store.write(self.now(), move |tx| {
            let silent = tx.last_ping(worker, id)?.is_some_and(|ping| is_older(ping, tx.now(), interval));
            let Some(task) = tx.task(id)?.filter(|_| silent) else { return Ok(None) };
            judging_job(tx, percentage, task.job, |tx| time_out_task(tx, &news, task)).map(Some)
        });
        self.look_after_jobs();
        let Some(note) = note.await? else { return Ok(false) };
        // At its next call the worker is looked up, and found to be back.
        self.credentials.forget(worker);
        self.write_notes([note]);
        Ok(true)
    }

    /// Gives a worker up, unless something has been heard of it since it was found, and returns whether it did.
    async fn time_out_worker(&self, id: WorkerId) -> Result<bool, Error> {
        let (news, interval) = (self.news.clone(), self.policy.overdue.awake_worker);
        let notes = self.store.write(self.now(), move |tx| {
            let mut worker = known_worker(tx, id)?;
            let seen = last_seen(tx, &worker)?;
            if !worker_timed_out(worker.status, seen, tx.now(), interval) {
                return Ok::<_, Error>(None);
            }
            tracing::warn!(worker = worker.identifier(), last_seen = %seen, "a worker timed out");
            worker.status = WorkerStatus::Timeout;
            tx.put_worker(&worker)?;
            let reason = format!("worker {} timed out", worker.identifier());
            release_all(tx, &news, id, &reason).map(Some)
        });
        let Some(notes) = notes.await? else { return Ok(false) };
        // At its next call it is looked up, and found to be back.
        self.credentials.forget(id);
        self.write_notes(notes);
        Ok(true)
    }

    /// Asks of workers what their sleep schedules want, at the boundaries of those (`interface.md`, "Sleep
    /// schedule"). `tz` is the local time zone.
    pub async fn check_sleep_schedules(&self, tz: TimeZone) -> Result<SleepChanges, Error> {
        let now = self.now();
        let workers = self.store.read(now, |tx| Ok::<_, Error>(tx.workers()?))?;
        let due = |worker: &Worker| worker.sleep_schedule.due(worker.sleep_checked, now, &tz);
        if !workers.iter().any(|worker| due(worker).is_some()) {
            return Ok(Vec::new());
        }
        self.store
            .write(now, move |tx| {
                let mut changes = Vec::new();
                for mut worker in tx.workers()? {
                    let Some(wish) = worker.sleep_schedule.due(worker.sleep_checked, tx.now(), &tz) else {
                        continue;
                    };
                    worker.sleep_checked = tx.now();
                    if let Some(status) = follow_schedule(&mut worker, wish) {
                        tracing::info!(worker = worker.identifier(), %status, "the sleep schedule asks for a status");
                        changes.push((worker.id, status));
                    }
                    tx.put_worker(&worker)?;
                }
                Ok(changes)
            })
            .await
    }

    /// Forgets workers that were not seen for `worker_cleanup_max_age`.
    pub async fn clean_up_workers(&self) -> Result<Vec<WorkerId>, Error> {
        let Some(age) = self.policy.overdue.gone_worker else { return Ok(Vec::new()) };
        let statuses = self.policy.overdue.gone_worker_status.clone();
        let gone = self.store.read(self.now(), |tx| {
            let mut gone = Vec::new();
            for worker in tx.workers()? {
                if is_gone(tx, &worker, &statuses, age)? {
                    gone.push(worker.id);
                }
            }
            Ok::<_, Error>(gone)
        })?;
        let mut removed = Vec::new();
        for id in gone {
            // It may have signed on since it was found.
            let statuses = statuses.clone();
            let still = move |tx: &WriteTx<'_>, worker: &Worker| is_gone(tx, worker, &statuses, age);
            if self.forget_worker_if(id, "worker is being auto-removed", still).await? {
                removed.push(id);
            }
        }
        Ok(removed)
    }

    /// Forgets tasks of the Server that were not touched for `task_cleanup_max_age`, and jobs that have none left,
    /// and returns how many tasks. Those of jobs that were submitted here are forgotten with their job only.
    pub async fn clean_up_tasks(&self) -> Result<usize, Error> {
        if !self.news.has_server() {
            return Ok(0);
        }
        let then = self.now() - self.policy.overdue.forgotten_task;
        let (mut forgotten, mut after) = (0, None);
        loop {
            let (old, next) = self
                .store
                .read(self.now(), |tx| Ok::<_, Error>(tx.tasks_untouched_since(then, after, STEP)?))?;
            forgotten += self.forget_tasks(old, then).await?;
            after = next;
            // A look at a million tasks takes a while, and others have work to do meanwhile.
            tokio::task::yield_now().await;
            if after.is_none() {
                return Ok(forgotten);
            }
        }
    }

    async fn forget_tasks(&self, tasks: Vec<TaskId>, then: Timestamp) -> Result<usize, Error> {
        if tasks.is_empty() {
            return Ok(0);
        }
        self.store
            .write(self.now(), move |tx| {
                let mut forgotten = 0;
                for id in &tasks {
                    // Signs of life do not touch a task: one that is in hand is not forgotten, however long it takes.
                    let old = |task: &Task| {
                        task.last_updated < then && !task.status.is_in_hand() && task.etag.is_some()
                    };
                    let Some(task) = tx.task(*id)?.filter(old) else { continue };
                    // Without what is not completed of it, those that wait for the job would begin.
                    let blocks = tx.job_state(task.job)?.is_some_and(|state| state.blocks_dependents());
                    if blocks && somebody_waits(tx, task.job)? {
                        continue;
                    }
                    tx.delete_task(*id)?;
                    forgotten += 1;
                    if tx.job_state(task.job)?.is_some_and(|state| state.tally.total() == 0) {
                        tx.delete_job(task.job)?;
                    }
                }
                Ok(forgotten)
            })
            .await
    }

    /// Forgets blacklist entries that no longer count.
    pub async fn clean_up_blacklist(&self) -> Result<usize, Error> {
        let expired = self.store.read(self.now(), |tx| Ok::<_, Error>(tx.expired_blacklist()?))?;
        let count = expired.len();
        if count > 0 {
            let forget = move |tx: &mut WriteTx<'_>| {
                expired
                    .iter()
                    .try_for_each(|entry| tx.forget_blacklist(entry.worker, entry.job, &entry.task_type))
            };
            self.store.write(self.now(), forget).await?;
        }
        Ok(count)
    }
}

/// Is it in one of these statuses, and was it not heard of for this long?
fn is_gone<T: Rows>(
    tx: &Tx<T>,
    worker: &Worker,
    statuses: &[WorkerStatus],
    age: SignedDuration,
) -> Result<bool, StoreError> {
    Ok(statuses.contains(&worker.status) && is_older(last_seen(tx, worker)?, tx.now(), age))
}

fn find_silent_workers<T: Rows>(tx: &Tx<T>, overdue: &Overdue) -> Result<Vec<WorkerId>, Error> {
    let mut silent = Vec::new();
    for worker in tx.workers()? {
        if worker_timed_out(worker.status, last_seen(tx, &worker)?, tx.now(), overdue.awake_worker) {
            silent.push(worker.id);
        }
    }
    Ok(silent)
}

fn find_silent_tasks<T: Rows>(tx: &Tx<T>, overdue: &Overdue) -> Result<Vec<(WorkerId, TaskId)>, Error> {
    let mut in_hand = tx.in_hand()?;
    in_hand.retain(|(_, _, ping)| is_older(*ping, tx.now(), overdue.active_task));
    Ok(in_hand.into_iter().map(|(worker, id, _)| (worker, id)).collect())
}

/// When the worker was last heard of; when it registered, if never since.
pub(super) fn last_seen<T: Rows>(tx: &Tx<T>, worker: &Worker) -> Result<Timestamp, StoreError> {
    Ok(tx.worker_seen(worker.id)?.unwrap_or(worker.registered))
}

fn time_out_task(tx: &mut WriteTx<'_>, news: &ServerNews, mut task: Task) -> Result<Note, Error> {
    tracing::warn!(task = %task.id, worker = task.worker, "a task in the hands of a worker timed out");
    let worker = task.worker_id.map(|id| tx.worker(id)).transpose()?.flatten();
    let verdict = judge_silent_task(worker.as_ref().map(|worker| worker.status));
    if task.status == TaskStatus::CancelRequested || verdict == SilentTask::GoesBack {
        return release(tx, news, task, "nothing was heard of it");
    }
    task.status = task.status.after(TaskEvent::FailedHard)?;
    task.activity = format!("Task timed out on worker {}", task.worker);
    let text = format!(
        "{} Task {} ({}) timed out, was active but untouched since {}\n",
        tx.now(),
        task.name,
        task.id,
        task.last_updated
    );
    task.last_updated = tx.now();
    tx.put_task(&task)?;
    if let Some(mut worker) = worker {
        worker.status = WorkerStatus::Timeout;
        tx.put_worker(&worker)?;
    }
    let (status, activity, log_tail) = (Some(task.status), task.activity.clone(), text.clone());
    news.tell(tx, &task, News { status, activity, log_tail, ..News::default() })?;
    Ok(Note { job: task.job, task: task.id, text })
}

/// Requests what the schedule wants, unless the worker does that already or is on its way to. A worker that
/// is to shut down is left in peace.
pub(super) fn follow_schedule(worker: &mut Worker, wish: Wish) -> Option<WorkerStatus> {
    let wanted = match wish {
        Wish::Awake => WorkerStatus::Awake,
        Wish::Asleep => WorkerStatus::Asleep,
    };
    let requested = worker.requested_status();
    if requested == Some(WorkerStatus::Shutdown) || requested == Some(wanted) {
        return None;
    }
    if worker.status == wanted {
        // Whatever else was requested came before this boundary.
        worker.requested = None;
        return None;
    }
    worker.requested = Some(StatusRequest { status: wanted, lazy: false });
    Some(wanted)
}
