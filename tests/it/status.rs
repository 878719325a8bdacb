//! Workers are asked to change status, and say that they did.

use flamenco_manager::domain::event::Event;
use http::Method;
use serde_json::{Value, json};

use crate::kit::{Answer, TestManager, TestWorker, job, task};

const UNKNOWN: &str = "0123456789abcdef01234567";

/// A Manager whose task `a` is in the hands of a worker.
async fn at_work() -> (TestManager, TestWorker, String) {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    let id = shot["a"].to_owned();
    (m, ada, id)
}

fn says(answer: &Answer) -> (u16, Value) {
    assert_eq!(answer.header("content-type"), "application/json");
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn a_worker_may_go_on_with_its_own_active_task() {
    let (_m, ada, a) = at_work().await;
    assert_eq!(ada.may_i_run(&a).await.expect(200).text(), r#"{"may_keep_running":true}"#);
}

#[tokio::test]
async fn every_reason_to_stop_is_given() {
    let (m, ada, a) = at_work().await;
    let bob = m.sleeper("bob").await;
    let refusal = |reason: String| (200, json!({"may_keep_running": false, "reason": reason}));
    assert_eq!(says(&ada.may_i_run(UNKNOWN).await), refusal(format!("unable to find task {UNKNOWN}")));
    assert_eq!(says(&bob.may_i_run(&a).await), refusal(format!("task {a} reassigned to another worker")));
    m.cancel(&a).await;
    let reason = format!("task {a} in non-runnable status cancel-requested");
    assert_eq!(says(&ada.may_i_run(&a).await), refusal(reason));
    ada.gives_back(&a).await;
    assert_eq!(says(&ada.may_i_run(&a).await), refusal(format!("task {a} in non-runnable status canceled")));
}

#[tokio::test]
async fn a_malformed_id_is_a_reason_to_stop() {
    let (_m, ada, a) = at_work().await;
    for id in ["", "x", "..%2f..%2fetc", &a.to_uppercase(), &format!("{a}/x"), &format!("{a}0"), "%ff"] {
        let (status, body) = says(&ada.may_i_run(id).await);
        assert_eq!((status, &body["may_keep_running"]), (200, &json!(false)), "{id}");
        let keys: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["may_keep_running", "reason"], "{id}");
    }
}

#[tokio::test]
async fn a_stranger_may_not_go_on_and_is_told_so_in_the_form_that_workers_understand() {
    let (m, ada, a) = at_work().await;
    let expected = json!({"may_keep_running": false, "reason": "unknown worker or wrong secret"});
    for answer in [
        ada.with_secret("wrong").may_i_run(&a).await,
        ada.with_secret("wrong").may_i_run("malformed").await,
        m.get(&format!("/may-i-run/{a}")).await,
    ] {
        assert_eq!(says(&answer), (401, expected.clone()));
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
}

#[tokio::test]
async fn when_the_manager_itself_is_in_trouble_the_worker_goes_on() {
    let (m, ada, a) = at_work().await;
    let mut m = m;
    m.services.stop().await.unwrap();
    let (status, body) = says(&ada.may_i_run(&a).await);
    assert_eq!((status, &body["may_keep_running"]), (500, &json!(true)));
    let keys: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["may_keep_running", "reason"]);
    m.restart().await;
    ada.may_i_run(&a).await.expect(200);
}

#[tokio::test]
async fn an_immediate_request_stops_the_task() {
    let (m, ada, a) = at_work().await;
    for status in ["asleep", "shutdown"] {
        m.request(&ada, status).await;
        let reason = format!("worker status change to {status} requested");
        let expected = json!({"may_keep_running": false, "reason": reason, "status_requested": status});
        assert_eq!(says(&ada.may_i_run(&a).await), (200, expected));
    }
}

#[tokio::test]
async fn a_lazy_request_waits_for_the_end_of_the_task() {
    let (m, ada, a) = at_work().await;
    m.act(&ada, "action=set-status&status=asleep&lazy=true").await.expect(204);
    let expected = json!({"may_keep_running": true, "status_requested": "asleep"});
    assert_eq!(says(&ada.may_i_run(&a).await), (200, expected));
    let about = m.about(&ada).await;
    assert_eq!((&about["status_requested"], &about["lazy_status_request"]), (&json!("asleep"), &json!(true)));
    ada.ends(&a, "completed").await;
    ada.ask().await.expect(423);
    ada.acknowledges("asleep").await;
    let about = m.about(&ada).await;
    assert_eq!((&about["status_requested"], &about["lazy_status_request"]), (&json!(""), &json!(false)));
}

#[tokio::test]
async fn a_request_is_told_together_with_any_other_reason_to_stop() {
    let (m, ada, a) = at_work().await;
    m.request(&ada, "asleep").await;
    m.cancel(&a).await;
    let reason = format!("task {a} in non-runnable status cancel-requested");
    let expected = json!({"may_keep_running": false, "reason": reason, "status_requested": "asleep"});
    assert_eq!(says(&ada.may_i_run(&a).await), (200, expected));
}

#[tokio::test]
async fn a_request_to_wake_up_is_never_told_to_who_asks_for_its_task() {
    let (m, ada, a) = at_work().await;
    m.request(&ada, "awake").await;
    assert_eq!(says(&ada.may_i_run(&a).await), (200, json!({"may_keep_running": true})));
    m.cancel(&a).await;
    let (_, body) = says(&ada.may_i_run(&a).await);
    assert_eq!(body["may_keep_running"], false);
    assert_eq!(body.get("status_requested"), None);
    assert_eq!(ada.ask().await.expect(423).text(), r#"{"status_requested":"awake"}"#);
}

#[tokio::test]
async fn an_asleep_worker_hears_what_is_requested_of_it() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.acknowledges("asleep").await;
    assert_eq!(ada.get("/status-change").await.expect(204).text(), "");
    assert_eq!(m.worker_status(&ada).await, "asleep", "polling wakes nobody");
    m.request(&ada, "awake").await;
    let answer = ada.get("/status-change").await.expect(200);
    assert_eq!(answer.text(), r#"{"status_requested":"awake"}"#);
    ada.acknowledges("awake").await;
    ada.get("/status-change").await.expect(204);
    assert_eq!(m.worker_status(&ada).await, "awake");
}

#[tokio::test]
async fn an_acknowledgement_ends_the_request_whatever_it_was() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    for status in ["asleep", "awake", "error", "testing"] {
        m.request(&ada, "shutdown").await;
        ada.acknowledges(status).await;
        let about = m.about(&ada).await;
        assert_eq!((&about["status"], &about["status_requested"]), (&json!(status), &json!("")));
    }
}

#[tokio::test]
async fn what_no_worker_can_acknowledge_changes_nothing() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.request(&ada, "shutdown").await;
    let before = m.about(&ada).await;
    for status in ["shutdown", "offline", "timeout", "starting", "dancing", "%00", "ASLEEP"] {
        ada.acknowledges(status).await;
        assert_eq!(m.about(&ada).await, before, "{status}");
    }
}

#[tokio::test]
async fn the_newest_request_counts() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.request(&ada, "asleep").await;
    m.act(&ada, "action=shutdown&lazy=true").await.expect(204);
    assert_eq!(ada.ask().await.expect(423).json(), json!({"status_requested": "shutdown"}));
    let about = m.about(&ada).await;
    assert_eq!(
        (&about["status_requested"], &about["lazy_status_request"]),
        (&json!("shutdown"), &json!(true))
    );
}

#[tokio::test]
async fn the_files_that_a_worker_wrote_are_kept_as_events() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.post_json("/output-produced", &json!({"paths": ["/render/a.png"], "more": 1})).await.expect(204);
    let lone = br#"{"paths": ["/render/caf\udce9.png"]}"#.as_slice();
    ada.call(Method::POST, "/output-produced", lone).await.expect(204);
    for none in [json!({"paths": []}), json!({})] {
        assert_eq!(ada.post_json("/output-produced", &none).await.expect(422).error_code(), "unprocessable");
    }
    for absurd in [json!({"paths": vec!["/a.png"; 1_001]}), json!({"paths": ["x".repeat(5_000)]})] {
        let answer = ada.post_json("/output-produced", &absurd).await.expect(400);
        assert!(answer.says().contains("at most"), "{}", answer.says());
    }
    for bad in ["", "{", "[]", "\"x\"", r#"{"paths": "x"}"#, r#"{"paths": [1]}"#] {
        let answer = ada.call(Method::POST, "/output-produced", bad).await;
        assert_eq!(answer.expect(400).error_code(), "bad-request", "{bad}");
    }
    let events: Vec<_> =
        m.events().await.into_iter().map(|Event::OutputProduced { paths, .. }| paths).collect();
    assert_eq!(events, [["/render/caf\u{fffd}.png"], ["/render/a.png"]]);
}
