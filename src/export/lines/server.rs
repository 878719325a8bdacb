//! What there is to be said to the Flamenco Server, in its words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FailedBy, Metrics, hex};
use crate::{
    domain::{
        ids::{JobId, TaskId},
        task::{Progress, TaskStatus},
        task_update,
    },
    store::LogRequest,
};

/// An update that the Server has yet to hear.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskUpdate {
    #[serde(rename = "_id", with = "hex")]
    id: [u8; 12],
    task_id: TaskId,
    task_status: Option<TaskStatus>,
    /// When the Manager learnt of it.
    received_on_manager: Timestamp,
    activity: String,
    task_progress_percentage: i32,
    current_command_idx: i32,
    command_progress_percentage: i32,
    /// The last lines of the log.
    log: String,
    worker: String,
    failed_by_workers: Vec<FailedBy>,
    metrics: Metrics,
}

impl From<task_update::TaskUpdate> for TaskUpdate {
    fn from(update: task_update::TaskUpdate) -> Self {
        let task_update::TaskUpdate {
            id,
            task,
            status,
            received,
            activity,
            progress: Progress { task_percentage, command_index, command_percentage },
            log_tail,
            worker,
            failed_by,
            timing,
        } = update;
        Self {
            id,
            task_id: task,
            task_status: status,
            received_on_manager: received,
            activity,
            task_progress_percentage: task_percentage,
            current_command_idx: command_index,
            command_progress_percentage: command_percentage,
            log: log_tail,
            worker,
            failed_by_workers: failed_by.into_iter().map(FailedBy::from).collect(),
            metrics: Metrics { timing },
        }
    }
}

impl From<TaskUpdate> for task_update::TaskUpdate {
    fn from(update: TaskUpdate) -> Self {
        Self {
            id: update.id,
            task: update.task_id,
            status: update.task_status,
            received: update.received_on_manager,
            activity: update.activity,
            progress: Progress {
                task_percentage: update.task_progress_percentage,
                command_index: update.current_command_idx,
                command_percentage: update.command_progress_percentage,
            },
            log_tail: update.log,
            worker: update.worker,
            failed_by: update.failed_by_workers.into_iter().map(Into::into).collect(),
            timing: update.metrics.timing,
        }
    }
}

/// An update that the Server would not take.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAside {
    update: TaskUpdate,
    /// What the Server said.
    reason: String,
    /// When the Manager gave up.
    at: Timestamp,
}

impl From<task_update::SetAside> for SetAside {
    fn from(task_update::SetAside { update, reason, at }: task_update::SetAside) -> Self {
        Self { update: update.into(), reason, at }
    }
}

impl From<SetAside> for task_update::SetAside {
    fn from(SetAside { update, reason, at }: SetAside) -> Self {
        Self { update: update.into(), reason, at }
    }
}

/// A task that the Server has to be asked about once more.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskAgain {
    /// The task.
    pub task: TaskId,
}

/// A log that the Server wants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedLog {
    job: JobId,
    task: TaskId,
    since: Timestamp,
}

impl From<LogRequest> for WantedLog {
    fn from(LogRequest { job, task, since }: LogRequest) -> Self {
        Self { job, task, since }
    }
}

impl From<WantedLog> for LogRequest {
    fn from(WantedLog { job, task, since }: WantedLog) -> Self {
        Self { job, task, since }
    }
}
