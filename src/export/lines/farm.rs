//! Workers, jobs and tasks.

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroU32,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::raw;
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        job::{self, JobState, JobStatus, JobWish},
        recent_tasks,
        sleep::{SleepSchedule, SleepScheduleWire},
        tags::Tags,
        task::{self, Progress, TaskStatus},
        task_history::{self, Entry, What},
        time_left::Measured,
        worker::{self, SecretHash, StatusRequest, WorkerStatus},
    },
    store::{BlacklistEntry, ReadTx, StoreError},
};

/// A worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    #[serde(rename = "_id")]
    id: WorkerId,
    /// The slow hash of its secret (bcrypt).
    secret_hash: String,
    nickname: String,
    address: String,
    platform: String,
    software: String,
    status: WorkerStatus,
    supported_task_types: Vec<String>,
    status_requested: Option<WorkerStatus>,
    lazy_status_request: bool,
    current_task: Option<TaskId>,
    registered: Timestamp,
    /// When it was last heard of.
    last_activity: Timestamp,
    sleep_schedule: SleepScheduleWire,
    /// Up to when the boundaries of the sleep schedule have been acted on.
    sleep_checked: Timestamp,
    tags: Tags,
}

impl Worker {
    pub(in crate::export) fn of(tx: &ReadTx, worker: worker::Worker) -> Result<Self, StoreError> {
        let last_activity = tx.worker_seen(worker.id)?.unwrap_or(worker.registered);
        let worker::Worker {
            id,
            secret_hash: SecretHash(secret_hash),
            nickname,
            address,
            platform,
            software,
            status,
            supported_task_types,
            requested,
            current_task,
            registered,
            sleep_schedule,
            sleep_checked,
            tags,
        } = worker;
        Ok(Self {
            id,
            secret_hash,
            nickname,
            address,
            platform,
            software,
            status,
            supported_task_types,
            status_requested: requested.map(|request| request.status),
            lazy_status_request: requested.is_some_and(|request| request.lazy),
            current_task,
            registered,
            last_activity,
            sleep_schedule: sleep_schedule.into(),
            sleep_checked,
            tags,
        })
    }

    /// The worker, and when it was last heard of. An error says what is wrong.
    pub fn into_worker(self) -> Result<(worker::Worker, Timestamp), String> {
        let Self { id, status_requested, lazy_status_request: lazy, sleep_schedule, last_activity, .. } =
            self;
        let worker = worker::Worker {
            id,
            secret_hash: SecretHash::from_elsewhere(&self.secret_hash)
                .map_err(|what| format!("\"secret_hash\" is {what}"))?,
            nickname: self.nickname,
            address: self.address,
            platform: self.platform,
            software: self.software,
            status: self.status,
            supported_task_types: self.supported_task_types,
            requested: status_requested.map(|status| StatusRequest { status, lazy }),
            current_task: self.current_task,
            registered: self.registered,
            sleep_schedule: SleepSchedule::try_from(&sleep_schedule)
                .map_err(|error| format!("\"sleep_schedule\": {error}"))?,
            sleep_checked: self.sleep_checked,
            tags: self.tags,
        };
        Ok((worker, last_activity))
    }
}

/// A job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    #[serde(rename = "_id")]
    id: JobId,
    name: String,
    job_type: String,
    settings: Box<RawValue>,
    metadata: Box<RawValue>,
    created: Timestamp,
    /// Whether it is a Flamenco Server's.
    of_server: bool,
    depends_on: Vec<JobId>,
    priority: i32,
    updated: Timestamp,
    /// How it stands: it follows from its tasks and from what is wanted of it, so it is not looked at when it is read back.
    status: JobStatus,
    /// What is wanted of it: `run`, `pause`, `cancel`, `fail`, `delete`, `requeue`, `requeue-failed`.
    wanted: JobWish,
    max_workers: Option<NonZeroU32>,
    worker_tags: Tags,
    /// How many of its tasks were measured,
    measured_tasks: u64,
    /// and how long they took together.
    measured_milliseconds: u64,
}

impl Job {
    pub(in crate::export) fn of((job, state): (job::Job, JobState)) -> Result<Self, StoreError> {
        let job::Job { id, name, job_type, settings, metadata, created, of_server, depends_on } = job;
        let status = state.status();
        let JobState { priority, updated, tally: _, wish, max_workers, worker_tags, waits_for: _, measured } =
            state;
        Ok(Self {
            id,
            name,
            job_type,
            settings: raw(&settings, || format!("the settings of job {id}"))?,
            metadata: raw(&metadata, || format!("the metadata of job {id}"))?,
            created,
            of_server,
            depends_on,
            priority,
            updated,
            status,
            wanted: wish,
            max_workers,
            worker_tags,
            measured_tasks: measured.tasks,
            measured_milliseconds: measured.millis,
        })
    }

    /// What is fixed about it, and what changes; how its tasks stand is left open.
    pub fn into_job(self) -> (job::Job, JobState) {
        let state = JobState {
            priority: self.priority,
            updated: self.updated,
            wish: self.wanted,
            max_workers: self.max_workers,
            worker_tags: self.worker_tags,
            measured: Measured { tasks: self.measured_tasks, millis: self.measured_milliseconds },
            ..JobState::default()
        };
        let job = job::Job {
            id: self.id,
            name: self.name,
            job_type: self.job_type,
            settings: String::from(Box::<str>::from(self.settings)),
            metadata: String::from(Box::<str>::from(self.metadata)),
            created: self.created,
            of_server: self.of_server,
            depends_on: self.depends_on,
        };
        (job, state)
    }
}

/// A task, with its commands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    #[serde(rename = "_id")]
    id: TaskId,
    job: JobId,
    name: String,
    status: TaskStatus,
    priority: i32,
    task_type: String,
    parents: Vec<TaskId>,
    activity: String,
    worker: String,
    worker_id: Option<WorkerId>,
    failed_by_workers: Vec<FailedBy>,
    /// The last sign of life, however lately it came.
    last_worker_ping: Option<Timestamp>,
    /// When it was last handed out.
    started: Option<Timestamp>,
    last_updated: Timestamp,
    task_progress_percentage: i32,
    current_command_idx: i32,
    command_progress_percentage: i32,
    metrics: Metrics,
    /// The only worker that may have it: a test render.
    only_for: Option<WorkerId>,
    /// Its version at the Flamenco Server; nothing if that does not know of it.
    etag: Option<String>,
    commands: Box<RawValue>,
}

/// A worker that failed a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedBy {
    id: WorkerId,
    identifier: String,
}

/// What was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    pub(super) timing: BTreeMap<String, f64>,
}

impl From<task::FailedBy> for FailedBy {
    fn from(task::FailedBy { id, identifier }: task::FailedBy) -> Self {
        Self { id, identifier }
    }
}

impl From<FailedBy> for task::FailedBy {
    fn from(FailedBy { id, identifier }: FailedBy) -> Self {
        Self { id, identifier }
    }
}

impl Task {
    pub(in crate::export) fn of(tx: &ReadTx, task: task::Task) -> Result<Self, StoreError> {
        let task::Task {
            id,
            job,
            name,
            status,
            priority,
            task_type,
            parents,
            activity,
            worker,
            worker_id,
            failed_by,
            last_worker_ping,
            started,
            last_updated,
            progress: Progress { task_percentage, command_index, command_percentage },
            timing,
            only_for,
            etag,
        } = task;
        let newer = worker_id.map(|worker| tx.last_ping(worker, id)).transpose()?.flatten();
        Ok(Self {
            id,
            job,
            name,
            status,
            priority,
            task_type,
            parents,
            activity,
            worker,
            worker_id,
            failed_by_workers: failed_by.into_iter().map(FailedBy::from).collect(),
            last_worker_ping: last_worker_ping.max(newer),
            started,
            last_updated,
            task_progress_percentage: task_percentage,
            current_command_idx: command_index,
            command_progress_percentage: command_percentage,
            metrics: Metrics { timing },
            only_for,
            etag,
            commands: raw(&tx.commands(id)?, || format!("the commands of task {id}"))?,
        })
    }

    /// The task, and its commands as JSON text.
    pub fn into_task(self) -> (task::Task, String) {
        let task = task::Task {
            id: self.id,
            job: self.job,
            name: self.name,
            status: self.status,
            priority: self.priority,
            task_type: self.task_type,
            parents: self.parents,
            activity: self.activity,
            worker: self.worker,
            worker_id: self.worker_id,
            failed_by: self.failed_by_workers.into_iter().map(task::FailedBy::from).collect(),
            last_worker_ping: self.last_worker_ping,
            started: self.started,
            last_updated: self.last_updated,
            progress: Progress {
                task_percentage: self.task_progress_percentage,
                command_index: self.current_command_idx,
                command_percentage: self.command_progress_percentage,
            },
            timing: self.metrics.timing,
            only_for: self.only_for,
            etag: self.etag,
        };
        (task, String::from(Box::<str>::from(self.commands)))
    }
}

/// What has become of a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskHistory {
    task: TaskId,
    /// The oldest first.
    history: Vec<HistoryEntry>,
    /// How many older entries have been forgotten.
    left_out: u64,
}

/// Something that has become of a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryEntry {
    when: Timestamp,
    what: What,
    worker_id: Option<WorkerId>,
    /// Its address and nickname at that time.
    worker: Option<String>,
    why: String,
}

impl From<(TaskId, task_history::TaskHistory)> for TaskHistory {
    fn from((task, history): (TaskId, task_history::TaskHistory)) -> Self {
        let entries = history.entries.into_iter().map(|Entry { at, what, worker, why }| {
            let (worker_id, worker) = worker.unzip();
            HistoryEntry { when: at, what, worker_id, worker, why }
        });
        Self { task, history: entries.collect(), left_out: history.forgotten }
    }
}

impl From<TaskHistory> for (TaskId, task_history::TaskHistory) {
    fn from(TaskHistory { task, history, left_out }: TaskHistory) -> Self {
        let entries = history.into_iter().map(|HistoryEntry { when, what, worker_id, worker, why }| Entry {
            at: when,
            what,
            worker: worker_id.zip(worker),
            why,
        });
        (task, task_history::TaskHistory { entries: entries.collect(), forgotten: left_out })
    }
}

/// The tasks that a worker was given last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecentTasks {
    worker: WorkerId,
    /// The newest first. Some may be gone.
    tasks: VecDeque<TaskId>,
}

impl From<(WorkerId, recent_tasks::RecentTasks)> for RecentTasks {
    fn from((worker, recent_tasks::RecentTasks(tasks)): (WorkerId, recent_tasks::RecentTasks)) -> Self {
        Self { worker, tasks }
    }
}

impl From<RecentTasks> for (WorkerId, recent_tasks::RecentTasks) {
    fn from(RecentTasks { worker, tasks }: RecentTasks) -> Self {
        (worker, recent_tasks::RecentTasks(tasks))
    }
}

/// A worker that gets no more tasks of a type of a job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlacklistLine {
    #[serde(rename = "_created")]
    created: Timestamp,
    worker_id: WorkerId,
    job_id: JobId,
    task_type: String,
}

impl From<BlacklistEntry> for BlacklistLine {
    fn from(BlacklistEntry { worker, job, task_type, created }: BlacklistEntry) -> Self {
        Self { created, worker_id: worker, job_id: job, task_type }
    }
}

impl From<BlacklistLine> for BlacklistEntry {
    fn from(BlacklistLine { created, worker_id, job_id, task_type }: BlacklistLine) -> Self {
        Self { worker: worker_id, job: job_id, task_type, created }
    }
}
