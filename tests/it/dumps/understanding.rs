//! Documents with anything at all in their fields: each is understood or refused, and nothing in it is lost.

use bson::{Bson, Document, RawDocumentBuf, doc};
use flamenco_manager::import::{
    Refusal,
    loader::{Extra, Item},
    mongodb::{COLLECTIONS, Reader},
};
use jiff::Timestamp;
use proptest::prelude::*;

use super::{id, round_trips::value};

/// A document of each collection, with all its fields.
fn sound(collection: &str) -> Document {
    let workers = [doc! { "id": id(8), "identifier": "w" }];
    let timing = doc! { "timing": { "total": 1.5 } };
    let time = bson::DateTime::from_millis(1_550_000_000_000);
    match collection {
        "flamenco_tasks" => doc! {
            "_id": id(1), "_etag": "e", "job": id(2), "manager": id(3), "project": id(4), "user": id(5), "name": "t",
            "status": "queued", "priority": 50, "job_priority": 50, "job_type": "j", "task_type": "t", "activity": "a",
            "commands": [{ "name": "echo", "settings": { "message": "hello" } }], "parents": [id(6)], "worker": "w",
            "failed_by_workers": workers.to_vec(), "metrics": timing, "worker_id": id(8), "last_worker_ping": time,
            "last_updated": time, "log": "l",
        },
        "flamenco_workers" => doc! {
            "_id": id(8), "hashed_secret": "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "nickname": "w",
            "address": "a", "status": "awake", "platform": "linux", "current_task": id(1), "last_activity": time,
            "supported_task_types": ["t"], "supported_job_types": ["t"], "software": "s", "status_requested": "asleep",
            "lazy_status_request": true, "blacklist": [],
            "sleep_schedule": { "schedule_active": true, "start": { "time": "09:00" }, "next_check": time },
        },
        "worker_blacklist" => {
            doc! { "_id": id(7), "_created": time, "worker_id": id(8), "job_id": id(2), "task_type": "t" }
        }
        "task_update_queue" => doc! {
            "_id": id(9), "task_id": id(1), "task_status": "failed", "received_on_manager": time, "activity": "a",
            "task_progress_percentage": 1, "current_command_idx": 1, "command_progress_percentage": 1, "log": "l",
            "log_tail": "l", "worker": "w", "failed_by_workers": workers.to_vec(), "metrics": timing,
        },
        _ => doc! { "_id": id(10), "depsgraph_last_modified": "then" },
    }
}

fn extra_of(item: Item) -> Extra {
    match item {
        Item::Task(task) => task.extra,
        Item::Worker { extra, .. }
        | Item::BlacklistLine { extra, .. }
        | Item::Update { extra, .. }
        | Item::Settings { extra, .. }
        | Item::Extra { extra, .. } => extra,
        Item::Job { .. } | Item::Memory(_) => Extra::new(),
    }
}

proptest! {
    #[test]
    fn whatever_a_field_holds_the_document_is_taken_or_refused(
        collection in proptest::sample::select(COLLECTIONS.to_vec()),
        field: proptest::sample::Index,
        value in value(),
        unknown in value(),
        has_server: bool,
    ) {
        let reader = Reader { has_server, now: Timestamp::UNIX_EPOCH };
        let mut document = sound(collection);
        let understand = |document: &Document| {
            reader.understand(collection, &RawDocumentBuf::try_from(document).unwrap())
        };
        prop_assert!(understand(&document).is_ok());
        let has_value = !matches!(unknown, Bson::Null | Bson::Undefined);
        document.insert("unknown", unknown);
        let extra = extra_of(understand(&document).unwrap());
        prop_assert_eq!(extra.contains_key("unknown"), has_value);

        let name = document.keys().nth(field.index(document.len())).unwrap().clone();
        document.insert(&name, value);
        if let Err(refusal) = understand(&document) {
            let Refusal::Because(reason) = refusal else { panic!("{refusal:?}") };
            prop_assert!(!reason.is_empty());
        }
    }
}
