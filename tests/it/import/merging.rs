//! `--merge`: into a farm that is there, of which nothing is overwritten that is newer.

use flamenco_manager::{simulate::worker::Asked, store::ExtraOf};
use serde_json::{Value, json};

use super::{
    farm::{ACTIVE, Farm, JOB, SLEEPER, STRANGER, WAITING, WORKER, hex, id, task, time, worker},
    import, imports, look,
};
use crate::faults::{
    commands::json,
    process::{Place, Running},
};

const SERVER: &str = "flamenco = \"http://127.0.0.1:9\"\nmanager_id = \"5c7d0000000000000000abc9\"\n\
                      manager_secret = \"between us\"";

#[test]
fn a_second_time_nothing_is_newer_and_nothing_changes() {
    let place = Place::configured(SERVER);
    Farm::new().dump_to(&place.path("dump"));
    imports(&place, &[]);
    let all = || {
        look(&place.database(), |tx| {
            tx.tasks_of_job(hex(JOB).parse().unwrap(), None).unwrap().collect::<Result<Vec<_>, _>>().unwrap()
        })
    };
    let before = all();
    let said = import(&place, &["--merge"]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let report = json(&said.stdout);
    assert_eq!(report["collections"]["flamenco_tasks"], json!({"read": 6, "imported": 0, "skipped": 6}));
    assert_eq!(report["collections"]["flamenco_workers"], json!({"read": 2, "imported": 0, "skipped": 2}));
    assert_eq!(report["collections"]["task_update_queue"], json!({"read": 3, "imported": 0, "skipped": 3}));
    let reason = report["skipped"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the database has it already, as it was at "), "{reason}");
    assert_eq!(all(), before);
    // As often as one likes.
    let again = import(&place, &["--merge", "--allow-skips"]);
    assert_eq!((again.code, json(&again.stdout)), (Some(0), report));
    look(&place.database(), |tx| {
        assert_eq!((tx.count_all_tasks().unwrap(), tx.count_updates().unwrap()), (6, 3));
    });
}

#[test]
fn what_is_newer_takes_the_place_of_what_is_older_and_the_rest_stays() {
    let place = Place::new();
    Farm::new().dump_to(&place.path("dump"));
    imports(&place, &[]);

    let mut later = Farm::new();
    later.updates.clear();
    later.settings.clear();
    later.blacklist.clear();
    let changed = |number: u32, status: &str, updated: &str| {
        let mut task = task(number, status);
        task.insert("last_updated", time(updated));
        task
    };
    later.tasks = vec![
        changed(ACTIVE, "completed", "2026-03-01T12:00:00Z"),
        changed(WAITING, "canceled", "2026-02-28T12:00:00Z"),
        changed(80, "queued", "2026-03-01T12:00:00Z"),
        changed(80, "failed", "2026-03-01T13:00:00Z"),
        changed(ACTIVE, "failed", "2026-03-01T13:00:00Z"),
    ];
    let mut awake = worker(SLEEPER, "awake");
    awake.insert("last_activity", time("2026-03-01T12:00:00Z"));
    let mut older = worker(WORKER, "offline");
    older.insert("last_activity", time("2026-02-01T12:00:00Z"));
    later.workers = vec![awake, older, worker(81, "offline")];
    later.dump_to(&place.path("dump"));

    let report = imports(&place, &["--merge", "--allow-skips"]);
    assert_eq!(report["collections"]["flamenco_tasks"], json!({"read": 5, "imported": 2, "skipped": 3}));
    assert_eq!(report["collections"]["flamenco_workers"], json!({"read": 3, "imported": 2, "skipped": 1}));
    let twice = "another with the same ID came before it";
    assert_eq!(reasons(&report).iter().filter(|reason| **reason == twice).count(), 2, "{report}");
    look(&place.database(), |tx| {
        let status = |number: u32| tx.task(hex(number).parse().unwrap()).unwrap().unwrap().status.to_string();
        assert_eq!([ACTIVE, WAITING, 80].map(status), ["completed", "queued", "queued"]);
        let worker =
            |number: u32| tx.worker(hex(number).parse().unwrap()).unwrap().unwrap().status.to_string();
        assert_eq!([SLEEPER, WORKER, 81].map(worker), ["awake", "awake", "offline"]);
        assert_eq!((tx.count_all_tasks().unwrap(), tx.count_jobs().unwrap()), (7, 1));
    });
}

/// The reasons for which something was skipped.
fn reasons(report: &Value) -> Vec<&str> {
    report["skipped"].as_array().unwrap().iter().map(|skip| skip["reason"].as_str().unwrap()).collect()
}

#[test]
fn a_worker_that_nobody_knows_to_be_newer_replaces_none() {
    let place = Place::new();
    Farm::new().dump_to(&place.path("dump"));
    imports(&place, &[]);
    let mut undated = Farm::new();
    undated.workers = [WORKER, 81].map(|number| worker(number, "offline")).to_vec();
    for worker in &mut undated.workers {
        worker.remove("last_activity").unwrap();
    }
    undated.dump_to(&place.path("dump"));
    let report = imports(&place, &["--merge", "--allow-skips"]);
    assert_eq!(report["collections"]["flamenco_workers"], json!({"read": 2, "imported": 1, "skipped": 1}));
    look(&place.database(), |tx| {
        let status =
            |number: u32| tx.worker(hex(number).parse().unwrap()).unwrap().unwrap().status.to_string();
        assert_eq!([WORKER, 81].map(status), ["awake", "offline"]);
    });
}

#[test]
fn a_line_that_waited_for_its_worker_replaces_no_newer_one() {
    let place = Place::new();
    // It has a line of a worker that is not there.
    Farm::new().dump_to(&place.path("dump"));
    imports(&place, &[]);
    let mut later = Farm::new();
    later.tasks.clear();
    later.updates.clear();
    later.workers = vec![worker(STRANGER, "offline")];
    later.blacklist.retain(|line| line.get_object_id("worker_id").unwrap() == id(STRANGER));
    later.blacklist[0].insert("_id", id(42));
    later.blacklist[0].insert("_created", time("2026-03-01T11:00:00Z"));
    later.dump_to(&place.path("dump"));
    let report = imports(&place, &["--merge"]);
    assert_eq!(report["collections"]["worker_blacklist"], json!({"read": 1, "imported": 1, "skipped": 0}));
    look(&place.database(), |tx| {
        let lines = tx.blacklist(Some(hex(STRANGER).parse().unwrap())).unwrap();
        let since: Vec<_> = lines.iter().map(|line| line.created.to_string()).collect();
        assert_eq!(since, ["2026-03-01T11:00:00Z"]);
        assert_eq!(tx.extras_of_blacklist_lines().unwrap().count(), 0, "none waits any more");
    });
}

#[test]
fn without_a_server_too_each_update_is_kept_once() {
    let place = Place::new();
    let mut farm = Farm::new();
    let mut twin = farm.updates[0].clone();
    twin.insert("task_status", "failed");
    farm.updates = vec![farm.updates[0].clone(), twin];
    farm.dump_to(&place.path("dump"));
    let update = ExtraOf::Update(farm.updates[0].get_object_id("_id").unwrap().bytes());
    let kept = || look(&place.database(), |tx| tx.extra(update).unwrap().unwrap());
    let report = imports(&place, &["--allow-skips"]);
    assert_eq!(report["collections"]["task_update_queue"], json!({"read": 2, "imported": 1, "skipped": 1}));
    assert_eq!(reasons(&report), ["another with the same ID came before it"]);
    assert_eq!(json(&kept())["task_status"], "active");
    let before = kept();
    let again = imports(&place, &["--merge", "--allow-skips"]);
    assert_eq!(again["collections"]["task_update_queue"], json!({"read": 2, "imported": 0, "skipped": 2}));
    let there = "the database has it already";
    assert_eq!(reasons(&again).iter().filter(|reason| **reason == there).count(), 2, "{again}");
    assert_eq!(kept(), before);
}

#[tokio::test]
async fn a_farm_at_work_takes_in_another_one() {
    let place = Place::new();
    let manager = place.start();
    let job = manager.submit(3).await;
    let mut own = manager.worker().await;
    assert!(matches!(own.ask_task().await.unwrap(), Asked::Task(_)));
    manager.stop();
    Farm::new().dump_to(&place.path("dump"));
    imports(&place, &["--merge"]);
    look(&place.database(), |tx| {
        assert_eq!(
            (tx.count_all_tasks().unwrap(), tx.count_workers().unwrap(), tx.count_jobs().unwrap()),
            (9, 3, 2)
        );
    });
    let manager: Running = place.start();
    for job in [&job, &hex(JOB)] {
        assert_eq!(manager.get(&format!("/api/jobs/{job}")).await["status"], "active");
    }
    manager.stop();
}
