//! Jobs that wait for other jobs.

use flamenco_manager::services::Permit;
use http::Method;
use serde_json::{Value, json};

use crate::kit::{Job, TestManager, behind, job, task, with};

/// A submission that waits for these jobs.
fn after(jobs: &[&Job]) -> Value {
    let ids: Vec<_> = jobs.iter().map(|job| &job.id).collect();
    with(job([task("z")]), &json!({ "depends_on": ids }))
}

async fn act(m: &TestManager, shot: &Job, action: &str) {
    m.post(&format!("/api/jobs/{}/{action}", shot.id), &Value::Null).await.expect(200);
}

async fn delete(m: &TestManager, shot: &Job) {
    m.door.call(Method::DELETE, &format!("/api/jobs/{}", shot.id), &[], "").await.expect(200);
}

#[tokio::test]
async fn a_job_waits_until_all_that_it_depends_on_are_completed() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let first = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    let second = m.submit(&job([task("c")])).await;
    let last = m.submit(&with(after(&[&first, &second]), &json!({"priority": 90}))).await;
    let document = m.get(&format!("/api/jobs/{}", last.id)).await.expect(200).json();
    assert_eq!(document["depends_on"], json!([first.id, second.id]));
    assert_eq!(document["status"], "queued");

    ada.takes_and_completes(&first["a"]).await;
    ada.takes_and_completes(&first["b"]).await;
    m.restart().await;
    ada.takes(&second["c"]).await;
    let bob = m.sleeper("bob").await;
    bob.gets_nothing().await;
    ada.ends(&second["c"], "completed").await;
    bob.takes_and_completes(&last["z"]).await;
    assert_eq!(m.job_status(&last).await, "completed");
}

#[tokio::test]
async fn a_job_that_waits_is_not_reported_as_starved() {
    let m = TestManager::start().await;
    let ada = m.worker("ada", &["other"]).await;
    let first = m.submit(&job([with(task("a"), &json!({"task_type": "other"}))])).await;
    m.submit(&after(&[&first])).await;
    let farm = m.get("/api/farm").await.expect(200).json();
    assert_eq!(farm["starved_jobs"], json!([]), "nobody can do it, but it is not its turn");
    ada.takes_and_completes(&first["a"]).await;
    let farm = m.get("/api/farm").await.expect(200).json();
    assert_eq!(farm["starved_jobs"][0]["runnable_tasks"], 1);
}

#[tokio::test]
async fn a_job_waits_again_when_what_it_depends_on_is_requeued() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let first = m.submit(&job([task("a"), task("b")])).await;
    let last = m.submit(&after(&[&first])).await;
    ada.takes_and_completes(&first["a"]).await;
    ada.takes_and_completes(&first["b"]).await;

    act(&m, &first, "requeue").await;
    ada.takes_and_completes(&first["a"]).await;
    ada.takes_and_completes(&first["b"]).await;
    m.post(&format!("/api/tasks/{}/requeue", &first["b"]), &Value::Null).await.expect(200);
    ada.takes(&first["b"]).await;
    let bob = m.sleeper("bob").await;
    bob.gets_nothing().await;
    ada.ends(&first["b"], "completed").await;

    // What is in hand goes on.
    bob.takes(&last["z"]).await;
    act(&m, &first, "requeue").await;
    bob.ends(&last["z"], "completed").await;
    assert_eq!(m.job_status(&last).await, "completed");
}

#[tokio::test]
async fn a_job_waits_for_one_that_failed_until_that_is_done_after_all() {
    let m = TestManager::configured("task_fail_after_softfail_count = 1").await;
    let ada = m.sleeper("ada").await;
    let first = m.submit(&job([task("a")])).await;
    let last = m.submit(&after(&[&first])).await;
    ada.takes_and_fails(&first["a"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    assert_eq!(m.job_status(&first).await, "failed");
    ada.gets_nothing().await;
    assert_eq!(m.job_status(&last).await, "queued");

    act(&m, &first, "requeue").await;
    act(&m, &first, "cancel").await;
    ada.gets_nothing().await;
    act(&m, &first, "requeue").await;
    ada.takes_and_completes(&first["a"]).await;
    ada.takes_and_completes(&last["z"]).await;
}

#[tokio::test]
async fn a_job_that_is_deleted_keeps_nobody_waiting() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let first = m.submit(&job([task("a"), task("b")])).await;
    let last = m.submit(&after(&[&first])).await;
    ada.takes_and_completes(&first["a"]).await;
    act(&m, &first, "cancel").await;
    delete(&m, &first).await;
    ada.takes_and_completes(&last["z"]).await;
    let document = m.get(&format!("/api/jobs/{}", last.id)).await.expect(200).json();
    assert_eq!(document["depends_on"], json!([first.id]), "it is remembered");

    let waiting = m.submit(&after(&[&last])).await;
    delete(&m, &waiting).await;
    act(&m, &last, "requeue").await;
    assert_eq!(m.count_tasks().await, 1);
}

#[tokio::test]
async fn a_paused_job_that_waited_begins_when_it_is_resumed() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let first = m.submit(&job([task("a")])).await;
    let last = m.submit(&with(after(&[&first]), &json!({"start_paused": true}))).await;
    ada.takes_and_completes(&first["a"]).await;
    ada.gets_nothing().await;
    act(&m, &last, "resume").await;
    act(&m, &first, "requeue").await;
    act(&m, &last, "pause").await;
    act(&m, &last, "resume").await;
    ada.takes_and_completes(&first["a"]).await;
    ada.takes_and_completes(&last["z"]).await;
}

#[tokio::test]
async fn a_job_can_depend_on_one_of_the_server() {
    let m = TestManager::with_server().await;
    let first = m.receive(&job([task("a")])).await;
    let last = m.submit(&after(&[&first])).await;
    let ada = m.sleeper("ada").await;
    let bob = m.sleeper("bob").await;
    let permit = Permit::Only(m.services.candidate(ada.id.parse().unwrap()).unwrap().unwrap());
    m.services.hand_out(ada.id.parse().unwrap(), permit).await.unwrap();
    bob.gets_nothing().await;
    ada.ends(&first["a"], "completed").await;
    bob.takes_and_completes(&last["z"]).await;
}

#[tokio::test]
async fn a_job_depends_on_known_jobs_only_and_on_each_once() {
    let m = TestManager::start().await;
    let first = m.submit(&job([task("a")])).await;
    let refused = async |depends_on: Value| {
        let submission = with(job([task("z")]), &json!({ "depends_on": depends_on }));
        let answer = m.post("/api/jobs", &submission).await.expect(400).json();
        assert_eq!(m.post("/api/jobs?dry_run=true", &submission).await.expect(400).json(), answer);
        answer["error"]["message"].as_str().unwrap().to_owned()
    };
    let unknown = "5c7d00000000000000000001";
    assert_eq!(
        refused(json!([first.id, unknown])).await,
        format!("depends_on names job {unknown}, which is not known")
    );
    assert_eq!(
        refused(json!([first.id, first.id])).await,
        format!("depends_on names job {} twice", first.id)
    );
    assert!(refused(json!(["x"])).await.contains("24 lower-case hex digits"));
    assert!(refused(json!(vec![unknown; 1001])).await.contains("names 1001 jobs; at most 1000"));
    assert_eq!(m.count_tasks().await, 1);
}
