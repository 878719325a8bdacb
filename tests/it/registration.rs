//! Workers register, sign on and sign off.

use flamenco_manager::simulate::{Client, registration_token};
use http::Method;
use jiff::ToSpan;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::kit::{START, TestManager, job, task, with};

const SECRET_NEEDED: &str = "worker_registration_secret = \"gehëim\"";

fn about() -> Value {
    json!({
        "secret": "s".repeat(64), "platform": "Linux", "supported_task_types": ["sleep", "debug"], "nickname": "ada",
    })
}

async fn register_with(m: &TestManager, token: &str) -> crate::kit::Answer {
    let headers = [("authorization", token)];
    m.door.call(Method::POST, "/register-worker", &headers, about().to_string()).await
}

fn signed(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!("Bearer {}", encode(&Header::new(Algorithm::HS512), claims, &key).unwrap())
}

fn seconds(m: &TestManager) -> f64 {
    m.now().as_duration().as_secs_f64()
}

#[tokio::test]
async fn a_new_worker_gets_its_whole_document_and_never_its_secret() {
    let m = TestManager::start().await;
    let headers = [("user-agent", "Flamenco-Worker/2.5")];
    let answer =
        m.door.call(Method::POST, "/register-worker", &headers, about().to_string()).await.expect(200);
    let id = answer.json()["_id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 24);
    assert!(!answer.text().contains("sss"), "{}", answer.text());
    insta::assert_json_snapshot!(with(answer.json(), &json!({"_id": "ID"})), @r#"
    {
      "_id": "ID",
      "address": "127.0.0.1",
      "blacklist": [],
      "current_job": null,
      "current_task": null,
      "current_task_name": null,
      "current_task_status": null,
      "current_task_updated": null,
      "last_activity": "2026-03-02T11:00:00Z",
      "lazy_status_request": false,
      "nickname": "ada",
      "platform": "linux",
      "registered": "2026-03-02T11:00:00Z",
      "sleep_schedule": {
        "days_of_week": "",
        "schedule_active": false,
        "time_end": "",
        "time_start": ""
      },
      "software": "Flamenco-Worker/2.5",
      "status": "starting",
      "status_requested": "",
      "supported_task_types": [
        "sleep",
        "debug"
      ],
      "tags": []
    }
    "#);
}

#[tokio::test]
async fn a_secret_is_not_in_the_database_file() {
    let mut m = TestManager::start().await;
    m.sleeper("ada").await;
    m.restart().await;
    let file = std::fs::read(&m.config.database_path).unwrap();
    let contains = |text: &str| file.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(contains("$2b$"), "the hash is there");
    assert!(!contains("adaxxxxxxxx"), "the secret is not");
}

#[tokio::test]
async fn a_worker_that_is_no_document_is_refused() {
    let m = TestManager::start().await;
    for (body, says) in [
        (json!({}), "secret"),
        (with(about(), &json!({"secret": ""})), "secret"),
        (with(about(), &json!({"secret": "s".repeat(73)})), "secret"),
        (with(about(), &json!({"supported_task_types": "sleep"})), "supported_task_types"),
        (json!({"secret": "s", "nickname": "ada"}), "platform"),
        (with(about(), &json!({"nickname": "n".repeat(1_001)})), "nickname"),
        (with(about(), &json!({"platform": "p".repeat(101)})), "platform"),
        (with(about(), &json!({"supported_task_types": vec!["sleep"; 1_001]})), "supported_task_types"),
        (with(about(), &json!({"supported_task_types": ["t".repeat(101)]})), "a task type"),
    ] {
        let answer = m.post("/register-worker", &body).await.expect(400);
        assert!(answer.says().contains(says) || says == "supported_task_types", "{}", answer.says());
    }
    assert_eq!(m.get("/api/workers").await.json()["total"], 0);
}

#[tokio::test]
async fn a_worker_that_proves_to_know_the_secret_is_taken() {
    let m = TestManager::configured(SECRET_NEEDED).await;
    let token = registration_token("gehëim", m.now()).unwrap();
    let mut client = Client::new(&format!("http://{}", m.door.address())).unwrap();
    let body = Some(about().to_string().into());
    let (status, _) = client.request(Method::POST, "/register-worker", Some(&token), body).await.unwrap();
    assert_eq!(status, 200);
    let of_another_kind = signed(&json!({"exp": seconds(&m) + 900.5}), "gehëim");
    register_with(&m, &of_another_kind).await.expect(200);
}

#[tokio::test]
async fn a_worker_that_does_not_is_turned_away() {
    let m = TestManager::configured(SECRET_NEEDED).await;
    let now = seconds(&m);
    for (token, says) in [
        (signed(&json!({"exp": now + 900.0}), "other"), "not valid"),
        (signed(&json!({"exp": now - 60.5}), "gehëim"), "not valid"),
        (signed(&json!({"exp": now + 900.0, "nbf": now + 60.5}), "gehëim"), "not valid"),
        ("Bearer nonsense".to_owned(), "not valid"),
        ("Basic abc".to_owned(), "worker_registration_secret"),
    ] {
        let answer = register_with(&m, &token).await.expect(403);
        assert!(answer.says().contains(says), "{token}: {}", answer.says());
    }
    let answer = m.post("/register-worker", &about()).await.expect(403);
    assert_eq!(answer.error_code(), "forbidden");
    assert_eq!(m.get("/api/workers").await.json()["total"], 0);
}

#[tokio::test]
async fn a_token_lasts_as_long_as_it_says_and_a_minute_more() {
    let m = TestManager::configured(SECRET_NEEDED).await;
    let token = signed(&json!({"exp": seconds(&m) + 900.0}), "gehëim");
    m.advance(16.minutes());
    register_with(&m, &token).await.expect(200);
    m.advance(1.seconds());
    register_with(&m, &token).await.expect(403);
}

#[tokio::test]
async fn signing_on_changes_only_what_is_given() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.advance(1.minutes());
    ada.post_json("/sign-on", &json!({})).await.expect(204);
    let before = m.about(&ada).await;
    assert_eq!(before["nickname"], "ada");
    assert_eq!(before["supported_task_types"], json!(["sleep"]));
    assert_eq!(before["last_activity"], "2026-03-02T11:01:00Z");

    ada.post_json("/sign-on", &json!({"nickname": "lovelace"})).await.expect(204);
    assert_eq!(m.about(&ada).await, with(before.clone(), &json!({"nickname": "lovelace"})));

    ada.post_json("/sign-on", &json!({"supported_task_types": ["debug"], "unknown": 1})).await.expect(204);
    let after = json!({"nickname": "lovelace", "supported_task_types": ["debug"]});
    assert_eq!(m.about(&ada).await, with(before, &after));
}

#[tokio::test]
async fn signing_on_forgets_the_current_task_and_makes_the_worker_start() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    let before = m.about(&ada).await;
    assert_eq!(before["current_task"], shot["a"]);
    assert_eq!(before["current_task_status"], "active");
    assert_eq!(before["current_job"], *shot.id);
    assert_eq!(before["current_task_updated"], START);
    ada.sign_on().await;
    let after = m.about(&ada).await;
    assert_eq!((&after["status"], &after["current_task"]), (&json!("starting"), &json!(null)));
    assert_eq!(m.status(&shot["a"]).await, "active", "it is still the worker's");
    ada.takes(&shot["a"]).await;
}

#[tokio::test]
async fn signing_off_gives_all_tasks_back() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    ada.sign_off().await;
    assert_eq!(m.worker_status(&ada).await, "offline");
    let after = m.task(&shot["a"]).await;
    assert_eq!(after["status"], "claimed-by-manager");
    assert_eq!(
        after["activity"],
        "Re-queued task after unassigning from worker 127.0.0.1 (ada): worker signed off"
    );
    assert!(m.log(&shot["a"]).await.ends_with(
        "2026-03-02T11:00:00Z: Manager re-queued task after unassigning it from worker 127.0.0.1 (ada): worker \
         signed off\n"
    ));
    m.sleeper("bob").await.takes(&shot["a"]).await;
}

#[tokio::test]
async fn a_worker_that_slept_is_asked_to_sleep_when_it_comes_back() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.acknowledges("asleep").await;
    ada.sign_off().await;
    ada.sign_on().await;
    assert_eq!(ada.ask().await.expect(423).text(), r#"{"status_requested":"asleep"}"#);
}

#[tokio::test]
async fn a_worker_that_slept_and_was_to_shut_down_sleeps_when_it_comes_back() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.acknowledges("asleep").await;
    m.request(&ada, "shutdown").await;
    ada.sign_off().await;
    assert_eq!(m.about(&ada).await["status_requested"], "asleep");
}

#[tokio::test]
async fn a_worker_that_slept_and_was_to_wake_up_wakes_when_it_comes_back() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.acknowledges("asleep").await;
    m.request(&ada, "awake").await;
    ada.sign_off().await;
    assert_eq!(m.about(&ada).await["status_requested"], "awake");
}

#[tokio::test]
async fn a_shutdown_is_over_when_the_worker_signs_off() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.request(&ada, "shutdown").await;
    ada.ask().await.expect(423);
    ada.sign_off().await;
    assert_eq!(m.about(&ada).await["status_requested"], "");
    ada.sign_on().await;
    ada.gets_nothing().await;
}

#[tokio::test]
async fn a_request_outlives_signing_on() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.request(&ada, "asleep").await;
    ada.sign_on().await;
    ada.ask().await.expect(423);
}

#[tokio::test]
async fn credentials_are_still_good_after_a_restart() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    m.restart().await;
    ada.gets_nothing().await;
    ada.with_secret("wrong").ask().await.expect(401);
}
