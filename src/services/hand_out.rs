//! A worker asks for a task.

use jiff::Timestamp;

use super::{
    Error, Note, Services, known_worker,
    releasing::release,
    server_news::{News, ServerNews},
    server_tasks::{Candidate, candidate},
};
use crate::{
    domain::{
        assign::Scheduling,
        ids::{TaskId, WorkerId},
        job::{Job, JobState},
        task::{Progress, Task, TaskEvent, TaskStatus},
        worker::{Worker, WorkerStatus},
    },
    store::{StoreError, WriteTx},
};

/// What a worker gets when it asks for a task.
#[derive(Debug)]
pub enum HandOut {
    /// A task.
    Task(Box<Assignment>),
    /// Nothing to do just now.
    Nothing,
    /// It has to change its status first.
    ChangeStatus(WorkerStatus),
    /// The Server has to be asked about the task first that it would be given.
    AskFirst,
}

/// What may be handed out of the tasks that the Flamenco Server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// Any: there is no Server to be asked.
    Any,
    /// None.
    Nothing,
    /// Only this one, in this version: the Server was asked about it.
    Only(Candidate),
}

impl Permit {
    fn covers(&self, task: &Task) -> bool {
        match self {
            Self::Any => true,
            Self::Nothing => task.etag.is_none(),
            Self::Only(asked) => candidate(task).is_none_or(|chosen| chosen == *asked),
        }
    }
}

/// A task in the hands of a worker.
#[derive(Debug)]
pub struct Assignment {
    /// The task.
    pub task: Task,
    /// Its job.
    pub job: Job,
    /// How the job stands.
    pub job_state: JobState,
    /// The commands, as JSON text, before variables are replaced.
    pub commands: String,
    /// What the worker runs on.
    pub platform: String,
    /// Whether it had the task before it asked.
    again: bool,
}

impl Services {
    /// `POST /task`: the worker asks for a task (`interface.md`, section 3, "Choosing a task").
    ///
    /// The task is the worker's, on disk, when this returns. Whatever is said of it from now on goes to a log of
    /// its own: the one of an earlier try is put aside first.
    pub async fn hand_out(&self, worker: WorkerId, permit: Permit) -> Result<HandOut, Error> {
        let (news, scheduling) = (self.news.clone(), self.policy.scheduling);
        let hand_out = move |tx: &mut WriteTx<'_>| hand_out(tx, &news, scheduling, worker, &permit);
        let (hand_out, notes) = self.store.write(self.now(), hand_out).await?;
        self.write_notes(notes);
        if let HandOut::Task(assignment) = &hand_out {
            if assignment.again {
                // A sign of life that is newer than the task itself: see `not_sent`.
                self.store.heartbeats().task(worker, assignment.task.id, self.now());
            } else {
                self.begin_log(&assignment.task);
            }
        }
        Ok(hand_out)
    }

    /// The answer could not be sent to the worker: the task goes back to the queue, unless the worker has
    /// asked again meanwhile and got it.
    pub async fn not_sent(&self, assignment: &Assignment) -> Result<(), Error> {
        let (id, since) = (assignment.task.id, assignment.task.last_updated);
        let news = self.news.clone();
        let note = self.store.write(self.now(), move |tx| take_back(tx, &news, id, since)).await?;
        self.write_notes(note);
        Ok(())
    }

    /// Puts the log of an earlier try aside and says who has the task now.
    fn begin_log(&self, task: &Task) {
        let (job, id) = (task.job, task.id);
        let text = format!("{}: {}\n", task.last_updated, task.activity);
        self.logs.note(id, move |logs| logs.begin(job, id, &text));
    }
}

fn hand_out(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    scheduling: Scheduling,
    id: WorkerId,
    permit: &Permit,
) -> Result<(HandOut, Vec<Note>), Error> {
    let mut worker = known_worker(tx, id)?;
    if worker.supported_task_types.is_empty() && worker.requested.is_none() {
        return Err(Error::NoTaskTypes);
    }
    let was_awake = matches!(worker.status, WorkerStatus::Awake | WorkerStatus::Testing);
    if !was_awake {
        worker.status = WorkerStatus::Awake;
    }
    let (again, notes) = settle(tx, news, id)?;
    let status_first = worker.requested_status();
    let chosen = match &again {
        _ if status_first.is_some() => None,
        Some(task) => Some(task.id),
        None => tx.choose_task(&worker, scheduling)?,
    };
    let Some(chosen) = chosen else {
        if !was_awake {
            tx.put_worker(&worker)?;
        }
        return Ok((status_first.map_or(HandOut::Nothing, HandOut::ChangeStatus), notes));
    };
    let had_it = again.is_some();
    let task = if let Some(task) = again {
        task
    } else {
        let task = tx.task(chosen)?.ok_or(Error::UnknownTask(chosen))?;
        if !permit.covers(&task) {
            if !was_awake {
                tx.put_worker(&worker)?;
            }
            return Ok((HandOut::AskFirst, notes));
        }
        assign(tx, news, task, &mut worker)?
    };
    let assignment = assignment(tx, task, worker.platform, had_it)?;
    Ok((HandOut::Task(Box::new(assignment)), notes))
}

/// Finds the task that the worker has already; what it was to stop is cancelled now, since it asks for
/// something else.
fn settle(tx: &mut WriteTx<'_>, news: &ServerNews, id: WorkerId) -> Result<(Option<Task>, Vec<Note>), Error> {
    let mut active = None;
    let mut notes = Vec::new();
    for task in tx.in_hand_of(id)? {
        if task.status == TaskStatus::CancelRequested {
            notes.push(release(tx, news, task, "it asks for another task")?);
        } else if active.is_none() {
            active = Some(task);
        }
    }
    Ok((active, notes))
}

fn assign(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    mut task: Task,
    worker: &mut Worker,
) -> Result<Task, Error> {
    task.status = task.status.after(TaskEvent::Assigned)?;
    task.worker = worker.identifier();
    task.worker_id = Some(worker.id);
    task.activity = format!("Manager assigned task {} to worker {}", task.id, task.worker);
    task.last_worker_ping = Some(tx.now());
    task.started = Some(tx.now());
    task.last_updated = tx.now();
    task.progress = Progress::default();
    task.timing.clear();
    tx.put_task(&task)?;
    worker.current_task = Some(task.id);
    tx.put_worker(worker)?;
    news.tell(tx, &task, News { status: Some(task.status), ..News::default() })?;
    let log_tail = format!("{}: {}\n", tx.now(), task.activity);
    news.tell(tx, &task, News { activity: task.activity.clone(), log_tail, ..News::default() })?;
    Ok(task)
}

fn assignment(tx: &WriteTx<'_>, task: Task, platform: String, again: bool) -> Result<Assignment, StoreError> {
    let lost = || StoreError::Corrupt(format!("job {} of task {} is not there", task.job, task.id));
    let job = tx.job(task.job)?.ok_or_else(lost)?;
    let job_state = tx.job_state(task.job)?.ok_or_else(lost)?;
    let commands = tx.commands(task.id)?;
    Ok(Assignment { task, job, job_state, commands, platform, again })
}

/// Takes the task back, unless something has happened to it since it was assigned.
fn take_back(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    id: TaskId,
    since: Timestamp,
) -> Result<Option<Note>, Error> {
    let task = tx.task(id)?.filter(|task| task.status == TaskStatus::Active && task.last_updated == since);
    let Some((task, worker)) = task.and_then(|task| task.worker_id.map(|worker| (task, worker))) else {
        return Ok(None);
    };
    let asked_again = tx.last_ping(worker, id)?.is_some_and(|ping| ping > since);
    if asked_again { Ok(None) } else { release(tx, news, task, "the task could not be sent to it").map(Some) }
}
