//! What people and scripts look at.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, Services, care::last_seen, known_worker};
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        job::{Job, JobState},
        listing::{JobQuery, Order, TaskQuery, WorkerQuery},
        paging::{Key, Page, Place, Window},
        task::Task,
        task_history::{self, TaskHistory},
        variables::this_platform,
        worker::Worker,
    },
    store::{BlacklistEntry, ExtraOf, ReadTx, StoreError},
};

/// A task with what belongs to it.
#[derive(Debug)]
pub struct TaskView {
    /// The task, with its newest sign of life.
    pub task: Task,
    /// Its job, which may have much metadata and is the same for many tasks.
    pub job: Arc<Job>,
    /// How the job stands.
    pub job_state: JobState,
    /// Its commands, as JSON text.
    pub commands: String,
    /// What it brought along when it was imported: a JSON object as text. Lists go without.
    pub extra: Option<String>,
}

/// A worker with what belongs to it.
#[derive(Debug)]
pub struct WorkerView {
    /// The worker.
    pub worker: Worker,
    /// When it was last heard of.
    pub last_activity: Timestamp,
    /// The task that it was last given, if it is still known.
    pub current_task: Option<Task>,
    /// What it is blacklisted for.
    pub blacklist: Vec<BlacklistEntry>,
}

/// A task that a worker was given, and what the worker last had to do with it.
#[derive(Debug)]
pub struct RecentTask {
    /// The task as it is now; somebody else may have it.
    pub task: Task,
    /// What people call its job.
    pub job_name: String,
    /// What came of it with this worker.
    pub outcome: task_history::Entry,
}

/// A line of the blacklist with what belongs to it.
#[derive(Debug)]
pub struct BlacklistLine {
    /// The line.
    pub entry: BlacklistEntry,
    /// What people call the worker.
    pub nickname: String,
    /// What people call the job, if it is still known.
    pub job_name: Option<String>,
}

/// What tells a line of the blacklist from others: worker, job and task type.
pub type LineId = (WorkerId, JobId, String);

impl Services {
    /// The jobs that are asked for.
    pub fn jobs(&self, query: &JobQuery) -> Result<Page<(Job, JobState), JobId>, Error> {
        let JobQuery { filter, order, window } = query;
        let place = |(job, state): (Job, JobState)| {
            (Place { key: order.by.key(&job, &state), id: job.id }, (job, state))
        };
        self.store.read(self.now(), |tx| {
            // They are kept in this order, so there is no need to look at all of them.
            if filter.is_open() && *order == Order::default() {
                let jobs = tx.jobs(window.after.as_ref().map(|after| after.id))?;
                return window.cut(tx.count_jobs()?, jobs.map(|job| Ok(place(job?))));
            }
            let admitted = |(job, state): &(Job, JobState)| filter.admits_job(job, state);
            let jobs = tx.jobs(None)?.filter(|job| job.as_ref().map_or(true, admitted));
            window.pick(order.descending, jobs.map(|job| Ok(place(job?))))
        })
    }

    /// A job.
    pub fn job(&self, id: JobId) -> Result<(Job, JobState), Error> {
        self.store.read(self.now(), |tx| known_job(tx, id))
    }

    /// How many tasks there are.
    pub fn count_tasks(&self) -> Result<u64, Error> {
        self.store.read(self.now(), |tx| Ok(tx.count_all_tasks()?))
    }

    /// How many updates the Server has yet to hear.
    pub fn count_updates(&self) -> Result<u64, Error> {
        self.store.read(self.now(), |tx| Ok(tx.count_updates()?))
    }

    /// The tasks of a job that are asked for. The commands, which are large, are read of these alone.
    pub fn tasks_of_job(&self, id: JobId, query: &TaskQuery) -> Result<Page<TaskView, TaskId>, Error> {
        let TaskQuery { filter, order, window } = query;
        let place = |task: Task| (Place { key: order.by.key(&task), id: task.id }, task);
        self.store.read(self.now(), |tx| {
            let (job, job_state) = known_job(tx, id)?;
            // They are kept in this order, so there is no need to look at all of them.
            let page: Page<_, _> = if filter.is_open() && *order == Order::default() {
                let tasks = tx.tasks_of_job(id, window.after.as_ref().map(|after| after.id))?;
                window.cut(job_state.tally.total(), tasks.map(|task| Ok::<_, Error>(place(task?))))?
            } else {
                let admitted = |task: &Task| filter.admits_task(task);
                let tasks = tx.tasks_of_job(id, None)?;
                let tasks = tasks.filter(|task| task.as_ref().map_or(true, admitted));
                window.pick(order.descending, tasks.map(|task| Ok::<_, Error>(place(task?))))?
            };
            let job = Arc::new(job);
            page.try_map(|task| {
                let commands = tx.commands(task.id)?;
                let (job, job_state) = (Arc::clone(&job), job_state.clone());
                Ok(TaskView { task: with_newest_ping(tx, task)?, job, job_state, commands, extra: None })
            })
        })
    }

    /// The IDs of all tasks of a job, in order.
    pub fn task_ids_of_job(&self, id: JobId) -> Result<Vec<TaskId>, Error> {
        self.store.read(self.now(), |tx| {
            known_job(tx, id)?;
            Ok(tx.ids_of_job(id, None, usize::MAX)?)
        })
    }

    /// These tasks, without their commands and newest signs of life; an error if one is gone.
    pub fn tasks(&self, ids: &[TaskId]) -> Result<Vec<Task>, Error> {
        self.store.read(self.now(), |tx| {
            ids.iter().map(|id| tx.task(*id)?.ok_or(Error::UnknownTask(*id))).collect()
        })
    }

    /// A task.
    pub fn task(&self, id: TaskId) -> Result<TaskView, Error> {
        self.store.read(self.now(), |tx| {
            let task = tx.task(id)?.ok_or(Error::UnknownTask(id))?;
            let (job, job_state) = known_job(tx, task.job)?;
            let (commands, extra) = (tx.commands(id)?, tx.extra(ExtraOf::Task(id))?);
            Ok(TaskView { task: with_newest_ping(tx, task)?, job: Arc::new(job), job_state, commands, extra })
        })
    }

    /// What has become of a task.
    pub fn task_history(&self, id: TaskId) -> Result<TaskHistory, Error> {
        self.store.read(self.now(), |tx| {
            tx.task(id)?.ok_or(Error::UnknownTask(id))?;
            Ok(tx.task_history(id)?)
        })
    }

    /// The platform of the worker that has or had a task; the Manager's own, if there is no such worker.
    pub fn platform_of(&self, task: &Task) -> Result<String, Error> {
        let worker = match task.worker_id {
            Some(worker) => self.store.read(self.now(), |tx| tx.worker(worker))?,
            None => None,
        };
        Ok(worker.map_or_else(|| this_platform().to_owned(), |worker| worker.platform))
    }

    /// A task without its commands and its newest sign of life.
    pub fn bare_task(&self, id: TaskId) -> Result<Task, Error> {
        let task = self.store.read(self.now(), |tx| tx.task(id))?;
        task.ok_or(Error::UnknownTask(id))
    }

    /// All workers, by nickname.
    pub fn workers(&self) -> Result<Vec<WorkerView>, Error> {
        let mut workers = self.store.read(self.now(), |tx| {
            tx.workers()?.into_iter().map(|worker| worker_view(tx, worker)).collect::<Result<Vec<_>, Error>>()
        })?;
        workers.sort_by(|a, b| (&a.worker.nickname, a.worker.id).cmp(&(&b.worker.nickname, b.worker.id)));
        Ok(workers)
    }

    /// The workers that are asked for.
    pub fn list_workers(&self, query: &WorkerQuery) -> Result<Page<WorkerView, WorkerId>, Error> {
        let WorkerQuery { filter, order, window } = query;
        let admitted = self.workers()?.into_iter().filter(|view| filter.admits_worker(&view.worker));
        let place = |view: WorkerView| {
            let key = order.by.key(&view.worker, view.last_activity);
            Ok((Place { key, id: view.worker.id }, view))
        };
        window.pick(order.descending, admitted.map(place))
    }

    /// The lines of the blacklist that count, by worker, job and task type.
    pub fn blacklist(&self, window: &Window<LineId>) -> Result<Page<BlacklistLine, LineId>, Error> {
        let place = |entry: BlacklistEntry| {
            let id = (entry.worker, entry.job, entry.task_type.clone());
            Ok::<_, Error>((Place { key: Key::IdAlone, id }, entry))
        };
        self.store.read(self.now(), |tx| {
            let page = window.pick(false, tx.blacklist(None)?.into_iter().map(place))?;
            page.try_map(|entry| {
                let nickname = tx.worker(entry.worker)?.map(|worker| worker.nickname).unwrap_or_default();
                let job_name = tx.job(entry.job)?.map(|job| job.name);
                Ok(BlacklistLine { entry, nickname, job_name })
            })
        })
    }

    /// A worker.
    pub fn worker(&self, id: WorkerId) -> Result<WorkerView, Error> {
        self.store.read(self.now(), |tx| worker_view(tx, known_worker(tx, id)?))
    }

    /// The tasks that a worker was given last, the newest first, but for those that are gone.
    pub fn recent_tasks(&self, id: WorkerId) -> Result<Vec<RecentTask>, Error> {
        self.store.read(self.now(), |tx| {
            known_worker(tx, id)?;
            let tasks = tx.recent_tasks(id)?.0.into_iter();
            tasks.filter_map(|task| recent_task(tx, id, task).transpose()).collect()
        })
    }
}

pub(super) fn worker_view(tx: &ReadTx, worker: Worker) -> Result<WorkerView, Error> {
    let current_task = match worker.current_task {
        Some(id) => tx.task(id)?,
        None => None,
    };
    let last_activity = last_seen(tx, &worker)?;
    let blacklist = tx.blacklist(Some(worker.id))?;
    Ok(WorkerView { worker, last_activity, current_task, blacklist })
}

/// Nothing if the task is gone, or if so much has become of it since that nobody remembers what it was with this worker.
fn recent_task(tx: &ReadTx, worker: WorkerId, task: TaskId) -> Result<Option<RecentTask>, Error> {
    let Some(task) = tx.task(task)? else { return Ok(None) };
    let Some(outcome) = tx.task_history(task.id)?.last_of(worker).cloned() else { return Ok(None) };
    let (Job { name: job_name, .. }, _) = known_job(tx, task.job)?;
    Ok(Some(RecentTask { task, job_name, outcome }))
}

fn with_newest_ping(tx: &ReadTx, mut task: Task) -> Result<Task, StoreError> {
    if let Some(worker) = task.worker_id {
        task.last_worker_ping = task.last_worker_ping.max(tx.last_ping(worker, task.id)?);
    }
    Ok(task)
}

pub(super) fn known_job(tx: &ReadTx, id: JobId) -> Result<(Job, JobState), Error> {
    let job = tx.job(id)?.ok_or(Error::UnknownJob(id))?;
    let state = tx.job_state(id)?;
    let state = state.ok_or_else(|| StoreError::Corrupt(format!("job {id} has no state")))?;
    Ok((job, state))
}
