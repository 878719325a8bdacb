//! Every shape of a document that a version of 2.x has written, and what is refused.

use bson::{Bson, Document, RawDocumentBuf, doc, oid::ObjectId, spec::BinarySubtype};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Reader;
use crate::{
    domain::{
        ids::made_at,
        sleep::SleepScheduleWire,
        task::TaskStatus,
        worker::{StatusRequest, WorkerStatus},
    },
    import::{
        Refusal,
        loader::{Extra, ImportedTask, Item},
    },
    store::ExtraOf,
};

const NOW: Timestamp = Timestamp::constant(1_772_366_400, 0);
const HASH: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

fn reader(has_server: bool) -> Reader {
    Reader { has_server, now: NOW }
}

fn id(number: u8) -> ObjectId {
    ObjectId::from_bytes([number; 12])
}

fn time(text: &str) -> bson::DateTime {
    bson::DateTime::from_millis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

fn understand(collection: &str, document: &Document, has_server: bool) -> Result<Item, Refusal> {
    let raw = RawDocumentBuf::try_from(document).unwrap();
    reader(has_server).understand(collection, &raw)
}

fn reason(collection: &str, document: &Document) -> String {
    match understand(collection, document, false) {
        Err(Refusal::Because(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn as_task(document: &Document, has_server: bool) -> ImportedTask {
    match understand("flamenco_tasks", document, has_server) {
        Ok(Item::Task(task)) => *task,
        other => panic!("{other:?}"),
    }
}

/// A document with these fields changed, or without those that are null.
fn with(mut document: Document, changes: Document) -> Document {
    for (name, value) in changes {
        match value {
            Bson::Null => drop(document.remove(name)),
            value => drop(document.insert(name, value)),
        }
    }
    document
}

/// A task as version 2.7 keeps it.
fn task() -> Document {
    doc! {
        "_id": id(1), "_etag": "e1", "job": id(2), "manager": id(3), "project": id(4), "user": id(5),
        "name": "render-1-10", "status": "soft-failed", "priority": 50, "job_priority": 60,
        "job_type": "blender-render", "task_type": "render",
        "commands": [{
            "name": "blender_render",
            "settings": { "frames": "1-10", "chunk": 24.0, "fps": 29.97, "deep": { "list": [1_i64, true, Bson::Null] } },
        }],
        "activity": "frame 3 failed", "parents": [id(6), id(7)], "worker": "10.0.0.7 (render7)",
        "failed_by_workers": [{ "id": id(8), "identifier": "10.0.0.7 (render7)" }],
        "metrics": { "timing": { "rendering": 12.5, "loading": 3 } },
        "worker_id": id(8), "last_worker_ping": time("2019-03-04T12:00:01Z"),
        "last_updated": time("2019-03-04T12:00:00.123Z"),
    }
}

#[test]
fn everything_that_is_known_of_a_task_comes_along() {
    let ImportedTask { task, commands, extra, job } = as_task(&task(), true);
    let job = job.unwrap();
    assert_eq!(task.id.to_string(), "01".repeat(12));
    assert_eq!(task.job.to_string(), "02".repeat(12));
    assert_eq!((task.name.as_str(), task.status, task.priority), ("render-1-10", TaskStatus::SoftFailed, 50));
    assert_eq!((task.task_type.as_str(), task.activity.as_str()), ("render", "frame 3 failed"));
    assert_eq!(task.parents.iter().map(|id| id.0[0]).collect::<Vec<_>>(), [6, 7]);
    assert_eq!((task.worker.as_str(), task.worker_id.map(|id| id.0[0])), ("10.0.0.7 (render7)", Some(8)));
    assert_eq!((task.failed_by[0].id.0[0], task.failed_by[0].identifier.as_str()), (8, "10.0.0.7 (render7)"));
    assert_eq!(
        task.timing.iter().map(|(name, took)| (name.as_str(), *took)).collect::<Vec<_>>(),
        [("loading", 3.0), ("rendering", 12.5)]
    );
    assert_eq!(task.last_updated.to_string(), "2019-03-04T12:00:00.123Z");
    assert_eq!(task.last_worker_ping.unwrap().to_string(), "2019-03-04T12:00:01Z");
    assert_eq!(task.etag.as_deref(), Some("e1"));
    assert_eq!(
        (job.job_type.as_str(), job.priority, job.paused, job.of_server),
        ("blender-render", 60, false, true)
    );
    assert_eq!(
        Value::from(job.metadata),
        json!({
            "manager": "03".repeat(12), "project": "04".repeat(12), "user": "05".repeat(12),
        })
    );
    assert_eq!(extra, Extra::new());
    assert_eq!(
        serde_json::from_str::<Value>(&commands).unwrap(),
        json!([{
            "name": "blender_render",
            "settings": {"frames": "1-10", "chunk": 24, "fps": 29.97, "deep": {"list": [1, true, null]}},
        }])
    );
    assert!(commands.contains("\"chunk\":24,"), "2.x wrote whole numbers as such: {commands}");
}

#[test]
fn without_a_server_tasks_are_the_managers_own() {
    let ImportedTask { task, extra, job, .. } = as_task(&task(), false);
    assert_eq!((task.etag, job.unwrap().of_server), (None, false));
    assert_eq!(Value::from(extra), json!({"_etag": "e1"}));
    let paused = as_task(&with(self::task(), doc! { "status": "paused" }), false);
    assert_eq!((paused.task.status, paused.job.unwrap().paused), (TaskStatus::Queued, true));
    let paused = as_task(&with(self::task(), doc! { "status": "under-construction" }), true);
    assert_eq!((paused.task.status, paused.job.unwrap().paused), (TaskStatus::Paused, false));
}

#[test]
fn a_test_render_is_none_of_the_servers_business() {
    let test = with(task(), doc! { "job_type": "manager-local", "_etag": Bson::Null });
    let ImportedTask { task, job, .. } = as_task(&test, true);
    assert_eq!((task.etag, job.unwrap().of_server), (None, false));
    let without = with(self::task(), doc! { "_etag": Bson::Null });
    assert_eq!(
        as_task(&without, true).task.etag.as_deref(),
        Some(""),
        "so that the Server is asked about it"
    );
}

#[test]
fn a_task_of_the_first_version_is_understood() {
    let old = doc! {
        "_id": id(1), "job": id(2), "name": "t", "status": "queued", "priority": 50_i64, "job_type": "sleep",
        "commands": [{ "name": "echo", "settings": Bson::Null }], "log": "two\nlines", "parents": Bson::Null,
        "last_updated": time("0001-01-01T00:00:00Z"),
    };
    let ImportedTask { task, commands, extra, job } = as_task(&old, true);
    assert_eq!((task.task_type.as_str(), task.priority), ("sleep", 50));
    assert_eq!(task.last_updated, made_at([1; 12]), "that is no time");
    assert_eq!(commands, "[{\"name\":\"echo\",\"settings\":{}}]");
    assert_eq!(Value::from(extra), json!({"log": "two\nlines"}));
    assert_eq!(job.unwrap().priority, 50);
}

#[test]
fn numbers_times_and_ids_are_taken_in_every_form() {
    let odd = with(
        task(),
        doc! {
            "_id": "AABBccddeeff001122334455", "priority": 7.0, "job_priority": 8_i64, "worker_id": Bson::Null,
            "last_updated": "2019-03-04T13:00:00.5+01:00", "task_progress_percentage": 12, "current_command_index": 1,
            "command_progress_percentage": 30.0,
        },
    );
    let task = as_task(&odd, true).task;
    assert_eq!(task.id.to_string(), "aabbccddeeff001122334455");
    assert_eq!((task.priority, task.worker_id), (7, None));
    assert_eq!(task.last_updated.to_string(), "2019-03-04T12:00:00.5Z");
    let progress = task.progress;
    assert_eq!((progress.task_percentage, progress.command_index, progress.command_percentage), (12, 1, 30));
}

#[test]
fn what_is_not_known_is_kept_in_a_form_in_which_it_can_be_told() {
    let odd = with(
        task(),
        doc! {
            "colour": { "when": time("2020-01-01T00:00:00Z"), "who": id(9), "how": 3 },
            "metrics": { "timing": { "total": 1 }, "memory": 5 },
            "nothing": Bson::Null,
        },
    );
    assert_eq!(
        Value::from(as_task(&odd, true).extra),
        json!({
            "colour": {"when": {"$date": "2020-01-01T00:00:00Z"}, "who": {"$oid": "09".repeat(12)}, "how": 3},
            "metrics": {"memory": 5},
        })
    );
}

#[test]
fn what_would_be_a_guess_is_refused_with_the_field() {
    let mut deep = Bson::Int32(1);
    for _ in 0..110 {
        deep = Bson::Array(vec![deep]);
    }
    for (changes, expected) in [
        (doc! { "job": Bson::Null }, "it has no \"job\""),
        (doc! { "_id": 5 }, "\"_id\" is the number 5, and no ID of 24 hex digits"),
        (doc! { "status": Bson::Null }, "it has no \"status\""),
        (doc! { "status": "processing" }, "\"status\" is the text \"processing\", and no status of a task"),
        (doc! { "status": 3 }, "\"status\" is the number 3, and no text"),
        (
            doc! { "priority": 1.5 },
            "\"priority\" is the number 1.5, and no whole number that would be of use",
        ),
        (doc! { "priority": i64::MAX }, "\"priority\" is the number 9223372036854775807"),
        (doc! { "priority": "high" }, "\"priority\" is the text \"high\""),
        (doc! { "parents": id(1) }, "\"parents\" is a value of the type ObjectId, and no list"),
        (doc! { "parents": ["x"] }, "\"parents\" is the text \"x\", and no ID"),
        (doc! { "last_updated": "yesterday" }, "\"last_updated\" is the text \"yesterday\", and no time"),
        (doc! { "task_type": "a\u{0}b" }, "\"task_type\" has control characters in it"),
        (doc! { "task_type": "", "job_type": "" }, "it has neither"),
        (
            doc! { "failed_by_workers": [{ "identifier": "x" }] },
            "\"failed_by_workers\" has a worker without an ID",
        ),
        (
            doc! { "metrics": { "timing": { "total": "long" } } },
            "\"total\" is the text \"long\", and no number",
        ),
        (doc! { "commands": [{ "settings": {} }] }, "a command has no name"),
        (doc! { "commands": [{ "name": "x", "settings": [] }] }, "\"settings\" is a value of the type Array"),
        (
            doc! { "commands": [{ "name": "x", "settings": { "n": f64::NAN } }] },
            "\"n\" in its commands is NaN",
        ),
        (
            doc! { "commands": [{ "name": "x", "settings": { "n": deep.clone() } }] },
            "nested more than 100 levels deep",
        ),
        (doc! { "unknown": deep }, "\"unknown\" is nested more than 100 levels deep"),
    ] {
        let said = reason("flamenco_tasks", &with(task(), changes));
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

/// A worker as version 2.7 keeps it.
fn worker() -> Document {
    let secret = bson::Binary { subtype: BinarySubtype::Generic, bytes: HASH.into() };
    doc! {
        "_id": id(8), "hashed_secret": secret, "nickname": "render7", "address": "10.0.0.7", "status": "asleep",
        "platform": "linux", "current_task": id(1), "time_cost": 0, "last_activity": time("2019-03-04T12:00:00Z"),
        "supported_task_types": ["sleep", "blender-render"], "software": "Flamenco-Worker/2.5",
        "current_task_status": "active", "current_task_updated": time("2019-03-04T11:00:00Z"), "current_job": id(2),
        "status_requested": "awake", "lazy_status_request": true,
        "sleep_schedule": {
            "schedule_active": true, "days_of_week": "mo tu", "start": { "time": "09:00" }, "end": { "time": "18:30" },
            "next_check": time("2019-03-04T18:30:00Z"),
        },
        "blacklist": [],
    }
}

#[test]
fn everything_that_is_known_of_a_worker_comes_along() {
    let Ok(Item::Worker { worker, seen, extra }) = understand("flamenco_workers", &worker(), true) else {
        panic!()
    };
    assert_eq!(worker.secret_hash.0, HASH);
    assert_eq!(worker.identifier(), "10.0.0.7 (render7)");
    assert_eq!((worker.status, worker.platform.as_str()), (WorkerStatus::Asleep, "linux"));
    assert_eq!(worker.requested, Some(StatusRequest { status: WorkerStatus::Awake, lazy: true }));
    assert_eq!(worker.supported_task_types, ["sleep", "blender-render"]);
    assert_eq!(worker.current_task.map(|id| id.0), Some([1; 12]));
    assert_eq!((worker.software.as_str(), worker.registered), ("Flamenco-Worker/2.5", made_at([8; 12])));
    assert_eq!(seen.unwrap().to_string(), "2019-03-04T12:00:00Z");
    assert_eq!(
        SleepScheduleWire::from(worker.sleep_schedule),
        SleepScheduleWire {
            schedule_active: true,
            days_of_week: "mo tu".into(),
            time_start: "09:00".into(),
            time_end: "18:30".into(),
        }
    );
    assert_eq!(
        worker.sleep_checked.to_string(),
        "2019-03-04T18:29:59.999Z",
        "that boundary is still to be acted on"
    );
    assert_eq!(
        Value::from(extra),
        json!({
            "time_cost": 0, "current_job": {"$oid": "02".repeat(12)}, "current_task_status": "active",
            "current_task_updated": {"$date": "2019-03-04T11:00:00Z"},
        })
    );
}

#[test]
fn a_worker_of_the_first_version_is_understood() {
    let old = doc! {
        "_id": id(8), "hashed_secret": HASH, "address": "10.0.0.7", "status": "down", "platform": "linux",
        "supported_job_types": ["sleep"], "status_requested": "",
    };
    let Ok(Item::Worker { worker, seen, extra }) = understand("flamenco_workers", &old, true) else {
        panic!()
    };
    assert_eq!((worker.status, worker.requested, seen), (WorkerStatus::Offline, None, None));
    assert_eq!((worker.supported_task_types, worker.sleep_checked), (vec!["sleep".to_owned()], NOW));
    assert_eq!(extra, Extra::new());
}

#[test]
fn types_of_jobs_that_count_no_more_are_kept() {
    let both = with(worker(), doc! { "supported_job_types": ["old"] });
    let Ok(Item::Worker { worker, extra, .. }) = understand("flamenco_workers", &both, true) else {
        panic!()
    };
    assert_eq!(worker.supported_task_types, ["sleep", "blender-render"]);
    assert_eq!(extra["supported_job_types"], json!(["old"]));
}

#[test]
fn a_status_that_no_worker_has_is_kept_and_soon_corrected() {
    let odd = with(worker(), doc! { "status": "on holiday", "status_requested": "dancing" });
    let Ok(Item::Worker { worker, extra, .. }) = understand("flamenco_workers", &odd, true) else { panic!() };
    assert_eq!((worker.status, worker.requested), (WorkerStatus::Offline, None));
    assert_eq!((&extra["status"], &extra["status_requested"]), (&json!("on holiday"), &json!("dancing")));
}

#[test]
fn sleep_schedules_are_taken_in_every_form() {
    for (schedule, expected) in [
        (doc! { "schedule_active": false }, ("", "", "")),
        (
            doc! { "schedule_active": true, "start": "22:00:00", "end": { "time": "06:00:00" } },
            ("", "22:00", "06:00"),
        ),
        (
            doc! { "schedule_active": 1, "days_of_week": "mo  WE", "time_start": "9:05" },
            ("mo we", "09:05", ""),
        ),
        (doc! { "start": {}, "end": Bson::Null }, ("", "", "")),
    ] {
        let document = with(worker(), doc! { "sleep_schedule": schedule.clone() });
        let Ok(Item::Worker { worker, .. }) = understand("flamenco_workers", &document, true) else {
            panic!("{schedule}")
        };
        let wire = SleepScheduleWire::from(worker.sleep_schedule);
        let said = (wire.days_of_week.as_str(), wire.time_start.as_str(), wire.time_end.as_str());
        assert_eq!(said, expected, "{schedule}");
    }
}

#[test]
fn a_worker_that_could_never_sign_on_is_refused() {
    for (changes, expected) in [
        (doc! { "hashed_secret": Bson::Null }, "it has no \"hashed_secret\""),
        (doc! { "hashed_secret": "secret" }, "\"hashed_secret\" is no bcrypt hash"),
        (doc! { "hashed_secret": HASH.replace("$10$", "$31$") }, "is a hash of the cost 31"),
        (
            doc! { "supported_task_types": "sleep" },
            "\"supported_task_types\" is the text \"sleep\", and no list",
        ),
        (
            doc! { "sleep_schedule": { "start": { "time": "25:00" } } },
            "\"sleep_schedule\": \"25:00\" is not a time of day",
        ),
        (doc! { "sleep_schedule": { "days_of_week": "someday xx" } }, "is not a day of the week"),
        (doc! { "status": 5 }, "\"status\" is the number 5, and no text"),
    ] {
        let said = reason("flamenco_workers", &with(worker(), changes));
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

#[test]
fn lines_of_the_blacklist_are_taken_with_their_time() {
    let line = doc! { "_id": id(1), "_created": time("2019-03-04T12:00:00Z"), "worker_id": id(8), "job_id": id(2),
    "task_type": "render" };
    let Ok(Item::BlacklistLine { id: own, line: taken, extra }) =
        understand("worker_blacklist", &line, false)
    else {
        panic!()
    };
    assert_eq!(
        (own, taken.worker.0, taken.job.0, taken.task_type.as_str()),
        ([1; 12], [8; 12], [2; 12], "render")
    );
    assert_eq!((taken.created.to_string().as_str(), extra.len()), ("2019-03-04T12:00:00Z", 0));
    assert_eq!(
        reason("worker_blacklist", &with(line, doc! { "job_id": Bson::Null })),
        "it has no \"job_id\""
    );
}

#[test]
fn updates_are_queued_for_a_server_and_kept_without_one() {
    let update = doc! {
        "_id": id(1), "task_id": id(2), "task_status": "failed", "received_on_manager": time("2019-03-04T12:00:00Z"),
        "activity": "a", "task_progress_percentage": 1, "current_command_idx": 2, "command_progress_percentage": 3,
        "log_tail": "end\n", "worker": "-", "failed_by_workers": [{ "id": id(8), "identifier": "w" }],
        "metrics": { "timing": { "total": 1.5 } },
    };
    let Ok(Item::Update { update: taken, extra }) = understand("task_update_queue", &update, true) else {
        panic!()
    };
    assert_eq!((taken.id, taken.task.0, taken.status), ([1; 12], [2; 12], Some(TaskStatus::Failed)));
    assert_eq!(
        (taken.activity.as_str(), taken.log_tail.as_str(), taken.worker.as_str()),
        ("a", "end\n", "-")
    );
    assert_eq!((taken.failed_by.len(), taken.timing["total"], taken.progress.command_index), (1, 1.5, 2));
    assert_eq!((taken.received.to_string().as_str(), extra.len()), ("2019-03-04T12:00:00Z", 0));

    let log: String =
        (0..20).flat_map(|line| ["line ".to_owned(), line.to_string(), "\n".to_owned()]).collect();
    let old = doc! { "_id": id(1), "task_id": id(2), "task_status": "", "log": &log };
    let Ok(Item::Update { update: taken, extra }) = understand("task_update_queue", &old, true) else {
        panic!()
    };
    assert_eq!((taken.status, taken.received), (None, made_at([1; 12])));
    assert_eq!((taken.log_tail.lines().count(), taken.log_tail.lines().next()), (10, Some("line 10")));
    assert_eq!(extra["log"], log, "nothing of it is lost");

    let Ok(Item::Extra { of, extra }) = understand("task_update_queue", &update, false) else { panic!() };
    assert_eq!((of, &extra["task_status"]), (ExtraOf::Update([1; 12]), &json!("failed")));
    assert_eq!(
        reason("task_update_queue", &with(update, doc! { "task_status": "odd" })),
        "\"task_status\" is the text \"odd\", and no status of a task"
    );
}

#[test]
fn settings_are_for_a_server() {
    let settings =
        doc! { "_id": id(1), "depsgraph_last_modified": "Mon, 04 Mar 2019 12:00:00 GMT", "more": 1 };
    let Ok(Item::Settings { values, of, extra }) = understand("settings", &settings, true) else { panic!() };
    assert_eq!(values, [("depsgraph_last_modified".to_owned(), "Mon, 04 Mar 2019 12:00:00 GMT".to_owned())]);
    assert_eq!((of, &extra["more"]), (ExtraOf::Settings([1; 12]), &json!(1)));
    let Ok(Item::Settings { values, extra, .. }) = understand("settings", &settings, false) else { panic!() };
    assert_eq!((values.len(), extra.len()), (0, 2));
}

#[test]
fn other_collections_are_not_ours() {
    for name in ["system.indexes", "users"] {
        assert!(matches!(understand(name, &doc! {}, true), Err(Refusal::NotOurs)));
    }
}

#[test]
fn what_is_extra_counts_as_the_memory_that_it_takes() {
    const LONG: usize = 100_000;
    let line = doc! { "_id": id(1), "worker_id": id(8), "job_id": id(2), "task_type": "sleep" };
    let update = doc! { "_id": id(1), "task_id": id(2) };
    let text = "x".repeat(LONG);
    for long in [Bson::from(text.as_str()), doc! { "deep": [1, text.as_str()] }.into()] {
        for (collection, document) in [
            ("flamenco_tasks", task()),
            ("flamenco_workers", worker()),
            ("worker_blacklist", line.clone()),
            ("task_update_queue", update.clone()),
            ("settings", doc! { "_id": id(1) }),
        ] {
            for has_server in [true, false] {
                let item = understand(
                    collection,
                    &with(document.clone(), doc! { "more": long.clone() }),
                    has_server,
                );
                let size = item.unwrap().size();
                assert!((LONG..LONG + 3000).contains(&size), "{collection}: {size}");
            }
        }
    }
}
