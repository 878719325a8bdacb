//! What a Flamenco Server must hear is queued as it happens (`server-protocol.md`, section 1.4), in order, for good.

use flamenco_manager::domain::task_update::TaskUpdate;
use jiff::ToSpan;
use serde_json::json;

use crate::kit::{Job, TestManager, TestWorker, job, task};

/// The queue, a line an update, with names for IDs.
async fn queue(m: &mut TestManager, shot: &Job) -> String {
    let lines: Vec<_> = m.update_queue().await.iter().map(line).collect();
    shot.tasks.iter().fold(lines.join("\n"), |text, (name, id)| text.replace(id.as_str(), name))
}

fn line(update: &TaskUpdate) -> String {
    let TaskUpdate { task, status, activity, log_tail, worker, failed_by, timing, .. } = update;
    let status = status.map_or("-", |status| status.as_str());
    let failed_by =
        if failed_by.is_empty() { String::new() } else { format!(", failed by {}", failed_by.len()) };
    let timing = if timing.is_empty() { String::new() } else { format!(", timing {timing:?}") };
    format!("{task} {status}, worker {worker:?}, activity {activity:?}, log {log_tail:?}{failed_by}{timing}")
}

/// A Manager with a Server whose task `a` is in the hands of a worker; what was queued so far is gone.
async fn at_work(toml: &str) -> (TestManager, TestWorker, Job) {
    let server = "flamenco = \"http://127.0.0.1:9\"\nmanager_id = \"5c7d0000000000000000abc9\"\n\
                  manager_secret = \"between us\"\n";
    let m = TestManager::configured(&format!("{server}{toml}")).await;
    let ada = m.sleeper("ada").await;
    let shot = m.receive(&job([task("a"), task("b")])).await;
    ada.takes(&shot["a"]).await;
    m.services.purge_updates().await.unwrap();
    (m, ada, shot)
}

#[tokio::test]
async fn an_assignment_is_told_twice_as_the_server_expects() {
    let mut m = TestManager::with_server().await;
    let ada = m.sleeper("ada").await;
    let shot = m.receive(&job([task("a")])).await;
    assert_eq!(queue(&mut m, &shot).await, "", "what it has just sent is no news for the Server");
    ada.takes(&shot["a"]).await;
    ada.takes(&shot["a"]).await;
    insta::assert_snapshot!(queue(&mut m, &shot).await, @r#"
    a active, worker "", activity "", log ""
    a -, worker "", activity "Manager assigned task a to worker 127.0.0.1 (ada)", log "2026-03-02T11:00:00Z: Manager assigned task a to worker 127.0.0.1 (ada)\n"
    "#);
}

#[tokio::test]
async fn what_a_worker_reports_is_passed_on_with_the_end_of_its_log() {
    let (mut m, ada, shot) = at_work("").await;
    let log: Vec<_> = (1..=12).map(|number| format!("line {number}")).collect();
    let report = json!({
        "task_status": "active", "activity": "at it", "log": log.join("\n"), "metrics": {"timing": {"total": 1.5}},
        "task_progress_percentage": 7, "current_command_idx": 1, "command_progress_percentage": 50,
    });
    m.advance(1.minutes());
    ada.reports(&shot["a"], &report).await;
    ada.reports(&shot["a"], &json!({"log": "more"})).await;
    ada.ends(&shot["a"], "completed").await;
    let updates = m.update_queue().await;
    assert_eq!(updates[0].received.to_string(), "2026-03-02T11:01:00Z");
    let progress = updates[0].progress;
    assert_eq!((progress.task_percentage, progress.command_index, progress.command_percentage), (7, 1, 50));
    assert!(updates.windows(2).all(|pair| pair[0].id < pair[1].id), "each has its own ID");
    insta::assert_snapshot!(queue(&mut m, &shot).await, @r#"
    a active, worker "127.0.0.1 (ada)", activity "at it", log "line 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\nline 10\nline 11\nline 12\n", timing {"total": 1.5}
    a -, worker "127.0.0.1 (ada)", activity "", log "more\n", timing {"total": 1.5}
    a completed, worker "127.0.0.1 (ada)", activity "Task completed", log "", timing {"total": 1.5}
    "#);
}

#[tokio::test]
async fn what_comes_late_is_passed_on_as_log_only() {
    let (mut m, ada, shot) = at_work("").await;
    ada.ends(&shot["a"], "completed").await;
    m.services.purge_updates().await.unwrap();
    ada.reports(&shot["a"], &json!({"task_status": "active", "activity": "late", "log": "late"})).await;
    insta::assert_snapshot!(queue(&mut m, &shot).await, @r#"a -, worker "", activity "", log "late\n""#);
}

#[tokio::test]
async fn a_task_that_goes_back_is_told_with_the_reason() {
    let (mut m, ada, shot) = at_work("").await;
    ada.gives_back(&shot["a"]).await;
    ada.takes(&shot["a"]).await;
    m.services.purge_updates().await.unwrap();
    ada.sign_off().await;
    ada.takes(&shot["a"]).await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    insta::assert_snapshot!(queue(&mut m, &shot).await, @r#"
    a claimed-by-manager, worker "-", activity "Re-queued task after unassigning from worker 127.0.0.1 (ada): worker signed off", log "2026-03-02T11:00:00Z: Manager re-queued task after unassigning it from worker 127.0.0.1 (ada): worker signed off\n"
    a active, worker "", activity "", log ""
    a -, worker "", activity "Manager assigned task a to worker 127.0.0.1 (ada)", log "2026-03-02T11:00:00Z: Manager assigned task a to worker 127.0.0.1 (ada)\n"
    a claimed-by-manager, worker "-", activity "Re-queued task after unassigning from worker 127.0.0.1 (ada): worker 127.0.0.1 (ada) timed out", log "2026-03-02T11:02:00Z: Manager re-queued task after unassigning it from worker 127.0.0.1 (ada): worker 127.0.0.1 (ada) timed out\n"
    "#);
}

#[tokio::test]
async fn a_task_that_timed_out_is_told_as_failed() {
    let (mut m, ada, shot) = at_work("").await;
    m.advance(11.minutes());
    ada.get("/status-change").await.expect(204);
    m.check_timeouts().await;
    insta::assert_snapshot!(queue(&mut m, &shot).await, @r#"a failed, worker "", activity "Task timed out on worker 127.0.0.1 (ada)", log "2026-03-02T11:11:00Z Task a (a) timed out, was active but untouched since 2026-03-02T11:00:00Z\n""#);
}

#[tokio::test]
async fn a_failure_is_told_as_what_the_manager_makes_of_it() {
    let (mut m, ada, shot) = at_work("").await;
    let bob = m.sleeper("bob").await;
    ada.reports(&shot["a"], &json!({"task_status": "failed", "activity": "no", "log": "why"})).await;
    bob.takes(&shot["a"]).await;
    bob.ends(&shot["a"], "failed").await;
    insta::assert_snapshot!(queue(&mut m, &shot).await, @r#"
    a soft-failed, worker "127.0.0.1 (ada)", activity "no", log "why\n", failed by 1
    a active, worker "", activity "", log ""
    a -, worker "", activity "Manager assigned task a to worker 127.0.0.1 (bob)", log "2026-03-02T11:00:00Z: Manager assigned task a to worker 127.0.0.1 (bob)\n"
    a failed, worker "127.0.0.1 (bob)", activity "Task failed", log "", failed by 2
    "#);
}

#[tokio::test]
async fn tasks_that_fail_with_the_last_trusted_worker_are_told_too() {
    let (mut m, ada, shot) = at_work("blacklist_threshold = 2").await;
    let bob = m.sleeper("bob").await;
    ada.ends(&shot["a"], "failed").await;
    m.act(&bob, "action=forget-worker").await.expect(204);
    ada.takes(&shot["b"]).await;
    m.services.purge_updates().await.unwrap();
    ada.ends(&shot["b"], "failed").await;
    insta::assert_snapshot!(queue(&mut m, &shot).await, @r#"
    a failed, worker "127.0.0.1 (ada)", activity "Manager hard-failed task after blacklisting worker 127.0.0.1 (ada)", log ""
    b failed, worker "127.0.0.1 (ada)", activity "Task failed", log "", failed by 1
    "#);
}

#[tokio::test]
async fn a_cancelled_task_is_told_when_it_is_asked_for_and_when_it_is_done() {
    let (mut m, ada, shot) = at_work("").await;
    m.cancel(&shot["a"]).await;
    ada.gives_back(&shot["a"]).await;
    insta::assert_snapshot!(queue(&mut m, &shot).await, @r#"
    a cancel-requested, worker "", activity "Manager was asked to cancel the task", log ""
    a canceled, worker "127.0.0.1 (ada)", activity "Canceled; worker 127.0.0.1 (ada) no longer has it: returned by worker", log "2026-03-02T11:00:00Z: Manager canceled the task; worker 127.0.0.1 (ada) no longer has it: returned by worker\n"
    "#);
}

#[tokio::test]
async fn of_a_job_that_was_submitted_here_the_server_never_hears() {
    let mut m = TestManager::with_server().await;
    let (ada, _bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    ada.takes_and_completes(&shot["b"]).await;
    ada.reports(&shot["b"], &json!({"log": "late"})).await;
    assert_eq!(queue(&mut m, &shot).await, "");
}

#[tokio::test]
async fn of_a_test_job_the_server_never_hears() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let (mut m, _, shot) = at_work(&format!(
        "[test_tasks.test_blender_render]\njob_storage = {path:?}\nrender_output = {path:?}"
    ))
    .await;
    let bob = m.worker("bob", &["test-blender-render"]).await;
    bob.acknowledges("testing").await;
    m.act(&bob, "action=send-test-job").await.expect(200);
    let test = bob.ask().await.expect(200).json()["_id"].as_str().unwrap().to_owned();
    bob.reports(&test, &json!({"activity": "rendering", "log": "frame"})).await;
    bob.gives_back(&test).await;
    bob.takes(&test).await;
    bob.ends(&test, "completed").await;
    bob.reports(&test, &json!({"log": "late"})).await;
    assert_eq!(queue(&mut m, &shot).await, "");
}

#[tokio::test]
async fn without_a_server_nothing_is_queued() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    ada.gives_back(&shot["a"]).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(queue(&mut m, &shot).await, "");
}

#[tokio::test]
async fn new_updates_stand_behind_old_ones_after_a_restart() {
    let (mut m, ada, shot) = at_work("").await;
    ada.reports(&shot["a"], &json!({"activity": "first", "log": "x"})).await;
    m.restart().await;
    ada.reports(&shot["a"], &json!({"activity": "second", "log": "x"})).await;
    let activities: Vec<_> = m.update_queue().await.into_iter().map(|update| update.activity).collect();
    assert_eq!(activities, ["first", "second"]);
    assert_eq!(m.get("/as-json").await.json()["upstream_queue_size"], 2);
}
