//! A whole farm moves over, and its workers go on with what they have.

use std::collections::HashSet;

use flamenco_manager::{
    domain::{job::JobStatus, task::TaskStatus, worker::WorkerStatus},
    store::{ExtraOf, ReadTx},
};
use serde_json::{Value, json};

use super::{
    farm::{
        ACTIVE, BEHIND, DONE, FAILED, Farm, JOB, LOST, SECRET, SLEEPER, STRANGER, WAITING, WORKER, hex, id,
    },
    imports, look,
};
use crate::{
    faults::process::Place,
    kit::{Door, TestWorker},
};

/// With a Flamenco Server, which is never reached.
const WITH_SERVER: &str = "flamenco = \"http://127.0.0.1:9\"\nmanager_id = \"5c7d0000000000000000abc9\"\n\
                           manager_secret = \"between us\"";

fn statuses(tx: &ReadTx) -> Vec<(u32, TaskStatus)> {
    [ACTIVE, WAITING, BEHIND, DONE, FAILED, LOST]
        .map(|number| (number, tx.task(hex(number).parse().unwrap()).unwrap().unwrap().status))
        .to_vec()
}

#[test]
fn everything_comes_along_and_fits_together() {
    let place = Place::new();
    Farm::new().dump_to(&place.path("dump"));
    let report = imports(&place, &[]);
    let all = |count: u32| json!({"read": count, "imported": count, "skipped": 0});
    let expected = json!({
        "collections": {
            "flamenco_tasks": all(6), "flamenco_workers": all(2), "worker_blacklist": all(2),
            "task_update_queue": all(3), "settings": all(1),
        },
        "remarks": [
            "1 line of the blacklist is older than 7 days, and will be forgotten: nobody is kept from work by that any more",
            "1 task was in the hands of workers that are not there, and was put back into the queue, or cancelled where that was \
             asked for",
            "1 worker was at tasks that are not there",
        ],
        "skipped": [],
    });
    assert_eq!(report, expected);
    look(&place.database(), |tx| {
        use TaskStatus as S;
        let expected = [
            (ACTIVE, S::Active),
            (WAITING, S::Queued),
            (BEHIND, S::Queued),
            (DONE, S::Completed),
            (FAILED, S::SoftFailed),
            // Its worker is not there.
            (LOST, S::ClaimedByManager),
        ];
        assert_eq!(statuses(tx), expected);
        let job = tx.job(hex(JOB).parse().unwrap()).unwrap().unwrap();
        let state = tx.job_state(job.id).unwrap().unwrap();
        assert_eq!((job.job_type.as_str(), job.of_server), ("sleep", false));
        assert_eq!(job.name, format!("sleep {}", hex(JOB)));
        let metadata: Value = serde_json::from_str(&job.metadata).unwrap();
        assert_eq!(metadata, json!({"manager": hex(2), "project": hex(3), "user": hex(4)}));
        assert_eq!((state.priority, state.status()), (60, JobStatus::Active));
        assert!(!tx.is_ready(hex(BEHIND).parse().unwrap()).unwrap(), "one of its parents is not completed");

        let sleeper = tx.worker(hex(SLEEPER).parse().unwrap()).unwrap().unwrap();
        assert_eq!((sleeper.status, sleeper.current_task), (WorkerStatus::Asleep, None));
        assert!(sleeper.sleep_schedule.active());
        let lines = tx.blacklisted_since(sleeper.id, job.id, "sleep").unwrap();
        assert_eq!(lines.unwrap().to_string(), "2026-03-01T09:00:00Z");
        assert!(tx.has_failed(sleeper.id, job.id, "sleep", hex(FAILED).parse().unwrap()).unwrap());
        let stranger = tx.extra(ExtraOf::BlacklistLine(id(41).bytes())).unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&stranger).unwrap()["worker_id"], hex(STRANGER));
        // What was for a Server is kept.
        assert_eq!(tx.count_updates().unwrap(), 0);
        assert!(tx.extra(ExtraOf::Update(id(52).bytes())).unwrap().is_some());
        assert!(tx.extra(ExtraOf::Settings(id(60).bytes())).unwrap().is_some());
        assert_eq!(tx.setting("depsgraph_last_modified").unwrap(), None);
        let etag = tx.extra(ExtraOf::Task(hex(ACTIVE).parse().unwrap())).unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&etag).unwrap(), json!({"_etag": "etag 10"}));
    });
}

#[test]
fn with_a_server_jobs_are_the_servers_and_it_hears_what_was_queued() {
    let place = Place::configured(WITH_SERVER);
    Farm::new().dump_to(&place.path("dump"));
    imports(&place, &[]);
    look(&place.database(), |tx| {
        let job = tx.job(hex(JOB).parse().unwrap()).unwrap().unwrap();
        assert!(job.of_server);
        let active = tx.task(hex(ACTIVE).parse().unwrap()).unwrap().unwrap();
        assert_eq!(active.etag.as_deref(), Some("etag 10"));
        let queued = tx.oldest_updates(0, 10, &HashSet::new()).unwrap();
        let tasks: Vec<_> = queued.iter().map(|(_, update)| update.task.to_string()).collect();
        assert_eq!(tasks, [hex(ACTIVE), hex(DONE), hex(99)], "in the order in which they were queued");
        let since = tx.setting("depsgraph_last_modified").unwrap();
        assert_eq!(since.as_deref(), Some("Sun, 01 Mar 2026 10:00:00 GMT"));
    });
}

#[tokio::test]
async fn a_worker_goes_on_with_its_old_credentials_and_its_task() {
    let place = Place::new();
    Farm::new().dump_to(&place.path("dump"));
    imports(&place, &[]);
    let manager = place.start();
    let worker = TestWorker::new(Door::new(manager.address()), &hex(WORKER), SECRET);
    worker.with_secret("another").ask().await.expect(401);
    let task = worker.ask().await.expect(200).json();
    assert_eq!(task["_id"], hex(ACTIVE), "the task that it had");
    assert_eq!(task["commands"], json!([{"name": "sleep", "settings": {"time_in_seconds": 3}}]));
    worker.ends(&hex(ACTIVE), "completed").await;
    // Of the same job and priority: the oldest that it may have.
    for number in [WAITING, BEHIND, FAILED, LOST] {
        worker.takes_and_completes(&hex(number)).await;
    }
    worker.gets_nothing().await;
    let job = manager.get(&format!("/api/jobs/{}", hex(JOB))).await;
    assert_eq!((&job["status"], &job["priority"]), (&json!("completed"), &json!(60)));
    manager.stop();
    look(&place.database(), |tx| assert_eq!(tx.count_all_tasks().unwrap(), 6));
}

#[test]
fn a_job_that_the_server_held_back_is_paused_and_can_be_resumed() {
    let place = Place::new();
    let mut farm = Farm::new();
    farm.tasks = [(10, "paused"), (11, "paused"), (12, "completed")]
        .map(|(number, status)| super::farm::task(number, status))
        .to_vec();
    farm.dump_to(&place.path("dump"));
    imports(&place, &[]);
    look(&place.database(), |tx| {
        let state = tx.job_state(hex(JOB).parse().unwrap()).unwrap().unwrap();
        assert_eq!((state.status(), state.tally.count(TaskStatus::Queued)), (JobStatus::Paused, 2));
    });
}

#[test]
fn the_last_changed_task_says_how_important_a_job_is_in_whatever_order_they_come() {
    for turned in [false, true] {
        let place = Place::new();
        let mut farm = Farm::new();
        farm.tasks[1].insert("job_priority", 80);
        farm.tasks[1].insert("last_updated", super::farm::time("2026-03-01T11:00:00Z"));
        farm.tasks[2].insert("job_priority", 99);
        farm.tasks[2].insert("last_updated", super::farm::time("2026-02-01T11:00:00Z"));
        if turned {
            farm.tasks.reverse();
        }
        farm.dump_to(&place.path("dump"));
        imports(&place, &[]);
        look(&place.database(), |tx| {
            let state = tx.job_state(hex(JOB).parse().unwrap()).unwrap().unwrap();
            assert_eq!((state.priority, state.updated.to_string().as_str()), (80, "2026-03-01T11:00:00Z"));
        });
    }
}
