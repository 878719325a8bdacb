//! The twelve points of `worker-protocol.md`, section 0: what breaks a genuine worker, in order of how badly.

use bytes::Bytes;
use flamenco_manager::{
    http::on_panic,
    simulate::{Asked, MayIRun, Profile, SimWorker},
};
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::kit::{Answer, Job, TestManager, TestWorker, job, task, with};

const UNKNOWN: &str = "0123456789abcdef01234567";

async fn at_work() -> (TestManager, TestWorker, Job) {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    (m, ada, shot)
}

/// Reads an answer as strictly as the genuine worker does.
fn understood(body: &[u8]) -> MayIRun {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {body:?}"))
}

#[tokio::test]
async fn point_01_may_i_run_is_always_answered_in_its_own_form() {
    let (mut m, ada, shot) = at_work().await;
    let bob = m.sleeper("bob").await;
    let may = |answer: Answer| understood(&answer.body).may_keep_running;
    assert!(may(ada.may_i_run(&shot["a"]).await));
    for id in [UNKNOWN, "malformed", "", "a/b/c"] {
        assert!(!may(ada.may_i_run(id).await), "{id}");
    }
    assert!(!may(bob.may_i_run(&shot["a"]).await));
    assert!(!may(ada.with_secret("wrong").may_i_run(&shot["a"]).await));
    assert!(!may(m.get(&format!("/may-i-run/{}", &shot["a"])).await));
    m.request(&ada, "asleep").await;
    assert!(!may(ada.may_i_run(&shot["a"]).await));
    m.cancel(&shot["a"]).await;
    assert!(!may(ada.may_i_run(&shot["a"]).await));

    m.services.stop().await.unwrap();
    assert!(may(ada.may_i_run(&shot["a"]).await), "trouble of the Manager stops nobody");
    let body = on_panic("/may-i-run/x").into_body().collect().await.unwrap().to_bytes();
    assert!(understood(&body).may_keep_running);
    m.restart().await;
}

#[tokio::test]
async fn point_02_return_is_answered_204_or_with_json() {
    let (mut m, ada, shot) = at_work().await;
    let bob = m.sleeper("bob").await;
    let path = |id: &str| format!("/tasks/{id}/return");
    for worker in [&bob, &ada, &ada] {
        assert_eq!(worker.post(&path(&shot["a"])).await.expect(204).text(), "");
    }
    let mut others = vec![
        (404, ada.post(&path(UNKNOWN)).await),
        (404, ada.post(&path("malformed")).await),
        (401, ada.with_secret("wrong").post(&path(&shot["a"])).await),
    ];
    m.services.stop().await.unwrap();
    others.push((500, ada.post(&path(&shot["a"])).await));
    m.restart().await;
    for (status, answer) in others {
        assert!(answer.expect(status).json().is_object());
    }
}

#[tokio::test]
async fn point_03_every_update_that_a_worker_can_send_leaves_its_queue() {
    let (m, ada, shot) = at_work().await;
    let bob = m.sleeper("bob").await;
    let odd = [
        json!({}),
        json!({"task_status": "exploded"}),
        json!({"task_status": 7, "activity": {}, "log": [], "metrics": "x", "current_command_idx": "1"}),
        json!({"metrics": {"timing": {"total": "slow"}}, "task_progress_percentage": -1e300}),
        json!({"activity": "x".repeat(1 << 20)}),
        json!({"log": "x".repeat(1_092_732), "unknown": null}),
        json!({"log": "\u{0}\u{1b}[31m"}),
    ];
    for update in &odd {
        ada.update(&shot["a"], update).await.expect(204);
        ada.update(UNKNOWN, update).await.expect(404);
        ada.update("malformed", update).await.expect(404);
        bob.update(&shot["a"], update).await.expect(409);
    }
    ada.ends(&shot["a"], "completed").await;
    for update in &odd {
        ada.update(&shot["a"], update).await.expect(204);
    }
}

#[tokio::test]
async fn point_04_a_slow_update_that_comes_twice_and_is_overtaken_does_no_harm() {
    let (m, ada, shot) = at_work().await;
    let end = json!({"task_status": "completed", "activity": "Task completed", "log": "the end"});
    // The worker has completed the task, and asks for another before the Manager hears of it.
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &end).await;
    ada.reports(&shot["a"], &end).await;
    ada.reports(&shot["a"], &json!({"task_status": "active", "activity": ""})).await;
    ada.reports(&shot["a"], &end).await;
    assert_eq!(m.status(&shot["a"]).await, "completed");
    ada.gets_nothing().await;
    assert_eq!(m.get("/api/farm").await.json()["tasks"], json!({"completed": 1}));
}

#[tokio::test]
async fn point_05_awake_is_never_sent_with_may_i_run_false() {
    let (m, ada, shot) = at_work().await;
    m.advance(jiff::ToSpan::minutes(2));
    m.check_timeouts().await;
    // 2.x asks a worker that timed out to be awake, and breaks it so.
    assert_eq!(understood(&ada.may_i_run(&shot["a"]).await.body).status_requested, None);
    m.request(&ada, "awake").await;
    for id in [&shot["a"], UNKNOWN, "malformed"] {
        let answer = understood(&ada.may_i_run(id).await.body);
        assert_eq!((answer.may_keep_running, answer.status_requested), (false, None));
    }
    assert_eq!(ada.ask().await.expect(423).text(), r#"{"status_requested":"awake"}"#);
}

#[tokio::test]
async fn point_06_423_has_one_key() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.submit(&job([task("a")])).await;
    m.act(&ada, "action=set-status&status=asleep&lazy=true").await.expect(204);
    let answer = ada.ask().await.expect(423);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text(), r#"{"status_requested":"asleep"}"#);
}

#[tokio::test]
async fn point_07_what_comes_twice_or_too_late_is_taken_and_changes_no_status() {
    let (m, ada, shot) = at_work().await;
    ada.ends(&shot["a"], "completed").await;
    let before = m.task(&shot["a"]).await;
    for late in ["active", "failed", "completed", "canceled"] {
        ada.reports(&shot["a"], &json!({"task_status": late, "activity": late, "log": late})).await;
        assert_eq!(m.task(&shot["a"]).await, before);
    }
    assert!(m.log(&shot["a"]).await.ends_with("\nactive\nfailed\ncompleted\ncanceled\n"));
}

#[tokio::test]
async fn point_08_a_cancelled_task_ends_though_its_worker_never_says_so() {
    let (m, ada, shot) = at_work().await;
    m.cancel(&shot["a"]).await;
    assert!(!understood(&ada.may_i_run(&shot["a"]).await.body).may_keep_running);
    ada.reports(&shot["a"], &json!({"log": "no longer allowed to run by Manager"})).await;
    ada.gives_back(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    ada.gets_nothing().await;
}

#[tokio::test]
async fn point_09_calls_without_body_and_content_type_are_taken() {
    let (m, ada, shot) = at_work().await;
    let encoded = headers::Authorization::basic(&ada.id, &ada.secret);
    let mut values = Vec::new();
    headers::Header::encode(&encoded, &mut values);
    let authorization = values[0].to_str().unwrap();
    for (path, status) in [
        ("/task".to_owned(), 200),
        (format!("/tasks/{}/return", &shot["a"]), 204),
        ("/ack-status-change/asleep".to_owned(), 204),
        ("/sign-off".to_owned(), 204),
    ] {
        let mut stream = TcpStream::connect(m.door.address()).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: manager\r\nUser-Agent: Flamenco-Worker/2.5\r\n\
             Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 0\r\n\
             Authorization: {authorization}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
}

#[tokio::test]
async fn point_10_a_worker_gets_its_own_active_task_back() {
    let (mut m, ada, shot) = at_work().await;
    m.submit(&with(job([task("better")]), &json!({"priority": 99}))).await;
    ada.takes(&shot["a"]).await;
    ada.sign_on().await;
    ada.takes(&shot["a"]).await;
    m.restart().await;
    ada.takes(&shot["a"]).await;
}

#[tokio::test]
async fn point_11_whole_numbers_are_integers_on_the_wire() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let submission = format!(
        r#"{{"name": "shot", "tasks": [{{"name": "a", "task_type": "sleep", "commands": [{{"name": "x", "settings":
        {{"a": 4, "b": 4.0, "c": -1e2, "d": 0.25, "e": {}, "f": [[1.0]]}}}}]}}]}}"#,
        u64::MAX
    );
    m.door.call(Method::POST, "/api/jobs", &[], Bytes::from(submission)).await.expect(201);
    let answer = ada.ask().await.expect(200);
    let settings = r#""settings":{"a":4,"b":4,"c":-100,"d":0.25,"e":18446744073709551615,"f":[[1]]}"#;
    assert!(answer.text().contains(settings), "{}", answer.text());
}

#[tokio::test]
async fn point_12_settings_are_always_an_object() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.submit(&job([with(task("a"), &json!({"commands": [{"name": "x"}, {"name": "y", "settings": {}}]}))]))
        .await;
    let given = ada.ask().await.expect(200).json();
    assert_eq!(given["commands"], json!([{"name": "x", "settings": {}}, {"name": "y", "settings": {}}]));
}

/// Every call of this worker is answered within the genuine worker's three seconds, or the call fails.
#[tokio::test]
async fn a_worker_as_strict_as_the_genuine_one_gets_through_its_whole_life() {
    let m = TestManager::start().await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    let url = format!("http://{}/", m.door.address());
    let mut ada = SimWorker::register(&url, Profile::linux("ada", &["sleep"]), None).await.unwrap();
    let Asked::Task(given) = ada.ask_task().await.unwrap() else { panic!("there is a task") };
    assert_eq!(given["_id"], shot["a"]);
    assert!(ada.may_i_run(&shot["a"]).await.unwrap().may_keep_running);
    let done: Value = json!({"task_status": "completed", "log": "done"});
    assert_eq!(ada.update(&shot["a"], &done).await.unwrap(), 204);
    assert_eq!(ada.output_produced(&["/render/1.png"]).await.unwrap(), 204);
    assert!(matches!(ada.ask_task().await.unwrap(), Asked::Task(_)));
    assert_eq!(ada.return_task(&shot["b"]).await.unwrap(), 204);
    m.services.request_status(ada.id().parse().unwrap(), "asleep".parse().unwrap(), false).await.unwrap();
    assert!(matches!(ada.ask_task().await.unwrap(), Asked::ChangeStatus(status) if status == "asleep"));
    assert_eq!(ada.ack("asleep").await.unwrap(), 204);
    assert_eq!(ada.status_change().await.unwrap(), None);
    assert_eq!(ada.sign_off().await.unwrap(), 204);
    let mut again = SimWorker::returning(&url, ada.profile().clone(), ada.id(), ada.secret()).unwrap();
    assert_eq!(again.sign_on().await.unwrap(), 204);
    assert_eq!(again.status_change().await.unwrap().as_deref(), Some("asleep"));
}
