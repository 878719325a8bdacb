//! What the Server is told, and what it says to task updates, as JSON.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::domain::{
    ids::{JobId, TaskId},
    task::TaskStatus,
    task_update::TaskUpdate,
    variables::Variables,
};

/// What the Server must know of the Manager (`server-protocol.md`, section 1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// Where browsers and workers find the Manager; ends in a slash.
    pub manager_url: String,
    /// All configured variables.
    pub variables: Variables,
    /// How many workers the Manager knows, whatever their status.
    pub nr_of_workers: usize,
    /// Every task type that one of them supports, once.
    pub worker_task_types: Vec<String>,
}

impl Notification {
    /// As JSON, with the mark of the version that it is written in.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Meta {
            version: u32,
        }
        #[derive(Serialize)]
        struct Marked<'a> {
            #[serde(rename = "_meta")]
            meta: Meta,
            #[serde(flatten)]
            notification: &'a Notification,
        }
        serde_json::to_vec(&Marked { meta: Meta { version: 2 }, notification: self })
    }
}

/// An answer to a batch of updates (`server-protocol.md`, section 1.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushAnswer {
    /// The updates that the Server is done with, by their own IDs.
    pub handled: Vec<[u8; 12]>,
    /// All tasks that the Server wants cancelled, whether it has said so before or not.
    pub cancel: Vec<TaskId>,
    /// Tasks whose logs the Server wants.
    pub wanted_logs: Vec<(JobId, TaskId)>,
}

/// A worker that failed a task. The Server keeps the ID as text.
#[derive(Serialize, Deserialize)]
pub(super) struct FailedByDocument {
    /// The worker's ID.
    pub id: String,
    /// Its address and nickname.
    pub identifier: Option<String>,
}

/// Reads an ID. One that is malformed is logged and is nothing.
pub(super) fn read_id<T: FromStr>(what: &str, text: &str) -> Option<T> {
    let id = text.parse().ok();
    if id.is_none() {
        tracing::warn!(id = text, "the Flamenco Server sent a malformed ID of {what}; it is left out");
    }
    id
}

#[derive(Serialize)]
struct UpdateDocument<'a> {
    /// An ID of its own, in the same form.
    #[serde(rename = "_id")]
    id: TaskId,
    task_id: TaskId,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_status: Option<&'static str>,
    received_on_manager: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    activity: &'a str,
    task_progress_percentage: i32,
    /// What the genuine Manager sends; the Server reads the other one.
    current_command_idx: i32,
    current_command_index: i32,
    command_progress_percentage: i32,
    #[serde(skip_serializing_if = "str::is_empty")]
    log_tail: &'a str,
    worker: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_by_workers: Vec<FailedByDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Metrics<'a>>,
}

#[derive(Serialize)]
struct Metrics<'a> {
    timing: &'a BTreeMap<String, f64>,
}

impl<'a> From<&'a TaskUpdate> for UpdateDocument<'a> {
    fn from(update: &'a TaskUpdate) -> Self {
        let TaskUpdate {
            id,
            task,
            status,
            received,
            activity,
            progress,
            log_tail,
            worker,
            failed_by,
            timing,
        } = update;
        let failed_by = failed_by
            .iter()
            .map(|by| FailedByDocument { id: by.id.to_string(), identifier: Some(by.identifier.clone()) });
        Self {
            id: TaskId(*id),
            task_id: *task,
            task_status: status.map(TaskStatus::as_str),
            received_on_manager: format!("{received:.3}"),
            activity,
            task_progress_percentage: progress.task_percentage,
            current_command_idx: progress.command_index,
            current_command_index: progress.command_index,
            command_progress_percentage: progress.command_percentage,
            log_tail,
            worker,
            failed_by_workers: failed_by.collect(),
            metrics: (!timing.is_empty()).then_some(Metrics { timing }),
        }
    }
}

/// Updates in the form in which they are sent. Writing thousands of them takes a while: it is for a thread on which
/// nobody waits.
#[derive(Debug, Default)]
pub struct Batch(Vec<u8>);

impl Batch {
    /// Adds an update behind the others.
    pub fn add(&mut self, update: &TaskUpdate) {
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(&mut self.0, &UpdateDocument::from(update))
            .expect("texts and numbers can always be written as JSON");
    }

    /// All of them, as a JSON list.
    pub(super) fn into_json(mut self) -> Vec<u8> {
        if self.0.is_empty() {
            self.0.push(b'[');
        }
        self.0.push(b']');
        self.0
    }
}

/// Reads the answer to a batch. IDs that are none are logged and left out.
pub(super) fn read_push_answer(json: &[u8]) -> serde_json::Result<PushAnswer> {
    #[derive(Deserialize)]
    struct Wanted {
        job: String,
        task: String,
    }
    #[derive(Deserialize)]
    struct PushDocument {
        handled_update_ids: Option<Vec<String>>,
        cancel_task_ids: Option<Vec<String>>,
        upload_task_file_queue: Option<Vec<Wanted>>,
    }
    let document: PushDocument = serde_json::from_slice(json)?;
    let handled = document.handled_update_ids.unwrap_or_default();
    let cancel = document.cancel_task_ids.unwrap_or_default();
    let wanted = document.upload_task_file_queue.unwrap_or_default();
    Ok(PushAnswer {
        // An ID of its own, in the same form.
        handled: handled.iter().filter_map(|id| read_id("an update", id)).map(|TaskId(id)| id).collect(),
        cancel: cancel.iter().filter_map(|id| read_id("a task to be cancelled", id)).collect(),
        wanted_logs: wanted
            .iter()
            .filter_map(|Wanted { job, task }| {
                Some((
                    read_id("a job whose log is wanted", job)?,
                    read_id("a task whose log is wanted", task)?,
                ))
            })
            .collect(),
    })
}
