//! `job wait` and `job submit --wait`: the exit code tells how a job ended.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Command, Stdio},
};

use flamenco_manager::simulate::worker::Asked;
use http::Method;
use serde_json::json;

use super::{
    at_a_known_port, json,
    stand_in::{Answer, StandIn},
};
use crate::faults::process::{Place, new_job};

/// Somebody who waits.
struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Waiting {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut command = place.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// The next line on stderr.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }

    /// The exit code, and the rest of stdout and stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), rest)
    }
}

#[tokio::test]
async fn a_job_that_completes_ends_with_0_and_its_id_is_all_on_stdout() {
    let place = at_a_known_port();
    let manager = place.start();
    let mut worker = manager.worker().await;
    worker.sign_on().await.unwrap();
    std::fs::write(place.path("job.json"), new_job(2).to_string()).unwrap();
    let mut waiting = Waiting::start(&place, &["job", "submit", "job.json", "--wait"]);
    assert_eq!(waiting.line(), "queued: 0 of 2 tasks done\n");
    for _ in 0..2 {
        let Asked::Task(task) = worker.ask_task().await.unwrap() else { panic!("a task was expected") };
        worker.update(task["_id"].as_str().unwrap(), &json!({"task_status": "completed"})).await.unwrap();
    }
    let id = manager.get("/api/jobs").await["jobs"][0]["_id"].as_str().unwrap().to_owned();
    let (code, stdout, stderr) = waiting.end();
    assert_eq!((code, stdout), (Some(0), format!("{id}\n")));
    assert!(stderr.ends_with(&format!("Job {id} is completed: 2 of 2 tasks done.\n")), "{stderr}");

    let said = place.run(&["--json", "job", "wait", &id]);
    assert_eq!((said.code, &json(&said.stdout)["status"]), (Some(0), &json!("completed")));
    manager.stop();
}

#[tokio::test]
async fn one_that_fails_ends_with_3_and_one_that_is_canceled_with_4() {
    let place = at_a_known_port();
    let manager = place.start();
    let id = manager.submit(1).await;
    let mut worker = manager.worker().await;
    worker.sign_on().await.unwrap();
    let Asked::Task(task) = worker.ask_task().await.unwrap() else { panic!("a task was expected") };
    worker.update(task["_id"].as_str().unwrap(), &json!({"task_status": "failed"})).await.unwrap();
    let said = place.run(&["job", "wait", &id]);
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    assert!(said.stderr.contains("is failed: 0 of 1 task done, 1 failed."), "{}", said.stderr);

    let id = manager.submit(1).await;
    let mut waiting = Waiting::start(&place, &["job", "wait", &id]);
    waiting.line();
    manager.call(Method::POST, &format!("/api/jobs/{id}/cancel"), None).await;
    assert_eq!(waiting.end().0, Some(4));

    let said = place.run(&["job", "wait", "5c7d0000000000000000abc9"]);
    assert_eq!(said.code, Some(1), "no such job: {}", said.stderr);
    manager.stop();
}

#[tokio::test]
async fn a_manager_that_is_restarted_meanwhile_is_waited_for() {
    let place = at_a_known_port();
    let manager = place.start();
    let id = manager.submit(1).await;
    let mut waiting = Waiting::start(&place, &["job", "wait", &id]);
    assert_eq!(waiting.line(), "queued: 0 of 1 task done\n");
    manager.stop();
    assert!(waiting.line().starts_with("The Manager does not answer; it is waited for"));
    let manager = place.start();
    manager.call(Method::POST, &format!("/api/jobs/{id}/cancel"), None).await;
    assert_eq!(waiting.end().0, Some(4));
    manager.stop();
}

#[tokio::test]
async fn ctrl_c_ends_the_waiting_and_not_the_job() {
    let place = at_a_known_port();
    let manager = place.start();
    let id = manager.submit(1).await;
    let mut waiting = Waiting::start(&place, &["job", "wait", &id]);
    waiting.line();
    let interrupted = Command::new("kill").args(["-INT", &waiting.child.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    let (code, _, stderr) = waiting.end();
    assert_eq!(code, Some(130));
    assert!(stderr.contains(&format!("Job {id} goes on.")), "{stderr}");
    assert_eq!(manager.get(&format!("/api/jobs/{id}")).await["status"], "queued");
    manager.stop();
}

#[test]
fn the_time_that_is_left_is_told_and_a_change_is_told_once() {
    let manager = StandIn::answering(|_, before| {
        let status = if before < 3 { "active" } else { "completed" };
        let tasks = json!({"total": 9, "by_status": {"completed": 5, "active": 4}});
        Answer::Json(200, json!({"status": status, "time_left_seconds": 600 - before, "tasks": tasks}))
    });
    let said = Place::new().run(&["job", "wait", "5c7d0000000000000000abc9", "--manager", &manager.url()]);
    let lines: Vec<_> = said.stderr.lines().collect();
    assert_eq!(lines[0], "active: 5 of 9 tasks done, 4 active, about 10 min left");
    assert_eq!(lines.len(), 2, "{lines:?}");
}
