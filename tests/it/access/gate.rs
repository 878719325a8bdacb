//! Every route for people is behind the gate.

use http::Method;
use serde_json::Value;

use crate::kit::TestManager;

const TOKEN: &str = "[user_authentication]\nmode = \"token\"\n";

/// What anybody may call.
const OPEN: [(&str, &str); 2] = [("get", "/api/health"), ("get", "/api/version")];

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
    let m = TestManager::configured(TOKEN).await;
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

#[tokio::test]
async fn every_answer_to_people_tells_their_browser_to_be_careful() {
    let m = TestManager::start().await;
    for path in ["/", "/api/farm", "/as-json", "/nothing", "/api/jobs/x"] {
        let answer = m.get(path).await;
        let said = ["x-content-type-options", "referrer-policy", "x-frame-options"];
        assert_eq!(said.map(|name| answer.header(name)), ["nosniff", "same-origin", "DENY"], "{path}");
    }
}
