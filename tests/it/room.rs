//! When a disk has too little room nothing new is begun, somebody is told, and work goes on; and when there is room again
//! all is as ever.

use flamenco_manager::{domain::disk::Space, services::Disks};
use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Call, FakeServer, TestManager, job, task};

const ROOM: Space = Space { free: 500_000_000, total: 100_000_000_000 };
const NO_ROOM: Space = Space { free: 499_999_999, ..ROOM };

/// The disk of the database, with the logs on it, is like this.
fn disk_is(m: &TestManager, space: Space) {
    m.services.disks_are(Disks { database: Some(space), task_logs: Some(space), is_one: true });
}

async fn farm(m: &TestManager) -> Value {
    m.get("/api/farm").await.expect(200).json()
}

async fn metric(m: &TestManager, name: &str) -> String {
    let metrics = m.get("/metrics").await.expect(200);
    let line = metrics.text().lines().find(|line| line.starts_with(name)).map(str::to_owned);
    line.unwrap_or_else(|| panic!("{name}: {}", metrics.text()))
}

#[tokio::test]
async fn new_jobs_are_refused_and_work_goes_on() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    disk_is(&m, NO_ROOM);
    let refused = m.post("/api/jobs", &job([task("c")])).await.expect(507);
    assert_eq!(refused.error_code(), "no-room");
    assert_eq!(
        refused.says(),
        "no new jobs are taken: the disk with the database and the task logs has too little room: 0.5 of 100.0 GB are \
         free; make room there, or lower min_free_space in the configuration"
    );
    m.post("/api/jobs?dry_run=true", &job([task("c")])).await.expect(200);
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "one\n", "task_status": "completed"})).await;
    assert!(m.log(&shot["a"]).await.ends_with("one\n"));
    m.post(&format!("/api/jobs/{}/requeue", shot.id), &json!(null)).await.expect(200);
    ada.takes(&shot["a"]).await;
    assert_eq!(farm(&m).await["jobs"], json!({"active": 1}));
    disk_is(&m, ROOM);
    m.submit(&job([task("c")])).await;
}

#[tokio::test]
async fn a_submission_that_was_taken_is_still_known() {
    let m = TestManager::start().await;
    let submit = async || {
        let key = [("idempotency-key", "once"), ("content-type", "application/json")];
        m.door.call(Method::POST, "/api/jobs", &key, job([task("a")]).to_string()).await
    };
    let id = submit().await.expect(201).json()["_id"].take();
    disk_is(&m, NO_ROOM);
    assert_eq!(submit().await.expect(201).json()["_id"], id);
}

#[tokio::test]
async fn somebody_is_told_until_there_is_room_again() {
    let m = TestManager::start().await;
    assert_eq!(metric(&m, "flamenco_out_of_room").await, "flamenco_out_of_room 0");
    let logs_only = |space| Disks { database: Some(ROOM), task_logs: Some(space), is_one: false };
    m.services.disks_are(logs_only(NO_ROOM));
    let told = farm(&m).await;
    assert_eq!(told["disk"]["is_out_of_room"], true);
    let kinds: Vec<_> = told["warnings"].as_array().unwrap().iter().map(|warning| &warning["kind"]).collect();
    assert_eq!(kinds, ["disk-nearly-full", "disk-full"]);
    let message = told["warnings"][1]["message"].as_str().unwrap();
    assert!(
        message.starts_with("The disk with the task logs has less left than min_free_space: 0.5 of"),
        "{message}"
    );
    assert_eq!(metric(&m, "flamenco_out_of_room").await, "flamenco_out_of_room 1");
    let of_logs = "flamenco_disk_free_bytes{disk=\"task_logs\"}";
    assert_eq!(metric(&m, of_logs).await, format!("{of_logs} 499999999"));
    let of_database = "flamenco_disk_size_bytes{disk=\"database\"}";
    assert_eq!(metric(&m, of_database).await, format!("{of_database} 100000000000"));
    m.services.disks_are(logs_only(ROOM));
    assert_eq!(farm(&m).await["disk"]["is_out_of_room"], false);
    assert_eq!(metric(&m, "flamenco_out_of_room").await, "flamenco_out_of_room 0");
}

#[tokio::test]
async fn how_much_has_to_be_free_is_configured() {
    let m = TestManager::configured("min_free_space = \"1 TB\"").await;
    disk_is(&m, ROOM);
    m.post("/api/jobs", &job([task("a")])).await.expect(507);
    let m = TestManager::configured("min_free_space = \"0 MB\"").await;
    disk_is(&m, Space { free: 0, ..ROOM });
    m.submit(&job([task("a")])).await;
}

#[tokio::test]
async fn no_tasks_are_fetched_from_the_server_until_there_is_room_again() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    let m = TestManager::below(&server).await;
    let put_off = async || farm(&m).await["exchange"]["conversations"]["download"]["put_off"].take();
    disk_is(&m, NO_ROOM);
    let since = m.now();
    m.exchanges().await;
    m.seconds_pass(5).await;
    assert_eq!(server.count(Call::Depsgraph), 0);
    let why = put_off().await;
    assert_eq!(why["at"], json!(since));
    assert!(why["message"].as_str().unwrap().starts_with("the disk with the database"), "{why}");
    assert_eq!(farm(&m).await["warnings"].as_array().unwrap().len(), 1, "the Server is not to blame");
    disk_is(&m, ROOM);
    m.advance(1.second());
    m.exchanges().await;
    assert_eq!(put_off().await, json!(null));
    m.sleeper("ada").await.takes(&shot["a"]).await;
}

#[tokio::test]
async fn neither_test_renders_nor_pictures_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = json!(folder.path());
    let m = TestManager::configured(&format!(
        "watch_for_latest_image = {path}\n[test_tasks.test_blender_render]\njob_storage = {path}\nrender_output = {path}"
    ))
    .await;
    let ada = m.worker("ada", &["test-blender-render"]).await;
    ada.acknowledges("testing").await;
    disk_is(&m, NO_ROOM);
    let test_render = format!("/api/workers/{}/test-render", ada.id);
    assert_eq!(m.post(&test_render, &json!(null)).await.expect(507).error_code(), "no-room");
    m.act(&ada, "action=send-test-job").await.expect(507).assert_line_of_text();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let picture = folder.path().join("1.png");
    ada.post_json("/output-produced", &json!({"paths": [picture]})).await.expect(204);
    let refused = m.get("/api/image").await.expect(200).json()["refused"].take();
    assert_eq!(refused["path"], json!(picture));
    assert!(refused["reason"].as_str().unwrap().starts_with("the disk with the database"), "{refused}");
    disk_is(&m, ROOM);
    m.post(&test_render, &json!(null)).await.expect(200);
}
