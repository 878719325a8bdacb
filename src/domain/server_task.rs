//! A task as the Flamenco Server describes it (`server-protocol.md`, section 1.2).

use super::{
    ids::{JobId, TaskId},
    task::{FailedBy, TaskStatus},
};

/// The Server's view of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTask {
    /// Its identity.
    pub id: TaskId,
    /// The job it is part of.
    pub job: JobId,
    /// The version of this view, to be compared as text and nothing else.
    pub etag: String,
    /// What people call it.
    pub name: String,
    /// Where the Server thinks that it stands.
    pub status: TaskStatus,
    /// Importance within its job.
    pub priority: i32,
    /// Importance of its job.
    pub job_priority: i32,
    /// What kind of job it is part of.
    pub job_type: String,
    /// What a worker must support to be given it.
    pub task_type: String,
    /// The commands: a JSON list as text, number for number as the Server wrote it.
    pub commands: String,
    /// Tasks that have to be completed first.
    pub parents: Vec<TaskId>,
    /// One line about what is going on.
    pub activity: String,
    /// Who failed it.
    pub failed_by: Vec<FailedBy>,
}
