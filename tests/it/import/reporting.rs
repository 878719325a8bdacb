//! What became of each document: the report accounts for all of them, and what was skipped decides how the import ends.

use bson::doc;
use serde_json::{Value, json};

use super::{
    farm::{ACTIVE, DONE, Farm, WORKER, hex, id, task, worker},
    import, imports, left_in, look,
};
use crate::faults::{commands::json, process::Place};

/// A farm with odd documents in every collection, and what is skipped of it.
fn odd_farm() -> (Farm, Value) {
    let mut farm = Farm::new();
    farm.tasks.push(doc! { "_id": id(70), "name": "a task of nothing" });
    farm.tasks.push(task(DONE, "queued"));
    farm.tasks.push(doc! { "_id": "not an ID", "job": id(1), "status": "queued" });
    farm.workers.push(worker(WORKER, "asleep"));
    farm.workers.push(doc! { "_id": id(71), "nickname": "no secret" });
    farm.blacklist.push(doc! { "_id": id(72), "worker_id": 5 });
    farm.updates.push(doc! { "_id": id(73) });
    farm.settings.push(doc! { "_id": 7 });
    let skip = |collection: &str, id: &str, reason: &str| json!({"collection": collection, "id": id, "reason": reason});
    let twice = "another with the same ID came before it";
    let skipped = json!([
        skip("flamenco_tasks", &hex(70), "it has no \"status\""),
        skip("flamenco_tasks", &hex(DONE), twice),
        skip(
            "flamenco_tasks",
            "\"not an ID\"",
            "\"_id\" is the text \"not an ID\", and no ID of 24 hex digits"
        ),
        skip("flamenco_workers", &hex(WORKER), twice),
        skip("flamenco_workers", &hex(71), "it has no \"hashed_secret\""),
        skip("settings", "7", "\"_id\" is the number 7, and no ID of 24 hex digits"),
        skip("task_update_queue", &hex(73), "it has no \"task_id\""),
        skip("worker_blacklist", &hex(72), "\"worker_id\" is the number 5, and no ID of 24 hex digits"),
    ]);
    (farm, skipped)
}

/// The list of what was skipped, in an order of our own.
fn skipped(report: &Value) -> Value {
    let mut skipped = report["skipped"].as_array().unwrap().clone();
    skipped.sort_by_key(|skip| skip["collection"].as_str().unwrap().to_owned());
    Value::Array(skipped)
}

#[test]
fn what_cannot_be_taken_keeps_everything_out_unless_that_is_allowed() {
    let place = Place::new();
    let (farm, expected) = odd_farm();
    farm.dump_to(&place.path("dump"));
    let said = import(&place, &[]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(
        said.stderr.contains("Nothing was imported, because 8 would have been skipped"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("--allow-skips"), "{}", said.stderr);
    assert_eq!(left_in(&place), [""; 0]);
    let report = json(&said.stdout);
    assert_eq!(skipped(&report), expected);
    assert_eq!(report["collections"]["flamenco_tasks"], json!({"read": 9, "imported": 6, "skipped": 3}));

    let allowed = imports(&place, &["--allow-skips"]);
    assert_eq!(allowed, report);
    look(&place.database(), |tx| {
        assert_eq!((tx.count_all_tasks().unwrap(), tx.count_workers().unwrap()), (6, 2));
    });
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let place = Place::new();
    odd_farm().0.dump_to(&place.path("dump"));
    let dry = import(&place, &["--dry-run", "--allow-skips"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stderr.contains("Nothing was changed: this was a dry run."), "{}", dry.stderr);
    assert_eq!(left_in(&place), [""; 0]);
    assert_eq!(json(&dry.stdout), imports(&place, &["--allow-skips"]));
    let strict = import(&place, &["--dry-run", "--merge"]);
    assert_eq!(strict.code, Some(1), "something would be skipped");
}

#[test]
fn what_is_not_ours_is_named_and_left_where_it_is() {
    let place = Place::new();
    let mut farm = Farm::new();
    farm.others = vec![
        ("users".into(), vec![doc! { "_id": 1 }, doc! { "_id": 2 }]),
        ("flamenco_pictures".into(), vec![doc! { "_id": 1 }]),
    ];
    farm.dump_to(&place.path("dump"));
    let said = import(&place, &[]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(json(&said.stdout)["not_ours"], json!({"users": 2, "flamenco_pictures": 1}));
    assert!(
        said.stderr.contains("note: users (2 documents) is nothing of Flamenco Manager's"),
        "{}",
        said.stderr
    );
}

#[test]
fn people_are_told_in_words() {
    let place = Place::new();
    odd_farm().0.dump_to(&place.path("dump"));
    let said = place.run(&["import", "mongodb", "dump", "--allow-skips"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let line = said.stdout.lines().find(|line| line.starts_with("flamenco_tasks")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["flamenco_tasks", "9", "6", "3"]);
    for expected in [
        "note: the configuration names no Flamenco Server",
        "note: 1 task was in the hands of workers that are not there",
        "note: 1 worker was at tasks that are not there",
        "note: 1 line of the blacklist is older than 7 days",
        &format!("skipped: flamenco_tasks {}: it has no \"status\"", hex(70)),
        "8 were skipped; everything else was imported.",
    ] {
        assert!(said.stderr.contains(expected), "{expected:?} is not in {}", said.stderr);
    }
}

#[test]
fn a_damaged_dump_is_refused_by_file_and_place_and_what_is_readable_can_be_saved() {
    let place = Place::new();
    Farm::new().dump_to(&place.path("dump"));
    let path = place.path("dump/flamanager/flamenco_tasks.bson");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let said = import(&place, &[]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    for expected in ["flamenco_tasks.bson, byte ", "cut short", "nothing was imported", "--salvage"] {
        assert!(said.stderr.contains(expected), "{expected:?} is not in {}", said.stderr);
    }
    assert_eq!(left_in(&place), [""; 0]);

    let salvaged = import(&place, &["--salvage"]);
    assert_eq!(salvaged.code, Some(1), "not everything was taken: {}", salvaged.stderr);
    let report = json(&salvaged.stdout);
    assert_eq!(report["collections"]["flamenco_tasks"], json!({"read": 6, "imported": 5, "skipped": 1}));
    let reason = report["skipped"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("damaged: ") && reason.ends_with(" bytes passed over"), "{reason}");
    look(&place.database(), |tx| {
        assert_eq!(tx.count_all_tasks().unwrap(), 5);
        assert!(tx.task(hex(ACTIVE).parse().unwrap()).unwrap().is_some());
    });
}
