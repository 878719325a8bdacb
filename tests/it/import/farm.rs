//! A farm as Flamenco Manager 2.7 keeps it in its MongoDB.

use std::path::Path;

use bson::{Bson, Document, doc, oid::ObjectId};
use jiff::Timestamp;

use crate::kit::dump::{Database, Zip};

/// The secret of the worker, and what 2.x keeps of it.
pub const SECRET: &str = "an old secret of 64 characters, or nearly so many";

/// The ID that stands for this number.
pub fn id(number: u32) -> ObjectId {
    let [a, b, c, d] = number.to_be_bytes();
    // Made in March 2019.
    ObjectId::from_bytes([0x5c, 0x7d, 0, 0, 0, 0, 0, 0, a, b, c, d])
}

pub fn hex(number: u32) -> String {
    id(number).to_hex()
}

pub fn time(text: &str) -> bson::DateTime {
    bson::DateTime::from_millis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

pub const JOB: u32 = 1;
pub const ACTIVE: u32 = 10;
pub const WAITING: u32 = 11;
pub const BEHIND: u32 = 12;
pub const DONE: u32 = 13;
pub const FAILED: u32 = 14;
pub const LOST: u32 = 15;
pub const WORKER: u32 = 20;
pub const SLEEPER: u32 = 21;
pub const STRANGER: u32 = 22;

/// The collections of a farm.
#[derive(Clone)]
pub struct Farm {
    pub tasks: Vec<Document>,
    pub workers: Vec<Document>,
    pub blacklist: Vec<Document>,
    pub updates: Vec<Document>,
    pub settings: Vec<Document>,
    pub others: Vec<(String, Vec<Document>)>,
}

/// A task of the job.
pub fn task(number: u32, status: &str) -> Document {
    doc! {
        "_id": id(number), "_etag": format!("etag {number}"), "job": id(JOB), "manager": id(2), "project": id(3),
        "user": id(4), "name": format!("task {number}"), "status": status, "priority": 50_i64, "job_priority": 60_i64,
        "job_type": "sleep", "task_type": "sleep",
        "commands": [{ "name": "sleep", "settings": { "time_in_seconds": 3.0 } }],
        "last_updated": time("2026-03-01T10:00:00Z"),
    }
}

/// A worker that does what the tasks are.
pub fn worker(number: u32, status: &str) -> Document {
    let hash = bcrypt::hash(SECRET, 4).unwrap().replacen("$2b$", "$2a$", 1);
    doc! {
        "_id": id(number),
        "hashed_secret": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: hash.into_bytes() },
        "nickname": format!("render{number}"), "address": "10.0.0.7", "status": status, "platform": "linux",
        "time_cost": 0, "last_activity": time("2026-03-01T10:00:05Z"), "supported_task_types": ["sleep"],
        "software": "Flamenco-Worker/2.5", "status_requested": "", "lazy_status_request": false,
        "sleep_schedule": { "schedule_active": false }, "blacklist": Bson::Null,
    }
}

impl Farm {
    /// A job of six tasks, of which a worker has one, and another one was lost with its worker.
    pub fn new() -> Self {
        let mut tasks: Vec<_> = [
            (ACTIVE, "active"),
            (WAITING, "queued"),
            (BEHIND, "queued"),
            (DONE, "completed"),
            (FAILED, "soft-failed"),
            (LOST, "active"),
        ]
        .map(|(number, status)| task(number, status))
        .to_vec();
        for (place, worker) in [(0, WORKER), (5, STRANGER)] {
            tasks[place].insert("worker_id", id(worker));
            tasks[place].insert("worker", "10.0.0.7 (render20)");
            tasks[place].insert("last_worker_ping", time("2026-03-01T10:00:05Z"));
        }
        tasks[2].insert("parents", vec![id(ACTIVE), id(DONE)]);
        let failed_by = [SLEEPER, STRANGER].map(|by| doc! { "id": id(by), "identifier": "10.0.0.8 (other)" });
        tasks[4].insert("failed_by_workers", failed_by.to_vec());
        let mut workers = [worker(WORKER, "awake"), worker(SLEEPER, "asleep")].to_vec();
        workers[0].insert("current_task", id(ACTIVE));
        workers[1].insert("current_task", id(99));
        let schedule = doc! { "schedule_active": true, "days_of_week": "mo tu", "start": { "time": "09:00" },
        "end": { "time": "17:00" } };
        workers[1].insert("sleep_schedule", schedule);
        let line = |number: u32, worker: u32| {
            doc! { "_id": id(number), "_created": time("2026-03-01T09:00:00Z"), "worker_id": id(worker),
            "job_id": id(JOB), "task_type": "sleep" }
        };
        let update = |number: u32, task: u32, status: &str| {
            doc! { "_id": id(number), "task_id": id(task), "task_status": status,
            "received_on_manager": time("2026-03-01T10:00:00Z"), "task_progress_percentage": 0_i64,
            "current_command_idx": 0_i64, "command_progress_percentage": 0_i64, "worker": "" }
        };
        Self {
            tasks,
            workers,
            blacklist: vec![line(40, SLEEPER), line(41, STRANGER)],
            updates: vec![
                update(52, ACTIVE, "active"),
                update(50, DONE, "completed"),
                update(51, 99, "canceled"),
            ],
            settings: vec![
                doc! { "_id": id(60), "depsgraph_last_modified": "Sun, 01 Mar 2026 10:00:00 GMT" },
            ],
            others: Vec::new(),
        }
    }

    pub fn database(&self) -> Database {
        let mut collections = vec![
            ("flamenco_tasks".to_owned(), self.tasks.clone()),
            ("flamenco_workers".to_owned(), self.workers.clone()),
            ("worker_blacklist".to_owned(), self.blacklist.clone()),
            ("task_update_queue".to_owned(), self.updates.clone()),
            ("settings".to_owned(), self.settings.clone()),
        ];
        collections.extend(self.others.iter().cloned());
        Database { name: "flamanager".into(), collections }
    }

    /// As `mongodump` writes it into this folder.
    pub fn dump_to(&self, folder: &Path) {
        let _before = std::fs::remove_dir_all(folder);
        self.database().dump_to(folder, Zip::Plain);
    }
}
