//! How the workers of a farm are shared among jobs: limits, tags, and fair scheduling.

use http::Method;
use serde_json::{Value, json};

use crate::kit::{Answer, Job, TestManager, TestWorker, job, task, with};

async fn change(m: &TestManager, shot: &Job, change: &Value) -> Answer {
    m.door.call(Method::PATCH, &format!("/api/jobs/{}", shot.id), &[], change.to_string()).await
}

async fn change_worker(m: &TestManager, worker: &TestWorker, change: &Value) -> Answer {
    m.door.call(Method::PATCH, &format!("/api/workers/{}", worker.id), &[], change.to_string()).await
}

async fn tag(m: &TestManager, worker: &TestWorker, tags: &[&str]) {
    change_worker(m, worker, &json!({ "tags": tags })).await.expect(200);
}

fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

fn three_tasks(changes: &Value) -> Value {
    with(job([task("a"), task("b"), task("c")]), changes)
}

#[tokio::test]
async fn no_more_workers_are_at_a_job_than_it_allows() {
    let m = TestManager::start().await;
    let (ada, bob, cleo) = (m.sleeper("ada").await, m.sleeper("bob").await, m.sleeper("cleo").await);
    let shot = m.submit(&three_tasks(&json!({"max_workers": 2, "priority": 90}))).await;
    let other = m.submit(&job([task("z")])).await;
    ada.takes(&shot["a"]).await;
    bob.takes(&shot["b"]).await;
    cleo.takes(&other["z"]).await;
    cleo.ends(&other["z"], "completed").await;
    cleo.gets_nothing().await;
    ada.takes(&shot["a"]).await;
    ada.ends(&shot["a"], "completed").await;
    cleo.takes(&shot["c"]).await;
}

#[tokio::test]
async fn a_limit_can_be_changed_and_removed_at_any_time() {
    let mut m = TestManager::start().await;
    let (ada, bob, cleo) = (m.sleeper("ada").await, m.sleeper("bob").await, m.sleeper("cleo").await);
    let shot = m.submit(&three_tasks(&json!({}))).await;
    ada.takes(&shot["a"]).await;
    bob.takes(&shot["b"]).await;
    assert_eq!(change(&m, &shot, &json!({"max_workers": 1})).await.expect(200).json()["max_workers"], 1);
    m.restart().await;
    cleo.gets_nothing().await;
    ada.ends(&shot["a"], "completed").await;
    cleo.gets_nothing().await;
    let free = change(&m, &shot, &json!({"max_workers": null})).await.expect(200).json();
    assert_eq!(free["max_workers"], Value::Null);
    cleo.takes(&shot["c"]).await;
}

#[tokio::test]
async fn a_job_with_tags_runs_only_on_workers_with_one_of_them() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&three_tasks(&json!({"worker_tags": [" gpu", "cuda", "gpu"]}))).await;
    let document = m.get(&format!("/api/jobs/{}", shot.id)).await.expect(200).json();
    assert_eq!(document["worker_tags"], json!(["cuda", "gpu"]));
    ada.gets_nothing().await;
    tag(&m, &ada, &["fast", " gpu "]).await;
    tag(&m, &bob, &["fast"]).await;
    assert_eq!(m.about(&ada).await["tags"], json!(["fast", "gpu"]));
    bob.gets_nothing().await;
    ada.takes_and_completes(&shot["a"]).await;
    change(&m, &shot, &json!({"worker_tags": ["fast"]})).await.expect(200);
    bob.takes_and_completes(&shot["b"]).await;
    change(&m, &shot, &json!({"worker_tags": []})).await.expect(200);
    m.sleeper("cleo").await.takes(&shot["c"]).await;
}

#[tokio::test]
async fn a_worker_keeps_its_tags_when_it_signs_on_again() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    tag(&m, &ada, &["gpu"]).await;
    ada.sign_off().await;
    m.restart().await;
    ada.sign_on().await;
    assert_eq!(m.about(&ada).await["tags"], json!(["gpu"]));
    let shot = m.submit(&three_tasks(&json!({"worker_tags": ["gpu"]}))).await;
    ada.takes(&shot["a"]).await;
    tag(&m, &ada, &[]).await;
    assert_eq!(m.about(&ada).await["tags"], json!([]));
    ada.ends(&shot["a"], "completed").await;
    ada.gets_nothing().await;
}

#[tokio::test]
async fn a_worker_without_the_tag_is_nobody_who_may_try_a_failed_task() {
    let m = TestManager::configured("job_fail_percentage = 0").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    tag(&m, &ada, &["gpu"]).await;
    let shot = m.submit(&three_tasks(&json!({"worker_tags": ["gpu"]}))).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "failed");
    tag(&m, &bob, &["gpu"]).await;
    ada.takes_and_fails(&shot["b"]).await;
    assert_eq!(m.status(&shot["b"]).await, "soft-failed");
}

#[tokio::test]
async fn a_job_starves_whose_tags_no_worker_has() {
    let m = TestManager::configured("blacklist_threshold = 1\njob_fail_percentage = 0").await;
    let reason = async || {
        let farm = m.get("/api/farm").await.expect(200).json();
        farm.pointer("/starved_jobs/0/reason").cloned().unwrap_or_default()
    };
    let (ada, _) = (m.sleeper("ada").await, m.worker("bob", &["other"]).await);
    let shot = m.submit(&three_tasks(&json!({"worker_tags": ["gpu"]}))).await;
    assert_eq!(reason().await, "there are no workers that support task type sleep and have the tag gpu");
    change(&m, &shot, &json!({"worker_tags": ["gpu", "cuda"]})).await.expect(200);
    assert_eq!(
        reason().await,
        "there are no workers that support task type sleep and have one of the tags cuda, gpu"
    );
    tag(&m, &ada, &["cuda"]).await;
    assert_eq!(reason().await, Value::Null);
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(
        reason().await,
        "the only worker that supports task type sleep and has one of the tags cuda, gpu is blacklisted for this job"
    );
}

#[tokio::test]
async fn first_in_first_out_is_to_finish_one_job_before_the_next() {
    let m = TestManager::start().await;
    let (first, second) =
        (m.submit(&three_tasks(&json!({}))).await, m.submit(&three_tasks(&json!({}))).await);
    for task in [&first["a"], &first["b"], &first["c"], &second["a"]] {
        m.sleeper("ada").await.takes(task).await;
    }
}

#[tokio::test]
async fn fair_is_to_let_all_jobs_of_equal_priority_get_on() {
    let m = TestManager::configured("scheduling = \"fair\"").await;
    let first = m.submit(&three_tasks(&json!({}))).await;
    let second = m.submit(&three_tasks(&json!({}))).await;
    let third = m.submit(&three_tasks(&json!({"max_workers": 1}))).await;
    let lesser = m.submit(&three_tasks(&json!({"priority": 49}))).await;
    let ada = m.sleeper("ada").await;
    ada.takes(&first["a"]).await;
    let due = [&second["a"], &third["a"], &first["b"], &second["b"], &first["c"], &second["c"], &lesser["a"]];
    for task in due {
        m.sleeper("bob").await.takes(task).await;
    }
    ada.ends(&first["a"], "completed").await;
    ada.takes(&lesser["b"]).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let m = TestManager::start().await;
    let shot = m.submit(&three_tasks(&json!({"max_workers": 2}))).await;
    for (body, what) in [
        (json!({}), "nothing is to be changed: name priority, max_workers or worker_tags"),
        (json!({"priority": 60, "max_workers": 0}), "max_workers is 0"),
        (json!({"priority": null}), "null"),
        (json!({"priority": 60, "worker_tags": ["a,b"]}), "holds a comma"),
        (json!({"priority": 60, "worker_tags": null}), "null"),
        (json!({"name": "other"}), "unknown field `name`"),
    ] {
        let answer = change(&m, &shot, &body).await.expect(400);
        assert!(message(&answer).contains(what), "{}", message(&answer));
    }
    let document = m.get(&format!("/api/jobs/{}", shot.id)).await.expect(200).json();
    assert_eq!((&document["priority"], &document["max_workers"]), (&json!(50), &json!(2)));

    for (body, what) in [
        (json!({"max_workers": 0}), "max_workers is 0"),
        (json!({"max_workers": -1}), "-1"),
        (json!({"worker_tags": "gpu"}), "expected a sequence"),
        (json!({"worker_tags": [" "]}), "a worker tag is empty"),
    ] {
        let answer = m.post("/api/jobs", &three_tasks(&body)).await.expect(400);
        assert!(message(&answer).contains(what), "{}", message(&answer));
    }

    let ada = m.sleeper("ada").await;
    tag(&m, &ada, &["gpu"]).await;
    for (body, what) in [
        (json!({}), "missing field `tags`"),
        (json!({"tags": ["a\nb"]}), "control character"),
        (json!({"tags": ["gpu"], "nickname": "eva"}), "unknown field `nickname`"),
    ] {
        let answer = change_worker(&m, &ada, &body).await.expect(400);
        assert!(message(&answer).contains(what), "{}", message(&answer));
    }
    assert_eq!(m.about(&ada).await["tags"], json!(["gpu"]));
    m.act(&ada, "action=forget-worker").await.expect(204);
    change_worker(&m, &ada, &json!({"tags": []})).await.expect(404);
}

#[tokio::test]
async fn who_may_do_a_job_of_the_server_is_decided_there() {
    let m = TestManager::with_server().await;
    let shot = m.receive(&job([task("a")])).await;
    change(&m, &shot, &json!({"max_workers": 1})).await.expect(409);
}
