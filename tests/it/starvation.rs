//! Jobs with tasks that no registered worker can ever take are reported, with the reason.

use serde_json::{Value, json};

use crate::kit::{Job, TestManager, behind, job, task, with};

/// What is reported in both places where it is.
async fn starved(m: &TestManager) -> Value {
    let in_farm = m.get("/api/farm").await.expect(200).json()["starved_jobs"].take();
    let in_2x = m.get("/as-json").await.expect(200).json()["starved_jobs"].take();
    assert_eq!(in_farm, in_2x);
    in_farm
}

fn report(shot: &Job, tasks: u64, reason: &str) -> Value {
    json!([{
        "_id": shot.id, "name": "shot", "task_types": ["sleep"], "runnable_tasks": tasks, "reason": reason,
    }])
}

#[tokio::test]
async fn a_farm_without_workers_starves_every_job() {
    let m = TestManager::start().await;
    assert_eq!(starved(&m).await, json!([]));
    let shot = m.submit(&job([task("a"), task("b"), behind("c", &["a"])])).await;
    assert_eq!(starved(&m).await, report(&shot, 2, "no worker is registered"));
    let ada = m.sleeper("ada").await;
    assert_eq!(starved(&m).await, json!([]));
    ada.sign_off().await;
    assert_eq!(starved(&m).await, json!([]), "it may come back");
    m.act(&ada, "action=forget-worker").await.expect(204);
    assert_eq!(starved(&m).await, report(&shot, 2, "no worker is registered"));
}

#[tokio::test]
async fn a_type_that_nobody_supports_starves_a_job() {
    let m = TestManager::start().await;
    m.worker("ada", &["debug"]).await;
    let shot = m.submit(&job([task("a"), with(task("b"), &json!({"task_type": "debug"}))])).await;
    assert_eq!(starved(&m).await, report(&shot, 1, "no registered worker may do tasks of type sleep"));
}

#[tokio::test]
async fn a_job_for_which_everybody_is_blacklisted_starves() {
    let m = TestManager::configured("blacklist_threshold = 1\njob_fail_percentage = 0").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    let reason = "the only worker that supports task type sleep is blacklisted for this job";
    assert_eq!(starved(&m).await, report(&shot, 1, reason));
    let form = format!("action=forget-blacklist-line&job_id={}&task_type=sleep", shot.id);
    m.act(&ada, &form).await.expect(204);
    assert_eq!(starved(&m).await, json!([]));
}

#[tokio::test]
async fn a_task_that_all_who_are_left_have_failed_starves_its_job() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(starved(&m).await, json!([]), "bob is left");
    m.act(&bob, "action=forget-worker").await.expect(204);
    let reason = "1 of its sleep tasks was failed by the only worker left for them";
    assert_eq!(starved(&m).await, report(&shot, 1, reason));
    assert_eq!(m.status(&shot["a"]).await, "soft-failed");
    m.sleeper("cleo").await;
    assert_eq!(starved(&m).await, json!([]));
}

#[tokio::test]
async fn several_kinds_of_tasks_are_put_together() {
    let m = TestManager::start().await;
    m.worker("ada", &["other"]).await;
    let debug = with(task("b"), &json!({"task_type": "debug"}));
    m.submit(&job([task("a"), debug])).await;
    let report = starved(&m).await;
    assert_eq!(report[0]["task_types"], json!(["debug", "sleep"]));
    assert_eq!(report[0]["runnable_tasks"], 2);
    assert_eq!(
        report[0]["reason"],
        "no registered worker may do tasks of type debug; no registered worker may do tasks of type sleep"
    );
}

#[tokio::test]
async fn a_task_that_is_in_hand_or_over_does_not_starve() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    ada.post_json("/sign-on", &json!({"supported_task_types": ["debug"]})).await.expect(204);
    assert_eq!(starved(&m).await, json!([]));
    ada.ends(&shot["a"], "completed").await;
    assert_eq!(starved(&m).await, json!([]));
}
