//! The Flamenco Server vouches for people.

use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use super::{root, somebody};
use crate::kit::{Answer, Call, FakeServer, MANAGER, Mood, Signer, TestManager};

const BY_SERVER: &str = "[user_authentication]\nmode = \"server\"\n";

/// 2026-03-02T11:00:00Z, when every story begins.
const START: f64 = 1_772_449_200.0;

fn claims(exp: f64) -> Value {
    json!({"aud": MANAGER, "sub": "5c7d00000000000000000ada", "iat": START - 0.25, "exp": exp})
}

async fn with_cookie(m: &TestManager, token: &str) -> Answer {
    m.door.call(Method::GET, "/api/session", &[("cookie", &format!("a=b; jwtToken={token}"))], "").await
}

async fn farm(m: &TestManager, token: &str) -> Answer {
    m.door.call(Method::GET, "/api/farm", &[("authorization", &format!("Bearer {token}"))], "").await
}

async fn farm_as_root(m: &TestManager) -> Value {
    root(m).get("/api/farm").await.expect(200).json()
}

#[tokio::test]
async fn whom_the_server_vouches_for_is_let_in_by_cookie_and_by_header() {
    let (server, signer) = (FakeServer::start(), Signer::new());
    server.has_keys(&[&Signer::new(), &signer]);
    let m = TestManager::below_with(&server, BY_SERVER).await;
    m.exchange().fetch_keys().await.unwrap();
    let token = signer.signs(&claims(START + 14400.5));
    farm(&m, &token).await.expect(200);
    let me = with_cookie(&m, &token).await.expect(200).json();
    assert_eq!(
        me["person"],
        json!({"name": "5c7d00000000000000000ada", "role": "admin", "until": "2026-03-02T15:00:00.5Z"})
    );
    somebody(&m, "script", "viewer").await.get("/api/farm").await.expect(200);
    m.advance(4.hours().seconds(1));
    let expired = farm(&m, &token).await.expect(498);
    assert_eq!(expired.says(), "JWT token expired");
    let text = m.door.call(Method::GET, "/as-json", &[("cookie", &format!("jwtToken={token}"))], "").await;
    assert_eq!(text.expect(498).text(), "JWT token expired\n");
}

#[tokio::test]
async fn nobody_else_can_vouch_for_anybody() {
    let (server, signer, other) = (FakeServer::start(), Signer::new(), Signer::new());
    server.has_keys(&[&signer]);
    let m = TestManager::below_with(&server, BY_SERVER).await;
    m.exchange().fetch_keys().await.unwrap();
    let good = claims(START + 60.0);
    let by_secret = |algorithm, secret: &str| {
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::new(algorithm), &good, &key).unwrap()
    };
    let mut elsewhere = good.clone();
    elsewhere["aud"] = json!("5c7d00000000000000000bad");
    let endless = json!({"sub": "ada", "aud": MANAGER});
    let unsigned = signer.signs(&good).rsplit_once('.').unwrap().0.to_owned() + ".";
    for forged in [
        other.signs(&good),
        by_secret(jsonwebtoken::Algorithm::HS256, &signer.public()),
        by_secret(jsonwebtoken::Algorithm::HS512, &signer.public()),
        signer.signs(&elsewhere),
        signer.signs(&endless),
        unsigned,
        "nonsense".to_owned(),
    ] {
        farm(&m, &forged).await.expect(401);
    }
    farm(&m, &signer.signs(&good)).await.expect(200);
}

#[tokio::test]
async fn keys_are_kept_renewed_each_hour_and_asked_for_until_they_come() {
    let (server, old, new) = (FakeServer::start(), Signer::new(), Signer::new());
    let mut m = TestManager::below_with(&server, BY_SERVER).await;
    m.exchange().fetch_keys().await.unwrap();
    let token = old.signs(&claims(START + 14400.0));
    farm(&m, &token).await.expect(401);
    server.has_keys(&[&old]);
    m.exchange().fetch_keys().await.unwrap();
    farm(&m, &token).await.expect(401);
    m.advance(1.minute());
    m.exchange().fetch_keys().await.unwrap();
    farm(&m, &token).await.expect(200);
    server.goes_down().await;
    m.restart().await;
    m.exchange().fetch_keys().await.unwrap();
    farm(&m, &token).await.expect(200);
    server.comes_back();
    m.advance(1.minute());
    m.exchange().fetch_keys().await.unwrap();
    let asked = server.requests().into_iter().filter(|asked| asked.call == Call::Keys);
    assert_eq!(asked.map(|asked| asked.status).collect::<Vec<_>>(), [Some(501), Some(200), Some(304)]);
    server.has_keys(&[&new]);
    m.advance(59.minutes());
    m.exchange().fetch_keys().await.unwrap();
    farm(&m, &token).await.expect(200);
    m.advance(1.minute());
    m.exchange().fetch_keys().await.unwrap();
    farm(&m, &token).await.expect(401);
    farm(&m, &new.signs(&claims(START + 14400.0))).await.expect(200);
}

#[tokio::test]
async fn keys_that_do_not_come_are_shown_and_warned_of_and_nothing_else_stands_still() {
    let server = FakeServer::start();
    let m = TestManager::below_with(&server, BY_SERVER).await;
    let keys =
        async |field: &str| farm_as_root(&m).await["exchange"]["conversations"]["public-keys"][field].take();
    server.mood(Call::Keys, Mood::Answers(403));
    for failures in 1..=3 {
        m.exchange().fetch_keys().await.unwrap();
        assert_eq!(keys("failures_in_a_row").await, failures);
        m.advance(1.minute());
    }
    let farm = farm_as_root(&m).await;
    assert_eq!(farm["exchange"]["standstill"], json!(null));
    assert!(farm["warnings"][0]["message"].as_str().unwrap().contains("(public-keys)"), "{farm}");
    server.mood(Call::Keys, Mood::Nonsense);
    m.exchange().fetch_keys().await.unwrap();
    let error = keys("last_error").await["message"].take();
    assert_eq!(error, "the Flamenco Server sent no public key for ES256");
    server.mood(Call::Keys, Mood::Fine);
    server.has_keys(&[&Signer::new()]);
    m.advance(1.minute());
    m.exchange().fetch_keys().await.unwrap();
    assert_eq!(keys("failures_in_a_row").await, 0);
    assert_eq!(keys("next_try").await, json!(m.now() + 1.hour()));
}

#[tokio::test]
async fn a_browser_learns_where_the_server_vouches_for_its_user() {
    let server = FakeServer::start();
    let m = TestManager::below_with(&server, BY_SERVER).await;
    let urls = m.get("/jwt/token-urls").await.expect(200).json();
    let token_url = urls["tokenURL"].as_str().unwrap();
    let wanted =
        format!("/api/flamenco/jwt/generate-token/{MANAGER}?expires=2026%2D03%2D02T11%3A00%3A30Z&hmac=");
    assert!(token_url.contains(&wanted), "{token_url}");
    assert!(urls["loginURL"].as_str().unwrap().ends_with("/login?next=http%3A%2F%2Fmanager%2F"), "{urls}");
    let by_token = TestManager::below_with(&server, super::BY_TOKEN).await;
    by_token.get("/jwt/token-urls").await.expect(404);
    TestManager::start().await.get("/jwt/token-urls").await.expect(404);
}
