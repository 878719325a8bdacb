//! Workers fail tasks: who tries next, who is not trusted any more, and when a task has failed for good.

use jiff::ToSpan;
use serde_json::json;

use crate::kit::{TestManager, TestWorker, job, task, with};

const NEVER_BLACKLIST: &str = "blacklist_threshold = 100";

async fn blacklist_of(m: &TestManager, worker: &TestWorker) -> usize {
    m.about(worker).await["blacklist"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_failed_task_is_tried_by_others_and_not_by_who_failed_it() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    let after = m.task(&shot["a"]).await;
    assert_eq!(after["status"], "soft-failed");
    assert_eq!(after["failed_by_workers"], json!([{"id": ada.id, "identifier": "127.0.0.1 (ada)"}]));
    ada.gets_nothing().await;
    bob.takes_and_completes(&shot["a"]).await;
    assert_eq!(m.job_status(&shot).await, "completed");
}

#[tokio::test]
async fn the_third_worker_to_fail_a_task_ends_it() {
    let m = TestManager::start().await;
    let workers =
        [m.sleeper("ada").await, m.sleeper("bob").await, m.sleeper("cleo").await, m.sleeper("dan").await];
    let shot = m.submit(&job([task("a")])).await;
    for (worker, becomes) in workers.iter().zip(["soft-failed", "soft-failed", "failed"]) {
        worker.takes_and_fails(&shot["a"]).await;
        assert_eq!(m.status(&shot["a"]).await, becomes);
    }
    workers[3].gets_nothing().await;
    assert_eq!(m.job_status(&shot).await, "failed");
}

#[tokio::test]
async fn a_task_that_nobody_is_left_to_try_has_failed_at_once() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.worker("bob", &["debug"]).await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "failed");
}

#[tokio::test]
async fn workers_that_are_offline_are_still_there_to_try() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    bob.sign_off().await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "soft-failed");
}

#[tokio::test]
async fn workers_that_were_forgotten_are_not() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    m.act(&bob, "action=forget-worker").await.expect(204);
    let shot = m.submit(&job([task("a")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "failed");
}

#[tokio::test]
async fn a_worker_that_was_forgotten_still_counts_among_those_that_failed_a_task() {
    let m = TestManager::configured("task_fail_after_softfail_count = 2").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    m.sleeper("cleo").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    m.act(&ada, "action=forget-worker").await.expect(204);
    bob.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "failed");
    assert_eq!(m.task(&shot["a"]).await["failed_by_workers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_third_failure_of_a_kind_blacklists_a_worker_for_that_kind_alone() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.worker("ada", &["sleep", "debug"]).await, m.sleeper("bob").await);
    let debug = with(task("other-type"), &json!({"task_type": "debug"}));
    let shot = m.submit(&job([task("a"), task("b"), task("c"), task("d"), debug])).await;
    for name in ["a", "b", "c"] {
        assert_eq!(blacklist_of(&m, &ada).await, 0);
        ada.takes_and_fails(&shot[name]).await;
    }
    let line = json!({
        "_created": "2026-03-02T11:00:00Z", "worker_id": ada.id, "job_id": shot.id, "task_type": "sleep",
    });
    assert_eq!(m.about(&ada).await["blacklist"], json!([line]));
    ada.takes_and_completes(&shot["other-type"]).await;
    ada.gets_nothing().await;
    let other = m.submit(&job([task("a")])).await;
    ada.takes(&other["a"]).await;
    bob.takes(&shot["a"]).await;
}

#[tokio::test]
async fn failures_count_by_who_failed_whoever_has_the_task_now() {
    let m = TestManager::configured("blacklist_threshold = 2").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    bob.takes_and_completes(&shot["a"]).await;
    ada.takes_and_fails(&shot["b"]).await;
    assert_eq!(blacklist_of(&m, &ada).await, 1, "the task that succeeded elsewhere counts against it");
}

#[tokio::test]
async fn when_blacklisting_leaves_nobody_what_failed_softly_has_failed() {
    let m = TestManager::configured("blacklist_threshold = 2\njob_fail_percentage = 0").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b"), task("c"), task("d")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    ada.takes_and_fails(&shot["b"]).await;
    assert_eq!(m.statuses(&shot).await, ["soft-failed", "soft-failed", "queued", "queued"]);
    bob.takes_and_completes(&shot["a"]).await;
    bob.takes_and_fails(&shot["b"]).await;
    assert_eq!(m.statuses(&shot).await, ["completed", "failed", "queued", "queued"], "ada is blacklisted");
    bob.takes_and_fails(&shot["c"]).await;
    assert_eq!(m.statuses(&shot).await, ["completed", "failed", "failed", "queued"]);
    assert_eq!(blacklist_of(&m, &bob).await, 1);
    bob.gets_nothing().await;
}

#[tokio::test]
async fn a_soft_failure_becomes_one_for_good_when_its_worker_is_blacklisted_and_was_the_last() {
    let m = TestManager::configured("blacklist_threshold = 2").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "soft-failed");
    m.act(&bob, "action=forget-worker").await.expect(204);
    ada.takes_and_fails(&shot["b"]).await;
    assert_eq!(m.statuses(&shot).await, ["failed", "failed"]);
    assert_eq!(
        m.task(&shot["a"]).await["activity"],
        "Manager hard-failed task after blacklisting worker 127.0.0.1 (ada)"
    );
    assert_eq!(m.job_status(&shot).await, "failed");
}

#[tokio::test]
async fn a_blacklist_entry_expires_after_seven_days() {
    let m = TestManager::configured("blacklist_threshold = 1").await;
    let (ada, _bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    m.advance(167.hours().minutes(59));
    ada.gets_nothing().await;
    assert_eq!(m.services.clean_up_blacklist().await.unwrap(), 0);
    m.advance(1.minutes());
    assert_eq!(blacklist_of(&m, &ada).await, 0);
    ada.takes(&shot["b"]).await;
    assert_eq!(m.services.clean_up_blacklist().await.unwrap(), 1);
    assert_eq!(m.services.clean_up_blacklist().await.unwrap(), 0);
}

#[tokio::test]
async fn a_blacklist_outlives_a_restart() {
    let mut m = TestManager::configured("blacklist_threshold = 1").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    m.restart().await;
    ada.gets_nothing().await;
    bob.takes(&shot["a"]).await;
}

#[tokio::test]
async fn a_worker_that_failed_a_task_never_gets_it_again() {
    let m = TestManager::configured(NEVER_BLACKLIST).await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    bob.takes(&shot["a"]).await;
    bob.gives_back(&shot["a"]).await;
    ada.takes_and_completes(&shot["b"]).await;
    ada.gets_nothing().await;
    m.advance(400.hours());
    ada.gets_nothing().await;
}
