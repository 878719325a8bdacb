//! A task that somebody wants stopped ends as canceled, whatever its worker does.

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{TestManager, TestWorker, behind, job, task};

/// A Manager whose task `a` is in the hands of a worker and to be cancelled; `b` is queued.
async fn to_be_cancelled() -> (TestManager, TestWorker, crate::kit::Job) {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes(&shot["a"]).await;
    m.cancel(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "cancel-requested");
    (m, ada, shot)
}

#[tokio::test]
async fn it_is_canceled_when_its_worker_returns_it() {
    let (m, ada, shot) = to_be_cancelled().await;
    assert_eq!(ada.may_i_run(&shot["a"]).await.json()["may_keep_running"], false);
    ada.gives_back(&shot["a"]).await;
    let after = m.task(&shot["a"]).await;
    assert_eq!(after["status"], "canceled");
    assert_eq!(after["activity"], "Canceled; worker 127.0.0.1 (ada) no longer has it: returned by worker");
    assert!(m.log(&shot["a"]).await.contains(": Manager canceled the task;"));
}

#[tokio::test]
async fn it_is_canceled_when_its_worker_signs_off() {
    let (m, ada, shot) = to_be_cancelled().await;
    ada.sign_off().await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
}

#[tokio::test]
async fn it_is_canceled_when_its_worker_times_out() {
    let (m, _ada, shot) = to_be_cancelled().await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
}

#[tokio::test]
async fn it_is_canceled_when_nothing_is_heard_of_it_and_its_worker_is_not_even_awake() {
    let (m, ada, shot) = to_be_cancelled().await;
    ada.acknowledges("asleep").await;
    m.advance(10.minutes());
    m.check_timeouts().await;
    assert_eq!(m.status(&shot["a"]).await, "cancel-requested");
    m.advance(1.milliseconds());
    m.check_timeouts().await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    assert_eq!(m.worker_status(&ada).await, "asleep");
}

#[tokio::test]
async fn it_is_canceled_when_its_worker_asks_for_another() {
    let (m, ada, shot) = to_be_cancelled().await;
    ada.takes(&shot["b"]).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
}

#[tokio::test]
async fn it_is_canceled_when_its_worker_asks_for_another_and_has_to_change_status() {
    let (m, ada, shot) = to_be_cancelled().await;
    m.request(&ada, "asleep").await;
    ada.ask().await.expect(423);
    assert_eq!(m.status(&shot["a"]).await, "canceled");
}

#[tokio::test]
async fn it_is_canceled_when_its_worker_is_forgotten() {
    let (m, ada, shot) = to_be_cancelled().await;
    m.act(&ada, "action=forget-worker").await.expect(204);
    assert_eq!(m.status(&shot["a"]).await, "canceled");
}

#[tokio::test]
async fn what_its_worker_reports_meanwhile_is_log_only() {
    let (m, ada, shot) = to_be_cancelled().await;
    let before = m.task(&shot["a"]).await;
    for status in ["active", "completed", "failed", "canceled"] {
        ada.reports(&shot["a"], &json!({"task_status": status, "activity": "x", "log": status})).await;
        assert_eq!(m.task(&shot["a"]).await, before, "{status}");
    }
    assert!(m.log(&shot["a"]).await.ends_with("\nactive\ncompleted\nfailed\ncanceled\n"));
    ada.gives_back(&shot["a"]).await;
    ada.gives_back(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
}

#[tokio::test]
async fn a_task_that_nobody_has_is_canceled_at_once() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    let answer = m.post(&format!("/api/tasks/{}/cancel", &shot["a"]), &Value::Null).await.expect(200);
    assert_eq!(answer.json()["status"], "canceled");
    ada.gets_nothing().await;
    assert_eq!(m.job_status(&shot).await, "canceled", "the other task would wait for ever");
}

#[tokio::test]
async fn a_task_that_failed_softly_is_canceled_at_once() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    m.cancel(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    bob.gets_nothing().await;
}

#[tokio::test]
async fn what_is_over_cannot_be_canceled() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes_and_completes(&shot["a"]).await;
    let answer = m.post(&format!("/api/tasks/{}/cancel", &shot["a"]), &Value::Null).await.expect(409);
    assert_eq!(answer.error_code(), "too-late");
    assert_eq!(answer.says(), "a task that is completed cannot be canceled");
    m.post(&format!("/api/tasks/{}/cancel", "0".repeat(24)), &Value::Null).await.expect(404);
    m.post("/api/tasks/x/cancel", &Value::Null).await.expect(404);
    assert_eq!(m.status(&shot["a"]).await, "completed");
}
