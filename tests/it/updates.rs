//! Workers report on their tasks.

use bytes::Bytes;
use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{START, TestManager, TestWorker, behind, job, task};

/// A Manager whose task `a` is in the hands of a worker.
async fn at_work() -> (TestManager, TestWorker, String) {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    let id = shot["a"].to_owned();
    (m, ada, id)
}

fn full() -> Value {
    json!({
        "activity": "starting sleep", "current_command_idx": 1, "task_progress_percentage": 2,
        "command_progress_percentage": 3, "metrics": {"timing": {"total": 1.4e-05}}, "task_status": "active",
        "log": "line\nline",
    })
}

#[tokio::test]
async fn what_a_worker_reports_is_kept() {
    let (m, ada, a) = at_work().await;
    m.advance(1.minutes());
    ada.reports(&a, &full()).await;
    let after = m.task(&a).await;
    assert_eq!(after["status"], "active");
    assert_eq!(after["activity"], "starting sleep");
    assert_eq!(after["metrics"], json!({"timing": {"total": 1.4e-05}}));
    assert_eq!(after["last_updated"], "2026-03-02T11:01:00Z");
    assert_eq!(after["last_worker_ping"], "2026-03-02T11:01:00Z");
    assert!(m.log(&a).await.ends_with("\nline\nline\n"));
}

#[tokio::test]
async fn a_report_without_news_is_a_sign_of_life_and_no_change() {
    let (m, ada, a) = at_work().await;
    ada.reports(&a, &full()).await;
    m.advance(1.minutes());
    ada.reports(&a, &full()).await;
    let after = m.task(&a).await;
    assert_eq!(after["last_updated"], START);
    assert_eq!(after["last_worker_ping"], "2026-03-02T11:01:00Z");
}

#[tokio::test]
async fn an_empty_activity_and_empty_timing_overwrite_nothing() {
    let (m, ada, a) = at_work().await;
    ada.reports(&a, &full()).await;
    ada.reports(&a, &json!({"activity": "", "metrics": {"timing": {}}, "task_status": "active"})).await;
    ada.reports(&a, &json!({})).await;
    let after = m.task(&a).await;
    assert_eq!(after["activity"], "starting sleep");
    assert_eq!(after["metrics"], json!({"timing": {"total": 1.4e-05}}));
}

#[tokio::test]
async fn each_status_that_a_worker_reports_does_what_it_should() {
    for (reported, becomes) in [
        ("active", "active"),
        ("completed", "completed"),
        ("failed", "failed"),
        ("canceled", "claimed-by-manager"),
    ] {
        let (m, ada, a) = at_work().await;
        ada.ends(&a, reported).await;
        assert_eq!(m.status(&a).await, becomes, "{reported}");
        assert_eq!(m.task(&a).await["activity"], format!("Task {reported}"));
    }
}

#[tokio::test]
async fn a_status_that_no_worker_may_report_changes_nothing() {
    let (m, ada, a) = at_work().await;
    for status in
        ["queued", "claimed-by-manager", "cancel-requested", "soft-failed", "paused", "", "COMPLETED"]
    {
        ada.reports(&a, &json!({"task_status": status, "log": status})).await;
        assert_eq!(m.status(&a).await, "active", "{status}");
    }
    assert!(m.log(&a).await.contains("cancel-requested\nsoft-failed\n"));
}

#[tokio::test]
async fn a_completed_task_lets_its_children_go() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    assert_eq!(m.job_status(&shot).await, "queued");
    ada.takes(&shot["a"]).await;
    assert_eq!(m.job_status(&shot).await, "active");
    ada.ends(&shot["a"], "completed").await;
    ada.takes_and_completes(&shot["b"]).await;
    assert_eq!(m.job_status(&shot).await, "completed");
}

#[tokio::test]
async fn after_the_end_only_the_log_counts() {
    for end in ["completed", "failed", "canceled"] {
        let (m, ada, a) = at_work().await;
        ada.ends(&a, end).await;
        let before = m.task(&a).await;
        m.advance(1.minutes());
        for late in ["active", "completed", "failed", "canceled"] {
            ada.reports(&a, &json!({"task_status": late, "activity": "late", "log": format!("late {late}")}))
                .await;
        }
        assert_eq!(m.task(&a).await, before, "after {end}");
        assert!(m.log(&a).await.ends_with("\nlate active\nlate completed\nlate failed\nlate canceled\n"));
    }
}

#[tokio::test]
async fn reports_that_come_twice_or_in_the_wrong_order_do_no_harm() {
    let (m, ada, a) = at_work().await;
    for status in ["completed", "active", "completed", "active"] {
        ada.ends(&a, status).await;
    }
    assert_eq!(m.status(&a).await, "completed");
    assert_eq!(m.get("/api/farm").await.json()["tasks"], json!({"completed": 1}));
}

#[tokio::test]
async fn a_failure_that_is_reported_twice_counts_once() {
    let m = TestManager::configured("blacklist_threshold = 2").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    ada.ends(&shot["a"], "failed").await;
    let after = m.task(&shot["a"]).await;
    assert_eq!(after["failed_by_workers"], json!([{"id": ada.id, "identifier": "127.0.0.1 (ada)"}]));
    assert_eq!(m.about(&ada).await["blacklist"], json!([]));
    bob.takes(&shot["a"]).await;
}

#[tokio::test]
async fn the_task_of_another_worker_is_409_and_nothing_is_kept() {
    let (m, ada, a) = at_work().await;
    let bob = m.sleeper("bob").await;
    let before = m.log(&a).await;
    assert_eq!(bob.update(&a, &full()).await.expect(409).error_code(), "not-yours");
    assert_eq!(m.log(&a).await, before);
    ada.gives_back(&a).await;
    bob.update(&a, &full()).await.expect(409);
    bob.takes(&a).await;
    ada.update(&a, &json!({"task_status": "completed"})).await.expect(409);
    assert_eq!(m.status(&a).await, "active");
}

#[tokio::test]
async fn the_last_worker_of_a_task_may_still_send_its_log() {
    let (m, ada, a) = at_work().await;
    ada.gives_back(&a).await;
    let before = m.task(&a).await;
    ada.reports(&a, &json!({"task_status": "completed", "activity": "late", "log": "late"})).await;
    assert_eq!(m.task(&a).await, before);
    assert!(m.log(&a).await.ends_with("\nlate\n"));
}

#[tokio::test]
async fn a_task_that_was_never_handed_out_takes_logs_of_anybody_and_nothing_else() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    let before = m.task(&shot["a"]).await;
    ada.reports(&shot["a"], &full()).await;
    ada.ends(&shot["a"], "completed").await;
    assert_eq!(m.task(&shot["a"]).await, before);
    assert_eq!(m.log(&shot["a"]).await, "line\nline\n");
}

#[tokio::test]
async fn an_unknown_task_is_404() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    assert_eq!(ada.update(&"0".repeat(24), &full()).await.expect(404).error_code(), "not-found");
}

#[tokio::test]
async fn fields_of_a_wrong_type_are_passed_over_and_the_rest_is_taken() {
    let (m, ada, a) = at_work().await;
    let odd = json!({
        "task_status": ["completed"], "activity": 7, "task_progress_percentage": "half", "metrics": [],
        "current_command_idx": 1e99, "command_progress_percentage": null, "log": "kept", "unknown": {"x": 1},
    });
    ada.reports(&a, &odd).await;
    assert_eq!(m.status(&a).await, "active");
    assert!(m.log(&a).await.ends_with("\nkept\n"));
    ada.reports(&a, &json!({"log": 1, "task_status": "completed"})).await;
    assert_eq!(m.status(&a).await, "completed");
}

#[tokio::test]
async fn what_is_far_too_long_is_cut_and_the_task_can_still_be_read() {
    let (m, ada, a) = at_work().await;
    ada.reports(&a, &json!({"activity": "x".repeat(65 << 20), "task_status": "completed"})).await;
    let after = m.task(&a).await;
    assert_eq!(after["status"], "completed");
    assert_eq!(after["activity"].as_str().map(str::len), Some(10_000));
}

#[tokio::test]
async fn a_log_ends_in_one_newline_and_an_empty_one_is_none() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    let a = &shot["a"];
    ada.reports(a, &json!({"log": ""})).await;
    m.get(&format!("/api/tasks/{a}/log")).await.expect(404);
    for log in ["one", "two\n", "\u{e9} \u{1F600}\nthree"] {
        ada.reports(a, &json!({ "log": log })).await;
    }
    assert_eq!(m.log(a).await, "one\ntwo\n\u{e9} \u{1F600}\nthree\n");
}

#[tokio::test]
async fn half_a_surrogate_pair_in_a_log_is_taken() {
    let (m, ada, a) = at_work().await;
    let body = Bytes::from_static(br#"{"log": "caf\udce9"}"#);
    ada.call(Method::POST, &format!("/tasks/{a}/update"), body).await.expect(204);
    assert!(m.log(&a).await.ends_with("\ncaf\u{fffd}\n"));
}

#[tokio::test]
async fn a_report_is_refused_whole_if_its_log_cannot_be_written_and_taken_when_it_can() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    assert!(m.log(&shot["a"]).await.contains("assigned"), "the log is begun");
    let logs = &m.config.task_logs_path;
    let aside = m.folder().join("aside");
    std::fs::rename(logs, &aside).unwrap();
    std::fs::write(logs, "a file where the folder should be").unwrap();
    let report = json!({"task_status": "completed", "activity": "done", "log": "the end"});
    assert_eq!(ada.update(&shot["a"], &report).await.expect(500).error_code(), "internal");
    assert_eq!(m.status(&shot["a"]).await, "active");

    std::fs::remove_file(logs).unwrap();
    std::fs::rename(&aside, logs).unwrap();
    ada.reports(&shot["a"], &report).await;
    assert_eq!(m.status(&shot["a"]).await, "completed");
    assert!(m.log(&shot["a"]).await.ends_with("\nthe end\n"));
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let (mut m, ada, a) = at_work().await;
    m.advance(2.minutes());
    ada.reports(&a, &full()).await;
    let before = m.task(&a).await;
    m.restart().await;
    assert_eq!(m.task(&a).await, before);
    ada.ends(&a, "completed").await;
    m.restart().await;
    assert_eq!(m.status(&a).await, "completed");
}

#[tokio::test]
async fn a_task_is_returned_only_by_the_worker_that_has_it() {
    let (m, ada, a) = at_work().await;
    let bob = m.sleeper("bob").await;
    bob.gives_back(&a).await;
    assert_eq!(m.status(&a).await, "active");
    ada.gives_back(&a).await;
    let after = m.task(&a).await;
    assert_eq!(after["status"], "claimed-by-manager");
    assert_eq!(
        after["activity"],
        "Re-queued task after unassigning from worker 127.0.0.1 (ada): returned by worker"
    );
    ada.gives_back(&a).await;
    assert_eq!(m.task(&a).await, after, "nothing happens when it is not in hand");
}

#[tokio::test]
async fn an_asleep_worker_may_still_report_and_return() {
    let (m, ada, a) = at_work().await;
    ada.acknowledges("asleep").await;
    ada.reports(&a, &json!({"log": "stopping"})).await;
    ada.gives_back(&a).await;
    assert_eq!(m.status(&a).await, "claimed-by-manager");
    assert_eq!(m.worker_status(&ada).await, "asleep");
}
