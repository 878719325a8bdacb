//! Access tokens: made, used, revoked.

use flamenco_manager::simulate::{Client, registration_token};
use http::Method;
use jiff::ToSpan;
use serde_json::json;

use super::{BY_TOKEN, bearer, cookie, from_page, root, somebody};
use crate::kit::{TestManager, job, task};

#[tokio::test]
async fn a_token_is_told_once_lets_in_and_ends_when_it_is_revoked() {
    let mut m = TestManager::configured(BY_TOKEN).await;
    let made =
        root(&m).post("/api/tokens", &json!({"name": " ada ", "role": "viewer"})).await.expect(201).json();
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("flamenco_") && token.len() > 50, "{token}");
    assert_eq!((&made["name"], &made["last_used"]), (&json!("ada"), &json!(null)));
    let header = bearer(&token);
    let headers = [("authorization", header.as_str())];
    for path in ["/api/farm", "/as-json", "/metrics", "/api/openapi.json"] {
        m.door.call(Method::GET, path, &headers, "").await.expect(200);
    }
    let listed = root(&m).get("/api/tokens").await.expect(200);
    assert!(!listed.text().contains(&token));
    assert_eq!(listed.json()["tokens"][0]["last_used"], "2026-03-02T11:00:00Z");
    m.restart().await;
    m.door.call(Method::GET, "/api/farm", &headers, "").await.expect(200);
    let listed = root(&m).get("/api/tokens").await.json();
    assert_eq!(listed["tokens"][0]["last_used"], "2026-03-02T11:00:00Z");
    let id = made["_id"].as_str().unwrap();
    root(&m).call(Method::DELETE, &format!("/api/tokens/{id}"), &json!(null)).await.expect(204);
    m.door.call(Method::GET, "/api/farm", &headers, "").await.expect(401);
    root(&m).call(Method::DELETE, &format!("/api/tokens/{id}"), &json!(null)).await.expect(404);
    assert_eq!(root(&m).get("/api/tokens").await.json()["tokens"], json!([]));
}

#[tokio::test]
async fn a_name_is_given_once_and_has_to_be_one() {
    let m = TestManager::configured(BY_TOKEN).await;
    somebody(&m, "ada", "viewer").await;
    let wish = |name: &str, role: &str| json!({"name": name, "role": role});
    let again = root(&m).post("/api/tokens", &wish("ada", "admin")).await.expect(409);
    assert_eq!(again.error_code(), "name-taken");
    for bad in [wish("", "viewer"), wish("bo", "root"), json!({"name": "bo"})] {
        root(&m).post("/api/tokens", &bad).await.expect(400);
    }
    assert_eq!(root(&m).get("/api/tokens").await.json()["tokens"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_tokens_are_soon_asked_to_wait_and_a_right_one_never() {
    let m = TestManager::configured(BY_TOKEN).await;
    let ada = somebody(&m, "ada", "viewer").await;
    let wrong = [("authorization", "Bearer flamenco_wrong")];
    for _ in 0..10 {
        m.door.call(Method::GET, "/api/farm", &wrong, "").await.expect(401);
    }
    let answer = m.door.call(Method::GET, "/api/farm", &wrong, "").await.expect(429);
    assert_eq!((answer.header("retry-after"), answer.error_code().as_str()), ("30", "too-often"));
    ada.get("/api/farm").await.expect(200);
    let text = m.door.call(Method::GET, "/as-json", &wrong, "").await.expect(429);
    text.assert_line_of_text();
    m.advance(30.seconds());
    m.door.call(Method::GET, "/api/farm", &wrong, "").await.expect(401);
}

#[tokio::test]
async fn workers_and_people_are_not_let_in_by_each_others_credentials() {
    let m = TestManager::configured(BY_TOKEN).await;
    let (ada, worker) = (somebody(&m, "ada", "admin").await, m.sleeper("bo").await);
    for (method, path) in [
        (Method::POST, "/task"),
        (Method::POST, "/sign-on"),
        (Method::GET, "/status-change"),
        (Method::GET, "/may-i-run/5c7d0000000000000000abc9"),
    ] {
        ada.call(method, path, &json!({})).await.expect(401);
    }
    for path in ["/api/farm", "/as-json", "/metrics", "/api/tokens"] {
        worker.get(path).await.expect(401);
    }
    worker.ask().await.expect(204);
}

#[tokio::test]
async fn whoever_listens_with_a_token_is_cut_off_when_it_is_revoked() {
    let m = TestManager::configured(BY_TOKEN).await;
    let ada = somebody(&m, "ada", "viewer").await;
    let id = root(&m).get("/api/tokens").await.json()["tokens"][0]["_id"].as_str().unwrap().to_owned();
    let shown = json!({"token": ada.bearer.trim_start_matches("Bearer ")});
    let session = cookie(&m.post("/api/session", &shown).await.expect(200));
    let worker = m.sleeper("bo").await;
    let submitted = root(&m).post("/api/jobs", &job([task("a")])).await.expect(201).json();
    worker.ask().await.expect(200);
    let tasks = format!("/api/jobs/{}/tasks", submitted["_id"].as_str().unwrap());
    let task = root(&m).get(&tasks).await.expect(200).json()["tasks"][0]["_id"].take();
    let log = format!("/api/tasks/{}/log?follow=true", task.as_str().unwrap());
    let (mut by_token, mut by_cookie) = (Vec::new(), Vec::new());
    for path in ["/api/events", "/imagewatch", &log] {
        by_token.push(m.door.listen_with(path, Some(("authorization", &ada.bearer))).await);
        by_cookie.push(m.door.listen_with(path, Some(("cookie", &session))).await);
    }
    for events in by_token.iter_mut().chain(&mut by_cookie) {
        events.next().await.unwrap();
    }
    from_page(&m, Method::DELETE, "/api/session", &session, &json!(null)).await.expect(204);
    for mut events in by_cookie {
        while events.next().await.is_some() {}
    }
    root(&m).call(Method::DELETE, &format!("/api/tokens/{id}"), &json!(null)).await.expect(204);
    for mut events in by_token {
        while events.next().await.is_some() {}
    }
}

#[tokio::test]
async fn the_proof_of_a_new_worker_is_no_wrong_token_of_a_person() {
    let m = TestManager::configured(&format!("worker_registration_secret = \"gehëim\"\n{BY_TOKEN}")).await;
    let proof = registration_token("gehëim", m.now()).unwrap();
    let mut client = Client::new(&format!("http://{}", m.door.address())).unwrap();
    let about = json!({"secret": "x".repeat(64), "platform": "linux", "supported_task_types": ["sleep"]});
    for _ in 0..11 {
        let body = Some(about.to_string().into());
        let (status, _) = client.request(Method::POST, "/register-worker", Some(&proof), body).await.unwrap();
        assert_eq!(status, 200);
    }
    let link = m.services.create_link("viewer".parse().unwrap());
    m.post("/api/session", &json!({"code": link.code})).await.expect(200);
}
