//! A submission that names itself by a key can be sent again, and makes one job.

use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Answer, TestManager, job, task, with};

async fn submit(m: &TestManager, key: &str, submission: &Value) -> Answer {
    m.door.call(Method::POST, "/api/jobs", &[("idempotency-key", key)], submission.to_string()).await
}

fn id(answer: &Answer) -> String {
    answer.json()["_id"].as_str().unwrap().to_owned()
}

async fn count(m: &TestManager) -> Value {
    m.get("/api/jobs").await.expect(200).json()["total"].take()
}

#[tokio::test]
async fn a_submission_that_is_repeated_makes_no_second_job() {
    let mut m = TestManager::start().await;
    let shot = job([task("a"), task("b")]);
    let first = submit(&m, "1", &shot).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    m.submit(&job([task("a")])).await;
    let again = submit(&m, "1", &shot).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json(), first.json());
    m.restart().await;
    m.advance(24.hours());
    assert_eq!(submit(&m, "1", &shot).await.expect(201).header("idempotent-replayed"), "true");
    assert_eq!((count(&m).await, m.count_tasks().await), (json!(2), 3));
    let other_key = submit(&m, "2", &shot).await.expect(201);
    assert_ne!(id(&other_key), id(&first));
}

#[tokio::test]
async fn a_key_of_another_submission_is_refused() {
    let m = TestManager::start().await;
    let first = submit(&m, "key", &job([task("a")])).await.expect(201);
    let refusal = submit(&m, "key", &job([task("b")])).await.expect(422);
    assert_eq!(refusal.error_code(), "key-reused");
    assert!(refusal.says().contains(&id(&first)), "{}", refusal.says());
    submit(&m, "key", &json!({})).await.expect(422);
    assert_eq!(count(&m).await, 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_nothing_is_stored() {
    let m = TestManager::start().await;
    for bad in ["", "two words", &"x".repeat(201)] {
        let refusal = submit(&m, bad, &job([task("a")])).await.expect(400);
        assert!(refusal.says().contains("1 to 200 visible ASCII"), "{}", refusal.says());
    }
    assert_eq!(count(&m).await, 0);
    submit(&m, &"x".repeat(200), &job([task("a")])).await.expect(201);
}

#[tokio::test]
async fn of_equal_submissions_at_the_same_time_one_makes_the_job() {
    let m = TestManager::start().await;
    let shot = job([task("a")]);
    let answers = futures_util::future::join_all((0..8).map(|_| submit(&m, "key", &shot))).await;
    let replayed = answers.iter().filter(|answer| answer.header("idempotent-replayed") == "true").count();
    assert_eq!(replayed, 7);
    assert!(answers.iter().all(|answer| answer.status == 201 && id(answer) == id(&answers[0])));
    assert_eq!(count(&m).await, 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let m = TestManager::start().await;
    let shot = job([task("a")]);
    let first = submit(&m, "key", &shot).await.expect(201);
    m.advance(1.hours());
    submit(&m, "later", &shot).await.expect(201);
    m.advance(23.hours());
    assert_eq!(m.services.clean_up_submissions().await.unwrap(), 0);
    m.advance(1.milliseconds());
    assert_ne!(id(&submit(&m, "key", &shot).await.expect(201)), id(&first), "it is taken anew");
    assert_eq!(m.services.clean_up_submissions().await.unwrap(), 0);
    m.advance(1.hours());
    assert_eq!(m.services.clean_up_submissions().await.unwrap(), 1);
    submit(&m, "later", &job([task("b")])).await.expect(201);
}

#[tokio::test]
async fn only_a_job_that_is_there_uses_up_a_key() {
    let m = TestManager::start().await;
    let shot = job([task("a")]);
    submit(&m, "key", &job([])).await.expect(400);
    let dry = [("idempotency-key", "key")];
    m.door.call(Method::POST, "/api/jobs?dry_run=true", &dry, shot.to_string()).await.expect(200);
    let no_key = [("idempotency-key", "no key")];
    m.door.call(Method::POST, "/api/jobs?dry_run=true", &no_key, shot.to_string()).await.expect(200);
    let first = submit(&m, "key", &shot).await.expect(201);
    m.door.call(Method::DELETE, &format!("/api/jobs/{}", id(&first)), &[], "").await.expect(200);
    let other = with(shot, &json!({"name": "other"}));
    let second = submit(&m, "key", &other).await.expect(201);
    assert_eq!(second.header("idempotent-replayed"), "");
    assert_eq!(count(&m).await, 1);
    m.door.call(Method::DELETE, "/api/tasks", &[], "").await.expect(200);
    submit(&m, "key", &other).await.expect(201);
    assert_eq!(count(&m).await, 1);
}
