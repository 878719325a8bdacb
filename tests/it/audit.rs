//! What people did is remembered: who, when, what, from where, and how it ended.

use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{TestManager, job, task};

/// What is remembered, the newest first.
async fn entries(m: &TestManager) -> Vec<Value> {
    m.get("/api/audit").await.expect(200).json()["entries"].as_array().unwrap().clone()
}

/// The newest of it: what, to what, what more, and how it ended.
async fn newest(m: &TestManager) -> [Value; 4] {
    let entry = entries(m).await.swap_remove(0);
    ["action", "target", "detail", "status"].map(|field| entry[field].clone())
}

#[tokio::test]
async fn a_deed_is_written_down_with_all_that_belongs_to_it() {
    let mut m = TestManager::start().await;
    assert_eq!(entries(&m).await, Vec::<Value>::new());
    let ada = m.sleeper("ada").await;
    assert_eq!(entries(&m).await, Vec::<Value>::new(), "workers are no people");
    m.advance(5.seconds());
    let path = format!("/api/workers/{}/status", ada.id);
    m.post(&path, &json!({"status": "asleep", "lazy": true})).await.expect(200);
    m.restart().await;
    let expected = json!({
        "_id": 0, "when": "2026-03-02T11:00:05Z", "who": "anybody", "role": "admin", "from": "127.0.0.1",
        "action": "ask worker for a status", "target": format!("worker {} (ada)", ada.id),
        "detail": r#"{"lazy":true,"status":"asleep"}"#, "status": 200,
    });
    let shown = m.get("/api/audit").await.expect(200).json();
    assert_eq!(shown, json!({"entries": [expected], "next": null, "total": 1}));
}

#[tokio::test]
async fn every_operation_that_changes_something_is_written_down_however_it_ends() {
    let m = TestManager::start().await;
    let document = m.get("/api/openapi.json").await.expect(200).json();
    let mut written = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address =
            path.split('/').map(|part| if part.starts_with('{') { "5c7d0000000000000000abc9" } else { part });
        let address = address.collect::<Vec<_>>().join("/");
        for method in methods.as_object().unwrap().keys() {
            let called = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            // An answer that goes on is not waited for.
            if called.is_safe() && (path == "/api/events" || path == "/metrics") {
                continue;
            }
            let changes = !called.is_safe();
            let status = m.door.call(called, &address, &[], "").await.status.as_u16();
            written += u64::from(changes);
            let shown = m.get("/api/audit?limit=1").await.expect(200).json();
            assert_eq!(shown["total"], written, "{method} {path}");
            if changes {
                assert_eq!(shown["entries"][0]["status"], status, "{method} {path}");
                assert_ne!(shown["entries"][0]["action"], "", "{method} {path}");
            }
        }
    }
    assert!(written > 20);
}

#[tokio::test]
async fn what_is_refused_is_written_down_too() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let worker = format!("worker {} (ada)", ada.id);
    m.act(&ada, "action=ack-timeout").await.expect(400);
    assert_eq!(
        newest(&m).await,
        [json!("do something with worker"), json!(worker), json!("action=ack-timeout"), json!(400)]
    );
    let evil = [("origin", "http://evil.example")];
    m.door.call(Method::DELETE, "/api/tasks", &evil, "").await.expect(403);
    assert_eq!(newest(&m).await, [json!("erase all tasks"), json!(""), json!(""), json!(403)]);
    m.get("/kick").await.expect(200);
    assert_eq!(newest(&m).await[0], "fetch tasks from the Server");
    let nobody = "5c7d0000000000000000abc9";
    m.post(&format!("/set-sleep-schedule/{nobody}"), &json!({})).await.expect(404);
    assert_eq!(newest(&m).await, [json!("set sleep schedule"), json!(nobody), json!("{}"), json!(404)]);
}

#[tokio::test]
async fn what_is_deleted_is_called_as_it_was_called() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    assert_eq!(newest(&m).await[0], "submit job");
    m.door.call(Method::DELETE, &format!("/api/jobs/{}?force=true", shot.id), &[], "").await.expect(200);
    let expected =
        [json!("delete job"), json!(format!("job {} (shot)", shot.id)), json!("force=true"), json!(200)];
    assert_eq!(newest(&m).await, expected);
    m.door.call(Method::DELETE, &format!("/api/workers/{}", ada.id), &[], "").await.expect(204);
    assert_eq!(newest(&m).await[1], format!("worker {} (ada)", ada.id));
}

#[tokio::test]
async fn a_bulk_action_is_one_entry_and_a_rehearsal_is_none() {
    let m = TestManager::start().await;
    let (a, b) = (m.submit(&job([task("a")])).await, m.submit(&job([task("b")])).await);
    m.post("/api/jobs?dry_run=true", &job([task("c")])).await.expect(200);
    m.post("/api/jobs?dry_run=true", &json!({})).await.expect(400);
    assert_eq!(entries(&m).await.len(), 2);
    m.post("/api/jobs/actions", &json!({"action": "pause", "ids": [a.id, b.id]})).await.expect(200);
    assert_eq!(entries(&m).await.len(), 3);
    let [action, _, detail, _] = newest(&m).await;
    assert_eq!(action, "do something with jobs");
    let detail = detail.as_str().unwrap();
    assert!(detail.contains("pause") && detail.contains(&a.id) && detail.contains(&b.id), "{detail}");
}

#[tokio::test]
async fn it_is_shown_page_by_page_and_forgotten_after_a_while() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    for day in 0..5 {
        m.post(&format!("/api/workers/{}/status", ada.id), &json!({"status": "awake"})).await.expect(200);
        assert_eq!(entries(&m).await.len(), day + 1);
        m.advance(24.hours());
    }
    let mut seen = Vec::new();
    let mut path = "/api/audit?limit=2".to_owned();
    loop {
        let page = m.get(&path).await.expect(200).json();
        assert_eq!(page["total"], 5);
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["_id"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/audit?limit=2&after={next}");
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
    for bad in ["limit=0", "limit=1001", "after=x", "sort=who"] {
        m.get(&format!("/api/audit?{bad}")).await.expect(400);
    }
    assert_eq!(m.services.clean_up_deeds().await.unwrap(), 0);
    m.advance((87 * 24).hours());
    assert_eq!(m.services.clean_up_deeds().await.unwrap(), 2);
    assert_eq!(entries(&m).await.len(), 3);
}

#[tokio::test]
async fn who_has_logged_in_and_what_is_new_is_known_by_the_answer() {
    let m = TestManager::configured("[user_authentication]\nmode = \"token\"\n").await;
    let local = format!("Bearer {}", m.services.make_local_token());
    let headers = [("authorization", local.as_str()), ("content-type", "application/json")];
    let post = async |path: &str, body: Value| {
        m.door.call(Method::POST, path, &headers, body.to_string()).await.expect(201).json()
    };
    let made = post("/api/tokens", json!({"name": "ada", "role": "viewer"})).await;
    m.post("/api/session", &json!({"token": made["token"]})).await.expect(200);
    m.post("/api/session", &json!({"token": "flamenco_wrong"})).await.expect(401);
    let shot = post("/api/jobs", job([task("a")])).await;
    let id = made["_id"].as_str().unwrap();
    m.door.call(Method::DELETE, &format!("/api/tokens/{id}"), &headers, "").await.expect(204);
    let shown = m.door.call(Method::GET, "/api/audit", &headers, "").await.expect(200).json();
    let entries = shown["entries"].as_array().unwrap().iter();
    let fields = |entry: &Value| ["who", "role", "action", "target"].map(|field| entry[field].clone());
    let expected = [
        json!(["command line", "admin", "revoke an access token", format!("access token {id} (ada)")]),
        json!([
            "command line",
            "admin",
            "submit job",
            format!("job {} (shot)", shot["_id"].as_str().unwrap())
        ]),
        json!([null, null, "log in", ""]),
        json!(["ada", "viewer", "log in", ""]),
        json!(["command line", "admin", "create an access token", format!("access token {id} (ada)")]),
    ];
    assert_eq!(entries.map(|entry| json!(fields(entry))).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn strangers_cannot_push_out_what_is_remembered() {
    let m = TestManager::configured("[user_authentication]\nmode = \"token\"\n").await;
    for _ in 0..30 {
        m.door.call(Method::DELETE, "/api/tasks", &[], "").await.expect(401);
    }
    let window = flamenco_manager::domain::paging::Window { after: None, limit: 100 };
    let page = m.services.deeds(&window).unwrap();
    assert_eq!(page.total, 20);
    let (_, deed) = &page.entries[0];
    assert_eq!((deed.who.as_deref(), deed.role, deed.status), (None, None, Some(401)));
    assert_eq!(deed.action, "erase all tasks");
    // Nor may they see it.
    m.get("/api/audit").await.expect(401);
}
