//! What happens is told to whoever listens.

use http::Method;
use serde_json::{Value, json};

use crate::kit::{Events, FakeServer, TestManager, behind, job, task};

async fn listen(m: &TestManager, query: &str) -> Events {
    m.door.listen(&format!("/api/events{query}"), None).await
}

/// The next event of this name whose document fits. Several changes of one thing may be told as one.
async fn until(events: &mut Events, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let document = events.next_named(name).await.json();
        if fits(&document) {
            return document;
        }
    }
}

#[tokio::test]
async fn everybody_begins_with_the_farm_as_it_is() {
    let m = TestManager::start().await;
    m.submit(&job([task("a")])).await;
    let mut first = listen(&m, "").await;
    let farm = first.next().await.unwrap();
    assert_eq!(farm.name, "farm");
    let mut expected = m.get("/api/farm").await.expect(200).json();
    let fields = expected.as_object_mut().unwrap();
    fields.retain(|name, _| name != "uptime_seconds" && name != "starved_jobs");
    fields.insert("version".into(), env!("CARGO_PKG_VERSION").into());
    assert_eq!(farm.json(), expected);
    let mut second = listen(&m, "").await;
    assert_eq!(second.next().await.unwrap().json(), expected);
    let mut without = listen(&m, "?topics=job").await;
    m.sleeper("ada").await;
    let workers = m.get("/api/farm").await.expect(200).json()["workers"].clone();
    let farm = until(&mut second, "farm", |farm| farm["workers"] == workers).await;
    assert_eq!(farm["tasks"], json!({"queued": 1}));
    m.submit(&job([task("a")])).await;
    assert_eq!(without.next().await.unwrap().name, "job");
}

#[tokio::test]
async fn what_becomes_of_a_job_its_tasks_and_its_worker_is_told() {
    let m = TestManager::start().await;
    let mut events = listen(&m, "").await;
    let ada = m.sleeper("ada").await;
    let about = m.about(&ada).await;
    assert_eq!(events.next_named("worker").await.json(), about);
    let shot = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    until(&mut events, "task", |task| task["_id"] == shot["b"] && task["status"] == "queued").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"activity": "half done", "task_progress_percentage": 50})).await;
    let told = until(&mut events, "task", |task| task["activity"] == "half done").await;
    let updated = m.task(&shot["a"]).await["last_updated"].clone();
    let expected = json!({
        "_id": &shot["a"], "job": shot.id, "name": "a", "status": "active", "activity": "half done",
        "worker": "127.0.0.1 (ada)", "worker_id": ada.id, "task_progress_percentage": 50,
        "current_command_idx": 0, "command_progress_percentage": 0, "last_updated": updated,
    });
    assert_eq!(told, expected);
    ada.ends(&shot["a"], "completed").await;
    ada.takes_and_completes(&shot["b"]).await;
    let mut completed = m.get(&format!("/api/jobs/{}", shot.id)).await.expect(200).json();
    completed.as_object_mut().unwrap().retain(|name, _| name != "settings" && name != "metadata");
    let told = until(&mut events, "job", |job| job["status"] == "completed").await;
    assert_eq!(told, completed);
    let about = m.about(&ada).await;
    assert_eq!(about["current_task_status"], "completed");
    assert_eq!(until(&mut events, "worker", |worker| *worker == about).await, about);
}

#[tokio::test]
async fn what_is_gone_is_told_as_deleted() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    let mut events = listen(&m, "").await;
    events.next_named("farm").await;
    m.door.call(Method::DELETE, &format!("/api/jobs/{}", shot.id), &[], "").await.expect(200);
    let deleted = |id: &str| json!({"_id": id, "deleted": true});
    until(&mut events, "task", |task| *task == deleted(&shot["a"])).await;
    m.act(&ada, "action=forget-worker").await.expect(204);
    until(&mut events, "worker", |worker| *worker == deleted(&ada.id)).await;
    let mut events = listen(&m, "?topics=job").await;
    let other = m.submit(&job([task("a")])).await;
    until(&mut events, "job", |job| job["_id"] == other.id && job["deleted"].is_null()).await;
    m.door.call(Method::DELETE, &format!("/api/jobs/{}", other.id), &[], "").await.expect(200);
    until(&mut events, "job", |job| *job == deleted(&other.id)).await;
}

#[tokio::test]
async fn one_can_listen_to_the_tasks_of_one_job() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let (other, shot) = (m.submit(&job([task("x")])).await, m.submit(&job([task("a")])).await);
    let mut events = listen(&m, &format!("?topics=task,job&job={}", shot.id)).await;
    ada.takes_and_completes(&other["x"]).await;
    ada.takes_and_completes(&shot["a"]).await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|event: &Value| event["status"] != "completed" || event["name"] != "a") {
        let event = events.next().await.unwrap();
        assert!(event.name == "task" || event.name == "job", "{event:?}");
        seen.extend((event.name == "task").then(|| event.json()));
    }
    assert!(seen.iter().all(|task| task["job"] == shot.id), "{seen:?}");
}

#[tokio::test]
async fn of_too_many_tasks_it_is_told_that_they_are_to_be_read_anew() {
    let m = TestManager::start().await;
    let mut events = listen(&m, "?topics=job,task").await;
    let names: Vec<_> = (0..1001).map(|number| number.to_string()).collect();
    let id = m.post("/api/jobs", &job(names.iter().map(|name| task(name)))).await.expect(201).json()["_id"]
        .clone();
    let told = [events.next().await.unwrap(), events.next().await.unwrap()];
    assert_eq!((told[0].name.as_str(), &told[0].json()["_id"]), ("job", &id));
    assert_eq!((told[1].name.as_str(), told[1].json()), ("missed", json!({"topics": ["task"]})));
    m.door.call(Method::DELETE, "/api/tasks", &[], "").await.expect(200);
    let told = [events.next().await.unwrap(), events.next().await.unwrap()];
    assert_eq!(told.map(|event| event.json()), [json!({"topics": ["job"]}), json!({"topics": ["task"]})]);
}

#[tokio::test]
async fn below_a_server_the_farm_tells_how_the_exchange_goes() {
    let server = FakeServer::start();
    let m = TestManager::below(&server).await;
    let mut events = listen(&m, "?topics=farm").await;
    assert_eq!(events.next().await.unwrap().json()["exchange"]["standstill"], json!(null));
    m.exchanges().await;
    let went_well =
        |farm: &Value| !farm["exchange"]["conversations"]["notification"]["last_success"].is_null();
    until(&mut events, "farm", went_well).await;
}

#[tokio::test]
async fn whoever_listens_again_is_told_as_before_also_after_a_restart() {
    let mut m = TestManager::start().await;
    drop(listen(&m, "").await);
    for name in ["a", "b"] {
        let mut events = listen(&m, "").await;
        events.next_named("farm").await;
        let shot = m.submit(&job([task(name)])).await;
        until(&mut events, "task", |task| task["_id"] == shot[name]).await;
        m.restart().await;
        while events.next().await.is_some() {}
    }
}

#[tokio::test]
async fn what_nobody_can_listen_to_is_refused() {
    let m = TestManager::start().await;
    for (bad, says) in [
        ("topics=dogs", "\"dogs\"; use some of job, task, worker, image, farm"),
        ("topics=", "no topic \"\""),
        ("topics=job,images", "no topic \"images\""),
        ("job=x", "24 lower-case hex digits"),
        ("topic=job", "topic"),
    ] {
        let answer = m.get(&format!("/api/events?{bad}")).await.expect(400);
        assert!(answer.says().contains(says), "{}", answer.says());
    }
}
