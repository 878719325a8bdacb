//! What people ask of workers by the API, and the blacklist.

use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Answer, TestManager, TestWorker, job, task, with};

const UNKNOWN: &str = "0123456789abcdef01234567";

async fn request(m: &TestManager, worker: &str, wish: &Value) -> Answer {
    m.post(&format!("/api/workers/{worker}/status"), wish).await
}

async fn delete(m: &TestManager, path: &str) -> Answer {
    m.door.call(Method::DELETE, path, &[], "").await
}

#[tokio::test]
async fn a_worker_is_asked_for_another_status() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    for (wish, lazy) in [
        (json!({"status": "asleep", "lazy": true}), true),
        (json!({"status": "awake"}), false),
        (json!({"status": "shutdown", "lazy": false}), false),
    ] {
        let about = request(&m, &ada.id, &wish).await.expect(200).json();
        assert_eq!(about["status_requested"], wish["status"]);
        assert_eq!(about["lazy_status_request"], lazy);
        assert_eq!(m.about(&ada).await, about);
    }
    let told = ada.get("/status-change").await.expect(200).json();
    assert_eq!(told, json!({"status_requested": "shutdown"}));
    for (bad, says) in [
        (json!({"status": "offline"}), "use awake, asleep or shutdown"),
        (json!({"status": "dancing"}), "dancing"),
        (json!({"lazy": true}), "status"),
        (json!({"status": "awake", "lzy": true}), "lzy"),
        (json!([]), "object"),
    ] {
        let refusal = request(&m, &ada.id, &bad).await.expect(400);
        assert!(refusal.says().contains(says), "{says}: {}", refusal.says());
    }
    for unknown in [UNKNOWN, "x"] {
        request(&m, unknown, &json!({"status": "awake"})).await.expect(404);
    }
}

#[tokio::test]
async fn a_timeout_is_acknowledged() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let path = format!("/api/workers/{}/ack-timeout", ada.id);
    let refusal = m.post(&path, &Value::Null).await.expect(400);
    assert!(refusal.says().contains("has not timed out"), "{}", refusal.says());
    ada.gets_nothing().await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    assert_eq!(m.worker_status(&ada).await, "timeout");
    assert_eq!(m.post(&path, &Value::Null).await.expect(200).json()["status"], "offline");
    m.post(&format!("/api/workers/{UNKNOWN}/ack-timeout"), &Value::Null).await.expect(404);
}

#[tokio::test]
async fn a_worker_is_forgotten_and_its_task_goes_back() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    let path = format!("/api/workers/{}", ada.id);
    assert_eq!(delete(&m, &path).await.expect(204).body, "");
    delete(&m, &path).await.expect(404);
    m.get(&path).await.expect(404);
    ada.ask().await.expect(401);
    bob.takes(&shot["a"]).await;
}

/// A Manager on which these workers are blacklisted for a job, with a task type that needs escaping.
async fn blacklisted(nicknames: &[&str]) -> (TestManager, Vec<TestWorker>, String) {
    let m = TestManager::configured("blacklist_threshold = 1").await;
    let odd = with(task("a"), &json!({"task_type": "a/b é+"}));
    let shot = m.submit(&job([odd])).await;
    let mut workers = Vec::new();
    for nickname in nicknames {
        let worker = m.worker(nickname, &["a/b é+"]).await;
        workers.push(worker);
    }
    for worker in &workers {
        worker.takes_and_fails(&shot["a"]).await;
    }
    (m, workers, shot.id)
}

#[tokio::test]
async fn the_blacklist_is_shown_a_page_at_a_time_with_names() {
    let (m, workers, shot) = blacklisted(&["ada", "bob", "cleo"]).await;
    let mut expected: Vec<_> = workers.iter().map(|worker| worker.id.clone()).collect();
    expected.sort();
    let list = m.get("/api/blacklist").await.expect(200).json();
    assert_eq!((&list["total"], &list["next"]), (&json!(3), &Value::Null));
    let line = list["blacklist"].as_array().unwrap().iter().find(|line| line["worker_nickname"] == "ada");
    assert_eq!(
        line.unwrap(),
        &json!({
            "_created": "2026-03-02T11:00:00Z",
            "worker_id": workers[0].id,
            "worker_nickname": "ada",
            "job_id": shot,
            "job_name": "shot",
            "task_type": "a/b é+",
        })
    );
    let mut seen = Vec::new();
    let mut path = "/api/blacklist?limit=2".to_owned();
    loop {
        let page = m.get(&path).await.expect(200).json();
        assert_eq!(page["total"], 3);
        let workers = page["blacklist"].as_array().unwrap().iter().map(|line| &line["worker_id"]);
        seen.extend(workers.map(|id| id.as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/blacklist?limit=2&after={next}");
    }
    assert_eq!(seen, expected);
    for bad in ["after=x", "limit=0", "status=awake"] {
        m.get(&format!("/api/blacklist?{bad}")).await.expect(400);
    }
    m.advance((8 * 24).hours());
    assert_eq!(m.get("/api/blacklist").await.expect(200).json()["total"], 0, "expired");
}

#[tokio::test]
async fn a_line_of_the_blacklist_is_forgotten_once() {
    let (m, workers, shot) = blacklisted(&["ada", "bob"]).await;
    let (ada, task_type) = (&workers[0].id, "a%2Fb%20%C3%A9+");
    let path = format!("/api/blacklist/{ada}/{shot}/{task_type}");
    assert_eq!(delete(&m, &path).await.expect(204).body, "");
    let refusal = delete(&m, &path).await.expect(404);
    assert!(refusal.says().contains("is not blacklisted for tasks of type \"a/b é+\""), "{}", refusal.says());
    assert_eq!(m.about(&workers[0]).await["blacklist"], json!([]));
    assert_eq!(m.get("/api/blacklist").await.json()["total"], 1);
    for unknown in [format!("{UNKNOWN}/{shot}/x"), format!("{}/x/x", workers[1].id), "x/x/x".to_owned()] {
        assert_eq!(
            delete(&m, &format!("/api/blacklist/{unknown}")).await.expect(404).error_code(),
            "not-found"
        );
    }
}
