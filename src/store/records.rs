//! How tasks, jobs, workers, updates and events are laid out in the file.
//!
//! Every struct here is a file format: its fields, their order and types, and the bytes of statuses never
//! change. Another layout is another struct with another version. The tests pin the bytes.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr, num::NonZeroU32};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{StoreError, codec::Record, keys::time_from_millis};
use crate::domain::{
    audit::Deed,
    event::Event,
    idempotency::Receipt,
    ids::{JobId, TaskId, TokenId, WorkerId},
    job::{Job, JobState, JobWish, Tally},
    minute::Done,
    people::{AccessToken, Role, Session},
    recent_tasks::RecentTasks,
    sleep::{Days, SleepSchedule},
    tags::Tags,
    task::{FailedBy, Progress, Task, TaskStatus},
    task_history::{Entry, TaskHistory, What},
    task_update::{SetAside, TaskUpdate},
    time_left::Measured,
    worker::{SecretHash, StatusRequest, Worker, WorkerStatus},
};

type Text<'a> = Cow<'a, str>;
type Id = [u8; 12];

/// A task as it is kept: with the number of its parents that are known and not completed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TaskRow {
    pub task: Task,
    pub unfinished_parents: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TaskV1<'a> {
    id: Id,
    job: Id,
    #[serde(borrow)]
    name: Text<'a>,
    status: u8,
    priority: i32,
    #[serde(borrow)]
    task_type: Text<'a>,
    parents: Vec<Id>,
    unfinished_parents: u32,
    #[serde(borrow)]
    activity: Text<'a>,
    #[serde(borrow)]
    worker: Text<'a>,
    worker_id: Option<Id>,
    failed_by: Vec<(Id, String)>,
    last_worker_ping: Option<i64>,
    started: Option<i64>,
    last_updated: i64,
    progress: (i32, i32, i32),
    timing: Cow<'a, BTreeMap<String, f64>>,
    only_for: Option<Id>,
    #[serde(borrow)]
    etag: Option<Text<'a>>,
}

impl<'a> TaskV1<'a> {
    pub(super) fn of(task: &'a Task, unfinished_parents: u32) -> Self {
        let Progress { task_percentage, command_index, command_percentage } = task.progress;
        TaskV1 {
            id: task.id.0,
            job: task.job.0,
            name: task.name.as_str().into(),
            status: task_status_byte(task.status),
            priority: task.priority,
            task_type: task.task_type.as_str().into(),
            parents: task.parents.iter().map(|id| id.0).collect(),
            unfinished_parents,
            activity: task.activity.as_str().into(),
            worker: task.worker.as_str().into(),
            worker_id: task.worker_id.map(|id| id.0),
            failed_by: task.failed_by.iter().map(|by| (by.id.0, by.identifier.clone())).collect(),
            last_worker_ping: task.last_worker_ping.map(Timestamp::as_millisecond),
            started: task.started.map(Timestamp::as_millisecond),
            last_updated: task.last_updated.as_millisecond(),
            progress: (task_percentage, command_index, command_percentage),
            timing: Cow::Borrowed(&task.timing),
            only_for: task.only_for.map(|id| id.0),
            etag: task.etag.as_deref().map(Text::from),
        }
    }
}

/// What [`TaskV1`] begins with.
#[derive(Deserialize)]
pub(super) struct TaskHead<'a> {
    _id: Id,
    job: Id,
    _name: &'a str,
    status: u8,
}

impl TaskHead<'_> {
    pub(super) fn status(&self) -> Result<TaskStatus, StoreError> {
        from_byte(self.status, TaskStatus::ALL, task_status_byte)
    }
}

/// The same with what follows, as far as it says whether anything follows from a task.
#[derive(Deserialize)]
pub(super) struct TaskBegin<'a> {
    #[serde(borrow)]
    head: TaskHead<'a>,
    _priority: i32,
    _task_type: &'a str,
    parents: Vec<Id>,
    unfinished_parents: u32,
    _activity: &'a str,
    _worker: &'a str,
    _worker_id: Option<Id>,
    #[serde(borrow)]
    failed_by: Vec<(Id, &'a str)>,
}

impl TaskBegin<'_> {
    pub(super) fn job(&self) -> JobId {
        JobId(self.head.job)
    }

    pub(super) fn status(&self) -> Result<TaskStatus, StoreError> {
        self.head.status()
    }

    /// Is a task in this status in no other table, because nobody waits for it, has it or had it?
    pub(super) fn is_listed_nowhere(&self, status: TaskStatus) -> bool {
        let is_at_rest = !status.is_schedulable() && !status.is_in_hand();
        is_at_rest && self.parents.is_empty() && self.unfinished_parents == 0 && self.failed_by.is_empty()
    }
}

impl Record for TaskRow {
    type Layout<'a> = TaskV1<'a>;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "a task";

    fn to_layout(&self) -> TaskV1<'_> {
        TaskV1::of(&self.task, self.unfinished_parents)
    }

    fn from_layout(layout: TaskV1<'_>) -> Result<Self, StoreError> {
        let (task_percentage, command_index, command_percentage) = layout.progress;
        let failed_by =
            layout.failed_by.into_iter().map(|(id, identifier)| FailedBy { id: WorkerId(id), identifier });
        let task = Task {
            id: TaskId(layout.id),
            job: JobId(layout.job),
            name: layout.name.into_owned(),
            status: from_byte(layout.status, TaskStatus::ALL, task_status_byte)?,
            priority: layout.priority,
            task_type: layout.task_type.into_owned(),
            parents: layout.parents.into_iter().map(TaskId).collect(),
            activity: layout.activity.into_owned(),
            worker: layout.worker.into_owned(),
            worker_id: layout.worker_id.map(WorkerId),
            failed_by: failed_by.collect(),
            last_worker_ping: layout.last_worker_ping.map(time_from_millis).transpose()?,
            started: layout.started.map(time_from_millis).transpose()?,
            last_updated: time_from_millis(layout.last_updated)?,
            progress: Progress { task_percentage, command_index, command_percentage },
            timing: layout.timing.into_owned(),
            only_for: layout.only_for.map(WorkerId),
            etag: layout.etag.map(Text::into_owned),
        };
        Ok(Self { task, unfinished_parents: layout.unfinished_parents })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct JobV1<'a> {
    id: Id,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    job_type: Text<'a>,
    #[serde(borrow)]
    settings: Text<'a>,
    #[serde(borrow)]
    metadata: Text<'a>,
    created: i64,
    of_server: bool,
    depends_on: Vec<Id>,
}

/// What [`JobV1`] begins with.
#[derive(Deserialize)]
pub(super) struct JobBegin {
    _id: Id,
    pub name: String,
}

impl Record for Job {
    type Layout<'a> = JobV1<'a>;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "a job";

    fn to_layout(&self) -> JobV1<'_> {
        let Self { id, name, job_type, settings, metadata, created, of_server, depends_on } = self;
        JobV1 {
            id: id.0,
            name: name.as_str().into(),
            job_type: job_type.as_str().into(),
            settings: settings.as_str().into(),
            metadata: metadata.as_str().into(),
            created: created.as_millisecond(),
            of_server: *of_server,
            depends_on: depends_on.iter().map(|id| id.0).collect(),
        }
    }

    fn from_layout(layout: JobV1<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: JobId(layout.id),
            name: layout.name.into_owned(),
            job_type: layout.job_type.into_owned(),
            settings: layout.settings.into_owned(),
            metadata: layout.metadata.into_owned(),
            created: time_from_millis(layout.created)?,
            of_server: layout.of_server,
            depends_on: layout.depends_on.into_iter().map(JobId).collect(),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct JobStateV1 {
    priority: i32,
    updated: i64,
    /// Status byte and number of tasks, for every status that a task of the job has.
    by_status: Vec<(u8, u64)>,
    ready: u64,
    wish: u8,
    max_workers: Option<NonZeroU32>,
    worker_tags: Vec<String>,
    waits_for: u32,
    /// How many tasks were measured, and their milliseconds.
    measured: (u64, u64),
}

impl Record for JobState {
    type Layout<'a> = JobStateV1;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "the state of a job";

    fn to_layout(&self) -> JobStateV1 {
        let Self { priority, updated, tally, wish, max_workers, worker_tags, waits_for, measured } = self;
        let counts =
            TaskStatus::ALL.into_iter().map(|status| (task_status_byte(status), tally.count(status)));
        JobStateV1 {
            priority: *priority,
            updated: updated.as_millisecond(),
            by_status: counts.filter(|(_, count)| *count > 0).collect(),
            ready: tally.ready,
            wish: job_wish_byte(*wish),
            max_workers: *max_workers,
            worker_tags: worker_tags.names().to_vec(),
            waits_for: *waits_for,
            measured: (measured.tasks, measured.millis),
        }
    }

    fn from_layout(layout: JobStateV1) -> Result<Self, StoreError> {
        let mut tally = Tally { ready: layout.ready, ..Tally::default() };
        for (byte, count) in layout.by_status {
            tally.by_status[from_byte(byte, TaskStatus::ALL, task_status_byte)? as usize] = count;
        }
        let (tasks, millis) = layout.measured;
        Ok(Self {
            priority: layout.priority,
            updated: time_from_millis(layout.updated)?,
            tally,
            wish: from_byte(layout.wish, JobWish::ALL, job_wish_byte)?,
            max_workers: layout.max_workers,
            worker_tags: tags(layout.worker_tags)?,
            waits_for: layout.waits_for,
            measured: Measured { tasks, millis },
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct WorkerV1<'a> {
    id: Id,
    #[serde(borrow)]
    secret_hash: Text<'a>,
    #[serde(borrow)]
    nickname: Text<'a>,
    #[serde(borrow)]
    address: Text<'a>,
    #[serde(borrow)]
    platform: Text<'a>,
    #[serde(borrow)]
    software: Text<'a>,
    status: u8,
    supported_task_types: Vec<String>,
    /// Status byte, and whether it can wait.
    requested: Option<(u8, bool)>,
    current_task: Option<Id>,
    registered: i64,
    /// Active, days as bits from Monday, start and end in minutes from midnight.
    sleep_schedule: (bool, u8, Option<u16>, Option<u16>),
    sleep_checked: i64,
    tags: Vec<String>,
}

impl Record for Worker {
    type Layout<'a> = WorkerV1<'a>;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "a worker";

    fn to_layout(&self) -> WorkerV1<'_> {
        let schedule = &self.sleep_schedule;
        WorkerV1 {
            id: self.id.0,
            secret_hash: self.secret_hash.0.as_str().into(),
            nickname: self.nickname.as_str().into(),
            address: self.address.as_str().into(),
            platform: self.platform.as_str().into(),
            software: self.software.as_str().into(),
            status: worker_status_byte(self.status),
            supported_task_types: self.supported_task_types.clone(),
            requested: self.requested.map(|request| (worker_status_byte(request.status), request.lazy)),
            current_task: self.current_task.map(|id| id.0),
            registered: self.registered.as_millisecond(),
            sleep_schedule: (schedule.active(), schedule.days().bits(), schedule.start(), schedule.end()),
            sleep_checked: self.sleep_checked.as_millisecond(),
            tags: self.tags.names().to_vec(),
        }
    }

    fn from_layout(layout: WorkerV1<'_>) -> Result<Self, StoreError> {
        let status = |byte| from_byte(byte, WorkerStatus::ALL, worker_status_byte);
        let requested = match layout.requested {
            Some((byte, lazy)) => Some(StatusRequest { status: status(byte)?, lazy }),
            None => None,
        };
        let (active, days, start, end) = layout.sleep_schedule;
        Ok(Self {
            id: WorkerId(layout.id),
            secret_hash: SecretHash(layout.secret_hash.into_owned()),
            nickname: layout.nickname.into_owned(),
            address: layout.address.into_owned(),
            platform: layout.platform.into_owned(),
            software: layout.software.into_owned(),
            status: status(layout.status)?,
            supported_task_types: layout.supported_task_types,
            requested,
            current_task: layout.current_task.map(TaskId),
            registered: time_from_millis(layout.registered)?,
            sleep_schedule: Days::from_bits(days)
                .and_then(|days| SleepSchedule::from_parts(active, days, start, end))
                .map_err(|error| StoreError::Corrupt(error.to_string()))?,
            sleep_checked: time_from_millis(layout.sleep_checked)?,
            tags: tags(layout.tags)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct TaskUpdateV1<'a> {
    id: Id,
    task: Id,
    status: Option<u8>,
    received: i64,
    #[serde(borrow)]
    activity: Text<'a>,
    progress: (i32, i32, i32),
    #[serde(borrow)]
    log_tail: Text<'a>,
    #[serde(borrow)]
    worker: Text<'a>,
    failed_by: Vec<(Id, String)>,
    timing: BTreeMap<String, f64>,
}

/// What [`TaskUpdateV1`] begins with.
#[derive(Deserialize)]
pub(super) struct TaskUpdateIds {
    pub id: Id,
    pub task: Id,
}

impl Record for TaskUpdate {
    type Layout<'a> = TaskUpdateV1<'a>;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "an update for the Server";

    fn to_layout(&self) -> TaskUpdateV1<'_> {
        let Self { id, task, status, received, activity, progress, log_tail, worker, failed_by, timing } =
            self;
        let Progress { task_percentage, command_index, command_percentage } = *progress;
        TaskUpdateV1 {
            id: *id,
            task: task.0,
            status: status.map(task_status_byte),
            received: received.as_millisecond(),
            activity: activity.as_str().into(),
            progress: (task_percentage, command_index, command_percentage),
            log_tail: log_tail.as_str().into(),
            worker: worker.as_str().into(),
            failed_by: failed_by.iter().map(|by| (by.id.0, by.identifier.clone())).collect(),
            timing: timing.clone(),
        }
    }

    fn from_layout(layout: TaskUpdateV1<'_>) -> Result<Self, StoreError> {
        let (task_percentage, command_index, command_percentage) = layout.progress;
        let status = match layout.status {
            Some(byte) => Some(from_byte(byte, TaskStatus::ALL, task_status_byte)?),
            None => None,
        };
        let failed_by =
            layout.failed_by.into_iter().map(|(id, identifier)| FailedBy { id: WorkerId(id), identifier });
        Ok(Self {
            id: layout.id,
            task: TaskId(layout.task),
            status,
            received: time_from_millis(layout.received)?,
            activity: layout.activity.into_owned(),
            progress: Progress { task_percentage, command_index, command_percentage },
            log_tail: layout.log_tail.into_owned(),
            worker: layout.worker.into_owned(),
            failed_by: failed_by.collect(),
            timing: layout.timing,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SetAsideV1<'a> {
    #[serde(borrow)]
    update: TaskUpdateV1<'a>,
    #[serde(borrow)]
    reason: Text<'a>,
    at: i64,
}

impl Record for SetAside {
    type Layout<'a> = SetAsideV1<'a>;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "an update that was set aside";

    fn to_layout(&self) -> SetAsideV1<'_> {
        let Self { update, reason, at } = self;
        SetAsideV1 { update: update.to_layout(), reason: reason.as_str().into(), at: at.as_millisecond() }
    }

    fn from_layout(layout: SetAsideV1<'_>) -> Result<Self, StoreError> {
        let SetAsideV1 { update, reason, at } = layout;
        Ok(Self {
            update: TaskUpdate::from_layout(update)?,
            reason: reason.into_owned(),
            at: time_from_millis(at)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReceiptV1 {
    job: Id,
    digest: [u8; 32],
    taken: i64,
}

impl Record for Receipt {
    type Layout<'a> = ReceiptV1;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "what is remembered of a submission";

    fn to_layout(&self) -> ReceiptV1 {
        let Self { job, digest, taken } = self;
        ReceiptV1 { job: job.0, digest: *digest, taken: taken.as_millisecond() }
    }

    fn from_layout(layout: ReceiptV1) -> Result<Self, StoreError> {
        let ReceiptV1 { job, digest, taken } = layout;
        Ok(Self { job: JobId(job), digest, taken: time_from_millis(taken)? })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct AccessTokenV1 {
    id: Id,
    name: String,
    role: u8,
    created: i64,
    last_used: Option<i64>,
}

impl Record for AccessToken {
    type Layout<'a> = AccessTokenV1;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "an access token";

    fn to_layout(&self) -> AccessTokenV1 {
        let Self { id, name, role, created, last_used } = self;
        AccessTokenV1 {
            id: id.0,
            name: name.clone(),
            role: role_byte(*role),
            created: created.as_millisecond(),
            last_used: last_used.map(Timestamp::as_millisecond),
        }
    }

    fn from_layout(layout: AccessTokenV1) -> Result<Self, StoreError> {
        let AccessTokenV1 { id, name, role, created, last_used } = layout;
        Ok(Self {
            id: TokenId(id),
            name,
            role: from_byte(role, Role::ALL, role_byte)?,
            created: time_from_millis(created)?,
            last_used: last_used.map(time_from_millis).transpose()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SessionV1 {
    name: String,
    role: u8,
    token: Option<Id>,
    until: i64,
}

impl Record for Session {
    type Layout<'a> = SessionV1;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "a session";

    fn to_layout(&self) -> SessionV1 {
        let Self { name, role, token, until } = self;
        SessionV1 {
            name: name.clone(),
            role: role_byte(*role),
            token: token.map(|token| token.0),
            until: until.as_millisecond(),
        }
    }

    fn from_layout(layout: SessionV1) -> Result<Self, StoreError> {
        let SessionV1 { name, role, token, until } = layout;
        let (role, until) = (from_byte(role, Role::ALL, role_byte)?, time_from_millis(until)?);
        Ok(Self { name, role, token: token.map(TokenId), until })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct TaskHistoryV1<'a> {
    forgotten: u64,
    #[serde(borrow)]
    entries: Vec<HistoryEntryV1<'a>>,
}

#[derive(Serialize, Deserialize)]
struct HistoryEntryV1<'a> {
    at: i64,
    what: u8,
    #[serde(borrow)]
    worker: Option<(Id, Text<'a>)>,
    #[serde(borrow)]
    why: Text<'a>,
}

fn history_entry(Entry { at, what, worker, why }: &Entry) -> HistoryEntryV1<'_> {
    HistoryEntryV1 {
        at: at.as_millisecond(),
        what: what_byte(*what),
        worker: worker.as_ref().map(|(id, worker)| (id.0, worker.as_str().into())),
        why: why.as_str().into(),
    }
}

impl Record for TaskHistory {
    type Layout<'a> = TaskHistoryV1<'a>;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "the history of a task";

    fn to_layout(&self) -> TaskHistoryV1<'_> {
        TaskHistoryV1 { forgotten: self.forgotten, entries: self.entries.iter().map(history_entry).collect() }
    }

    fn from_layout(layout: TaskHistoryV1<'_>) -> Result<Self, StoreError> {
        let entry = |HistoryEntryV1 { at, what, worker, why }: HistoryEntryV1<'_>| {
            Ok(Entry {
                at: time_from_millis(at)?,
                what: from_byte(what, What::ALL, what_byte)?,
                worker: worker.map(|(id, worker)| (WorkerId(id), worker.into_owned())),
                why: why.into_owned(),
            })
        };
        let entries = layout.entries.into_iter().map(entry).collect::<Result<_, StoreError>>()?;
        Ok(Self { entries, forgotten: layout.forgotten })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct RecentTasksV1(Vec<Id>);

impl Record for RecentTasks {
    type Layout<'a> = RecentTasksV1;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "the latest tasks of a worker";

    fn to_layout(&self) -> RecentTasksV1 {
        RecentTasksV1(self.0.iter().map(|task| task.0).collect())
    }

    fn from_layout(layout: RecentTasksV1) -> Result<Self, StoreError> {
        Ok(Self(layout.0.into_iter().map(TaskId).collect()))
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct DoneV1 {
    completed: u64,
    failed: u64,
}

impl Record for Done {
    type Layout<'a> = DoneV1;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "what was done in a minute";

    fn to_layout(&self) -> DoneV1 {
        let Self { completed, failed } = *self;
        DoneV1 { completed, failed }
    }

    fn from_layout(DoneV1 { completed, failed }: DoneV1) -> Result<Self, StoreError> {
        Ok(Self { completed, failed })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) enum EventV1 {
    OutputProduced { at: i64, worker: Id, paths: Vec<String> },
}

impl Record for Event {
    type Layout<'a> = EventV1;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "an event";

    fn to_layout(&self) -> EventV1 {
        match self {
            Self::OutputProduced { at, worker, paths } => {
                EventV1::OutputProduced { at: at.as_millisecond(), worker: worker.0, paths: paths.clone() }
            }
        }
    }

    fn from_layout(layout: EventV1) -> Result<Self, StoreError> {
        match layout {
            EventV1::OutputProduced { at, worker, paths } => {
                Ok(Self::OutputProduced { at: time_from_millis(at)?, worker: WorkerId(worker), paths })
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct DeedV1<'a> {
    at: i64,
    #[serde(borrow)]
    who: Option<Text<'a>>,
    role: Option<u8>,
    from: Option<IpAddr>,
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    target: Text<'a>,
    #[serde(borrow)]
    detail: Text<'a>,
    status: Option<u16>,
}

impl Record for Deed {
    type Layout<'a> = DeedV1<'a>;
    const VERSION: u8 = 1;
    const WHAT: &'static str = "what somebody did";

    fn to_layout(&self) -> DeedV1<'_> {
        let Self { at, who, role, from, action, target, detail, status } = self;
        DeedV1 {
            at: at.as_millisecond(),
            who: who.as_deref().map(Text::from),
            role: role.map(role_byte),
            from: *from,
            action: action.as_str().into(),
            target: target.as_str().into(),
            detail: detail.as_str().into(),
            status: *status,
        }
    }

    fn from_layout(layout: DeedV1<'_>) -> Result<Self, StoreError> {
        let role = match layout.role {
            Some(byte) => Some(from_byte(byte, Role::ALL, role_byte)?),
            None => None,
        };
        Ok(Self {
            at: time_from_millis(layout.at)?,
            who: layout.who.map(Text::into_owned),
            role,
            from: layout.from,
            action: layout.action.into_owned(),
            target: layout.target.into_owned(),
            detail: layout.detail.into_owned(),
            status: layout.status,
        })
    }
}

fn role_byte(role: Role) -> u8 {
    match role {
        Role::Viewer => 1,
        Role::Admin => 2,
    }
}

/// The byte of a status in the file. Never the order of the enum, which may change.
pub(super) fn task_status_byte(status: TaskStatus) -> u8 {
    match status {
        TaskStatus::Queued => 1,
        TaskStatus::ClaimedByManager => 2,
        TaskStatus::Active => 3,
        TaskStatus::CancelRequested => 4,
        TaskStatus::SoftFailed => 5,
        TaskStatus::Failed => 6,
        TaskStatus::Completed => 7,
        TaskStatus::Canceled => 8,
        TaskStatus::Paused => 9,
    }
}

pub(super) fn what_byte(what: What) -> u8 {
    match what {
        What::Assigned => 1,
        What::Released => 2,
        What::Completed => 3,
        What::SoftFailed => 4,
        What::Failed => 5,
        What::CancelRequested => 6,
        What::Canceled => 7,
        What::Paused => 8,
        What::Requeued => 9,
    }
}

pub(super) fn job_wish_byte(wish: JobWish) -> u8 {
    match wish {
        JobWish::Run => 1,
        JobWish::Pause => 2,
        JobWish::Cancel => 3,
        JobWish::Fail => 4,
        JobWish::Delete => 5,
        JobWish::Requeue => 6,
        JobWish::RequeueFailed => 7,
    }
}

pub(super) fn worker_status_byte(status: WorkerStatus) -> u8 {
    match status {
        WorkerStatus::Starting => 1,
        WorkerStatus::Awake => 2,
        WorkerStatus::Asleep => 3,
        WorkerStatus::Error => 4,
        WorkerStatus::Testing => 5,
        WorkerStatus::Offline => 6,
        WorkerStatus::Timeout => 7,
        WorkerStatus::Shutdown => 8,
    }
}

fn tags(names: Vec<String>) -> Result<Tags, StoreError> {
    Tags::try_from(names).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn from_byte<T: Copy, const N: usize>(byte: u8, all: [T; N], byte_of: fn(T) -> u8) -> Result<T, StoreError> {
    all.into_iter()
        .find(|value| byte_of(*value) == byte)
        .ok_or_else(|| StoreError::Corrupt(format!("{byte} stands for no status")))
}
