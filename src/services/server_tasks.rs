//! Tasks come from the Flamenco Server: they are taken in, asked about again, and cancelled as it wishes
//! (`server-protocol.md`, sections 1.2 to 1.4).

use jiff::{SignedDuration, Timestamp};

use super::{
    Error, Note, Services,
    server_news::{News, ServerNews},
};
use crate::{
    domain::{
        ids::{TaskId, WorkerId},
        job::Job,
        server_task::{OwnView, Reception, ServerTask, receive},
        task::{Progress, Task, TaskEvent, TaskStatus},
    },
    store::WriteTx,
};

/// The setting that holds what the Server said of its last download; its name is that of 2.x.
pub(super) const LAST_MODIFIED: &str = "depsgraph_last_modified";

/// The setting that is another one whenever all tasks have been erased.
pub(super) const SLATE: &str = "slate";

/// From where a download starts.
#[derive(Debug, Clone)]
pub struct DownloadStart {
    /// What the Server said of the last one, word for word.
    pub since: Option<String>,
    /// When it is asked for.
    at: Timestamp,
    slate: Option<String>,
}

/// A task that a worker could be given, in the version in which the Server last showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The task.
    pub task: TaskId,
    /// The version.
    pub etag: String,
}

impl Services {
    /// The task that the worker would be given now, if the Server has to be asked about it first.
    pub fn candidate(&self, worker: WorkerId) -> Result<Option<Candidate>, Error> {
        self.store.read(self.now(), |tx| {
            let Some(worker) = tx.worker(worker)?.filter(|worker| worker.requested.is_none()) else {
                return Ok(None);
            };
            if !tx.in_hand_of(worker.id)?.is_empty() {
                return Ok(None);
            }
            let Some(chosen) = tx.choose_task(&worker, self.policy.scheduling)? else { return Ok(None) };
            Ok(tx.task(chosen)?.and_then(|task| candidate(&task)))
        })
    }

    /// Takes in what the Server said of a task that it was asked about at that moment. Returns the task as it can now
    /// be handed out, if it can; the Server need not be asked about that version once more.
    pub async fn take_in_answer(
        &self,
        answer: ServerTask,
        asked: Timestamp,
    ) -> Result<Option<Candidate>, Error> {
        let (id, news) = (answer.id, self.news.clone());
        let note = self.store.write(self.now(), move |tx| take_in(tx, &news, &answer, asked));
        self.write_notes(note.await?);
        self.store.read(self.now(), |tx| {
            let task = tx.task(id)?.filter(|task| task.status.is_schedulable());
            Ok(task.as_ref().and_then(candidate))
        })
    }

    /// The Server no longer knows a task: it is cancelled, and nobody has to hear so.
    pub async fn forget_at_server(&self, id: TaskId) -> Result<(), Error> {
        self.store
            .write(self.now(), move |tx| {
                tx.forget_ask_again(id)?;
                let waits = |status: TaskStatus| status.is_schedulable() || status == TaskStatus::Paused;
                let waiting = |task: &Task| waits(task.status) && task.etag.is_some();
                let Some(mut task) = tx.task(id)?.filter(waiting) else { return Ok(()) };
                task.status = TaskStatus::Canceled;
                task.activity = "The Flamenco Server no longer knows this task".into();
                task.last_updated = tx.now();
                tracing::warn!(task = %id, "the Flamenco Server no longer knows a task; it is canceled");
                Ok(tx.put_task(&task)?)
            })
            .await
    }

    /// The tasks that the Server has to be asked about once more, and can be now, as many as `limit` at the most:
    /// nobody has them in hand, and the Server has heard everything.
    pub fn to_ask_again(&self, limit: usize) -> Result<Vec<Candidate>, Error> {
        self.store.read(self.now(), |tx| {
            let mut found = Vec::new();
            for id in tx.ask_again()? {
                if found.len() == limit {
                    break;
                }
                let Some(task) = tx.task(id)? else { continue };
                if !task.status.is_in_hand() && !tx.has_updates(id)? {
                    found.push(Candidate { task: id, etag: task.etag.unwrap_or_default() });
                }
            }
            Ok(found)
        })
    }

    /// The Server has been asked about this task, and nothing has changed there.
    pub async fn asked_again(&self, id: TaskId) -> Result<(), Error> {
        self.store.write(self.now(), move |tx| Ok(tx.forget_ask_again(id)?)).await
    }

    /// Looks from where a download starts.
    pub fn start_download(&self) -> Result<DownloadStart, Error> {
        let at = self.now();
        self.store.read(at, |tx| {
            Ok(DownloadStart { since: tx.setting(LAST_MODIFIED)?, at, slate: tx.setting(SLATE)? })
        })
    }

    /// Takes in tasks of a download: all of them, in one transaction. Takes none and returns false if all tasks have
    /// been erased since the download started: those that were taken in before would be missing, and their children
    /// would look as if they could run.
    pub async fn take_in(&self, start: &DownloadStart, tasks: Vec<ServerTask>) -> Result<bool, Error> {
        let (news, start) = (self.news.clone(), start.clone());
        let notes = self.store.write(self.now(), move |tx| {
            if tx.setting(SLATE)? != start.slate {
                return Ok(None);
            }
            let mut notes = Vec::new();
            for task in &tasks {
                notes.extend(take_in(tx, &news, task, start.at)?);
            }
            Ok::<_, Error>(Some(notes))
        });
        let notes = notes.await?;
        let all_is_there = notes.is_some();
        self.write_notes(notes.into_iter().flatten());
        Ok(all_is_there)
    }

    /// Keeps what the Server said of a download that is now taken in, word for word. Returns false if all tasks have
    /// been erased meanwhile: they have to come anew.
    pub async fn downloaded(&self, start: &DownloadStart, last_modified: String) -> Result<bool, Error> {
        let slate = start.slate.clone();
        self.store
            .write(self.now(), move |tx| {
                if tx.setting(SLATE)? != slate {
                    return Ok(false);
                }
                tx.put_setting(LAST_MODIFIED, &last_modified)?;
                Ok(true)
            })
            .await
    }
}

/// The task, if it can be handed out once the Server has agreed.
pub(super) fn candidate(task: &Task) -> Option<Candidate> {
    task.etag.clone().map(|etag| Candidate { task: task.id, etag })
}

/// Takes in a task as the Server saw it when it was asked at that moment, or decides that the Manager knows better.
fn take_in(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    sent: &ServerTask,
    asked: Timestamp,
) -> Result<Option<Note>, Error> {
    keep_job(tx, sent)?;
    let old = tx.task(sent.id)?;
    let own = match &old {
        Some(task) => {
            // A moment in the future is no news: the clock was set back.
            let changed_meanwhile = asked < task.last_updated && task.last_updated <= tx.now();
            Some(OwnView { status: task.status, ahead: changed_meanwhile || tx.has_updates(sent.id)? })
        }
        None => None,
    };
    match receive(sent.status, own) {
        Reception::AskAgain => {
            tx.put_ask_again(sent.id)?;
            Ok(None)
        }
        Reception::Take(status) => keep(tx, old.as_ref(), sent, status, &sent.activity).map(|_| None),
        Reception::TakeAndTell(status) => {
            let (worker, activity) = if status.is_schedulable() {
                ("-", "Re-queued task: no worker has it")
            } else {
                ("", old.as_ref().map_or("", |old| old.activity.as_str()))
            };
            let task = keep(tx, old.as_ref(), sent, status, activity)?;
            let (worker, activity) = (worker.to_owned(), activity.to_owned());
            news.tell(tx, &task, News { status: Some(status), activity, worker, ..News::default() })?;
            Ok(None)
        }
        Reception::Cancel => {
            let status = old.as_ref().map_or(TaskStatus::Queued, |task| task.status);
            let told = tx.has_update_to(sent.id, TaskStatus::Canceled)?;
            let status = if told { TaskStatus::Canceled } else { status };
            let task = keep(tx, old.as_ref(), sent, status, &sent.activity)?;
            // A push may have listed it before it came, and the Server need not hear of it twice.
            if told { Ok(None) } else { cancel(tx, news, task) }
        }
    }
}

/// The Server sends tasks only: their job is made from the first, and its priority is that of the last.
fn keep_job(tx: &mut WriteTx<'_>, sent: &ServerTask) -> Result<(), Error> {
    if tx.job(sent.job)?.is_some() {
        return Ok(tx.set_job_priority(sent.job, sent.job_priority)?);
    }
    let job = Job::known_by_its_tasks(sent.job, &sent.job_type, true);
    Ok(tx.insert_job(&job, sent.job_priority)?)
}

/// Keeps a task as the Server says, with this status. What only the Manager knows of it stays.
fn keep(
    tx: &mut WriteTx<'_>,
    old: Option<&Task>,
    sent: &ServerTask,
    status: TaskStatus,
    activity: &str,
) -> Result<Task, Error> {
    let task = Task {
        id: sent.id,
        job: sent.job,
        name: sent.name.clone(),
        status,
        priority: sent.priority,
        task_type: sent.task_type.clone(),
        parents: sent.parents.clone(),
        activity: activity.to_owned(),
        worker: old.map_or_else(String::new, |old| old.worker.clone()),
        worker_id: old.and_then(|old| old.worker_id),
        failed_by: sent.failed_by.clone(),
        last_worker_ping: old.and_then(|old| old.last_worker_ping),
        started: old.and_then(|old| old.started),
        last_updated: tx.now(),
        progress: old.map_or_else(Progress::default, |old| old.progress),
        timing: old.map(|old| old.timing.clone()).unwrap_or_default(),
        only_for: None,
        etag: Some(sent.etag.clone()),
    };
    tx.replace_failures(old, &task)?;
    tx.insert_task(&task, &sent.commands)?;
    tx.forget_ask_again(task.id)?;
    Ok(task)
}

/// Cancels tasks that the Server lists. A worker that is to stop is left alone for as long as `patience` before the
/// repeated wish takes the task from it.
pub(super) fn cancel_listed(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    listed: &[TaskId],
    patience: SignedDuration,
) -> Result<Vec<Note>, Error> {
    let mut notes = Vec::new();
    for id in listed {
        // It is listed until the Server has heard, and need not hear it twice.
        if tx.has_update_to(*id, TaskStatus::Canceled)? {
            continue;
        }
        let Some(task) = tx.task(*id)? else {
            let (activity, log_tail) = cancel_texts(tx.now());
            news.tell_of_stranger(tx, *id, News { activity, log_tail, ..News::default() })?;
            news.tell_of_stranger(tx, *id, News { status: Some(TaskStatus::Canceled), ..News::default() })?;
            continue;
        };
        let stopping = task.status == TaskStatus::CancelRequested;
        if stopping && tx.now().duration_since(task.last_updated).abs() < patience {
            continue;
        }
        notes.extend(cancel(tx, news, task)?);
    }
    Ok(notes)
}

/// Cancels a task by the Server's wish: a worker that has it is to stop first.
fn cancel(tx: &mut WriteTx<'_>, news: &ServerNews, mut task: Task) -> Result<Option<Note>, Error> {
    task.status = task.status.after(TaskEvent::ServerCancels)?;
    let (activity, log_tail) = cancel_texts(tx.now());
    task.activity.clone_from(&activity);
    task.last_updated = tx.now();
    tx.put_task(&task)?;
    if task.status == TaskStatus::CancelRequested {
        return Ok(None);
    }
    let note = Note { job: task.job, task: task.id, text: log_tail.clone() };
    news.tell(tx, &task, News { activity, log_tail, ..News::default() })?;
    news.tell(tx, &task, News { status: Some(task.status), ..News::default() })?;
    Ok(Some(note))
}

/// The activity, and the line of the log.
fn cancel_texts(now: Timestamp) -> (String, String) {
    let activity = "The Flamenco Server asked for this task to be canceled";
    (activity.to_owned(), format!("{now}: {activity}\n"))
}
