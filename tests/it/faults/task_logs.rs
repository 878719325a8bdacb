//! A folder of task logs that cannot be written: updates are refused whole, and taken once it is mended.

use std::fs;

use flamenco_manager::simulate::worker::Asked;
use http::StatusCode;
use serde_json::{Value, json};

use super::process::{Place, Running};

/// Puts a file in the place of the folder.
fn break_logs(place: &Place) {
    let logs = place.path("task-logs");
    if logs.exists() {
        fs::rename(&logs, place.path("logs-so-far")).unwrap();
    }
    fs::write(logs, b"").unwrap();
}

fn mend_logs(place: &Place) {
    fs::remove_file(place.path("task-logs")).unwrap();
    if place.path("logs-so-far").exists() {
        fs::rename(place.path("logs-so-far"), place.path("task-logs")).unwrap();
    }
}

async fn task(manager: &Running, id: &str) -> Value {
    manager.get(&format!("/api/tasks/{id}")).await
}

/// Whoever asks for a log is behind everything that is to be written to it.
async fn log_is_begun(manager: &Running, id: &str) {
    let (status, _) = manager.call(http::Method::GET, &format!("/api/tasks/{id}/log"), None).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn an_update_that_cannot_be_logged_is_refused_whole_and_taken_when_the_folder_is_mended() {
    let place = Place::new();
    let manager = place.start();
    manager.submit(1).await;
    let mut worker = manager.worker().await;
    let Asked::Task(given) = worker.ask_task().await.unwrap() else { panic!("there is a task") };
    let id = given["_id"].as_str().unwrap();
    let before = task(&manager, id).await;
    log_is_begun(&manager, id).await;

    break_logs(&place);
    let update = json!({"task_status": "completed", "activity": "done", "log": "the last line\n"});
    let status = worker.update(id, &update).await.unwrap();
    assert!(status.is_server_error(), "{status}");
    let (now, earlier) = (task(&manager, id).await, &before);
    for field in ["status", "activity", "worker_id", "last_updated"] {
        assert_eq!(now[field], earlier[field], "{field}");
    }
    assert!(worker.may_i_run(id).await.unwrap().may_keep_running);
    let (status, health) = manager.call(http::Method::GET, "/api/health", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(health["error"]["message"].as_str().unwrap().contains("task log"), "{health}");
    assert!(manager.log().contains("cannot write the task log"), "{}", manager.log());

    mend_logs(&place);
    assert_eq!(worker.update(id, &update).await.unwrap(), StatusCode::NO_CONTENT);
    assert_eq!(task(&manager, id).await["status"], "completed");
    let job = given["job"].as_str().unwrap();
    let log = place.path(&format!("task-logs/job-{}/{job}/task-{id}.txt", &job[..4]));
    assert!(fs::read_to_string(log).unwrap().ends_with("the last line\n"));
    manager.stop();
}

#[tokio::test]
async fn an_update_without_a_log_needs_no_folder() {
    let place = Place::new();
    let manager = place.start();
    manager.submit(1).await;
    let mut worker = manager.worker().await;
    let Asked::Task(given) = worker.ask_task().await.unwrap() else { panic!("there is a task") };
    let id = given["_id"].as_str().unwrap();
    log_is_begun(&manager, id).await;
    break_logs(&place);
    let status = worker.update(id, &json!({"task_status": "completed"})).await;
    assert_eq!(status.unwrap(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_task_whose_log_cannot_be_begun_is_handed_out_and_what_is_said_of_it_waits() {
    let place = Place::new();
    let manager = place.start();
    manager.submit(1).await;
    let mut worker = manager.worker().await;

    break_logs(&place);
    let Asked::Task(given) = worker.ask_task().await.unwrap() else { panic!("there is a task") };
    let id = given["_id"].as_str().unwrap();
    let update = json!({"task_status": "completed", "log": "the only line\n"});
    let status = worker.update(id, &update).await.unwrap();
    assert!(status.is_server_error(), "{status}");

    mend_logs(&place);
    assert_eq!(worker.update(id, &update).await.unwrap(), StatusCode::NO_CONTENT);
    assert_eq!(task(&manager, id).await["status"], "completed");
    manager.stop();
    assert_eq!(place.run(&["check"]).code, Some(0));
}
