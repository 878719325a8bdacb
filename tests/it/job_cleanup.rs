//! Jobs that ended long ago are deleted, if that is wanted.

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Job, TestManager, job, task, with};

const WEEK: &str = "job_cleanup_max_age = \"7d\"\ntask_fail_after_softfail_count = 1";

/// One turn of the loop, and how many jobs it has deleted.
async fn clean_up(m: &TestManager) -> usize {
    m.services.clean_up_jobs().await.unwrap().len()
}

async fn is_there(m: &TestManager, shot: &Job) -> bool {
    m.get(&format!("/api/jobs/{}", shot.id)).await.status == 200
}

async fn act(m: &TestManager, shot: &Job, action: &str) {
    m.post(&format!("/api/jobs/{}/{action}", shot.id), &Value::Null).await.expect(200);
}

#[tokio::test]
async fn an_ended_job_goes_with_its_tasks_and_logs_when_it_is_old() {
    let m = TestManager::configured(WEEK).await;
    let ada = m.sleeper("ada").await;
    let (completed, failed) = (m.submit(&job([task("a")])).await, m.submit(&job([task("b")])).await);
    let (canceled, queued) = (m.submit(&job([task("c")])).await, m.submit(&job([task("d")])).await);
    let paused = m.submit(&with(job([task("e")]), &json!({"start_paused": true}))).await;
    m.advance(1.hours());
    ada.takes_and_completes(&completed["a"]).await;
    ada.takes_and_fails(&failed["b"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    act(&m, &canceled, "cancel").await;

    m.advance((7 * 24).hours());
    assert_eq!(clean_up(&m).await, 0);
    m.advance(1.seconds());
    assert_eq!(clean_up(&m).await, 3);
    assert_eq!(m.get("/api/jobs").await.expect(200).json()["total"], 2);
    assert!(is_there(&m, &queued).await && is_there(&m, &paused).await);
    assert_eq!(m.count_tasks().await, 2);
    let folder = format!("job-{}/{}", &completed.id[..4], completed.id);
    assert!(!m.config.task_logs_path.join(folder).exists());
    assert_eq!(clean_up(&m).await, 0);
}

#[tokio::test]
async fn a_job_that_somebody_has_requeued_meanwhile_stays() {
    let m = TestManager::configured(WEEK).await;
    let shot = m.submit(&job([task("a")])).await;
    act(&m, &shot, "cancel").await;
    m.advance((8 * 24).hours());
    act(&m, &shot, "requeue").await;
    assert_eq!(clean_up(&m).await, 0);
    m.advance((8 * 24).hours());
    assert_eq!(clean_up(&m).await, 0);
}

#[tokio::test]
async fn a_job_that_has_to_be_requeued_so_that_another_one_can_begin_stays() {
    let m = TestManager::configured(WEEK).await;
    let first = m.submit(&job([task("a")])).await;
    let last = m.submit(&with(job([task("z")]), &json!({"depends_on": [first.id]}))).await;
    act(&m, &first, "cancel").await;
    m.advance((8 * 24).hours());
    assert_eq!(clean_up(&m).await, 0);
    act(&m, &last, "cancel").await;
    assert_eq!(clean_up(&m).await, 1);
    assert!(!is_there(&m, &first).await && is_there(&m, &last).await);
}

#[tokio::test]
async fn a_completed_job_goes_even_if_one_that_comes_behind_it_is_not_done() {
    let m = TestManager::configured(WEEK).await;
    let ada = m.sleeper("ada").await;
    let first = m.submit(&job([task("a")])).await;
    let last = m.submit(&with(job([task("z")]), &json!({"depends_on": [first.id]}))).await;
    ada.takes_and_completes(&first["a"]).await;
    m.advance((8 * 24).hours());
    assert_eq!(clean_up(&m).await, 1);
    ada.takes_and_completes(&last["z"]).await;
}

#[tokio::test]
async fn jobs_stay_unless_somebody_wants_them_to_go_and_those_of_the_server_always() {
    let m = TestManager::start().await;
    let shot = m.submit(&job([task("a")])).await;
    act(&m, &shot, "cancel").await;
    m.advance(100_000.hours());
    assert_eq!(clean_up(&m).await, 0);
    // Its tasks have no age of their own.
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 0);
    assert_eq!(m.statuses(&shot).await, ["canceled"]);

    let link = "flamenco = \"http://127.0.0.1:9\"\nmanager_id = \"5c7d0000000000000000abc9\"\n\
                manager_secret = \"between us\"\njob_cleanup_max_age = \"7d\"";
    let m = TestManager::configured(link).await;
    let shot = m.receive(&job([task("a")])).await;
    m.cancel(&shot["a"]).await;
    m.advance((8 * 24).hours());
    assert_eq!(m.job_status(&shot).await, "canceled");
    assert_eq!(clean_up(&m).await, 0);
}
