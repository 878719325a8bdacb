//! What the Flamenco Server must hear: entries of its queue, written in the transaction of what happened
//! (`server-protocol.md`, section 1.4, "Updates made by the Manager itself").

use std::sync::Arc;

use super::identity::Identities;
use crate::{
    domain::{
        ids::TaskId,
        task::{Progress, Task, TaskStatus},
        task_update::TaskUpdate,
    },
    store::{StoreError, WriteTx},
};

/// Writes to the queue, if there is a Server that reads it.
#[derive(Clone)]
pub(super) struct ServerNews {
    has_server: bool,
    identities: Arc<Identities>,
}

/// What is new about a task.
#[derive(Debug, Clone, Default)]
pub(super) struct News {
    pub status: Option<TaskStatus>,
    pub activity: String,
    pub log_tail: String,
    pub worker: String,
    pub failed_by: bool,
}

impl ServerNews {
    pub fn new(has_server: bool, identities: Arc<Identities>) -> Self {
        Self { has_server, identities }
    }

    /// Is there a Server?
    pub fn has_server(&self) -> bool {
        self.has_server
    }

    /// Does the Server know this task, so that it has to hear of it? Jobs that were submitted here and test renders
    /// are none of its business.
    pub fn is_wanted_of(&self, task: &Task) -> bool {
        self.has_server && task.etag.is_some()
    }

    /// Tells the Server, if it knows the task.
    pub fn tell(&self, tx: &mut WriteTx<'_>, task: &Task, news: News) -> Result<(), StoreError> {
        if !self.is_wanted_of(task) {
            return Ok(());
        }
        let failed_by = if news.failed_by { task.failed_by.clone() } else { Vec::new() };
        let News { status, activity, log_tail, worker, failed_by: _ } = news;
        tx.push_update(&TaskUpdate {
            progress: task.progress,
            failed_by,
            timing: task.timing.clone(),
            activity,
            log_tail,
            worker,
            ..self.update(tx, task.id, status)
        })
    }

    /// Tells the Server of a task that it knows and the Manager does not.
    pub fn tell_of_stranger(&self, tx: &mut WriteTx<'_>, task: TaskId, news: News) -> Result<(), StoreError> {
        let News { status, activity, log_tail, worker, failed_by: _ } = news;
        tx.push_update(&TaskUpdate { activity, log_tail, worker, ..self.update(tx, task, status) })
    }

    fn update(&self, tx: &WriteTx<'_>, task: TaskId, status: Option<TaskStatus>) -> TaskUpdate {
        TaskUpdate {
            id: self.identities.next(tx.now()),
            task,
            status,
            received: tx.now(),
            activity: String::new(),
            progress: Progress::default(),
            log_tail: String::new(),
            worker: String::new(),
            failed_by: Vec::new(),
            timing: std::collections::BTreeMap::new(),
        }
    }
}
