//! The store under test: its file format, its indices, its group commit, and what it makes of bad disks.

mod backups;
mod bulk;
mod disk;
mod faults;
mod fixtures;
mod format;
mod group_commit;
mod model;
mod self_check;
mod server;
mod watching;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Store, StoreError, WriteTx};
use crate::domain::{
    ids::{JobId, TaskId, WorkerId},
    job::Job,
    sleep::SleepSchedule,
    tags::Tags,
    task::{Progress, Task, TaskStatus},
    worker::{SecretHash, Worker, WorkerStatus},
};

/// The time of everything that happens at no particular time.
const NOW: Timestamp = Timestamp::constant(1_772_366_400, 0);

fn task_id(number: u8) -> TaskId {
    TaskId([number; 12])
}

fn job_id(number: u8) -> JobId {
    JobId([number; 12])
}

fn worker_id(number: u8) -> WorkerId {
    WorkerId([number; 12])
}

fn new_job(number: u8) -> Job {
    Job {
        id: job_id(number),
        name: format!("job {number}"),
        job_type: "custom".into(),
        settings: "{}".into(),
        metadata: "{}".into(),
        created: NOW,
        of_server: false,
        depends_on: Vec::new(),
    }
}

fn new_task(number: u8, job: u8, task_type: &str) -> Task {
    Task {
        id: task_id(number),
        job: job_id(job),
        name: format!("task {number}"),
        status: TaskStatus::Queued,
        priority: 50,
        task_type: task_type.into(),
        parents: Vec::new(),
        activity: String::new(),
        worker: String::new(),
        worker_id: None,
        failed_by: Vec::new(),
        last_worker_ping: None,
        started: None,
        last_updated: NOW,
        progress: Progress::default(),
        timing: BTreeMap::new(),
        only_for: None,
        etag: None,
    }
}

fn new_worker(number: u8, task_types: &[&str]) -> Worker {
    Worker {
        id: worker_id(number),
        secret_hash: SecretHash("hash".into()),
        nickname: format!("worker {number}"),
        address: "10.0.0.1".into(),
        platform: "linux".into(),
        software: String::new(),
        status: WorkerStatus::Awake,
        supported_task_types: task_types.iter().map(|&name| name.into()).collect(),
        requested: None,
        current_task: None,
        registered: NOW,
        sleep_schedule: SleepSchedule::default(),
        sleep_checked: NOW,
        tags: Tags::default(),
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

fn change<T: Send + 'static>(
    store: &Store,
    act: impl FnMut(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    block_on(store.write(NOW, act))
}

fn contradictions(store: &Store) -> Vec<String> {
    store.read(NOW, super::ReadTx::contradictions).unwrap()
}

/// A store in memory with a job, three tasks in a row, and two workers of which the first has the first task.
fn small_farm() -> Store {
    let store = Store::in_memory().unwrap();
    change(&store, |tx| {
        tx.insert_worker(&new_worker(1, &["sleep"]))?;
        tx.insert_worker(&new_worker(2, &["sleep"]))?;
        tx.insert_job(&new_job(1), 50)?;
        let first =
            Task { status: TaskStatus::Active, worker_id: Some(worker_id(1)), ..new_task(1, 1, "sleep") };
        tx.insert_task(&first, "[]")?;
        tx.insert_task(&Task { parents: vec![task_id(1)], ..new_task(2, 1, "sleep") }, "[]")?;
        tx.insert_task(&new_task(3, 1, "sleep"), "[]")
    })
    .unwrap();
    store
}
