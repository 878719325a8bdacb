//! A simulated worker's day with a Manager that answers by a script.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::simulate::Profile;

/// Status and body.
type Answer = (u16, Value);
/// From a call like `POST /task`, and how many such calls there were before it, to its answer.
type Script = fn(call: &str, before: usize) -> Answer;

/// What a worker did to a Manager that answers by a script.
struct Day {
    calls: Vec<(String, Value)>,
    result: Result<(), WorkerError>,
}

impl Day {
    fn calls(&self) -> Vec<&str> {
        self.calls.iter().map(|(call, _)| call.as_str()).collect()
    }
}

async fn respond(
    request: Request<Incoming>,
    script: Script,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let call = format!("{} {}", request.method(), request.uri().path());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut calls = calls.lock().unwrap();
    let before = calls.iter().filter(|(earlier, _)| *earlier == call).count();
    calls.push((call.clone(), serde_json::from_slice(&body).unwrap_or_default()));
    let (status, body) =
        if call == "POST /register-worker" { (200, json!({ "_id": "w1" })) } else { script(&call, before) };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Ok(Response::builder().status(status).body(Full::from(body)).unwrap())
}

/// Lets a worker work until the script sends it home, or for one second.
async fn day(script: Script) -> Day {
    let calls = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let calls = Arc::clone(&seen);
            let service = service_fn(move |request| respond(request, script, Arc::clone(&calls)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let profile = Profile::linux("tester", &["sleep"]);
    let mut worker = SimWorker::register(&url, profile, None).await.unwrap();
    let stop = CancellationToken::new();
    let alarm = stop.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        alarm.cancel();
    });
    let pause = Duration::from_millis(5);
    let pace = Pace {
        after_task: pause,
        idle: pause,
        after_error: pause,
        update_retry: pause,
        may_i_run: pause,
        asleep: pause,
    };
    let result = worker.run(&Behaviour::good(pace), &stop).await;
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    Day { calls, result }
}

fn task(seconds: f64) -> Answer {
    let sleep = json!({ "name": "sleep", "settings": { "time_in_seconds": seconds } });
    (200, json!({ "_id": "t1", "task_type": "sleep", "commands": [sleep] }))
}

fn go_home() -> Answer {
    (423, json!({ "status_requested": "shutdown" }))
}

#[tokio::test]
async fn a_task_is_fetched_run_and_reported_then_the_next_is_asked_for() {
    let day = day(|call, before| match (call, before) {
        ("POST /task", 0) => (500, Value::Null),
        ("POST /task", 1) => (204, Value::Null),
        ("POST /task", 2) => task(0.0),
        ("POST /task", _) => go_home(),
        _ => (204, Value::Null),
    })
    .await;
    day.result.as_ref().unwrap();
    let calls = [
        "POST /register-worker",
        "POST /task",
        "POST /task",
        "POST /task",
        "POST /tasks/t1/update",
        "POST /tasks/t1/update",
        "POST /task",
        "POST /sign-off",
    ];
    assert_eq!(day.calls(), calls);
    assert_eq!(day.calls[4].1["task_status"], "active");
    assert_eq!(day.calls[5].1["task_status"], "completed");
}

#[tokio::test]
async fn a_worker_sent_to_sleep_polls_until_it_is_woken() {
    let day = day(|call, before| match (call, before) {
        ("POST /task", 0) => (423, json!({ "status_requested": "asleep" })),
        ("POST /task", _) => go_home(),
        ("GET /status-change", 1) => (200, json!({ "status_requested": "awake" })),
        _ => (204, Value::Null),
    })
    .await;
    day.result.as_ref().unwrap();
    let calls = [
        "POST /register-worker",
        "POST /task",
        "POST /ack-status-change/asleep",
        "GET /status-change",
        "GET /status-change",
        "POST /ack-status-change/awake",
        "POST /task",
        "POST /sign-off",
    ];
    assert_eq!(day.calls(), calls);
}

#[tokio::test]
async fn a_task_that_may_not_run_is_stopped_logged_and_returned() {
    let day = day(|call, before| match (call, before) {
        ("POST /task", 0) => task(60.0),
        ("POST /task", _) => go_home(),
        ("GET /may-i-run/t1", 0) => (500, json!({ "may_keep_running": true, "status_requested": "asleep" })),
        ("GET /may-i-run/t1", _) => (200, json!({ "may_keep_running": false, "reason": "because" })),
        _ => (204, Value::Null),
    })
    .await;
    day.result.as_ref().unwrap();
    let calls = [
        "POST /register-worker",
        "POST /task",
        "POST /tasks/t1/update",
        "GET /may-i-run/t1",
        "GET /may-i-run/t1",
        "POST /tasks/t1/update",
        "POST /tasks/t1/return",
        "POST /task",
        "POST /sign-off",
    ];
    assert_eq!(day.calls(), calls);
    let last_update = day.calls[5].1.as_object().unwrap();
    assert_eq!(last_update.keys().collect::<Vec<_>>(), ["log"]);
}

#[tokio::test]
async fn a_worker_told_to_shut_down_in_the_middle_returns_its_task_and_signs_off() {
    let day = day(|call, _| match call {
        "POST /task" => task(60.0),
        "GET /may-i-run/t1" => (200, json!({ "may_keep_running": false, "status_requested": "shutdown" })),
        _ => (204, Value::Null),
    })
    .await;
    day.result.as_ref().unwrap();
    assert_eq!(day.calls()[4..], ["POST /tasks/t1/update", "POST /tasks/t1/return", "POST /sign-off"]);
}

#[tokio::test]
async fn an_update_is_repeated_until_it_is_taken_or_hopeless() {
    let day = day(|call, before| match (call, before) {
        ("POST /task", 0) => task(0.0),
        ("POST /task", _) => go_home(),
        ("POST /tasks/t1/update", 0 | 1) => (413, Value::Null),
        ("POST /tasks/t1/update", _) => (409, Value::Null),
        _ => (204, Value::Null),
    })
    .await;
    day.result.as_ref().unwrap();
    assert_eq!(day.calls().iter().filter(|call| **call == "POST /tasks/t1/update").count(), 4);
}

#[tokio::test]
async fn an_answer_that_breaks_a_genuine_worker_ends_the_rounds() {
    let day = day(|call, _| match call {
        "POST /task" => task(60.0),
        "GET /may-i-run/t1" => (401, Value::Null),
        _ => (204, Value::Null),
    })
    .await;
    assert!(matches!(day.result, Err(WorkerError::Breaking { .. })), "{:?}", day.result);
}

#[tokio::test]
async fn a_worker_that_is_stopped_says_nothing_but_goodbye() {
    let day = day(|call, _| match call {
        "POST /task" => task(60.0),
        "GET /may-i-run/t1" => (200, json!({ "may_keep_running": true })),
        _ => (204, Value::Null),
    })
    .await;
    day.result.as_ref().unwrap();
    assert_eq!(day.calls().last(), Some(&"POST /sign-off"));
    assert_eq!(day.calls().iter().filter(|call| **call == "POST /tasks/t1/update").count(), 1);
}
