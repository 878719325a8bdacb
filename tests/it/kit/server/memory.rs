//! What the fake Server knows: its jobs and tasks, as documents (`server-protocol.md`, section 4).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

/// The Manager that is served, and another one.
pub const MANAGER: &str = "5852bc5198377351f95d103e";
pub const OTHER_MANAGER: &str = "5852bc5198377351f95d103f";
const PROJECT: &str = "666666666666666666666666";
const USER: &str = "555555555555555555555555";

pub const TASK_STATUSES: [&str; 10] = [
    "under-construction",
    "paused",
    "queued",
    "claimed-by-manager",
    "completed",
    "active",
    "cancel-requested",
    "canceled",
    "failed",
    "soft-failed",
];
pub const JOB_STATUSES: [&str; 14] = [
    "waiting-for-files",
    "under-construction",
    "construction-failed",
    "paused",
    "completed",
    "active",
    "canceled",
    "cancel-requested",
    "queued",
    "requeued",
    "failed",
    "fail-requested",
    "archiving",
    "archived",
];

/// A job. How many of its tasks have which status is counted, so that a farm may be large.
pub struct JobRecord {
    pub manager: &'static str,
    pub status: &'static str,
    pub priority: i64,
    pub job_type: String,
    pub counts: BTreeMap<&'static str, usize>,
}

impl JobRecord {
    pub fn count(&self, status: &str) -> usize {
        self.counts.get(status).copied().unwrap_or_default()
    }

    pub fn size(&self) -> usize {
        self.counts.values().sum()
    }
}

/// A task: what rules and downloads are about has its own field, all else is in `more`.
#[derive(Clone)]
pub struct TaskRecord {
    pub job: String,
    pub name: String,
    pub status: &'static str,
    pub task_type: String,
    pub priority: i64,
    pub job_priority: i64,
    pub commands: Arc<Value>,
    pub parents: Vec<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub etag: String,
    pub more: Map<String, Value>,
}

/// Who makes a new etag: each way has its own form, and they are nothing but text.
#[derive(Clone, Copy)]
pub enum Etag {
    /// Eve, for a document as a whole.
    Whole,
    /// A new status.
    Status,
    /// An update by a Manager, or a priority.
    Edit,
}

#[derive(Default)]
pub struct Memory {
    pub jobs: BTreeMap<String, JobRecord>,
    pub tasks: BTreeMap<String, TaskRecord>,
    serial: u64,
}

impl Memory {
    pub fn new_id(&mut self, now: Timestamp) -> String {
        self.serial += 1;
        format!("{:08x}5e44e40000{:06x}", now.as_second(), self.serial)
    }

    pub fn new_etag(&mut self, by: Etag) -> String {
        const LETTERS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
        let (length, letters) = match by {
            Etag::Whole => (40, 16),
            Etag::Status => (32, 16),
            Etag::Edit => (43, 64),
        };
        self.serial += 1;
        let mut state = self.serial;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(LETTERS[usize::try_from((state >> 33) % letters).unwrap()])
        };
        (0..length).map(|_| letter()).collect()
    }

    pub fn add_task(&mut self, id: String, task: TaskRecord) {
        *self.jobs.get_mut(&task.job).unwrap().counts.entry(task.status).or_default() += 1;
        self.tasks.insert(id, task);
    }

    pub fn remove_task(&mut self, id: &str) {
        let task = self.tasks.remove(id).unwrap();
        *self.jobs.get_mut(&task.job).unwrap().counts.get_mut(task.status).unwrap() -= 1;
    }

    /// Gives a task a status, and nothing besides. Says which it had.
    pub fn put(&mut self, id: &str, status: &'static str) -> &'static str {
        let task = self.tasks.get_mut(id).unwrap();
        let counts = &mut self.jobs.get_mut(&task.job).unwrap().counts;
        *counts.get_mut(task.status).unwrap() -= 1;
        *counts.entry(status).or_default() += 1;
        std::mem::replace(&mut task.status, status)
    }

    /// That a task is another now. The Server keeps milliseconds.
    pub fn touch(&mut self, id: &str, now: Timestamp, by: Etag) -> &mut TaskRecord {
        let etag = self.new_etag(by);
        let task = self.tasks.get_mut(id).unwrap();
        task.updated = Timestamp::from_millisecond(now.as_millisecond()).unwrap();
        task.etag = etag;
        task
    }

    pub fn manager_of(&self, task: &TaskRecord) -> &'static str {
        self.jobs[&task.job].manager
    }

    /// The tasks of a job with such a status.
    pub fn tasks_of(&self, job: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let tasks = self.tasks.iter().filter(|(_, task)| task.job == job && wanted(task.status));
        tasks.map(|(id, _)| id.clone()).collect()
    }

    /// The tasks that the Manager is to cancel.
    pub fn to_be_cancelled(&self) -> Vec<&String> {
        let asks = |job: &JobRecord| job.manager == MANAGER && job.count("cancel-requested") > 0;
        let jobs: BTreeSet<_> = self.jobs.iter().filter(|(_, job)| asks(job)).map(|(id, _)| id).collect();
        if jobs.is_empty() {
            return Vec::new();
        }
        let asked = |task: &TaskRecord| task.status == "cancel-requested" && jobs.contains(&task.job);
        self.tasks.iter().filter(|(_, task)| asked(task)).map(|(id, _)| id).collect()
    }

    pub fn document<'a>(&'a self, id: &'a str) -> Option<Document<'a>> {
        let task = self.tasks.get(id)?;
        Some(Document { id, task, job: &self.jobs[&task.job] })
    }
}

/// A task as it is sent.
pub struct Document<'a> {
    id: &'a str,
    pub task: &'a TaskRecord,
    job: &'a JobRecord,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, task, job } = self;
        let mut map = serializer.serialize_map(None)?;
        for (key, text) in [
            ("_id", *id),
            ("_etag", &task.etag),
            ("_created", &http_date(task.created)),
            ("_updated", &http_date(task.updated)),
            ("job", &task.job),
            ("manager", job.manager),
            ("project", PROJECT),
            ("user", USER),
            ("name", &task.name),
            ("status", task.status),
            ("job_type", &job.job_type),
            ("task_type", &task.task_type),
        ] {
            map.serialize_entry(key, text)?;
        }
        map.serialize_entry("priority", &task.priority)?;
        map.serialize_entry("job_priority", &task.job_priority)?;
        map.serialize_entry("commands", &*task.commands)?;
        if !task.parents.is_empty() {
            map.serialize_entry("parents", &task.parents)?;
        }
        for (key, value) in &task.more {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// As dates stand in documents and in HTTP: whole seconds.
pub fn http_date(at: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap()
}
