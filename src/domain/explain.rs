//! Why something does not run: the conditions that stand in the way, in words that say what to do. Whether one does is
//! decided by the rules by which tasks are handed out (`assign`, `worker`), and only there; here it is told.

use std::fmt;

use jiff::Timestamp;

use super::{
    assign::{Hold, Obstacle},
    ids::JobId,
    job::{JobStatus, JobWish},
    numbers::{agree, count},
    task::TaskStatus,
    worker::{Worker, WorkerStatus},
};

/// As many of many things are named in a sentence.
const NAMED: usize = 5;

/// One condition that stands between a task and its being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The task has a status in which it is not handed out.
    Status(TaskStatus),
    /// Tasks that have to be completed first are not: names and statuses.
    Parents(Vec<(String, TaskStatus)>),
    /// The job has ended.
    Ended(JobStatus),
    /// Something else is wanted of the job than that it runs.
    Wish(JobWish),
    /// The job waits for these jobs: names, IDs and statuses.
    WaitsForJobs(Vec<(String, JobId, JobStatus)>),
    /// Of the job's tasks so many wait for other tasks.
    TasksWaitForTasks(u64),
    /// The Flamenco Server holds so many of the job's tasks back.
    HeldByServer(u64),
    /// As many workers are at the job as may be.
    EnoughWorkers,
    /// Nobody is there to do anything.
    NoWorkers,
    /// The worker does not do tasks of this type.
    UnsupportedType,
    /// The job wants workers with a tag that this one has not.
    LacksTag,
    /// The worker failed too many tasks of this type in this job.
    Blacklisted,
    /// The worker has failed the task before, or every one that is left of its type.
    FailedBefore,
    /// The task is a test for another worker.
    ReservedForAnother,
    /// The worker says that it can do nothing.
    NoTaskTypes,
    /// The worker has to go to this status before it gets anything.
    StatusRequested(WorkerStatus),
    /// The worker does not ask for tasks.
    NotAwake(WorkerStatus),
    /// Nor does this one, until its sleep schedule wakes it.
    AsleepUntil(Timestamp),
    /// The worker has a task.
    Busy,
    /// The worker gets another task of the job first.
    OtherTaskFirst,
    /// The worker gets a task of this job first.
    OtherJobFirst(JobId),
}

impl Condition {
    /// What programs know it by.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Parents(parents) if parents.iter().any(|(_, status)| is_dead_end(*status)) => "blocked",
            Self::Parents(_) => "parents",
            Self::Ended(_) => "ended",
            Self::Wish(JobWish::Pause) => "paused",
            Self::Wish(_) => "action",
            Self::WaitsForJobs(_) => "depends-on",
            Self::TasksWaitForTasks(_) => "tasks-wait",
            Self::HeldByServer(_) => "held-by-server",
            Self::EnoughWorkers => "worker-limit",
            Self::NoWorkers => "no-workers",
            Self::UnsupportedType => "task-type",
            Self::LacksTag => "worker-tags",
            Self::Blacklisted => "blacklist",
            Self::FailedBefore => "failed-before",
            Self::ReservedForAnother => "reserved",
            Self::NoTaskTypes => "no-task-types",
            Self::StatusRequested(_) => "status-requested",
            Self::NotAwake(_) => "not-awake",
            Self::AsleepUntil(_) => "sleep-schedule",
            Self::Busy => "busy",
            Self::OtherTaskFirst => "other-task-first",
            Self::OtherJobFirst(_) => "other-job-first",
        }
    }
}

/// Does nothing come of waiting for a task like this?
fn is_dead_end(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::Failed | TaskStatus::Canceled | TaskStatus::CancelRequested)
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(TaskStatus::Completed) => f.write_str("it is completed"),
            Self::Status(TaskStatus::Active) => f.write_str("a worker has it already"),
            Self::Status(TaskStatus::CancelRequested) => {
                f.write_str("it is canceled as soon as its worker has stopped")
            }
            Self::Status(TaskStatus::Paused) => f.write_str("the Flamenco Server holds it back"),
            Self::Status(status) => write!(f, "it is {}; requeue it to have it done", status.as_str()),
            Self::Parents(parents) => {
                write!(f, "it waits for {}: ", count(parents.len(), "task"))?;
                named(f, parents, |(name, status)| format!("{name:?} is {}", status.as_str()))?;
                if self.code() == "blocked" {
                    f.write_str("; requeue what cannot be completed")
                } else {
                    Ok(())
                }
            }
            Self::Ended(JobStatus::Completed) => f.write_str("the job is completed"),
            Self::Ended(status) => write!(f, "the job is {status}; requeue it to have it done"),
            Self::Wish(JobWish::Pause) => f.write_str("the job is paused; resume it"),
            Self::Wish(JobWish::Delete) => f.write_str("the job is being deleted"),
            Self::Wish(JobWish::Requeue | JobWish::RequeueFailed) => {
                f.write_str("the job is being requeued, which takes a moment")
            }
            Self::Wish(_) => f.write_str("the job is being stopped"),
            Self::WaitsForJobs(jobs) => {
                write!(f, "the job waits for {}: ", count(jobs.len(), "other job"))?;
                named(f, jobs, |(name, id, status)| format!("{name:?} ({id}) is {status}"))
            }
            Self::TasksWaitForTasks(tasks) => {
                write!(
                    f,
                    "{tasks} of its tasks {} for others that are not completed",
                    agree(*tasks, "waits", "wait")
                )
            }
            Self::HeldByServer(tasks) => write!(f, "the Flamenco Server holds {tasks} of its tasks back"),
            Self::EnoughWorkers => {
                f.write_str("as many workers are at the job as its max_workers allows; raise that, or wait")
            }
            Self::NoWorkers => {
                f.write_str("no worker is registered; start one with the address of this Manager")
            }
            Self::UnsupportedType => f.write_str("does not do tasks of this type"),
            Self::LacksTag => f.write_str("has none of the tags that the job asks for"),
            Self::Blacklisted => {
                f.write_str("is blacklisted for tasks of this type of the job, because it failed too many")
            }
            Self::FailedBefore => f.write_str("has failed this before"),
            Self::ReservedForAnother => f.write_str("is not the worker for which this test is meant"),
            Self::NoTaskTypes => f.write_str("supports no task types; set them in its configuration"),
            Self::StatusRequested(status) => write!(f, "is asked to be {} first", status.as_str()),
            Self::NotAwake(WorkerStatus::Asleep) => f.write_str("is asleep; wake it"),
            Self::NotAwake(WorkerStatus::Starting) => {
                f.write_str("has signed on and not asked for a task yet")
            }
            Self::NotAwake(WorkerStatus::Timeout) => {
                f.write_str("was not heard of for too long; is it running, and can it reach this Manager?")
            }
            Self::NotAwake(WorkerStatus::Offline) => f.write_str("is offline; start it"),
            Self::NotAwake(status) => write!(f, "has the status {}; look at its own log", status.as_str()),
            Self::AsleepUntil(time) => write!(f, "is asleep by its sleep schedule, until {time:.0}"),
            Self::Busy => f.write_str("has a task already"),
            Self::OtherTaskFirst => f.write_str("gets another task of the job first"),
            Self::OtherJobFirst(job) => write!(f, "gets a task of job {job} first"),
        }
    }
}

/// The first few, and how many more there are.
fn named<T>(f: &mut fmt::Formatter<'_>, all: &[T], name: impl Fn(&T) -> String) -> fmt::Result {
    let names: Vec<String> = all.iter().take(NAMED).map(name).collect();
    f.write_str(&names.join(", "))?;
    match all.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => write!(f, ", and {more} more"),
    }
}

impl From<Obstacle> for Condition {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::UnsupportedType => Self::UnsupportedType,
            Obstacle::LacksTag => Self::LacksTag,
            Obstacle::EnoughWorkers => Self::EnoughWorkers,
            Obstacle::ReservedForAnother => Self::ReservedForAnother,
            Obstacle::Blacklisted => Self::Blacklisted,
            Obstacle::FailedBefore => Self::FailedBefore,
        }
    }
}

/// What keeps a job from running, whoever asks; `waits_for` are the jobs that it waits for.
pub fn of_hold(hold: Hold, waits_for: &[(String, JobId, JobStatus)]) -> Condition {
    match hold {
        Hold::Wish(wish) => Condition::Wish(wish),
        Hold::WaitsForJobs(_) => Condition::WaitsForJobs(waits_for.to_vec()),
    }
}

/// What keeps a worker from getting any task. `sleeps_until` is when its sleep schedule wakes it, if that is why it sleeps.
pub fn of_worker(worker: &Worker, is_busy: bool, sleeps_until: Option<Timestamp>) -> Vec<Condition> {
    let awake = matches!(worker.status, WorkerStatus::Awake | WorkerStatus::Testing);
    let absent = match sleeps_until {
        _ if awake => None,
        Some(time) if worker.status == WorkerStatus::Asleep => Some(Condition::AsleepUntil(time)),
        _ => Some(Condition::NotAwake(worker.status)),
    };
    [
        worker.supported_task_types.is_empty().then_some(Condition::NoTaskTypes),
        absent,
        worker.requested_status().map(Condition::StatusRequested),
        is_busy.then_some(Condition::Busy),
    ]
    .into_iter()
    .flatten()
    .collect()
}
