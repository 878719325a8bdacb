//! Tasks as the Server describes them: reading them from its JSON (`server-protocol.md`, sections 1.2 and 4).

use jiff::{Timestamp, fmt::rfc2822, tz::Offset};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::documents::{FailedByDocument, read_id};
use crate::domain::{
    ids::{JobId, TaskId, WorkerId},
    server_task::ServerTask,
    task::{FailedBy, TaskStatus},
};

/// An answer to the question for new tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Download {
    /// Nothing is new.
    Nothing,
    /// Something is.
    Tasks {
        /// The new and changed tasks, but for those that cannot be understood.
        tasks: Vec<ServerTask>,
        /// What to say with the next question, so that only newer tasks come; opaque.
        last_updated: Option<String>,
    },
}

/// An answer to the question for one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskAnswer {
    /// The Server has the version that the Manager knows.
    Unchanged,
    /// It has another one.
    Changed(Box<ServerTask>),
    /// It has no such task any more.
    Gone,
}

/// A task as it comes; what is not named is of no interest. `null` is as good as absent.
#[derive(Deserialize)]
struct TaskDocument<'a> {
    #[serde(rename = "_id")]
    id: TaskId,
    job: JobId,
    #[serde(rename = "_etag")]
    etag: Option<String>,
    name: Option<String>,
    status: Option<String>,
    priority: Option<i64>,
    job_priority: Option<i64>,
    job_type: Option<String>,
    task_type: Option<String>,
    #[serde(borrow)]
    commands: &'a RawValue,
    parents: Option<Vec<TaskId>>,
    activity: Option<String>,
    failed_by_workers: Option<Vec<FailedByDocument>>,
}

/// What every command must have, to be handed to a worker.
#[derive(Deserialize)]
struct CommandDocument {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "settings", default)]
    _settings: Value,
}

/// Reads a task.
pub(super) fn read_task(json: &str) -> serde_json::Result<ServerTask> {
    let task: TaskDocument<'_> = serde_json::from_str(json)?;
    let commands = task.commands.get();
    // Only a look: the numbers in it must stay as they are written.
    serde_json::from_str::<Vec<CommandDocument>>(commands)?;
    let task_type = task.task_type.filter(|text| !text.is_empty());
    Ok(ServerTask {
        id: task.id,
        job: task.job,
        etag: task.etag.unwrap_or_default(),
        name: task.name.unwrap_or_default(),
        status: read_status(task.id, task.status.as_deref()),
        // The defaults of the Server's own schema (`server-protocol.md`, section 4).
        priority: narrow(task.priority.unwrap_or(0)),
        job_priority: narrow(task.job_priority.unwrap_or(50)),
        job_type: task.job_type.unwrap_or_default(),
        task_type: task_type.unwrap_or_else(|| "unknown".to_owned()),
        commands: commands.to_owned(),
        parents: task.parents.unwrap_or_default(),
        activity: task.activity.unwrap_or_default(),
        failed_by: task
            .failed_by_workers
            .unwrap_or_default()
            .into_iter()
            .filter_map(|by| {
                let id: WorkerId = read_id("a worker that failed a task", &by.id)?;
                Some(FailedBy { id, identifier: by.identifier.unwrap_or_default() })
            })
            .collect(),
    })
}

/// The nearest number that a priority can be.
fn narrow(priority: i64) -> i32 {
    let bound = if priority < 0 { i32::MIN } else { i32::MAX };
    i32::try_from(priority).unwrap_or(bound)
}

/// A status that this Manager does not know is one in which the task must not be handed out.
fn read_status(task: TaskId, text: Option<&str>) -> TaskStatus {
    let text = text.unwrap_or_default();
    text.parse().unwrap_or_else(|_| {
        if text != "under-construction" {
            tracing::warn!(%task, status = text, "the Flamenco Server gave a task an unknown status; it is held back");
        }
        TaskStatus::Paused
    })
}

/// Reads the list of new tasks; nothing if it is empty. A task that cannot be understood is logged and left out.
pub(super) fn read_depsgraph(json: &[u8]) -> serde_json::Result<Option<Vec<ServerTask>>> {
    #[derive(Deserialize)]
    struct Depsgraph<'a> {
        #[serde(borrow)]
        depsgraph: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Identified {
        #[serde(rename = "_id")]
        id: Value,
    }
    let Depsgraph { depsgraph } = serde_json::from_slice(json)?;
    if depsgraph.is_empty() {
        return Ok(None);
    }
    let read = |task: &RawValue| {
        read_task(task.get())
            .inspect_err(|error| {
                let task = serde_json::from_str(task.get()).map_or(Value::Null, |Identified { id }| id);
                tracing::warn!(%task, %error, "a task of the Flamenco Server cannot be understood; it is left out");
            })
            .ok()
    };
    Ok(Some(depsgraph.into_iter().filter_map(read).collect()))
}

/// What to ask with the next time, given `X-Flamenco-Last-Updated` and the moment at which the Server answered.
///
/// It is the first, word for word, unless that is in the Server's future: it is the newest change of a task, and some
/// of these are dated by the Manager. If its clock runs ahead, what the Server changes until then would never come
/// (`server-protocol.md`, section 1.2, "Clock skew").
pub(super) fn next_since(last_updated: &str, answered: Option<&str>) -> String {
    let newest: Option<Timestamp> = last_updated.parse().ok();
    let answered = answered.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
    match (newest, answered) {
        (Some(newest), Some(answered)) if newest > answered => {
            answered.display_with_offset(Offset::UTC).to_string()
        }
        _ => last_updated.to_owned(),
    }
}
