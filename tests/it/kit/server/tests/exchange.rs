//! The examples of `server-protocol.md` are answered as documented.

use jiff::ToSpan;
use serde_json::json;

use super::{Client, log_form, update};
use crate::kit::{Call, FakeServer, TestManager, behind, job, task, with};

#[tokio::test]
async fn a_download_is_everything_and_then_what_is_new() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    assert_eq!(manager.download(None).await.expect(204).text(), "");

    let shot = server.submit(&with(job([task("a"), behind("b", &["a"])]), &json!({"priority": 70})));
    let etag = server.task(&shot["b"])["_etag"].clone();
    let answer = manager.download(None).await.expect(200);
    assert_eq!(answer.header("date"), "Mon, 02 Mar 2026 11:00:00 GMT");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-flamenco-last-updated-format"), "ISO-8601");
    let since = answer.header("x-flamenco-last-updated").to_owned();
    assert_eq!(since, "2026-03-02T11:00:00+00:00");
    assert_eq!(answer.json()["depsgraph"][0]["parents"], json!(null));
    let date = "Mon, 02 Mar 2026 11:00:00 GMT";
    assert_eq!(
        answer.json()["depsgraph"][1],
        json!({
            "_id": &shot["b"], "_etag": etag, "_created": date, "_updated": date, "job": shot.id,
            "manager": "5852bc5198377351f95d103e", "project": "666666666666666666666666",
            "user": "555555555555555555555555", "name": "b", "status": "claimed-by-manager",
            "job_type": "sleep", "task_type": "sleep", "priority": 50, "job_priority": 70,
            "parents": [&shot["a"]],
            "commands": [{"name": "sleep", "settings": {"time_in_seconds": 1}}],
        })
    );
    assert_eq!(server.task(&shot["b"]), answer.json()["depsgraph"][1], "claiming is no change");

    assert_eq!(manager.download(Some(&since)).await.expect(304).text(), "");
    server.clock.advance(302.milliseconds());
    server.set_task(&shot["b"], &json!({"activity": "waits", "priority": 3}));
    let answer = manager.download(Some(&since)).await.expect(200);
    assert_eq!(answer.header("x-flamenco-last-updated"), "2026-03-02T11:00:00.302000+00:00");
    assert_eq!(answer.json()["depsgraph"].as_array().unwrap().len(), 1);
    assert_eq!(answer.json()["depsgraph"][0]["activity"], "waits");

    server.expects_since(None);
    server.set_task_status(&shot["a"], "paused");
    server.delete_task(&shot["b"]);
    let answer = manager.download(None).await.expect(200);
    assert_eq!((answer.text(), answer.header("x-flamenco-last-updated")), ("{\"depsgraph\":[]}", ""));
    assert_eq!(server.count(Call::Depsgraph), 5);
}

#[tokio::test]
async fn a_task_is_sent_only_when_it_has_changed() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a")]));
    let document = manager.download(None).await.expect(200).json()["depsgraph"][0].clone();
    let etag = document["_etag"].as_str().unwrap();
    for etag in [etag, &format!("\"{etag}\""), &format!("W/\"{etag}\"")] {
        assert_eq!(manager.task(&shot["a"], etag).await.expect(304).text(), "");
    }
    server.set_job_priority(&shot, 50);
    manager.task(&shot["a"], etag).await.expect(304);
    server.set_job_priority(&shot, 80);
    let answer = manager.task(&shot["a"], etag).await.expect(200);
    assert_eq!(answer.json(), with(server.task(&shot["a"]), &json!({"job_priority": 80})));
    let new = answer.json()["_etag"].as_str().unwrap().to_owned();
    assert_eq!((new.len(), answer.header("etag")), (43, format!("\"{new}\"").as_str()));

    server.gives_away(&shot);
    assert_eq!(manager.task(&shot["a"], &new).await.expect(403).json()["_code"], 403);
    server.delete_task(&shot["a"]);
    let gone = manager.task(&shot["a"], &new).await.expect(404).json();
    assert_eq!((&gone["_status"], &gone["_code"]), (&json!("ERR"), &json!(404)));
}

#[tokio::test]
async fn updates_change_tasks_and_the_answer_says_what_to_do() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a"), task("b")]));
    assert_eq!(manager.post("task-update-batch", &json!(null)).await.expect(200).json(), {
        json!({"modified_count": 0, "handled_update_ids": []})
    });
    manager.download(None).await.expect(200);
    server.cancel_task(&shot["b"]);
    server.asks_for_log(&shot["a"]);
    let failure = with(
        update(1, &shot["a"]),
        &json!({
            "task_status": "soft-failed", "activity": "frame 3 failed", "log_tail": "last\nlines\n",
            "worker": "192.168.3.20 (ada)", "current_command_index": 0,
            "failed_by_workers": [{"id": "5c7d00000000000000000003", "identifier": "192.168.3.20 (ada)"}],
            "metrics": {"timing": {"render": 1.25}},
        }),
    );
    let other = server.submit(&job([task("a")]));
    server.gives_away(&other);
    let unknown = "5c7d00000000000000000009";
    let resumed = with(update(4, &shot["b"]), &json!({"task_status": "active", "activity": "late"}));
    let batch = [failure.clone(), update(2, &other["a"]), update(3, unknown), resumed];
    let answer = manager.push(&batch).await.expect(200).json();
    let handled = [1, 3, 4].map(|number| format!("{number:024x}"));
    assert_eq!(
        answer,
        json!({
            "modified_count": 2, "handled_update_ids": handled, "cancel_task_ids": [&shot["b"]],
            "upload_task_file_queue": [{"job": shot.id, "task": &shot["a"]}],
        })
    );
    let a = server.task(&shot["a"]);
    assert_eq!((a["status"].as_str(), a["log"].as_str()), (Some("soft-failed"), Some("last\nlines\n")));
    assert_eq!(a["_updated"], "Mon, 02 Mar 2026 11:00:00 GMT");
    assert_eq!(
        (&a["metrics"], &a["failed_by_workers"]),
        (&failure["metrics"], &failure["failed_by_workers"])
    );
    assert_eq!(server.task(&shot["b"])["activity"], "late");
    assert_eq!(server.status(&shot["b"]), "cancel-requested");
    assert_eq!(server.job_status(&shot), "active");
    assert_eq!((server.heard(&shot["a"]), server.updates().len()), (vec![failure], 3));
}

#[tokio::test]
async fn a_log_is_asked_for_until_it_is_there() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a")]));
    server.asks_for_log(&shot["a"]);
    assert_eq!(server.log(&shot["a"]), None);
    for status in [201, 200] {
        let name = format!("task-{}.txt.gz", &shot["a"]);
        let answer = manager.upload(&shot["a"], log_form(&name, "line\n")).await.expect(status);
        assert_eq!(answer.text(), "{\"_message\":\"ok\"}");
    }
    assert_eq!(server.log(&shot["a"]).as_deref(), Some("line\n"));
    assert_eq!(manager.push(&[]).await.expect(200).json().get("upload_task_file_queue"), None);
    assert!(server.task(&shot["a"])["log_file"].is_object());
    server.delete_task(&shot["a"]);
    manager.upload(&shot["a"], log_form(&format!("task-{}.txt.gz", &shot["a"]), "line\n")).await.expect(404);
}

#[tokio::test]
async fn notifications_are_remembered() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let about = json!({
        "_meta": {"version": 2}, "manager_url": "http://192.168.3.108:8080/", "nr_of_workers": 2,
        "variables": {"blender": {"direction": "oneway", "values": [
            {"audience": "all", "platform": "linux", "value": "/b"},
            {"audience": "users", "platforms": ["windows", "darwin"], "value": "C:/b"},
        ]}},
        "worker_task_types": ["blender-render", "file-management"],
    });
    for place in ["startup", "update"] {
        assert_eq!(manager.post(place, &about).await.expect(204).text(), "");
    }
    assert_eq!(server.notifications(), [about.clone(), about]);
    let calls: Vec<_> = server.requests().into_iter().map(|asked| (asked.call, asked.status)).collect();
    assert_eq!(calls, [(Call::Startup, Some(204)), (Call::Update, Some(204))]);
    let asked = &server.requests()[1];
    assert!(asked.path.ends_with("/update") && asked.headers.contains_key("content-length"), "{asked:?}");
    assert_eq!(asked.at.to_string(), "2026-03-02T11:00:00Z");
}

#[tokio::test]
async fn a_manager_below_it_goes_by_the_same_clock() {
    let server = FakeServer::start();
    let m = TestManager::below(&server).await;
    server.clock.advance(1.hour());
    assert_eq!(m.now().to_string(), "2026-03-02T12:00:00Z");
    assert!(m.config.server.is_some());
}

#[tokio::test]
async fn a_crowd_is_downloaded_at_once() {
    let server = FakeServer::start();
    let crowd = server.crowd(CROWD);
    let answer = Client::of(&server).download(None).await.expect(200).json();
    assert_eq!(answer["depsgraph"].as_array().unwrap().len(), CROWD);
    assert_eq!(answer["depsgraph"][CROWD - 1]["_id"], crowd[&format!("{}", CROWD - 1)]);
}

const CROWD: usize = 1000;
