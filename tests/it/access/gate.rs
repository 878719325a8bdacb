//! Every route for people is behind the gate.

use http::Method;
use serde_json::{Value, json};

use super::{BY_TOKEN, from_page, somebody};
use crate::kit::TestManager;

/// What anybody may call.
const OPEN: [(&str, &str); 5] = [
    ("get", "/api/health"),
    ("delete", "/api/session"),
    ("get", "/api/session"),
    ("post", "/api/session"),
    ("get", "/api/version"),
];

/// The endpoints that scripts know from 2.x.
const SCRIPTS: [(Method, &str); 6] = [
    (Method::GET, "/as-json"),
    (Method::POST, "/worker-action/5c7d0000000000000000abc9"),
    (Method::POST, "/set-sleep-schedule/5c7d0000000000000000abc9"),
    (Method::GET, "/logfile/5c7d0000000000000000abc9/5c7d0000000000000000abc9"),
    (Method::GET, "/kick"),
    (Method::GET, "/tasks/5c7d0000000000000000abc9/redir-to-server"),
];

/// Every operation of the API: its method, its path with IDs put in, and what is said of it.
async fn operations() -> Vec<(String, String, Value)> {
    let document = TestManager::start().await.get("/api/openapi.json").await.expect(200).json();
    let paths = document["paths"].as_object().unwrap().clone();
    let operations = paths.into_iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().clone();
        methods.into_iter().map(move |(method, said)| (method, path.clone(), said))
    });
    operations.collect()
}

/// An address that the path stands for.
fn address(path: &str) -> String {
    let part = |part: &str| {
        if part.starts_with('{') { "5c7d0000000000000000abc9".to_owned() } else { part.to_owned() }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn whom_nobody_knows_is_refused_at_every_operation_that_is_not_for_everybody() {
    let m = TestManager::configured(BY_TOKEN).await;
    let mut open = Vec::new();
    for (method, path, said) in operations().await {
        let called = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let answer = m.door.call(called, &address(&path), &[], "").await;
        if said["security"].as_array().unwrap().is_empty() {
            assert_ne!(answer.status, 401, "{method} {path}");
            open.push((method, path));
            continue;
        }
        assert_eq!(answer.clone().expect(401).error_code(), "unauthenticated", "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"Flamenco Manager\"");
    }
    assert_eq!(open.iter().map(|(method, path)| (method.as_str(), path.as_str())).collect::<Vec<_>>(), OPEN);
    for (method, path) in SCRIPTS {
        let answer = m.door.call(method, path, &[], "").await.expect(401);
        answer.assert_line_of_text();
    }
    m.get("/").await.expect(200);
    m.door.call(Method::HEAD, "/", &[], "").await.expect(200);
    m.door.call(Method::HEAD, "/api/farm", &[], "").await.expect(401);
    m.get("/api/nothing").await.expect(404);
}

/// What a viewer may not even look at.
const FOR_ADMINS: [&str; 3] = ["/api/audit", "/api/database/stats", "/api/tokens"];

#[tokio::test]
async fn a_viewer_looks_at_everything_and_changes_nothing() {
    let m = TestManager::configured(BY_TOKEN).await;
    let viewer = somebody(&m, "ada", "viewer").await;
    let operations = operations().await;
    let guarded = operations.iter().filter(|(_, _, said)| !said["security"].as_array().unwrap().is_empty());
    for (method, path, _) in guarded.filter(|(_, path, _)| path != "/api/events") {
        let called = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let may = called == Method::GET && !FOR_ADMINS.contains(&path.as_str());
        let answer = viewer.call(called, &address(path), &json!(null)).await;
        assert_eq!([401, 403].contains(&answer.status.as_u16()), !may, "{method} {path}: {answer:?}");
    }
    for (method, path) in SCRIPTS {
        let may = method == Method::GET && path != "/kick";
        let answer = viewer.call(method, path, &json!(null)).await;
        assert_eq!(answer.status == 403, !may, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn an_admin_gets_through_the_gate_everywhere() {
    let m = TestManager::configured(BY_TOKEN).await;
    let admin = somebody(&m, "ada", "admin").await;
    let shown = json!({"token": admin.bearer.trim_start_matches("Bearer ")});
    let session = super::cookie(&m.post("/api/session", &shown).await.expect(200));
    for (method, path, _) in operations().await.iter().filter(|(_, path, _)| path != "/api/events") {
        let called = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        if path == "/api/session" {
            continue;
        }
        for answer in [
            admin.call(called.clone(), &address(path), &json!(null)).await,
            from_page(&m, called.clone(), &address(path), &session, &json!(null)).await,
        ] {
            assert!(![401, 403].contains(&answer.status.as_u16()), "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn every_answer_to_people_tells_their_browser_to_be_careful() {
    let m = TestManager::start().await;
    for path in ["/", "/api/farm", "/as-json", "/nothing", "/api/jobs/x"] {
        let answer = m.get(path).await;
        let said = ["x-content-type-options", "referrer-policy", "x-frame-options"];
        assert_eq!(said.map(|name| answer.header(name)), ["nosniff", "same-origin", "DENY"], "{path}");
    }
}

#[tokio::test]
async fn where_nobody_logs_in_a_name_that_could_be_anybodys_opens_nothing() {
    let m = TestManager::configured("own_url = \"http://render.example.com:8080/\"").await;
    for (host, status) in
        [("evil.example.com", 403), ("render.example.com", 200), ("192.168.3.108:8080", 200)]
    {
        m.door.call(Method::GET, "/api/farm", &[("host", host)], "").await.expect(status);
    }
    let evil = [("host", "evil.example.com")];
    m.door.call(Method::POST, "/api/jobs", &evil, "{}").await.expect(403);
    m.door.call(Method::POST, "/sign-on", &evil, "{}").await.expect(401);
    let strict = TestManager::configured(BY_TOKEN).await;
    strict.door.call(Method::GET, "/api/farm", &evil, "").await.expect(401);
}
