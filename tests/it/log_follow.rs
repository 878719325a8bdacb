//! Somebody follows the log of a task while a worker writes it.

use std::fs;

use http::Method;
use serde_json::json;

use crate::kit::{Events, Job, TestManager, TestWorker, job, task};

async fn with_task() -> (TestManager, TestWorker, Job) {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    (m, ada, shot)
}

async fn follow(m: &TestManager, shot: &Job, query: &str) -> Events {
    m.door.listen(&format!("/api/tasks/{}/log?follow=true{query}", &shot["a"]), None).await
}

/// Goes on from the place where somebody was cut off.
async fn go_on(m: &TestManager, shot: &Job, last: &str) -> Events {
    m.door.listen(&format!("/api/tasks/{}/log?follow=true", &shot["a"]), Some(last)).await
}

/// What comes of the log up to this line, without the lines of the Manager; and the last ID.
async fn lines_up_to(events: &mut Events, last: &str) -> (Vec<String>, String) {
    let mut lines = Vec::new();
    loop {
        let event = events.next().await.unwrap();
        match event.name.as_str() {
            "log" => lines.extend(event.data.lines().map(str::to_owned)),
            other => lines.push(format!("({other})")),
        }
        lines.retain(|line| !line.contains("Z: "));
        if lines.last().is_some_and(|line| line == last) {
            return (lines, event.id);
        }
    }
}

async fn says(ada: &TestWorker, shot: &Job, log: &str) {
    ada.reports(&shot["a"], &json!({ "log": log })).await;
}

#[tokio::test]
async fn what_is_there_comes_first_then_what_is_added_and_then_the_end() {
    let (m, ada, shot) = with_task().await;
    ada.takes(&shot["a"]).await;
    says(&ada, &shot, "one\ntwo").await;
    let mut events = follow(&m, &shot, "").await;
    assert_eq!(lines_up_to(&mut events, "two").await.0, ["one", "two"]);
    says(&ada, &shot, "three\n\nfour").await;
    assert_eq!(lines_up_to(&mut events, "four").await.0, ["three", "", "four"]);
    ada.reports(&shot["a"], &json!({"task_status": "completed", "log": "last words"})).await;
    let (lines, _) = lines_up_to(&mut events, "(end)").await;
    assert_eq!(lines, ["last words", "(end)"]);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn the_end_tells_the_status_also_of_a_task_that_ended_long_ago() {
    let (m, ada, shot) = with_task().await;
    ada.takes(&shot["a"]).await;
    ada.ends(&shot["a"], "failed").await;
    assert_eq!(m.status(&shot["a"]).await, "failed");
    let end = follow(&m, &shot, "").await.next_named("end").await;
    assert_eq!(end.json(), json!({"_id": &shot["a"], "status": "failed"}));
    assert_eq!(end.id, "", "who comes back is told the end once more");
}

#[tokio::test]
async fn a_log_that_is_not_there_yet_is_waited_for() {
    let (m, ada, shot) = with_task().await;
    let mut events = follow(&m, &shot, "&tail=5").await;
    ada.takes(&shot["a"]).await;
    says(&ada, &shot, "at last").await;
    assert_eq!(lines_up_to(&mut events, "at last").await.0, ["at last"]);
}

#[tokio::test]
async fn one_can_begin_with_the_last_lines() {
    let (m, ada, shot) = with_task().await;
    ada.takes(&shot["a"]).await;
    says(&ada, &shot, "one\ntwo\nthree").await;
    let mut events = follow(&m, &shot, "&tail=2").await;
    assert_eq!(lines_up_to(&mut events, "three").await.0, ["two", "three"]);
    let mut none = follow(&m, &shot, "&tail=0").await;
    says(&ada, &shot, "four").await;
    assert_eq!(lines_up_to(&mut none, "four").await.0, ["four"]);
}

#[tokio::test]
async fn whoever_was_cut_off_goes_on_where_that_was() {
    let (m, ada, shot) = with_task().await;
    let mut m = m;
    ada.takes(&shot["a"]).await;
    says(&ada, &shot, "one\nzw\u{f6}lf").await;
    let mut events = follow(&m, &shot, "").await;
    let (_, last) = lines_up_to(&mut events, "zw\u{f6}lf").await;
    m.restart().await;
    assert_eq!(events.next().await, None, "the stop of the Manager ends the events");
    says(&ada, &shot, "thirteen").await;
    let mut events = go_on(&m, &shot, &last).await;
    assert_eq!(lines_up_to(&mut events, "thirteen").await.0, ["thirteen"]);
}

#[tokio::test]
async fn a_task_that_is_done_again_has_another_log_and_nothing_is_lost() {
    let (m, ada, shot) = with_task().await;
    let bob = m.sleeper("bob").await;
    ada.takes(&shot["a"]).await;
    says(&ada, &shot, "first try").await;
    let mut events = follow(&m, &shot, "").await;
    let (_, last) = lines_up_to(&mut events, "first try").await;
    says(&ada, &shot, "it breaks").await;
    ada.ends(&shot["a"], "failed").await;
    assert_eq!(m.status(&shot["a"]).await, "soft-failed");
    bob.takes(&shot["a"]).await;
    says(&bob, &shot, "second try").await;
    let expected = ["it breaks", "(restart)", "second try"];
    assert_eq!(lines_up_to(&mut events, "second try").await.0, expected);
    assert_eq!(lines_up_to(&mut go_on(&m, &shot, &last).await, "second try").await.0, expected);
}

#[tokio::test]
async fn a_deleted_task_is_an_end_too() {
    let (m, ada, shot) = with_task().await;
    ada.takes_and_completes(&shot["a"]).await;
    m.post(&format!("/api/tasks/{}/requeue", &shot["a"]), &json!(null)).await.expect(200);
    let mut events = follow(&m, &shot, "").await;
    m.door.call(Method::DELETE, &format!("/api/jobs/{}?force=true", shot.id), &[], "").await.expect(200);
    assert_eq!(events.next_named("end").await.json(), json!({"_id": &shot["a"], "deleted": true}));
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused() {
    let (m, _ada, shot) = with_task().await;
    let path = format!("/api/tasks/{}/log", &shot["a"]);
    for bad in ["follow=x", "follow=true&tail=x", "folow=true"] {
        m.get(&format!("{path}?{bad}")).await.expect(400);
    }
    m.get(&format!("/api/tasks/{}/log?follow=true", "0".repeat(24))).await.expect(404);
    let last = [("last-event-id", "yesterday")];
    let answer = m.door.call(Method::GET, &format!("{path}?follow=true"), &last, "").await.expect(400);
    assert!(answer.says().contains("Last-Event-ID"), "{}", answer.says());
    let folder = m.config.task_logs_path.join(format!("job-{}/{}", &shot.id[..4], shot.id));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("task-{}.txt.gz", &shot["a"])), "damaged").unwrap();
    assert_eq!(follow(&m, &shot, "").await.next().await, None);
}
