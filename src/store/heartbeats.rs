//! Signs of life of workers. They come with every call and are worth little, so they are kept in memory and
//! written now and then; what a crash forgets, `startup_grace` covers.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use super::{
    StoreError,
    keys::{Key, time_bytes},
    schema::Table,
    tx::WriteTx,
};
use crate::domain::ids::{TaskId, WorkerId};

/// Signs of life that are newer than the database.
#[derive(Default)]
pub struct Heartbeats {
    beats: Mutex<Beats>,
}

/// A set of signs of life.
#[derive(Debug, Clone, Default)]
pub struct Beats {
    workers: HashMap<WorkerId, Timestamp>,
    tasks: HashMap<(WorkerId, TaskId), Timestamp>,
}

impl Heartbeats {
    /// The worker was heard of.
    pub fn worker(&self, worker: WorkerId, now: Timestamp) {
        self.lock().workers.insert(worker, now);
    }

    /// The worker was heard of, and it has the task in its hands.
    pub fn task(&self, worker: WorkerId, task: TaskId, now: Timestamp) {
        let mut beats = self.lock();
        beats.workers.insert(worker, now);
        beats.tasks.insert((worker, task), now);
    }

    /// The worker has the task no longer: what there was of it is not worth writing.
    pub fn task_ended(&self, worker: WorkerId, task: TaskId) {
        self.lock().tasks.remove(&(worker, task));
    }

    /// When the worker was last heard of, if that is not in the database yet.
    pub fn of_worker(&self, worker: WorkerId) -> Option<Timestamp> {
        self.lock().workers.get(&worker).copied()
    }

    /// When the task was last known to be in the worker's hands, if that is not in the database yet.
    pub fn of_task(&self, worker: WorkerId, task: TaskId) -> Option<Timestamp> {
        self.lock().tasks.get(&(worker, task)).copied()
    }

    /// All that is not in the database yet.
    pub fn all(&self) -> Beats {
        self.lock().clone()
    }

    /// Forgets `written`, but for what has become newer since.
    pub fn forget(&self, written: &Beats) {
        let mut beats = self.lock();
        beats.workers.retain(|worker, at| written.workers.get(worker) != Some(at));
        beats.tasks.retain(|task, at| written.tasks.get(task) != Some(at));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beats {
    /// Is there nothing to write?
    pub fn is_empty(&self) -> bool {
        self.workers.is_empty() && self.tasks.is_empty()
    }
}

impl WriteTx<'_> {
    /// Writes signs of life. Those of workers that are gone, and of tasks that are no longer in their hands,
    /// are passed over.
    pub fn put_beats(&mut self, beats: &Beats) -> Result<(), StoreError> {
        for (worker, at) in &beats.workers {
            let key = Key::new().worker(*worker);
            if self.get(Table::Workers, &key)?.is_some() {
                self.insert(Table::WorkersSeen, &key, &time_bytes(*at))?;
            }
        }
        for ((worker, task), at) in &beats.tasks {
            let key = Key::new().worker(*worker).task(*task);
            if self.get(Table::InHand, &key)?.is_some() {
                self.insert(Table::InHand, &key, &time_bytes(*at))?;
            }
        }
        Ok(())
    }
}
