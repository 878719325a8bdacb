//! What the Flamenco Server must hear about a task (`server-protocol.md`, section 1.4).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    ids::TaskId,
    task::{FailedBy, Progress, TaskStatus},
};

/// One entry of the queue to the Server.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskUpdate {
    /// Its own identity, by which the Server says that it has taken it.
    pub id: [u8; 12],
    /// The task it is about.
    pub task: TaskId,
    /// The new status, if that is the news.
    pub status: Option<TaskStatus>,
    /// When the Manager learnt of it.
    pub received: Timestamp,
    /// One line on what goes on; empty says nothing.
    pub activity: String,
    /// How far the task is.
    pub progress: Progress,
    /// The last lines of the log; empty says nothing.
    pub log_tail: String,
    /// The worker, as people know it; `-` takes the worker off the task, empty says nothing.
    pub worker: String,
    /// Everybody who failed the task; empty says nothing.
    pub failed_by: Vec<FailedBy>,
    /// Seconds by phase of the work; empty says nothing.
    pub timing: BTreeMap<String, f64>,
}

/// An update that the Server would not take, however often it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct SetAside {
    /// The update.
    pub update: TaskUpdate,
    /// What the Server said.
    pub reason: String,
    /// When the Manager gave up.
    pub at: Timestamp,
}
