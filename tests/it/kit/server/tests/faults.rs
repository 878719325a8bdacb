//! The Server notices what a Manager should not say.

use http::Method;
use serde_json::{Value, json};

use super::{Client, log_form, update};
use crate::kit::{Call, FakeServer, Mood, job, server::MANAGER, task, with};

/// That exactly this was found; it is forgotten then.
#[track_caller]
fn finds(server: &FakeServer, fault: &str) {
    let found = std::mem::take(&mut server.state().inspector.violations);
    assert!(found.len() == 1 && found[0].contains(fault), "{fault}: {found:?}");
}

#[tokio::test]
async fn what_an_update_must_not_say() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a")]));
    let good = |number| update(number, &shot["a"]);
    for (number, (changes, fault)) in [
        (json!({"_id": "1"}), "_id must be an ID"),
        (json!({"task_id": "5C7D00000000000000000002"}), "task_id must be an ID"),
        (json!({"task_status": ""}), "left out when empty"),
        (json!({"task_status": "processing"}), "a status of a task"),
        (json!({"received_on_manager": "2026-03-02 11:00:00.5Z"}), "received_on_manager"),
        (json!({"activity": ""}), "left out when empty"),
        (json!({"task_progress_percentage": 0.5}), "a whole number"),
        (json!({"current_command_index": 1}), "is not current_command_idx"),
        (json!({"log_tail": "no end"}), "log_tail"),
        (json!({"log_tail": "line\n".repeat(11)}), "log_tail"),
        (json!({"worker": null}), "worker must be a text"),
        (json!({"failed_by_workers": []}), "left out when empty"),
        (json!({"failed_by_workers": [{"id": "ada", "identifier": "ada"}]}), "a list of workers"),
        (json!({"metrics": {"timing": {}}}), "metrics"),
        (json!({"metrics": {"timing": {"render": "1.5"}}}), "metrics"),
        (json!({"log": "everything"}), "nobody knows log"),
    ]
    .into_iter()
    .enumerate()
    {
        manager.push(&[with(good(u32::try_from(number).unwrap() + 1), &changes)]).await;
        finds(&server, fault);
    }
    let mut without = good(50);
    without.as_object_mut().unwrap().remove("worker");
    manager.push(&[without]).await;
    finds(&server, "worker is missing");
    manager.post("task-update-batch", &json!({})).await.expect(400);
    finds(&server, "neither a list nor null");
}

#[tokio::test]
async fn updates_come_in_order_and_stay_what_they_were() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a"), task("b")]));
    let of_a = |number| update(number, &shot["a"]);
    server.mood_for(Call::Push, 1, Mood::Answers(500));
    manager.push(&[of_a(1), of_a(2)]).await.expect(500);
    manager.push(&[of_a(2)]).await.expect(200);
    finds(&server, "first must come");
    manager.push(&[of_a(1), of_a(2), of_a(3)]).await.expect(200);
    assert_eq!(server.violations(), Vec::<String>::new());

    manager.push(&[with(of_a(3), &json!({"activity": "other"}))]).await.expect(200);
    finds(&server, "was another before");
    let earlier = json!({"received_on_manager": "2026-03-02T11:00:00Z"});
    manager.push(&[with(update(4, &shot["b"]), &earlier), with(of_a(5), &earlier)]).await.expect(200);
    finds(&server, "was received at");
}

#[tokio::test]
async fn what_a_notification_must_not_say() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let good = json!({
        "_meta": {"version": 2}, "manager_url": "http://m:8080/", "variables": {}, "nr_of_workers": 0,
        "worker_task_types": [],
    });
    let blender =
        |value: Value| json!({"variables": {"blender": {"direction": "oneway", "values": [value]}}});
    for (changes, fault) in [
        (json!({"_meta": {"version": 1}}), "_meta"),
        (json!({"manager_url": "http://m:8080"}), "ends in a slash"),
        (blender(json!({"audience": "", "value": "/b"})), "a map of variables"),
        (blender(json!({"platforms": [], "value": "/b"})), "a map of variables"),
        (json!({"nr_of_workers": "2"}), "a number"),
        (json!({"worker_task_types": ["sleep", "sleep"]}), "different texts"),
        (json!({"path_replacement": {}}), "nobody knows path_replacement"),
    ] {
        manager.post("startup", &with(good.clone(), &changes)).await.expect(204);
        finds(&server, fault);
    }
    manager.post("update", &json!({})).await.expect(400);
    assert_eq!(std::mem::take(&mut server.state().inspector.violations).len(), 5);
}

#[tokio::test]
async fn what_a_head_must_not_say() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let depsgraph = format!("managers/{MANAGER}/depsgraph");
    for (header, fault) in [
        (("accept", "application/bson"), "accepts what is no JSON"),
        (("if-modified-since", "Mon, 04 Mar 2019 12:34:56 GMT"), "If-Modified-Since"),
        (("if-none-match", "0"), "If-None-Match"),
        (("x-flamenco-if-updated-since", "2019-03-04T12:34:56+00:00"), "the last value was None"),
    ] {
        manager.call(Method::GET, &depsgraph, &[header], "").await.unwrap().expect(204);
        finds(&server, fault);
    }
    manager.call(Method::GET, &format!("{depsgraph}?all=1"), &[], "").await.unwrap().expect(204);
    finds(&server, "has a query");
    manager.call(Method::GET, &depsgraph, &[], "body").await.unwrap().expect(204);
    finds(&server, "has a body");
    manager.call(Method::POST, &depsgraph, &[], "").await.unwrap().expect(404);
    finds(&server, "leads nowhere");
    manager
        .call(Method::GET, "managers/5852bc5198377351f95d1040/depsgraph", &[], "")
        .await
        .unwrap()
        .expect(404);
    finds(&server, "another Manager");
    let push = format!("managers/{MANAGER}/task-update-batch");
    manager.call(Method::POST, &push, &[], "null").await.unwrap().expect(200);
    finds(&server, "application/json");
    let chunked = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    manager.call(Method::POST, &push, &chunked, "null").await.unwrap().expect(200);
    finds(&server, "has no Content-Length");
    let stranger = Client { authorization: "Basic b3RoZXI6".to_owned(), ..manager };
    stranger.download(None).await.expect(403);
    finds(&server, "the Manager's secret");
}

#[tokio::test]
async fn what_a_task_is_asked_for_must_have_been_heard() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a")]));
    manager.download(None).await.expect(200);
    manager.task(&shot["a"], "5c7d").await.expect(200);
    finds(&server, "never this task's etag");
    manager.download(None).await.expect(200);
    finds(&server, "the last value was Some");
}

#[tokio::test]
async fn what_a_log_must_not_be() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a")]));
    let name = format!("task-{}.txt.gz", &shot["a"]);
    let good = log_form(&name, "line\n");
    manager.upload(&shot["a"], good.clone()).await.expect(201);
    finds(&server, "nobody asked for");

    server.asks_for_log(&shot["a"]);
    let text = |form: &[u8]| String::from_utf8_lossy(form).into_owned();
    for (form, status, fault) in [
        (log_form("task.txt", "line\n"), 400, "named after its task"),
        (text(&good).into_bytes(), 200, "no gzip"),
        (good[..good.len() - 2].to_vec(), 400, "does not end with its boundary"),
        ([&good[..good.len() - 4], b"\r\n\r\n--edge--\r\n"].concat(), 400, "more parts"),
    ] {
        manager.upload(&shot["a"], form).await.expect(status);
        finds(&server, fault);
    }
}

#[tokio::test]
#[should_panic(expected = "leads nowhere")]
async fn a_story_with_a_violation_fails() {
    let server = FakeServer::start();
    let _ = Client::of(&server).call(Method::GET, "jobs", &[], "").await;
}

#[tokio::test]
async fn a_story_may_expect_violations() {
    let server = FakeServer::start();
    server.expects_violations();
    let _ = Client::of(&server).call(Method::GET, "jobs", &[], "").await;
    assert_eq!(server.violations(), ["GET /api/flamenco/jobs: leads nowhere"]);
}
