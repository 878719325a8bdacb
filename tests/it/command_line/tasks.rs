//! `task`: tasks are shown, with their logs, cancelled and requeued.

use flamenco_manager::simulate::worker::Asked;
use serde_json::json;

use super::{
    at_a_known_port, fails, json,
    stand_in::{Answer, StandIn},
    succeeds,
};
use crate::faults::process::Place;

#[tokio::test]
async fn a_task_is_shown_with_its_log_and_cancelled_and_requeued() {
    let place = at_a_known_port();
    let manager = place.start();
    manager.submit(1).await;
    let mut worker = manager.worker().await;
    worker.sign_on().await.unwrap();
    let Asked::Task(task) = worker.ask_task().await.unwrap() else { panic!("a task was expected") };
    let id = task["_id"].as_str().unwrap();
    let update = json!({"activity": "at it", "log": "one\ntwo\nthree\n"});
    worker.update(id, &update).await.unwrap();

    let shown = succeeds(&place, &["task", "show", id]);
    for text in [id, "task 0", "active", "at it", "Command"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert_eq!(json(&succeeds(&place, &["--json", "task", "show", id]))["_id"], id);
    let log = succeeds(&place, &["task", "log", id]);
    assert!(log.ends_with("one\ntwo\nthree\n"), "{log}");
    assert_eq!(succeeds(&place, &["task", "log", id, "--tail", "2"]), "two\nthree\n");

    assert!(succeeds(&place, &["task", "cancel", id]).contains("cancel-requested"));
    worker.return_task(id).await.unwrap();
    assert_eq!(json(&succeeds(&place, &["--json", "task", "requeue", id]))["status"], "queued");
    let unknown = "5c7d0000000000000000abc9";
    for command in ["show", "log", "cancel", "requeue"] {
        assert!(fails(&place, &["task", command, unknown]).contains("is not known"));
    }
    assert!(fails(&place, &["task", "log", unknown, "--follow"]).contains("the Manager refused"));
    manager.stop();
}

#[test]
fn a_log_is_followed_to_its_end_across_a_broken_connection() {
    let manager = StandIn::answering(|_, before| match before {
        0 => Answer::Events(
            "id: 8\nevent: log\ndata: one\ndata: two\n\n: still here\n\nid: 9\nevent: log\ndata: hal",
        ),
        1 => Answer::None,
        _ => Answer::Events(
            "id: 12\nevent: log\ndata: half\n\nevent: end\ndata: {\"status\": \"completed\"}\n\n",
        ),
    });
    let id = "5c7d0000000000000000abc9";
    let said = Place::new().run(&["task", "log", id, "--follow", "--tail", "9", "--manager", &manager.url()]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "one\ntwo\nhalf\n"), "{}", said.stderr);
    assert!(said.stderr.ends_with("The task is completed.\n"), "{}", said.stderr);
    let calls = manager.calls();
    assert_eq!(manager.lines(), vec![format!("GET /api/tasks/{id}/log?follow=true&tail=9"); 3]);
    let ids: Vec<_> = calls.iter().map(|call| call.header("last-event-id")).collect();
    assert_eq!(ids, [None, Some("8"), Some("8")]);
}

#[test]
fn a_log_that_begins_anew_and_a_task_that_is_deleted_are_told() {
    let manager = StandIn::answering(|_, _| {
        Answer::Events(
            "event: restart\ndata:\n\nevent: log\ndata:\n\nevent: end\ndata: {\"deleted\": true}\n\n",
        )
    });
    let id = "5c7d0000000000000000abc9";
    let said = Place::new().run(&["task", "log", id, "--follow", "--manager", &manager.url()]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "\n"));
    let told = "The task was begun anew; here is the log of this run.\nThe task was deleted.\n";
    assert_eq!(said.stderr, told);
}
