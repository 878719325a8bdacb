//! The API describes itself, whole and in a form that programs can rely on. That it keeps to what it says is looked at in
//! every story, by the kit.

use std::collections::BTreeSet;

use flamenco_manager::domain::people::Role;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Contract, TestManager, behind, job, task, verify};

async fn document() -> Value {
    TestManager::start().await.get("/api/openapi.json").await.expect(200).json()
}

/// Every operation of the document: its method, its path, and what is said of it.
fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (method, path, operation))
    })
}

/// All values that stand under this key, wherever.
fn all<'a>(document: &'a Value, key: &str) -> Vec<&'a Value> {
    let (own, parts): (_, Vec<_>) = match document {
        Value::Object(fields) => (fields.get(key), fields.values().collect()),
        Value::Array(parts) => (None, parts.iter().collect()),
        _ => (None, Vec::new()),
    };
    own.into_iter().chain(parts.into_iter().flat_map(|part| all(part, key))).collect()
}

#[tokio::test]
async fn the_document_says_what_it_is() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["info"]["license"]["identifier"], "MIT");
    assert_eq!(document["servers"], json!([{"url": "/"}]));
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_schema_is_one() {
    let document = document().await;
    let references = all(&document, "$ref");
    assert!(!references.is_empty());
    for reference in references {
        let place = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
    let components = document["components"]["schemas"].as_object().unwrap();
    for schema in all(&document["paths"], "schema").into_iter().chain(components.values()) {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{schema}");
    }
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_and_all_parameters_of_its_path() {
    let document = document().await;
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path}");
        let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
        let described: Vec<_> = in_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let placeholders = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(described, placeholders.collect::<Vec<_>>(), "{method} {path}");
        let distinct: BTreeSet<_> = parameters.iter().map(|parameter| parameter["name"].as_str()).collect();
        assert_eq!(distinct.len(), parameters.len(), "{method} {path}");
        assert!(parameters.iter().all(|parameter| parameter["schema"].is_object()), "{method} {path}");
        for (status, answer) in operation["responses"].as_object().unwrap() {
            assert!(StatusCode::from_bytes(status.as_bytes()).is_ok(), "{method} {path}");
            assert!(!answer["description"].as_str().unwrap().is_empty(), "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a line for each operation")]
async fn every_operation_can_be_done() {
    let scenes = tempfile::tempdir().unwrap();
    let m = TestManager::configured(&format!(
        "blacklist_threshold = 1\njob_fail_percentage = 0\nwatch_for_latest_image = {0:?}\n[test_tasks.test_blender_render]\n\
         job_storage = {0:?}\nrender_output = {0:?}",
        scenes.path().display().to_string()
    ))
    .await;
    let (ada, late) = (m.sleeper("ada").await, m.sleeper("late").await);
    let tester = m.worker("tester", &["test-blender-render"]).await;
    tester.acknowledges("testing").await;
    let shot = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    late.takes_and_fails(&shot["a"]).await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "half-way"})).await;
    let (about, token) = m.services.create_token("ada", Role::Admin).await.unwrap();
    let mut images = m.door.listen("/api/events?topics=image", None).await;
    let image = scenes.path().join("1.png");
    image::RgbImage::new(8, 8).save(&image).unwrap();
    ada.post_json("/output-produced", &json!({"paths": [image]})).await.expect(204);
    images.next_named("image").await;
    let submission = job([task("c")]);
    let line = format!("{}/{}/sleep", late.id, shot.id);
    let mut done = BTreeSet::new();
    for (method, path, id, more, body) in [
        ("get", "/api/version", "", "", json!(null)),
        ("get", "/api/health", "", "", json!(null)),
        ("get", "/api/openapi.json", "", "", json!(null)),
        ("get", "/metrics", "", "", json!(null)),
        ("get", "/api/farm", "", "", json!(null)),
        ("get", "/api/farm/history", "", "?hours=48", json!(null)),
        ("get", "/api/image", "", "", json!(null)),
        ("get", "/api/variables", "", "?platform=linux&audience=users", json!(null)),
        ("get", "/api/audit", "", "?limit=1", json!(null)),
        ("get", "/api/settings", "", "", json!(null)),
        ("get", "/api/job-types", "", "", json!(null)),
        ("get", "/api/workers", "", "?limit=1", json!(null)),
        ("get", "/api/workers/{id}", &ada.id, "", json!(null)),
        ("get", "/api/workers/{id}/tasks", &ada.id, "", json!(null)),
        ("get", "/api/workers/{id}/explain", &ada.id, "", json!(null)),
        ("patch", "/api/workers/{id}", &ada.id, "", json!({"tags": ["gpu"]})),
        ("post", "/api/workers/{id}/status", &ada.id, "", json!({"status": "asleep", "lazy": true})),
        ("post", "/api/workers/actions", "", "", json!({"action": "awake", "ids": [ada.id]})),
        ("post", "/api/workers/{id}/ack-timeout", &late.id, "", json!(null)),
        ("put", "/api/workers/{id}/sleep-schedule", &ada.id, "", json!({"schedule_active": true})),
        ("post", "/api/workers/{id}/test-render", &tester.id, "", json!(null)),
        ("get", "/api/blacklist", "", "?limit=1", json!(null)),
        ("delete", "/api/blacklist/{worker}/{job}/{task_type}", &line, "", json!(null)),
        ("delete", "/api/workers/{id}", &late.id, "", json!(null)),
        ("get", "/api/tasks/{id}", &shot["a"], "", json!(null)),
        ("get", "/api/tasks/{id}/history", &shot["a"], "", json!(null)),
        ("get", "/api/tasks/{id}/explain", &shot["b"], "", json!(null)),
        ("get", "/api/tasks/{id}/commands", &shot["a"], "?platform=linux", json!(null)),
        ("get", "/api/tasks/{id}/log", &shot["a"], "?tail=1", json!(null)),
        ("post", "/api/tasks/{id}/cancel", &shot["b"], "", json!(null)),
        ("post", "/api/tasks/{id}/requeue", &shot["b"], "", json!(null)),
        ("post", "/api/tasks/actions", "", "", json!({"action": "cancel", "ids": [shot["b"]]})),
        ("post", "/api/jobs", "", "?dry_run=true", submission.clone()),
        ("post", "/api/jobs", "", "", submission),
        ("get", "/api/jobs", "", "?limit=1", json!(null)),
        ("get", "/api/jobs/{id}", &shot.id, "", json!(null)),
        ("get", "/api/jobs/{id}/explain", &shot.id, "", json!(null)),
        ("get", "/api/jobs/{id}/image", &shot.id, "", json!(null)),
        ("get", "/api/jobs/{id}/image.jpg", &shot.id, "", json!(null)),
        (
            "post",
            "/api/jobs/actions",
            "",
            "",
            json!({"action": "priority", "ids": [shot.id], "priority": 60}),
        ),
        ("get", "/api/jobs/{id}/tasks", &shot.id, "?limit=1", json!(null)),
        ("get", "/api/jobs/{id}/grid", &shot.id, "", json!(null)),
        ("get", "/api/jobs/{id}/failures", &shot.id, "", json!(null)),
        ("patch", "/api/jobs/{id}", &shot.id, "", json!({"priority": 70})),
        ("post", "/api/jobs/{id}/pause", &shot.id, "", json!(null)),
        ("post", "/api/jobs/{id}/resume", &shot.id, "", json!(null)),
        ("post", "/api/jobs/{id}/cancel", &shot.id, "", json!(null)),
        ("post", "/api/jobs/{id}/requeue", &shot.id, "?tasks=failed", json!(null)),
        ("delete", "/api/jobs/{id}", &shot.id, "?force=true", json!(null)),
        ("get", "/api/session", "", "", json!(null)),
        ("post", "/api/session", "", "", json!({"token": token})),
        ("delete", "/api/session", "", "", json!(null)),
        ("post", "/api/login-links", "", "", json!({"role": "viewer"})),
        ("get", "/api/tokens", "", "", json!(null)),
        ("post", "/api/tokens", "", "", json!({"name": "bo", "role": "viewer"})),
        ("delete", "/api/tokens/{id}", &about.id.to_string(), "", json!(null)),
        ("post", "/api/backup", "", "", json!(null)),
        ("post", "/api/database/check", "", "", json!(null)),
        ("post", "/api/database/compact", "", "", json!(null)),
        ("get", "/api/database/stats", "", "", json!(null)),
        ("post", "/api/export", "", "", json!(null)),
        ("delete", "/api/tasks", "", "", json!(null)),
        ("delete", "/api/task-update-queue", "", "", json!(null)),
    ] {
        let placeholders = ["{id}", "{worker}/{job}/{task_type}"];
        let address = placeholders.iter().fold(path.to_owned(), |path, name| path.replace(name, id)) + more;
        let called = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let answer = m.door.call(called, &address, &[], body.to_string()).await;
        assert!(answer.status.is_success(), "{method} {address}: {answer:?}");
        done.insert((method.to_owned(), path.to_owned()));
    }
    m.door.listen("/api/events", None).await;
    done.insert(("get".to_owned(), "/api/events".to_owned()));
    let document = document().await;
    let described = operations(&document).map(|(method, path, _)| (method.clone(), path.clone()));
    assert_eq!(done, described.collect());
}

/// A small document, and what is wrong with this call and its answer by it.
fn objection(method: &Method, path: &str, request: &Value, status: u16, body: &Value) -> Option<String> {
    let content = |schema: Value| json!({ "application/json": { "schema": schema } });
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let object = |name: &str, kind: &str| {
        let properties = json!({ name: { "type": kind } });
        json!({ "type": "object", "properties": properties, "required": [name] })
    };
    let contract = Contract::new(&json!({
        "paths": {
            "/api/things/{id}": {
                "patch": {
                    "parameters": [{ "name": "how", "in": "query" }],
                    "requestBody": { "content": content(object("size", "integer")) },
                    "responses": {
                        "200": { "content": content(reference("Thing")) },
                        "400": { "content": content(reference("Error")) },
                    },
                },
            },
        },
        "components": { "schemas": { "Thing": object("size", "integer"), "Error": object("error", "string") } },
    }));
    let json = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let status = StatusCode::from_u16(status).unwrap();
    contract
        .expected(method, path, request.to_string().as_bytes(), status, &json)
        .and_then(|schema| verify(schema.unwrap(), body.to_string().as_bytes()))
        .err()
}

#[test]
fn whatever_is_not_described_is_noticed() {
    let (thing, error) = (json!({"size": 1}), json!({"error": "so"}));
    let answered =
        |path, request: &Value, status, body: &Value| objection(&Method::PATCH, path, request, status, body);
    assert_eq!(answered("/api/things/1?how=so", &thing, 200, &thing), None);
    assert_eq!(answered("/api/things/1?who=me", &json!({}), 400, &error), None);
    assert_eq!(answered("/api/nothing", &thing, 404, &error), None);
    assert_eq!(objection(&Method::GET, "/api/things/1", &thing, 405, &error), None);
    for (path, request, status, body) in [
        ("/api/things/1", &thing, 200, json!({"size": 1, "colour": "red"})),
        ("/api/things/1", &thing, 200, json!({"size": "large"})),
        ("/api/things/1", &thing, 200, json!({})),
        ("/api/things/1", &thing, 400, thing.clone()),
        ("/api/things/1", &thing, 201, thing.clone()),
        ("/api/things/1", &json!({"size": "large"}), 200, thing.clone()),
        ("/api/things/1?who=me", &thing, 200, thing.clone()),
        ("/api/nothing", &thing, 200, thing.clone()),
        ("/api/things/1/parts", &thing, 400, error.clone()),
    ] {
        assert_ne!(answered(path, request, status, &body), None, "{path} {request} {status} {body}");
    }
    assert_ne!(objection(&Method::GET, "/api/things/1", &thing, 200, &thing), None);
}
