//! One action on many jobs, tasks or workers: each is done or refused by itself.

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Answer, TestManager, behind, job, task};

const UNKNOWN: &str = "0123456789abcdef01234567";

async fn act(m: &TestManager, what: &str, action: &Value) -> Answer {
    m.post(&format!("/api/{what}/actions"), action).await
}

/// That all of them were done.
async fn done(m: &TestManager, what: &str, action: &Value) {
    let mut ids: Vec<_> = action["ids"].as_array().unwrap().clone();
    ids.sort_by_key(ToString::to_string);
    let answer = act(m, what, action).await.expect(200).json();
    assert_eq!(answer, json!({"done": ids, "refused": []}), "{action}");
}

#[tokio::test]
async fn what_can_be_done_with_a_job_can_be_done_with_many() {
    let m = TestManager::start().await;
    let (a, b) = (m.submit(&job([task("a")])).await, m.submit(&job([task("a")])).await);
    let ids = json!([a.id, b.id]);
    for (action, status) in [
        ("pause", "paused"),
        ("resume", "queued"),
        ("cancel", "canceled"),
        ("requeue-failed", "queued"),
        ("cancel", "canceled"),
        ("requeue", "queued"),
    ] {
        done(&m, "jobs", &json!({"action": action, "ids": ids})).await;
        for shot in [&a, &b] {
            assert_eq!(m.job_status(shot).await, status, "{action}");
        }
    }
    done(&m, "jobs", &json!({"action": "priority", "priority": -3, "ids": ids})).await;
    for shot in [&a, &b] {
        assert_eq!(m.get(&format!("/api/jobs/{}", shot.id)).await.json()["priority"], -3);
    }
    done(&m, "jobs", &json!({"action": "delete", "ids": ids})).await;
    assert_eq!(m.get("/api/jobs").await.json()["total"], 0);
}

#[tokio::test]
async fn a_job_that_is_refused_is_told_as_by_itself_and_holds_up_no_other() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let busy = m.submit(&job([task("a"), task("b")])).await;
    ada.takes(&busy["a"]).await;
    let idle = m.submit(&job([task("a")])).await;
    let alone =
        m.door.call(http::Method::DELETE, &format!("/api/jobs/{}", busy.id), &[], "").await.expect(409);
    let ids = json!([UNKNOWN, busy.id, idle.id, idle.id]);
    let answer = act(&m, "jobs", &json!({"action": "delete", "ids": ids})).await.expect(200).json();
    assert_eq!(answer["done"], json!([idle.id]));
    assert_eq!(
        answer["refused"],
        json!([
            {"_id": UNKNOWN, "code": "not-found", "message": format!("job {UNKNOWN} is not known")},
            {"_id": busy.id, "code": alone.error_code(), "message": alone.says()},
        ])
    );
    done(&m, "jobs", &json!({"action": "delete", "ids": [busy.id], "force": true})).await;
    assert_eq!(m.count_tasks().await, 0);
}

#[tokio::test]
async fn tasks_are_canceled_and_requeued_and_what_waits_for_them_holds_up_no_job() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b"), behind("c", &["a", "b"])])).await;
    let ids = json!([&shot["a"], &shot["b"]]);
    done(&m, "tasks", &json!({"action": "cancel", "ids": ids})).await;
    assert_eq!(m.statuses(&shot).await, ["canceled", "canceled", "queued"]);
    assert_eq!(m.job_status(&shot).await, "canceled");
    ada.gets_nothing().await;
    let answer = act(&m, "tasks", &json!({"action": "cancel", "ids": ids})).await.expect(200).json();
    let alone = m.post(&format!("/api/tasks/{}/cancel", &shot["a"]), &Value::Null).await.expect(409);
    assert_eq!(answer["done"], json!([]));
    assert_eq!(answer["refused"][0]["code"], alone.error_code());
    assert_eq!(answer["refused"][1]["message"], alone.says());
    done(&m, "tasks", &json!({"action": "requeue", "ids": ids})).await;
    ada.takes(&shot["a"]).await;
}

#[tokio::test]
async fn many_tasks_are_canceled_at_once() {
    let m = TestManager::start().await;
    let shot = m.submit(&job((0..1000).map(|number| task(&format!("task {number}"))))).await;
    let ids: Vec<_> = shot.tasks.values().collect();
    let answer = act(&m, "tasks", &json!({"action": "cancel", "ids": ids})).await.expect(200).json();
    assert_eq!(answer["done"].as_array().unwrap().len(), 1000);
    assert_eq!(m.job_status(&shot).await, "canceled");
}

#[tokio::test]
async fn workers_are_asked_for_a_status_and_forgotten() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let ids = json!([ada.id, bob.id]);
    for (action, lazy) in [("asleep", true), ("awake", false), ("shutdown", false)] {
        done(&m, "workers", &json!({"action": action, "lazy": lazy, "ids": ids})).await;
        for worker in [&ada, &bob] {
            let about = m.about(worker).await;
            let requested = (&about["status_requested"], &about["lazy_status_request"]);
            assert_eq!(requested, (&json!(action), &json!(lazy)));
        }
    }
    done(&m, "workers", &json!({"action": "awake", "ids": ids})).await;
    ada.ask().await.expect(423);
    ada.acknowledges("awake").await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    let answer = act(&m, "workers", &json!({"action": "ack-timeout", "ids": ids})).await.expect(200).json();
    assert_eq!(answer["done"], json!([ada.id]));
    assert_eq!(answer["refused"][0]["_id"], bob.id);
    assert_eq!(answer["refused"][0]["code"], "bad-request");
    assert_eq!(m.worker_status(&ada).await, "offline");
    done(&m, "workers", &json!({"action": "forget", "ids": ids})).await;
    assert_eq!(m.get("/api/workers").await.json()["total"], 0);
}

#[tokio::test]
async fn the_whole_of_an_action_is_checked_before_any_of_it_is_done() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    let many: Vec<_> = (0..=1000).map(|number| format!("{number:024}")).collect();
    for (what, bad, says) in [
        ("jobs", json!({"ids": [shot.id]}), "action"),
        ("jobs", json!({"action": "cancel"}), "ids"),
        ("jobs", json!({"action": "dance", "ids": [shot.id]}), "dance"),
        ("jobs", json!({"action": "cancel", "ids": [shot.id, "x"]}), "ID"),
        ("jobs", json!({"action": "cancel", "ids": many}), "1001"),
        ("jobs", json!({"action": "cancel", "ids": [shot.id], "frce": true}), "frce"),
        ("jobs", json!({"action": "cancel", "ids": [shot.id], "force": true}), "force"),
        ("jobs", json!({"action": "priority", "ids": [shot.id], "priority": 1, "force": true}), "force"),
        ("jobs", json!({"action": "cancel", "ids": [shot.id], "priority": 1}), "priority"),
        ("jobs", json!({"action": "priority", "ids": [shot.id]}), "priority"),
        ("jobs", json!([]), "object"),
        ("tasks", json!({"action": "delete", "ids": [&shot["a"]]}), "delete"),
        ("tasks", json!({"action": "cancel", "ids": [&shot["a"], 7]}), "7"),
        ("workers", json!({"action": "dance", "ids": [ada.id]}), "dance"),
        ("workers", json!({"action": "forget", "lazy": true, "ids": [ada.id]}), "lazy"),
    ] {
        let answer = act(&m, what, &bad).await.expect(400);
        assert_eq!(answer.error_code(), "bad-request");
        assert!(answer.says().contains(says), "{says}: {}", answer.says());
    }
    assert_eq!(m.status(&shot["a"]).await, "queued");
    assert_eq!(m.about(&ada).await["status_requested"], "");
    done(&m, "jobs", &json!({"action": "cancel", "ids": []})).await;
}
