//! What the Flamenco Server must hear: entries of its queue, written in the transaction of what happened
//! (`server-protocol.md`, section 1.4, "Updates made by the Manager itself").

use std::sync::Arc;

use super::identity::Identities;
use crate::{
    domain::{
        job::MANAGER_LOCAL,
        task::{Task, TaskStatus},
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

    /// Is there anybody to tell?
    pub fn has_server(&self) -> bool {
        self.has_server
    }

    /// Tells the Server, unless there is none or the task is none of its business.
    pub fn tell(&self, tx: &mut WriteTx<'_>, task: &Task, news: News) -> Result<(), StoreError> {
        if !self.has_server || tx.job(task.job)?.is_some_and(|job| job.job_type == MANAGER_LOCAL) {
            return Ok(());
        }
        let News { status, activity, log_tail, worker, failed_by } = news;
        tx.push_update(&TaskUpdate {
            id: self.identities.next(tx.now()),
            task: task.id,
            status,
            received: tx.now(),
            activity,
            progress: task.progress,
            log_tail,
            worker,
            failed_by: if failed_by { task.failed_by.clone() } else { Vec::new() },
            timing: task.timing.clone(),
        })
    }
}
