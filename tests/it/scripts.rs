//! What scripts know from Flamenco Manager 2.x.

use std::fs;

use serde_json::{Value, json};

use crate::kit::{Answer, TestManager, job, task};

#[tokio::test]
async fn as_json_of_an_empty_farm() {
    let m = TestManager::start().await;
    let answer = m.get("/as-json").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-cache");
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "manager_mode": "production",
      "manager_name": "Flamenco Manager",
      "nr_of_tasks": 0,
      "nr_of_workers": 0,
      "server": {
        "name": "",
        "url": ""
      },
      "starved_jobs": [],
      "upstream_queue_size": 0,
      "version": "3.0.0",
      "workers": []
    }
    "#);
}

#[tokio::test]
async fn as_json_of_a_farm_at_work() {
    let m = TestManager::configured(
        "manager_name = \"Farm\"\nmode = \"develop\"\nblacklist_threshold = 1\n\
         flamenco = \"http://127.0.0.1:9\"\nmanager_id = \"5c7d0000000000000000abc9\"\n\
         manager_secret = \"between us\"",
    )
    .await;
    let (zoe, ada) = (m.sleeper("zoe").await, m.sleeper("ada").await);
    let shot = m.receive(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    zoe.takes(&shot["a"]).await;
    m.act(&zoe, "action=set-status&status=asleep&lazy=true").await.expect(204);
    let text = m.get("/as-json").await.expect(200).text().to_owned();
    let text = [(&*shot.id, "JOB"), (&shot["a"], "A"), (&ada.id, "ADA"), (&zoe.id, "ZOE")]
        .iter()
        .fold(text, |text, (id, name)| text.replace(id, name));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let workers = document["workers"].take();
    insta::assert_json_snapshot!(document, @r#"
    {
      "manager_mode": "develop",
      "manager_name": "Farm",
      "nr_of_tasks": 2,
      "nr_of_workers": 2,
      "server": {
        "name": "127.0.0.1:9",
        "url": "http://127.0.0.1:9/flamenco/"
      },
      "starved_jobs": [],
      "upstream_queue_size": 5,
      "version": "3.0.0",
      "workers": null
    }
    "#);
    assert_eq!(workers[0]["nickname"], "ada");
    let line = json!({
        "_created": "2026-03-02T11:00:00Z", "worker_id": "ADA", "job_id": "JOB", "task_type": "sleep",
    });
    assert_eq!(workers[0]["blacklist"], json!([line]));
    insta::assert_json_snapshot!(workers[1], @r#"
    {
      "_id": "ZOE",
      "address": "127.0.0.1",
      "blacklist": [],
      "current_job": "JOB",
      "current_task": "A",
      "current_task_name": "a",
      "current_task_status": "active",
      "current_task_updated": "2026-03-02T11:00:00Z",
      "last_activity": "2026-03-02T11:00:00Z",
      "lazy_status_request": true,
      "nickname": "zoe",
      "platform": "linux",
      "registered": "2026-03-02T11:00:00Z",
      "sleep_schedule": {
        "days_of_week": "",
        "schedule_active": false,
        "time_end": "",
        "time_start": ""
      },
      "software": "",
      "status": "awake",
      "status_requested": "asleep",
      "supported_task_types": [
        "sleep"
      ],
      "tags": []
    }
    "#);
}

fn refused(answer: Answer, status: u16, says: &str) {
    let answer = answer.expect(status);
    answer.assert_line_of_text();
    assert!(answer.text().contains(says), "{}", answer.text());
}

#[tokio::test]
async fn a_worker_can_be_asked_to_change_status() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    for (form, status, lazy) in [
        ("action=set-status&status=asleep", "asleep", false),
        ("action=set-status&status=awake&lazy=false", "awake", false),
        ("action=set-status&status=shutdown&lazy=true", "shutdown", true),
        ("status=asleep&lazy=true&action=set-status", "asleep", true),
        ("action=shutdown", "shutdown", false),
        ("action=shutdown&lazy=true", "shutdown", true),
    ] {
        assert_eq!(m.act(&ada, form).await.expect(204).text(), "", "{form}");
        let about = m.about(&ada).await;
        let requested = (&about["status_requested"], &about["lazy_status_request"]);
        assert_eq!(requested, (&json!(status), &json!(lazy)), "{form}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_worker_is_refused_with_the_reason() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    for (form, says) in [
        ("", "action"),
        ("action=dance", "dance"),
        ("action=set-status", "status"),
        ("action=set-status&status=dancing", "dancing"),
        ("action=set-status&status=testing", "asleep or shutdown"),
        ("action=set-status&status=offline", "asleep or shutdown"),
        ("action=ack-timeout", "has not timed out"),
        ("action=send-test-job", "testing"),
        ("action=forget-blacklist-line&job_id=x&task_type=sleep", "ID"),
        ("action=forget-blacklist-line&task_type=sleep", "job_id"),
        ("action=%ff", "action"),
    ] {
        refused(m.act(&ada, form).await, 400, says);
    }
    assert_eq!(m.about(&ada).await["status_requested"], "");
}

#[tokio::test]
async fn an_unknown_worker_is_404_whatever_is_asked_of_it() {
    let m = TestManager::start().await;
    for id in ["0123456789abcdef01234567", "x", "0123456789ABCDEF01234567"] {
        let path = format!("/worker-action/{id}");
        refused(m.door.post_form(&path, "action=forget-worker").await, 404, id);
        refused(m.door.post_form(&path, "nonsense").await, 404, id);
    }
}

#[tokio::test]
async fn a_timeout_can_be_acknowledged() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    m.advance(jiff::ToSpan::minutes(2));
    m.check_timeouts().await;
    m.act(&ada, "action=ack-timeout").await.expect(204);
    assert_eq!(m.worker_status(&ada).await, "offline");
    ada.gets_nothing().await;
    assert_eq!(m.worker_status(&ada).await, "awake");
}

#[tokio::test]
async fn a_forgotten_worker_is_gone_and_its_tasks_go_back() {
    let m = TestManager::configured("blacklist_threshold = 1").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    let other = m.submit(&job([task("c")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    ada.takes(&other["c"]).await;
    m.act(&ada, "action=forget-worker").await.expect(204);
    ada.ask().await.expect(401);
    m.get(&format!("/api/workers/{}", ada.id)).await.expect(404);
    let after = m.task(&other["c"]).await;
    assert_eq!(after["status"], "claimed-by-manager");
    assert!(after["activity"].as_str().unwrap().ends_with(": worker was removed"), "{after}");
    refused(m.act(&ada, "action=forget-worker").await, 404, &ada.id);
    for expected in [&shot["a"], &shot["b"], &other["c"]] {
        bob.takes_and_completes(expected).await;
    }
}

#[tokio::test]
async fn a_blacklist_line_can_be_forgotten_and_one_that_is_not_there_is_no_error() {
    let m = TestManager::configured("blacklist_threshold = 1").await;
    let (ada, _bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    ada.gets_nothing().await;
    let form = format!("action=forget-blacklist-line&job_id={}&task_type=", shot.id);
    m.act(&ada, &format!("{form}other")).await.expect(204);
    ada.gets_nothing().await;
    m.act(&ada, &format!("{form}sleep")).await.expect(204);
    ada.takes(&shot["b"]).await;
    m.act(&ada, &format!("{form}sleep")).await.expect(204);
}

#[tokio::test]
async fn a_test_job_is_for_one_worker_alone_and_its_scene_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (storage, output) = (folder.path().join("storage"), folder.path().join("output"));
    let m = TestManager::configured(&format!(
        "[test_tasks.test_blender_render]\njob_storage = {:?}\nrender_output = {:?}\n\
         [variables.blender]\ndirection = \"oneway\"\n\
         values = [{{ platform = \"linux\", value = \"/usr/bin/blender\" }}]",
        storage.display().to_string(),
        output.display().to_string()
    ))
    .await;
    let ada = m.worker("ada", &["test-blender-render"]).await;
    let bob = m.worker("bob", &["test-blender-render"]).await;
    ada.acknowledges("testing").await;
    bob.acknowledges("testing").await;
    let answer = m.act(&ada, "action=send-test-job").await.expect(200);
    answer.assert_line_of_text();
    bob.gets_nothing().await;

    let given = ada.ask().await.expect(200).json();
    assert_eq!(
        (&given["job_type"], &given["task_type"]),
        (&json!("manager-local"), &json!("test-blender-render"))
    );
    let mine = format!("worker-{}", ada.id);
    let scene = storage.join(&mine).join("test.blend");
    insta::assert_json_snapshot!(given["commands"][0]["name"], @r#""blender_render""#);
    let settings = &given["commands"][0]["settings"];
    assert_eq!(settings["blender_cmd"], "/usr/bin/blender");
    assert_eq!(settings["filepath"], scene.to_str().unwrap());
    assert_eq!(settings["render_output"], output.join(&mine).join("######").to_str().unwrap());
    assert_eq!(settings["frames"], "1");
    assert!(fs::metadata(&scene).unwrap().len() > 1000);
    assert!(output.join(&mine).is_dir());

    let test = given["_id"].as_str().unwrap();
    ada.ends(test, "failed").await;
    assert_eq!(m.status(test).await, "failed", "nobody else may try it");
    assert_eq!(m.worker_status(&ada).await, "testing");

    let shown =
        m.post(&format!("/api/workers/{}/test-render", bob.id), &json!(null)).await.expect(200).json();
    assert_eq!(shown, m.about(&bob).await);
    ada.gets_nothing().await;
    let given = bob.ask().await.expect(200).json();
    assert_eq!(
        (&given["task_type"], &given["job_type"]),
        (&json!("test-blender-render"), &json!("manager-local"))
    );
}

#[tokio::test]
async fn a_test_job_whose_scene_cannot_be_written_is_not_queued() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    fs::write(&storage, "a file where the folder should be").unwrap();
    let m = TestManager::configured(&format!(
        "[test_tasks.test_blender_render]\njob_storage = {:?}",
        storage.display().to_string()
    ))
    .await;
    let ada = m.worker("ada", &["test-blender-render"]).await;
    ada.acknowledges("testing").await;
    m.act(&ada, "action=send-test-job").await.expect(500);
    assert_eq!(m.get("/api/jobs").await.json()["total"], 0);
}

#[tokio::test]
async fn a_worker_that_does_no_test_renders_gets_no_test_job() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.acknowledges("testing").await;
    refused(m.act(&ada, "action=send-test-job").await, 400, "test-blender-render");
    let answer = m.post(&format!("/api/workers/{}/test-render", ada.id), &json!(null)).await.expect(400);
    assert!(answer.says().contains("test-blender-render"), "{}", answer.says());
    m.post(&format!("/api/workers/{}/test-render", "0".repeat(24)), &json!(null)).await.expect(404);
}

#[tokio::test]
async fn without_a_server_a_kick_does_nothing() {
    let m = TestManager::start().await;
    let answer = m.get("/kick").await.expect(200);
    answer.assert_line_of_text();
    assert!(answer.text().contains("no Flamenco Server"));
}

#[tokio::test]
async fn a_task_has_a_page_at_the_server() {
    let task = "5c7d00000000000000000002";
    let m = TestManager::with_server().await;
    let answer = m.get(&format!("/tasks/{task}/redir-to-server")).await.expect(307);
    assert_eq!(answer.header("location"), format!("http://127.0.0.1:9/flamenco/tasks/{task}"));
    m.get("/tasks/12/redir-to-server").await.expect(404).assert_line_of_text();
    let m = TestManager::start().await;
    m.get(&format!("/tasks/{task}/redir-to-server")).await.expect(404).assert_line_of_text();
}

#[tokio::test]
async fn a_person_gets_a_page() {
    let m = TestManager::start().await;
    let answer = m.get("/").await.expect(200);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.header("content-security-policy").contains("default-src 'self'"));
    assert_eq!(m.get("/nothing.html").await.expect(404).error_code(), "not-found");
}
