//! The bugs of `worker-protocol.md`, section 12: what a genuine worker does wrong, and the Manager lives with.

use futures_util::future::join_all;
use jiff::ToSpan;
use serde_json::json;

use crate::kit::{Job, TestManager, TestWorker, job, task};

async fn at_work() -> (TestManager, TestWorker, Job) {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes(&shot["a"]).await;
    (m, ada, shot)
}

#[tokio::test]
async fn bug_1_a_worker_that_no_longer_asks_whether_it_may_run_gets_its_work_done() {
    let (m, ada, shot) = at_work().await;
    for _ in 0..30 {
        m.advance(50.seconds());
        ada.reports(&shot["a"], &json!({"log": "still here"})).await;
        m.check_timeouts().await;
    }
    assert_eq!(m.status(&shot["a"]).await, "active");
    m.cancel(&shot["a"]).await;
    // It never hears of that, and says that it is done.
    ada.ends(&shot["a"], "completed").await;
    ada.takes(&shot["b"]).await;
    assert_eq!(m.statuses(&shot).await, ["canceled", "active"]);
}

#[tokio::test]
async fn bug_2_a_doubled_worker_gets_one_task_twice_and_never_two() {
    let (m, ada, shot) = at_work().await;
    ada.ends(&shot["a"], "completed").await;
    for answer in join_all([ada.ask(), ada.ask()]).await {
        assert_eq!(answer.expect(200).json()["_id"], shot["b"]);
    }
    ada.ends(&shot["b"], "completed").await;
    ada.ends(&shot["b"], "completed").await;
    assert_eq!(m.statuses(&shot).await, ["completed", "completed"]);
}

#[tokio::test]
async fn bug_3_the_timing_of_the_task_before_is_overwritten_by_the_right_one() {
    let (m, ada, shot) = at_work().await;
    let first = json!({"task_status": "active", "activity": "", "metrics": {"timing": {"rendering": 99.0}}});
    ada.reports(&shot["a"], &first).await;
    ada.reports(&shot["a"], &json!({"task_status": "completed", "metrics": {"timing": {"total": 1.5}}}))
        .await;
    assert_eq!(m.task(&shot["a"]).await["metrics"], json!({"timing": {"total": 1.5}}));
}

#[tokio::test]
async fn bug_4_left_over_log_lines_land_in_the_log_of_the_next_task() {
    let (m, ada, shot) = at_work().await;
    ada.gives_back(&shot["a"]).await;
    ada.takes(&shot["a"]).await;
    ada.ends(&shot["a"], "completed").await;
    ada.takes(&shot["b"]).await;
    let left_over = "2026-03-02T10:59:00+00:00: Worker returned this task to the Manager queue.\nnew line";
    ada.reports(&shot["b"], &json!({"task_status": "active", "log": left_over})).await;
    assert!(m.log(&shot["b"]).await.ends_with(&format!("\n{left_over}\n")));
    assert_eq!(m.status(&shot["b"]).await, "active");
}

#[tokio::test]
async fn bug_5_a_stray_update_after_an_abort_changes_nothing() {
    let (m, ada, shot) = at_work().await;
    let stray = json!({
        "activity": "", "current_command_idx": 0, "task_progress_percentage": 0, "command_progress_percentage": 0,
        "metrics": {"timing": {}}, "log": "returned this task",
    });
    ada.gives_back(&shot["a"]).await;
    let before = m.task(&shot["a"]).await;
    ada.reports(&shot["a"], &stray).await;
    assert_eq!(m.task(&shot["a"]).await, before);
    let bob = m.sleeper("bob").await;
    bob.takes(&shot["a"]).await;
    let before = m.task(&shot["a"]).await;
    ada.update(&shot["a"], &stray).await.expect(409);
    assert_eq!(m.task(&shot["a"]).await, before);
}

#[tokio::test]
async fn bug_6_updates_of_a_task_that_timed_out_are_log_only_and_409_once_it_is_somebody_elses() {
    let (m, ada, shot) = at_work().await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    ada.reports(&shot["a"], &json!({"task_status": "completed", "activity": "done", "log": "late"})).await;
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
    assert!(m.log(&shot["a"]).await.ends_with("\nlate\n"));
    m.sleeper("bob").await.takes(&shot["a"]).await;
    ada.update(&shot["a"], &json!({"task_status": "completed", "log": "later"})).await.expect(409);
    assert_eq!(m.status(&shot["a"]).await, "active");
    assert!(!m.log(&shot["a"]).await.contains("later"));
}

#[tokio::test]
async fn bug_7_a_task_that_is_run_again_because_its_updates_were_stuck_completes_once() {
    let (m, ada, shot) = at_work().await;
    ada.takes(&shot["a"]).await;
    for status in ["active", "completed", "active", "completed"] {
        ada.reports(&shot["a"], &json!({"task_status": status, "log": status})).await;
    }
    assert!(m.log(&shot["a"]).await.ends_with("\nactive\ncompleted\nactive\ncompleted\n"));
    ada.takes_and_completes(&shot["b"]).await;
    assert_eq!(m.job_status(&shot).await, "completed");
}

#[tokio::test]
async fn bug_8_what_a_broken_log_call_prints_is_a_log_like_any_other() {
    let (m, ada, shot) = at_work().await;
    let text = "--- Logging error ---\nTraceback (most recent call last):\n  File \"x.py\", line 1";
    ada.reports(&shot["a"], &json!({ "log": text })).await;
    assert!(m.log(&shot["a"]).await.ends_with(&format!("\n{text}\n")));
}
