//! Nonsense, by mistake or on purpose: each kind has its answer, and nothing of it leaves a trace.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::kit::{Answer, TestManager, TestWorker, job, task, with};

const UNKNOWN: &str = "0123456789abcdef01234567";

/// Everything that only workers may do, with an ID that is none of a task.
const OF_WORKERS: [(Method, &str); 9] = [
    (Method::POST, "/sign-on"),
    (Method::POST, "/sign-off"),
    (Method::POST, "/task"),
    (Method::POST, "/tasks/0123456789abcdef01234567/update"),
    (Method::POST, "/tasks/0123456789abcdef01234567/return"),
    (Method::GET, "/may-i-run/0123456789abcdef01234567"),
    (Method::GET, "/status-change"),
    (Method::POST, "/ack-status-change/awake"),
    (Method::POST, "/output-produced"),
];

/// Sends these very bytes, and returns all that comes back until the Manager closes the connection.
async fn raw(m: &TestManager, request: &str) -> String {
    let mut stream = TcpStream::connect(m.door.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn assert_is_json_error(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    let keys: Vec<_> = body["error"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "message"]);
}

async fn at_work() -> (TestManager, TestWorker, String) {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    let id = shot["a"].to_owned();
    (m, ada, id)
}

#[tokio::test]
async fn a_stranger_gets_401_from_everything_that_is_for_workers() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let before = m.about(&ada).await;
    m.advance(jiff::ToSpan::minutes(1));
    for (method, path) in &OF_WORKERS {
        let mut answers = vec![
            ada.with_secret("wrong").call(method.clone(), path, "{}").await,
            ada.with_secret("").call(method.clone(), path, "{").await,
            ada.with_secret(&bob.secret).call(method.clone(), path, "{}").await,
            TestWorker::new(m.door.clone(), UNKNOWN, &ada.secret).call(method.clone(), path, "{}").await,
            TestWorker::new(m.door.clone(), "ada", &ada.secret).call(method.clone(), path, "{}").await,
            m.door.call(method.clone(), path, &[], "{}").await,
        ];
        for header in ["", "Basic", "Basic ====", "Basic YWRh", "Bearer x", "Basic \u{7f}"] {
            let headers = [("authorization", header)];
            if http::HeaderValue::from_str(header).is_ok() {
                answers.push(m.door.call(method.clone(), path, &headers, "{}").await);
            }
        }
        for answer in answers {
            let answer = answer.expect(401);
            assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{path}");
            if !path.starts_with("/may-i-run") {
                assert_is_json_error(&answer);
            }
        }
    }
    assert_eq!(m.about(&ada).await, before, "not even a sign of life");
}

#[tokio::test]
async fn what_is_no_json_is_400() {
    let (m, ada, a) = at_work().await;
    let update = format!("/tasks/{a}/update");
    let bad: [&[u8]; 7] = [b"", b"{", b"nonsense", b"[]", b"null", b"{\"secret\": \"\xff\"}", b"{} {}"];
    for body in bad {
        for path in ["/sign-on", "/output-produced", &update] {
            let answer = ada.call(Method::POST, path, Bytes::from_static(body)).await.expect(400);
            assert_is_json_error(&answer);
        }
        for path in ["/register-worker", "/api/jobs"] {
            let answer = m.door.call(Method::POST, path, &[], Bytes::from_static(body)).await.expect(400);
            assert_is_json_error(&answer);
        }
    }
    assert_eq!(m.status(&a).await, "active");
    assert_eq!(m.worker_status(&ada).await, "awake");
}

#[tokio::test]
async fn fields_that_nobody_knows_are_passed_over_in_what_workers_send() {
    let (m, ada, a) = at_work().await;
    let unknown = json!({"surprise": [1, {"deep": null}]});
    ada.post_json("/sign-on", &unknown).await.expect(204);
    ada.update(&a, &unknown).await.expect(204);
    ada.post_json("/output-produced", &with(unknown.clone(), &json!({"paths": ["x"]}))).await.expect(204);
    let about = json!({"secret": "s", "platform": "linux", "surprise": 1});
    m.post("/register-worker", &about).await.expect(200);
}

#[tokio::test]
async fn a_wrong_type_at_sign_on_is_400_and_changes_nothing() {
    let (m, ada, _) = at_work().await;
    let before = m.about(&ada).await;
    for bad in [json!({"nickname": 7}), json!({"supported_task_types": "sleep"}), json!({"nickname": ["x"]})]
    {
        ada.post_json("/sign-on", &bad).await.expect(400);
    }
    assert_eq!(m.about(&ada).await, before);
}

#[tokio::test]
async fn json_that_is_nested_without_end_is_400() {
    let (_m, ada, a) = at_work().await;
    let deep = format!("{{\"metrics\": {}", "[".repeat(100_000));
    for path in [format!("/tasks/{a}/update"), "/sign-on".to_owned()] {
        ada.call(Method::POST, &path, deep.clone()).await.expect(400);
    }
}

#[tokio::test]
async fn a_huge_body_is_413() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let huge = Bytes::from(vec![b' '; (16 << 20) + 1]);
    let answer = ada.call(Method::POST, "/sign-on", huge.clone()).await.expect(413);
    assert_eq!(answer.error_code(), "too-large");
    let answer = m.door.call(Method::POST, "/register-worker", &[], huge.clone()).await.expect(413);
    assert_is_json_error(&answer);
    let path = format!("/worker-action/{}", ada.id);
    m.door.call(Method::POST, &path, &[], huge).await.expect(413).assert_line_of_text();
    ada.gets_nothing().await;
}

#[tokio::test]
async fn a_stranger_is_told_so_whatever_the_size_of_the_body() {
    let (m, ada, a) = at_work().await;
    let stranger = ada.with_secret("wrong");
    for size in [0, 2 << 20, 5 << 20] {
        let answer = stranger.update(&a, &json!({"log": "x".repeat(size)})).await.expect(401);
        assert_is_json_error(&answer);
    }
    assert!(!m.log(&a).await.contains("xxx"));
}

#[tokio::test]
async fn an_update_is_never_too_large() {
    let (m, ada, a) = at_work().await;
    let line = "x".repeat(1023) + "\n";
    ada.reports(&a, &json!({"log": line.repeat(20 << 10), "task_status": "completed"})).await;
    assert_eq!(m.status(&a).await, "completed");
    assert!(m.log(&a).await.len() > 20 << 20);
}

#[tokio::test]
async fn ids_that_are_none_have_their_answer_everywhere() {
    let (m, ada, _) = at_work().await;
    for (path, malformed_is_json) in [("/tasks/{}/update", false), ("/tasks/{}/return", true)] {
        for (id, unknown) in [(UNKNOWN, true), ("x", false), (&UNKNOWN.to_uppercase(), false)] {
            let answer = ada.post_json(&path.replace("{}", id), &json!({})).await.expect(404);
            if unknown || malformed_is_json {
                assert_is_json_error(&answer);
            } else {
                answer.assert_line_of_text();
            }
        }
    }
    for path in
        ["/api/jobs/{}", "/api/jobs/{}/tasks", "/api/tasks/{}", "/api/tasks/{}/log", "/api/workers/{}"]
    {
        for id in [UNKNOWN, "x", "%2e%2e%2f", &UNKNOWN.to_uppercase()] {
            let answer = m.get(&path.replace("{}", id)).await.expect(404);
            assert_eq!(answer.error_code(), "not-found");
        }
    }
    for id in [UNKNOWN, "x"] {
        let answer = m.post(&format!("/api/tasks/{id}/cancel"), &Value::Null).await.expect(404);
        assert_is_json_error(&answer);
        m.get(&format!("/logfile/{id}/{UNKNOWN}")).await.expect(404).assert_line_of_text();
        m.get(&format!("/logfile/{UNKNOWN}/{id}")).await.expect(404).assert_line_of_text();
    }
}

#[tokio::test]
async fn a_wrong_method_is_405_and_an_address_that_is_none_404() {
    let m = TestManager::start().await;
    for path in
        ["/register-worker", "/kick", "/as-json", "/metrics", "/", "/api/jobs", "/api/farm", "/api/tasks"]
    {
        let answer = m.door.call(Method::PUT, path, &[], "").await.expect(405);
        assert_eq!(answer.error_code(), "wrong-method", "{path}");
    }
    for (method, path) in &OF_WORKERS {
        let other = if *method == Method::GET { Method::POST } else { Method::GET };
        m.door.call(other, path, &[], "").await.expect(405);
    }
    for path in ["/nothing", "/api/nothing", "/tasks", "/task/x", "/tasks/x/y/z", "//", "/api/jobs/x/y/z"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = m.door.call(method.clone(), path, &[], "").await;
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_is_json_error(&answer);
        }
    }
}

#[tokio::test]
async fn who_takes_the_manager_for_a_proxy_is_turned_away() {
    let m = TestManager::start().await;
    let answer = raw(&m, "CONNECT other:443 HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let answer = raw(&m, "OPTIONS * HTTP/1.1\r\nHost: manager\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    m.get("/api/version").await.expect(200);
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection_and_nothing_else() {
    let m = TestManager::start().await;
    for nonsense in
        ["\0\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "POST /task HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
    {
        let answer = raw(&m, nonsense).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{nonsense:?}: {answer}");
    }
    m.get("/api/version").await.expect(200);
}

#[tokio::test]
async fn a_web_page_of_another_site_cannot_command_the_farm() {
    let m = TestManager::start().await;
    let body = job([task("a")]).to_string();
    // The door calls its host `manager`.
    for (origin, status) in [("http://evil.example", 403), ("null", 403), ("http://manager", 201)] {
        let headers = [("origin", origin), ("content-type", "text/plain")];
        m.door.call(Method::POST, "/api/jobs", &headers, body.clone()).await.expect(status);
    }
    let page = [("origin", "http://evil.example")];
    m.door.call(Method::GET, "/api/farm", &page, "").await.expect(200);
    for (method, path) in [
        (Method::DELETE, "/api/tasks"),
        (Method::DELETE, "/api/workers/0123456789abcdef01234567"),
        (Method::DELETE, "/api/blacklist/0123456789abcdef01234567/0123456789abcdef01234567/sleep"),
        (Method::POST, "/api/workers/0123456789abcdef01234567/status"),
        (Method::POST, "/api/workers/0123456789abcdef01234567/ack-timeout"),
        (Method::POST, "/api/jobs/actions"),
        (Method::POST, "/api/tasks/actions"),
        (Method::POST, "/api/workers/actions"),
    ] {
        assert_eq!(
            m.door.call(method, path, &page, "").await.expect(403).error_code(),
            "forbidden",
            "{path}"
        );
    }
    assert_eq!(m.get("/api/jobs").await.expect(200).json()["total"], 1);
}
