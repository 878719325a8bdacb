//! Workers.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        sleep::SleepScheduleWire,
        tags::Tags,
        task::{Task, TaskStatus},
        task_history::{Entry, What},
        worker::{self, WorkerStatus},
    },
    services::{self, BlacklistEntry, WorkerView},
};

/// A worker. Never its secret.
#[derive(Serialize, JsonSchema)]
pub struct Worker<'a> {
    _id: WorkerId,
    /// The address that it last signed on or registered from.
    address: &'a str,
    /// What it is not trusted with.
    blacklist: Vec<BlacklistLine<'a>>,
    /// The job of the current task.
    current_job: Option<JobId>,
    /// The task that it was last given.
    current_task: Option<TaskId>,
    /// What people call that task.
    current_task_name: Option<&'a str>,
    current_task_status: Option<TaskStatus>,
    current_task_updated: Option<Timestamp>,
    /// When it was last heard of.
    last_activity: Timestamp,
    /// Whether a requested status waits until the current task has ended.
    lazy_status_request: bool,
    /// What people call it: its host's name. Not unique.
    nickname: &'a str,
    /// `linux`, `windows`, `darwin`, …
    platform: &'a str,
    registered: Timestamp,
    sleep_schedule: SleepScheduleWire,
    /// The program that it says it is, with its version; empty when it never said.
    software: &'a str,
    status: WorkerStatus,
    /// The status that somebody wants it to have; empty when nobody wants anything.
    status_requested: &'static str,
    /// The task types that it can do.
    supported_task_types: &'a [String],
    /// The tags that jobs may ask for.
    tags: &'a Tags,
}

/// A line of the blacklist.
#[derive(Serialize, JsonSchema)]
struct BlacklistLine<'a> {
    _created: Timestamp,
    job_id: JobId,
    task_type: &'a str,
    worker_id: WorkerId,
}

/// A line of the blacklist, by itself.
#[derive(Serialize, JsonSchema)]
pub struct NamedBlacklistLine<'a> {
    #[serde(flatten)]
    line: BlacklistLine<'a>,
    /// What people call the job; null if it is gone.
    job_name: Option<&'a str>,
    /// What people call the worker.
    worker_nickname: &'a str,
}

/// A page of the blacklist.
#[derive(Serialize, JsonSchema)]
pub struct Blacklist<'a> {
    /// By worker, job and task type.
    pub blacklist: Vec<NamedBlacklistLine<'a>>,
    /// What to give as `after` to get the next page; nothing when this is the last.
    pub next: Option<String>,
    /// How many lines there are in all.
    pub total: u64,
}

/// A page of workers.
#[derive(Serialize, JsonSchema)]
pub struct WorkerList<'a> {
    /// What to give as `after` to get the next page; nothing when this is the last.
    pub next: Option<String>,
    /// How many workers the filters let through, on all pages.
    pub total: u64,
    /// By nickname, if no other order was asked for.
    pub workers: Vec<Worker<'a>>,
}

/// The tasks that a worker was given last.
#[derive(Serialize, JsonSchema)]
pub struct RecentTasks<'a> {
    /// The newest first.
    tasks: Vec<RecentTask<'a>>,
}

/// A task that a worker was given, and what the worker last had to do with it.
#[derive(Serialize, JsonSchema)]
struct RecentTask<'a> {
    _id: TaskId,
    /// What people call it.
    name: &'a str,
    job: JobId,
    /// What people call the job.
    job_name: &'a str,
    /// What came of it with this worker; somebody else may have had it since.
    what: What,
    when: Timestamp,
    /// What was said of that; empty where it says no more.
    why: &'a str,
}

/// A worker that has just registered.
pub fn new_worker(worker: &worker::Worker) -> Worker<'_> {
    document(worker, worker.registered, None, &[])
}

/// A worker.
pub fn worker(view: &WorkerView) -> Worker<'_> {
    let WorkerView { worker, last_activity, current_task, blacklist } = view;
    document(worker, *last_activity, current_task.as_ref(), blacklist)
}

fn document<'a>(
    worker: &'a worker::Worker,
    last_activity: Timestamp,
    current_task: Option<&'a Task>,
    blacklist: &'a [BlacklistEntry],
) -> Worker<'a> {
    Worker {
        _id: worker.id,
        address: &worker.address,
        blacklist: blacklist.iter().map(blacklist_line).collect(),
        current_job: current_task.map(|task| task.job),
        current_task: worker.current_task,
        current_task_name: current_task.map(|task| task.name.as_str()),
        current_task_status: current_task.map(|task| task.status),
        current_task_updated: current_task.map(|task| task.last_updated),
        last_activity,
        lazy_status_request: worker.requested.is_some_and(|request| request.lazy),
        nickname: &worker.nickname,
        platform: &worker.platform,
        registered: worker.registered,
        sleep_schedule: worker.sleep_schedule.into(),
        software: &worker.software,
        status: worker.status,
        status_requested: worker.requested.map_or("", |request| request.status.as_str()),
        supported_task_types: &worker.supported_task_types,
        tags: &worker.tags,
    }
}

/// The tasks that a worker was given last.
pub fn recent_tasks(recent: &[services::RecentTask]) -> RecentTasks<'_> {
    RecentTasks { tasks: recent.iter().map(recent_task).collect() }
}

fn recent_task(recent: &services::RecentTask) -> RecentTask<'_> {
    let services::RecentTask { task, job_name, outcome: Entry { at, what, why, .. } } = recent;
    RecentTask { _id: task.id, name: &task.name, job: task.job, job_name, what: *what, when: *at, why }
}

/// A line of the blacklist, by itself.
pub fn named_blacklist_line(line: &services::BlacklistLine) -> NamedBlacklistLine<'_> {
    let services::BlacklistLine { entry, nickname, job_name } = line;
    NamedBlacklistLine {
        line: blacklist_line(entry),
        job_name: job_name.as_deref(),
        worker_nickname: nickname,
    }
}

fn blacklist_line(entry: &BlacklistEntry) -> BlacklistLine<'_> {
    let BlacklistEntry { worker, job, task_type, created } = entry;
    BlacklistLine { _created: *created, job_id: *job, task_type, worker_id: *worker }
}
