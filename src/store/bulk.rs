//! Filling a file that nobody uses yet, with much at once: what is kept once is written as it comes, in any order; what
//! follows from it is computed at the end, in walks through all of it.
//!
//! The rules of what follows from what are those of the tables' own files, which do so one change at a time. The self-check
//! holds both to the same.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use jiff::Timestamp;
use redb::StorageError;

use super::{
    Store, StoreError, codec,
    dependencies::dependency_key,
    keys::{Head, Key, Parts, time_bytes},
    records::{TaskBegin, TaskRow, TaskV1},
    schema::Table,
    tx::{ReadTx, Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::{JobId, TaskId},
    job::{Job, JobState, Tally},
    task::{Task, TaskEvent, TaskStatus},
    worker::Worker,
};

/// As many rows share a transaction.
const STEP: usize = 50_000;

/// The importance of a job of which nothing is known.
const PRIORITY: i32 = 50;

/// The tables that follow from others.
const DERIVED: [Table; 7] = [
    Table::Children,
    Table::Ready,
    Table::ReadyHeads,
    Table::InHand,
    Table::Failures,
    Table::Dependents,
    Table::Counters,
];

/// What had to be put right so that everything fits together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Tasks that were in the hands of workers that are not there: they went back to the queue, or were cancelled.
    pub released: u64,
    /// Jobs that were made because there were tasks of them.
    pub jobs: u64,
    /// Workers that were at tasks that are not there.
    pub idle: u64,
}

impl Store {
    /// Changes a file that nobody else uses yet: `act` is run once, here and now, in a transaction that may be as large as
    /// wanted. What it leaves out is computed by [`Store::settle`].
    pub fn fill<T, E: From<StoreError>>(
        &self,
        now: Timestamp,
        act: impl FnOnce(&mut WriteTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let open = self.file.open.read().unwrap_or_else(PoisonError::into_inner);
        let txn = open.as_ref().ok_or(StorageError::DatabaseClosed).map_err(StoreError::from)?;
        let txn = txn.begin_write().map_err(StoreError::from)?;
        let mut tx = WriteTx::open(&txn, Arc::clone(&self.file.heartbeats))?;
        tx.at(now);
        let done = act(&mut tx)?;
        tx.write_summaries()?;
        drop(tx);
        txn.commit().map_err(StoreError::from)?;
        Ok(done)
    }

    /// Computes whatever follows from the tasks, jobs and workers that are there, anew, and puts right what does not fit
    /// together: a task in the hands of a worker that is not there goes back, a task whose job is not there gets one.
    /// `go_on` is asked time and again whether it shall go on; its error is the end.
    pub fn settle<E: From<StoreError>>(
        &self,
        now: Timestamp,
        go_on: impl Fn() -> Result<(), E>,
    ) -> Result<Settled, E> {
        let walk = Walk { store: self, now, go_on: &go_on };
        self.fill(now, |tx| tx.keep_pings())?;
        self.forget_derived()?;
        walk.forget_tallies()?;
        let settled = walk.index_tasks()?;
        walk.index_jobs()?;
        walk.index_heads()?;
        Ok(Settled { idle: walk.settle_workers()?, ..settled })
    }

    /// Empties the tables that follow from others.
    fn forget_derived(&self) -> Result<(), StoreError> {
        let open = self.file.open.read().unwrap_or_else(PoisonError::into_inner);
        let txn = open.as_ref().ok_or(StorageError::DatabaseClosed)?.begin_write()?;
        for table in DERIVED {
            txn.delete_table(table.definition())?;
        }
        // That makes them anew.
        drop(WriteTx::open(&txn, Arc::clone(&self.file.heartbeats))?);
        Ok(txn.commit()?)
    }
}

/// Walks through whole tables.
struct Walk<'a, F> {
    store: &'a Store,
    now: Timestamp,
    go_on: &'a F,
}

impl<E: From<StoreError>, F: Fn() -> Result<(), E>> Walk<'_, F> {
    /// How the tasks of a job stand is counted anew.
    fn forget_tallies(&self) -> Result<(), E> {
        self.through(Table::JobStates, |tx, _, id, state| {
            let (id, state) = (Parts(id).job()?, codec::decode::<JobState>(state)?);
            tx.put_job_state(id, JobState { tally: Tally::default(), waits_for: 0, ..state });
            Ok(())
        })
    }

    fn index_tasks(&self) -> Result<Settled, E> {
        let mut tasks = Tasks::default();
        self.through(Table::Tasks, |tx, loaded, _, row| tasks.index(tx, loaded, row))?;
        self.store.fill(self.now, |tx| {
            tasks.finish_job(tx);
            Ok::<_, StoreError>(())
        })?;
        Ok(tasks.settled)
    }

    fn index_jobs(&self) -> Result<(), E> {
        self.through(Table::Jobs, |tx, loaded, _, job| tx.index_job(loaded, &codec::decode(job)?))
    }

    fn index_heads(&self) -> Result<(), E> {
        let mut heads = Heads::default();
        self.through(Table::Ready, |tx, loaded, key, _| heads.index(tx, loaded, key))?;
        self.store.read(self.now, |loaded| self.store.fill(self.now, |tx| heads.finish_group(tx, loaded)))?;
        Ok(())
    }

    /// Returns how many workers were at tasks that are not there.
    fn settle_workers(&self) -> Result<u64, E> {
        let mut idle = 0;
        self.through(Table::Workers, |tx, loaded, _, worker| {
            idle += u64::from(tx.settle_worker(loaded, codec::decode(worker)?)?);
            Ok(())
        })?;
        Ok(idle)
    }

    /// Acts on the rows of a table one after the other, as they are now, as many in a transaction as may be.
    fn through(
        &self,
        table: Table,
        mut act: impl FnMut(&mut WriteTx<'_>, &ReadTx, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), E> {
        self.store.read(self.now, |loaded| {
            let mut rows = loaded.prefix(table, &[])?.peekable();
            while rows.peek().is_some() {
                (self.go_on)()?;
                self.store.fill(self.now, |tx| {
                    rows.by_ref().take(STEP).try_for_each(|row| {
                        let (key, value) = row?;
                        act(tx, loaded, key.value(), value.value())
                    })
                })?;
            }
            Ok(())
        })
    }
}

impl<T: Rows> Tx<T> {
    /// Is there nothing that a farm has: no task, job, worker or update?
    pub fn has_no_farm(&self) -> Result<bool, StoreError> {
        for table in [Table::Tasks, Table::Jobs, Table::Workers, Table::UpdateQueue] {
            if self.len(table)? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The highest ID that a task has.
    pub fn last_task(&self) -> Result<Option<TaskId>, StoreError> {
        let last = self.prefix(Table::Tasks, &[])?.next_back().transpose()?;
        last.map(|(key, _)| Parts(key.value()).task()).transpose()
    }
}

/// Writing what is kept once, and nothing of what follows from it.
impl WriteTx<'_> {
    /// Keeps a task with its commands, in place of the one with its ID, which is of the same job.
    pub fn load_task(&mut self, task: &Task, commands: &str) -> Result<(), StoreError> {
        // The first of these says whether it is too large. How many parents are unfinished is computed at the end.
        self.insert(Table::Tasks, &task.id.0, &codec::encode_layout::<TaskRow>(&TaskV1::of(task, 0))?)?;
        self.insert(Table::Commands, &task.id.0, commands.as_bytes())?;
        self.insert(Table::TasksByJob, &Key::new().job(task.job).task(task.id), &[])
    }

    /// Keeps a job.
    pub fn load_job(&mut self, job: &Job, state: JobState) -> Result<(), StoreError> {
        self.insert_record(Table::Jobs, &job.id.0, job)?;
        self.put_job_state(job.id, state);
        Ok(())
    }

    /// Changes how a job stands, without anything that follows from it.
    pub fn load_job_state(&mut self, job: JobId, state: JobState) {
        self.put_job_state(job, state);
    }

    /// Keeps a worker that was last heard of then.
    pub fn load_worker(&mut self, worker: &Worker, seen: Timestamp) -> Result<(), StoreError> {
        self.put_worker(worker)?;
        self.insert(Table::WorkersSeen, &worker.id.0, &time_bytes(seen))
    }

    /// Keeps the last signs of life with the tasks, because the table that has them is made anew.
    fn keep_pings(&mut self) -> Result<(), StoreError> {
        for (_, task, ping) in self.in_hand()? {
            if let Some(mut row) = self.task_row(task)?
                && row.task.last_worker_ping < Some(ping)
            {
                row.task.last_worker_ping = Some(ping);
                self.insert_record(Table::Tasks, &task.0, &row)?;
            }
        }
        Ok(())
    }

    /// Lists a job with those that it depends on.
    fn index_job(&mut self, loaded: &ReadTx, job: &Job) -> Result<(), StoreError> {
        if job.depends_on.is_empty() {
            return Ok(());
        }
        for on in &job.depends_on {
            self.insert(Table::Dependents, &dependency_key(*on, job.id), &[])?;
        }
        let waits_for = loaded.unfinished_jobs(&job.depends_on)?.len();
        let mut state = loaded.known_job_state(job.id)?;
        state.waits_for = u32::try_from(waits_for).unwrap_or(u32::MAX);
        self.put_job_state(job.id, state);
        Ok(())
    }

    /// A worker is not at a task that is not there. Returns whether that was so.
    fn settle_worker(&mut self, loaded: &ReadTx, mut worker: Worker) -> Result<bool, StoreError> {
        let Some(task) = worker.current_task else { return Ok(false) };
        if loaded.task_row(task)?.is_some() {
            return Ok(false);
        }
        worker.current_task = None;
        self.put_worker(&worker)?;
        Ok(true)
    }
}

/// The walk through all tasks. Those of a job stand mostly together.
#[derive(Default)]
struct Tasks {
    job: Option<(JobId, JobState)>,
    settled: Settled,
}

impl Tasks {
    fn index(&mut self, tx: &mut WriteTx<'_>, loaded: &ReadTx, row: &[u8]) -> Result<(), StoreError> {
        let begin: TaskBegin<'_> = codec::decode_begin::<TaskRow, _>(row)?;
        if self.job.as_ref().is_none_or(|(current, _)| *current != begin.job()) {
            self.finish_job(tx);
            self.begin_job(tx, begin.job())?;
        }
        let status = begin.status()?;
        // Most tasks of a farm are done and leave nothing to be looked up.
        if begin.is_listed_nowhere(status) {
            self.count(tx, status, false);
            return Ok(());
        }
        let mut row: TaskRow = codec::decode(row)?;
        let released = release(loaded, &mut row.task)?;
        self.settled.released += u64::from(released);
        let unfinished_parents = loaded.count_unfinished(&row.task.parents)?;
        if released || unfinished_parents != row.unfinished_parents {
            row.unfinished_parents = unfinished_parents;
            tx.insert_record(Table::Tasks, &row.task.id.0, &row)?;
        }
        index_task(tx, loaded, &row)?;
        self.count(tx, row.task.status, row.ready().is_some());
        Ok(())
    }

    fn count(&mut self, tx: &mut WriteTx<'_>, status: TaskStatus, is_ready: bool) {
        tx.count(status, 1);
        if let Some((_, state)) = &mut self.job {
            state.tally.add(status, is_ready, 1);
        }
    }

    fn begin_job(&mut self, tx: &mut WriteTx<'_>, id: JobId) -> Result<(), StoreError> {
        let state = if let Some(state) = tx.job_state(id)? {
            state
        } else {
            self.settled.jobs += 1;
            let state = JobState { priority: PRIORITY, updated: tx.now(), ..JobState::default() };
            tx.load_job(&Job::known_by_its_tasks(id, "unknown", false), state.clone())?;
            state
        };
        self.job = Some((id, state));
        Ok(())
    }

    fn finish_job(&mut self, tx: &mut WriteTx<'_>) {
        if let Some((id, state)) = self.job.take() {
            tx.put_job_state(id, state);
        }
    }
}

/// A task is not in the hands of a worker that is not there. Returns whether that was so.
fn release(loaded: &ReadTx, task: &mut Task) -> Result<bool, StoreError> {
    if !task.status.is_in_hand() {
        return Ok(false);
    }
    let has_worker = match task.worker_id {
        Some(worker) => loaded.has_worker(worker)?,
        None => false,
    };
    if has_worker {
        return Ok(false);
    }
    if let Ok(status) = task.status.after(TaskEvent::Released) {
        task.status = status;
    }
    Ok(true)
}

fn index_task(tx: &mut WriteTx<'_>, loaded: &ReadTx, row: &TaskRow) -> Result<(), StoreError> {
    let task = &row.task;
    for parent in task.parents.iter().collect::<BTreeSet<_>>() {
        tx.insert(Table::Children, &Key::new().task(*parent).task(task.id), &[])?;
    }
    if let Some(key) = row.in_hand() {
        let ping = time_bytes(task.last_worker_ping.unwrap_or(tx.now()));
        tx.insert(Table::InHand, &key, &ping)?;
    }
    for by in &task.failed_by {
        if loaded.has_worker(by.id)? {
            tx.put_failure(by.id, task.job, &task.task_type, task.id)?;
        }
    }
    match row.ready() {
        Some(ready) => tx.insert_ready_row(&ready),
        None => Ok(()),
    }
}

/// The walk through all ready tasks, which are sorted by type and job.
#[derive(Default)]
struct Heads {
    group: Option<Group>,
}

/// The ready tasks of one type of one job, of which the first is the head.
struct Group {
    task_type: String,
    job: JobId,
    priority: i32,
    task: TaskId,
    count: u64,
}

impl Heads {
    fn index(&mut self, tx: &mut WriteTx<'_>, loaded: &ReadTx, key: &[u8]) -> Result<(), StoreError> {
        let mut parts = Parts(key);
        let (task_type, job) = (parts.task_type()?, parts.job()?);
        match &mut self.group {
            Some(group) if group.job == job && group.task_type == task_type => group.count += 1,
            _ => {
                self.finish_group(tx, loaded)?;
                let (task_type, priority, task) = (task_type.to_owned(), parts.descending()?, parts.task()?);
                self.group = Some(Group { task_type, job, priority, task, count: 1 });
            }
        }
        Ok(())
    }

    fn finish_group(&mut self, tx: &mut WriteTx<'_>, loaded: &ReadTx) -> Result<(), StoreError> {
        let Some(Group { task_type, job, priority, task, count }) = self.group.take() else { return Ok(()) };
        match loaded.priority_if_running(job)? {
            Some(job_priority) => tx.put_head(&task_type, &Head { job_priority, priority, task, job }, count),
            None => Ok(()),
        }
    }
}
