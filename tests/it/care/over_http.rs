//! Care for the database through the API.

use std::fs;

use flamenco_manager::{domain::people::Role, store::backup::verify};
use http::Method;
use serde_json::json;

use crate::kit::{TestManager, job, task};

#[tokio::test]
async fn a_backup_is_an_answer_that_can_be_kept_and_is_written_down() {
    let m = TestManager::start().await;
    m.submit(&job([task("a"), task("b"), task("c")])).await;
    let answer = m.post("/api/backup", &json!(null)).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    let file = m.folder().join("a.backup");
    fs::write(&file, &answer.body).unwrap();
    assert_eq!(verify(&file).unwrap().rows("tasks"), 3);
    let deed = m.get("/api/audit?limit=1").await.expect(200).json()["entries"][0].take();
    assert_eq!((&deed["action"], &deed["status"]), (&json!("make a backup"), &json!(200)));
}

#[tokio::test]
async fn the_database_is_checked_and_measured_and_made_smaller() {
    let m = TestManager::start().await;
    let shot = m.submit(&job((0..500).map(|number| task(&format!("task {number}"))))).await;
    let good = json!({"contradictions": [], "left_out": 0});
    assert_eq!(m.post("/api/database/check", &json!(null)).await.expect(200).json(), good);
    let size = m.get("/api/database/stats").await.expect(200).json();
    let tasks =
        size["tables"].as_array().unwrap().iter().find(|table| table["name"] == "tasks").unwrap().clone();
    assert_eq!(tasks["rows"], 500);
    assert!(tasks["bytes_in_file"].as_u64() >= tasks["bytes"].as_u64(), "{tasks}");
    let on_disk = fs::metadata(&m.config.database_path).unwrap().len();
    assert_eq!(size["bytes"], on_disk);
    assert!(size["free_bytes"].as_u64().unwrap() < on_disk);

    m.door.call(Method::DELETE, "/api/tasks", &[], "").await.expect(200);
    let compacted = m.post("/api/database/compact", &json!(null)).await.expect(200).json();
    let [before, after] = ["bytes_before", "bytes_after"].map(|field| compacted[field].as_u64().unwrap());
    // That it was done is written down as well.
    let now = fs::metadata(&m.config.database_path).unwrap().len();
    assert!(before >= on_disk && after <= now && now < on_disk, "{compacted}, {on_disk}, {now}");
    m.get(&format!("/api/tasks/{}", &shot["task 7"])).await.expect(404);
    m.submit(&job([task("a")])).await;
}

#[tokio::test]
async fn one_thing_is_done_at_a_time() {
    let m = TestManager::start().await;
    // Much, and nothing that could be compressed: it does not fit between the database and somebody who takes nothing.
    let mut number = 1_u64;
    let mut noise = || {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{number:016x}")
    };
    let noise: String = (0..120_000).map(|_| noise()).collect();
    let settings = json!({"name": "large", "metadata": {"noise": noise[..900_000]}, "tasks": [task("a")]});
    let other = json!({"name": "large", "metadata": {"noise": noise[900_000..]}, "tasks": [task("a")]});
    for large in [settings, other.clone(), other] {
        m.post("/api/jobs", &large).await.expect(201);
    }
    let pieces = m.services.stream_backup().unwrap();
    let nothing = json!(null);
    let refused = tokio::join!(
        m.post("/api/backup", &nothing),
        m.post("/api/database/check", &nothing),
        m.post("/api/database/compact", &nothing),
        m.get("/api/database/stats"),
    );
    for answer in <[_; 4]>::from(refused) {
        assert_eq!(answer.expect(409).error_code(), "busy");
    }
    // Nobody wants it any more, so that it is soon the next one's turn.
    drop(pieces);
    m.get("/api/database/stats").await.expect(200);
}

#[tokio::test]
async fn care_is_for_admins() {
    let m = TestManager::configured("[user_authentication]\nmode = \"token\"").await;
    let (_, viewer) = m.services.create_token("vi", Role::Viewer).await.unwrap();
    let bearer = format!("Bearer {viewer}");
    for (method, path) in [
        (Method::POST, "/api/backup"),
        (Method::POST, "/api/database/check"),
        (Method::POST, "/api/database/compact"),
        (Method::GET, "/api/database/stats"),
    ] {
        m.door.call(method.clone(), path, &[("authorization", &bearer)], "").await.expect(403);
        m.door.call(method, path, &[], "").await.expect(401);
    }
}
