//! The queue of updates for the Flamenco Server is emptied, and what the Server wishes in return is kept
//! (`server-protocol.md`, section 1.4).

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use super::{Error, Services, server_tasks::cancel_listed};
use crate::{
    domain::{
        breath::BREATH,
        ids::{JobId, TaskId},
        task_update::{SetAside, TaskUpdate},
    },
    store::{LogRequest, Queued, ReadTx, StoreError},
};

/// As many tasks are cancelled in one transaction.
const STEP: usize = 500;

/// As many updates leave the queue in one transaction. Workers wait for it to end: it must be short.
const LEAVING: usize = 300;

/// What waits for the Server, and since when.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerQueues {
    /// Updates that it has yet to hear.
    pub updates: u64,
    /// When the oldest of them happened.
    pub oldest_update: Option<Timestamp>,
    /// Updates that it would not take.
    pub set_aside: u64,
    /// The last of these.
    pub last_set_aside: Option<SetAside>,
    /// Logs that it wants.
    pub wanted_logs: u64,
    /// Since when it has wanted the oldest of them.
    pub oldest_wanted_log: Option<Timestamp>,
    /// Tasks that it has to be asked about once more.
    pub ask_again: u64,
}

/// What the Server said to a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushOutcome {
    /// The updates that it took, each with its place in the queue.
    pub taken: Vec<(u64, [u8; 12])>,
    /// The tasks that it wants cancelled.
    pub cancel: Vec<TaskId>,
    /// The logs that it wants.
    pub wanted_logs: Vec<(JobId, TaskId)>,
}

impl Services {
    /// The updates from a place in the queue on that the Server has to hear next but those of the tasks in `except`, each
    /// with its place.
    pub fn oldest_updates(
        &self,
        from: u64,
        limit: usize,
        except: &HashSet<TaskId>,
    ) -> Result<Vec<Queued>, Error> {
        self.store.read(self.now(), |tx| Ok(tx.oldest_updates(from, limit, except)?))
    }

    /// Keeps what the Server said: its wishes, and what it took leaves the queue in steps, between which workers are
    /// served. If that breaks off, the Server hears the rest once more, and says so again.
    pub async fn pushed(&self, outcome: PushOutcome) -> Result<(), Error> {
        let patience = self.policy.cancel_patience;
        let PushOutcome { taken, cancel, wanted_logs } = outcome;
        let (first, rest) = taken.split_at(taken.len().min(LEAVING));
        self.leave_queue(first, wanted_logs).await?;
        for step in rest.chunks(LEAVING) {
            tokio::time::sleep(BREATH).await;
            self.leave_queue(step, Vec::new()).await?;
        }
        for listed in cancel.chunks(STEP) {
            let (news, listed) = (self.news.clone(), listed.to_vec());
            let notes = self.store.write(self.now(), move |tx| cancel_listed(tx, &news, &listed, patience));
            self.write_notes(notes.await?);
        }
        Ok(())
    }

    async fn leave_queue(
        &self,
        taken: &[(u64, [u8; 12])],
        wanted_logs: Vec<(JobId, TaskId)>,
    ) -> Result<(), Error> {
        let taken = taken.to_vec();
        self.store
            .write(self.now(), move |tx| {
                tx.take_updates(&taken)?;
                Ok(wanted_logs.iter().try_for_each(|(job, task)| tx.put_log_request(*job, *task))?)
            })
            .await
    }

    /// Puts updates aside that the Server will not take, so that they do not keep others waiting.
    pub async fn set_aside(&self, refused: Vec<(u64, TaskUpdate)>, reason: String) -> Result<(), Error> {
        let why = reason.clone();
        let tasks = self.store.write(self.now(), move |tx| {
            let mut tasks = Vec::new();
            for (place, update) in &refused {
                if let Some(update) = tx.take_update(*place, update.id)? {
                    tasks.push(update.task);
                    tx.put_aside(&SetAside { update, reason: why.clone(), at: tx.now() })?;
                }
            }
            Ok::<_, Error>(tasks)
        });
        for task in tasks.await? {
            tracing::error!(
                %task,
                reason,
                "the Flamenco Server does not take an update of a task, however often it is sent; it was set aside, \
                 and the Server may show an older state of this task"
            );
        }
        Ok(())
    }

    /// The log that the Server has wanted for longest.
    pub fn oldest_log_request(&self) -> Result<Option<LogRequest>, Error> {
        self.store.read(self.now(), |tx| Ok(tx.oldest_log_request()?))
    }

    /// The Server has this log, or no longer wants it.
    pub async fn log_sent(&self, request: LogRequest) -> Result<(), Error> {
        let LogRequest { job, task, .. } = request;
        self.store.write(self.now(), move |tx| Ok(tx.forget_log_request(job, task)?)).await
    }

    /// The Server does not take this log now: others come first.
    pub async fn log_refused(&self, request: LogRequest) -> Result<(), Error> {
        let LogRequest { job, task, .. } = request;
        self.store.write(self.now(), move |tx| Ok(tx.postpone_log_request(job, task)?)).await
    }

    /// How many workers are registered, and what task types they support.
    pub fn workers_in_brief(&self) -> Result<(usize, BTreeSet<String>), Error> {
        self.store.read(self.now(), |tx| {
            let workers = tx.workers()?;
            let types = workers.iter().flat_map(|worker| worker.supported_task_types.iter().cloned());
            Ok((workers.len(), types.collect()))
        })
    }
}

/// What waits for the Server.
pub(super) fn server_queues(tx: &ReadTx) -> Result<ServerQueues, StoreError> {
    Ok(ServerQueues {
        updates: tx.count_updates()?,
        oldest_update: tx.oldest_update_since()?,
        set_aside: tx.count_set_aside()?,
        last_set_aside: tx.last_set_aside()?,
        wanted_logs: tx.count_log_requests()?,
        oldest_wanted_log: tx.oldest_log_request()?.map(|request| request.since),
        ask_again: tx.count_ask_again()?,
    })
}
