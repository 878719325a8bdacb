//! People log in and out.

use flamenco_manager::services::{Presented, Shown};
use http::Method;
use jiff::ToSpan;
use serde_json::json;

use super::{BY_TOKEN, cookie, from_page, root, somebody};
use crate::kit::TestManager;

#[tokio::test]
async fn a_page_asks_before_anybody_has_logged_in() {
    let m = TestManager::configured(BY_TOKEN).await;
    let session = m.get("/api/session").await.expect(200).json();
    assert_eq!((&session["authentication"], &session["person"]), (&json!("token"), &json!(null)));
    assert_eq!(session["manager_name"], "Flamenco Manager");
    let open = TestManager::start().await.get("/api/session").await.expect(200).json();
    assert_eq!(open["person"], json!({"name": "anybody", "role": "admin", "until": null}));
}

#[tokio::test]
async fn the_link_of_the_start_logs_in_five_times_in_an_hour() {
    let m = TestManager::configured(BY_TOKEN).await;
    let link = m.services.first_link().unwrap().unwrap();
    let shown = json!({"code": link.code});
    for _ in 0..5 {
        let answer = m.post("/api/session", &shown).await.expect(200);
        assert_eq!(answer.json()["person"]["role"], "admin");
        let set = answer.header("set-cookie");
        assert!(set.contains("; HttpOnly; SameSite=Strict; Max-Age=1209600"), "{set}");
        assert!(!set.contains("Secure"), "{set}");
        let me = from_page(&m, Method::GET, "/api/session", &cookie(&answer), &json!(null)).await.json();
        assert_eq!(me["person"]["until"], "2026-03-16T11:00:00Z");
    }
    m.post("/api/session", &shown).await.expect(401);
    let late = m.services.first_link().unwrap().unwrap();
    m.advance(1.hour());
    m.post("/api/session", &json!({"code": late.code})).await.expect(401);
}

#[tokio::test]
async fn the_link_of_the_start_ends_with_the_first_token_and_others_do_not() {
    let m = TestManager::configured(BY_TOKEN).await;
    let first = m.services.first_link().unwrap().unwrap();
    let other = root(&m).post("/api/login-links", &json!({"role": "viewer"})).await.expect(201).json();
    somebody(&m, "ada", "viewer").await;
    m.post("/api/session", &json!({"code": first.code})).await.expect(401);
    assert_eq!(m.services.first_link().unwrap(), None);
    let viewer = m.post("/api/session", &json!({"code": other["code"]})).await.expect(200);
    assert_eq!(viewer.json()["person"]["role"], "viewer");
    let wish = json!({"role": "admin"});
    from_page(&m, Method::POST, "/api/login-links", &cookie(&viewer), &wish).await.expect(403);
}

#[tokio::test]
async fn a_session_survives_a_restart_and_ends_by_logging_out_or_after_two_weeks() {
    let mut m = TestManager::configured(BY_TOKEN).await;
    let ada = somebody(&m, "ada", "admin").await;
    let token = ada.bearer.trim_start_matches("Bearer ").to_owned();
    let shown = json!({"token": token});
    let first = cookie(&m.post("/api/session", &shown).await.expect(200));
    let second = cookie(&m.post("/api/session", &shown).await.expect(200));
    m.restart().await;
    from_page(&m, Method::GET, "/api/farm", &first, &json!(null)).await.expect(200);
    let out = from_page(&m, Method::DELETE, "/api/session", &first, &json!(null)).await.expect(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    from_page(&m, Method::GET, "/api/farm", &first, &json!(null)).await.expect(401);
    from_page(&m, Method::GET, "/api/farm", &second, &json!(null)).await.expect(200);
    m.advance(336.hours());
    from_page(&m, Method::GET, "/api/farm", &second, &json!(null)).await.expect(401);
    m.services.look_after_people().await.unwrap();
}

#[tokio::test]
async fn a_session_ends_with_the_token_that_began_it() {
    let m = TestManager::configured(BY_TOKEN).await;
    let ada = somebody(&m, "ada", "admin").await;
    let shown = json!({"token": ada.bearer.trim_start_matches("Bearer ")});
    let session = cookie(&m.post("/api/session", &shown).await.expect(200));
    let id = root(&m).get("/api/tokens").await.json()["tokens"][0]["_id"].as_str().unwrap().to_owned();
    root(&m).call(Method::DELETE, &format!("/api/tokens/{id}"), &json!(null)).await.expect(204);
    from_page(&m, Method::GET, "/api/farm", &session, &json!(null)).await.expect(401);
    m.post("/api/session", &shown).await.expect(401);
}

#[tokio::test]
async fn nobody_stays_logged_in_by_a_token_that_is_revoked_at_that_very_moment() {
    let m = TestManager::configured(BY_TOKEN).await;
    for round in 0..20 {
        let (about, token) =
            m.services.create_token(&round.to_string(), "admin".parse().unwrap()).await.unwrap();
        let (revoked, entered) = tokio::join!(
            m.services.revoke_token(about.id),
            m.services.log_in(Shown::Token(token), [127, 0, 0, 1].into()),
        );
        revoked.unwrap();
        if let Ok((_, secret)) = entered.unwrap() {
            let session = Presented { session: Some(&secret), ..Presented::default() };
            m.services.identify(session).unwrap_err();
        }
        m.advance(1.minute());
    }
}

#[tokio::test]
async fn whoever_tries_too_often_waits_and_then_may_again() {
    let m = TestManager::configured(BY_TOKEN).await;
    let link = m.services.create_link("admin".parse().unwrap());
    for _ in 0..10 {
        m.post("/api/session", &json!({"code": "wrong"})).await.expect(401);
    }
    let right = json!({"code": link.code});
    let answer = m.post("/api/session", &right).await.expect(429);
    assert_eq!(answer.header("retry-after"), "30");
    m.advance(30.seconds());
    m.post("/api/session", &right).await.expect(200);
}

#[tokio::test]
async fn a_cookie_alone_commands_nothing_from_another_page() {
    let m = TestManager::configured(BY_TOKEN).await;
    let link = m.services.create_link("admin".parse().unwrap());
    let session = cookie(&m.post("/api/session", &json!({"code": link.code})).await.expect(200));
    let cookie = ("cookie", session.as_str());
    let path = "/api/task-update-queue";
    for page in [
        None,
        Some(("origin", "http://evil.example")),
        Some(("origin", "null")),
        Some(("sec-fetch-site", "cross-site")),
        Some(("sec-fetch-site", "same-site")),
    ] {
        let headers: Vec<_> = [cookie].into_iter().chain(page).collect();
        m.door.call(Method::DELETE, path, &headers, "").await.expect(403);
    }
    for page in [("origin", "http://manager"), ("sec-fetch-site", "same-origin")] {
        m.door.call(Method::DELETE, path, &[cookie, page], "").await.expect(200);
    }
    let evil = [("origin", "http://evil.example"), ("content-type", "application/json")];
    m.door.call(Method::POST, "/api/session", &evil, "{\"code\":\"x\"}").await.expect(403);
}

#[tokio::test]
async fn what_is_sent_to_log_in_is_not_repeated() {
    let m = TestManager::configured(BY_TOKEN).await;
    for shown in
        [json!({"cod": "geheim"}), json!({"code": ["geheim"]}), json!({"code": "a", "token": "geheim"})]
    {
        let answer = m.post("/api/session", &shown).await.expect(400);
        assert!(!answer.text().contains("geheim"), "{}", answer.text());
    }
}
