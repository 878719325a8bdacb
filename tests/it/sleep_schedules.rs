//! Sleep schedules, in the local time of the farm: an hour ahead of UTC, and the tests begin on a Monday at noon.

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Answer, TestManager, TestWorker, with};

fn schedule(days: &str, start: &str, end: &str) -> Value {
    json!({ "schedule_active": true, "days_of_week": days, "time_start": start, "time_end": end })
}

async fn set(m: &TestManager, worker: &TestWorker, schedule: &Value) -> Answer {
    m.post(&format!("/set-sleep-schedule/{}", worker.id), schedule).await
}

async fn requested(m: &TestManager, worker: &TestWorker) -> String {
    m.check_sleep_schedules().await;
    m.about(worker).await["status_requested"].as_str().unwrap().to_owned()
}

/// Does what is requested of it.
async fn obeys(m: &TestManager, worker: &TestWorker) -> String {
    let status = requested(m, worker).await;
    worker.acknowledges(&status).await;
    status
}

#[tokio::test]
async fn a_schedule_is_kept_as_it_was_meant_and_applied_at_once() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    set(&m, &ada, &schedule(" Monday, TU ", "9:30", "18:00")).await.expect(204);
    m.restart().await;
    let about = m.about(&ada).await;
    assert_eq!(about["sleep_schedule"], schedule("mo tu", "09:30", "18:00"));
    assert_eq!(
        (&about["status_requested"], &about["lazy_status_request"]),
        (&json!("asleep"), &json!(false))
    );
}

#[tokio::test]
async fn local_time_counts() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    ada.gets_nothing().await;
    bob.gets_nothing().await;
    set(&m, &ada, &schedule("", "12:00", "12:30")).await.expect(204);
    set(&m, &bob, &schedule("", "11:00", "11:30")).await.expect(204);
    assert_eq!(requested(&m, &ada).await, "asleep");
    assert_eq!(requested(&m, &bob).await, "");
}

#[tokio::test]
async fn at_each_boundary_the_worker_is_told() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    set(&m, &ada, &schedule("", "13:00", "14:00")).await.expect(204);
    m.advance(59.minutes());
    assert_eq!(requested(&m, &ada).await, "");
    m.advance(1.minutes());
    assert_eq!(obeys(&m, &ada).await, "asleep");
    m.advance(59.minutes());
    assert_eq!(requested(&m, &ada).await, "");
    m.advance(1.minutes());
    assert_eq!(obeys(&m, &ada).await, "awake");
    m.advance(23.hours());
    assert_eq!(obeys(&m, &ada).await, "asleep");
}

#[tokio::test]
async fn a_night_belongs_to_the_day_on_which_it_begins() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    set(&m, &ada, &schedule("mo", "22:00", "06:00")).await.expect(204);
    m.advance(10.hours());
    assert_eq!(obeys(&m, &ada).await, "asleep");
    m.advance(8.hours());
    assert_eq!(obeys(&m, &ada).await, "awake");
    m.advance(16.hours());
    assert_eq!(requested(&m, &ada).await, "", "no night on Tuesday");
}

#[tokio::test]
async fn no_start_is_from_midnight_and_no_end_is_until_midnight() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    ada.gets_nothing().await;
    bob.gets_nothing().await;
    set(&m, &ada, &schedule("mo", "", "13:00")).await.expect(204);
    set(&m, &bob, &schedule("mo", "13:00", "")).await.expect(204);
    assert_eq!(obeys(&m, &ada).await, "asleep");
    assert_eq!(requested(&m, &bob).await, "");
    m.advance(1.hours());
    assert_eq!(obeys(&m, &ada).await, "awake");
    assert_eq!(obeys(&m, &bob).await, "asleep");
    m.advance(11.hours());
    assert_eq!(requested(&m, &bob).await, "awake");
}

#[tokio::test]
async fn a_status_that_was_set_by_hand_stays_until_the_next_boundary() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    set(&m, &ada, &schedule("", "11:00", "14:00")).await.expect(204);
    assert_eq!(obeys(&m, &ada).await, "asleep");
    m.request(&ada, "awake").await;
    assert_eq!(requested(&m, &ada).await, "awake");
    ada.acknowledges("awake").await;
    m.advance(119.minutes());
    assert_eq!(requested(&m, &ada).await, "");
    assert_eq!(m.worker_status(&ada).await, "awake");
    m.request(&ada, "asleep").await;
    ada.acknowledges("asleep").await;
    m.advance(1.minutes());
    assert_eq!(requested(&m, &ada).await, "awake");
}

#[tokio::test]
async fn a_boundary_that_was_missed_while_the_manager_was_away_is_made_up_for() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    set(&m, &ada, &schedule("", "13:00", "20:00")).await.expect(204);
    m.advance(3.hours());
    m.restart().await;
    assert_eq!(requested(&m, &ada).await, "asleep");
}

#[tokio::test]
async fn a_worker_that_is_to_shut_down_is_left_in_peace() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    set(&m, &ada, &schedule("", "13:00", "14:00")).await.expect(204);
    m.act(&ada, "action=shutdown&lazy=true").await.expect(204);
    m.advance(1.hours());
    assert_eq!(requested(&m, &ada).await, "shutdown");
}

#[tokio::test]
async fn a_schedule_that_is_not_active_asks_for_nothing() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    set(&m, &ada, &with(schedule("", "00:00", "24:00"), &json!({"schedule_active": false})))
        .await
        .expect(204);
    m.advance(48.hours());
    assert_eq!(requested(&m, &ada).await, "");
}

#[tokio::test]
async fn on_a_day_that_is_not_named_nothing_is_asked_for() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.acknowledges("asleep").await;
    set(&m, &ada, &schedule("tu", "10:00", "11:00")).await.expect(204);
    assert_eq!(requested(&m, &ada).await, "");
    m.advance(12.hours());
    assert_eq!(requested(&m, &ada).await, "awake", "on Tuesday it is to be awake");
}

#[tokio::test]
async fn what_is_no_schedule_is_refused_and_changes_nothing() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    for (bad, says) in [
        (schedule("xx", "", ""), "xx"),
        (schedule("", "24:01", ""), "24:01"),
        (schedule("", "", "9"), "9"),
        (schedule("", "12:60", ""), "12:60"),
        (json!({"schedule_active": "yes"}), "boolean"),
        (json!([]), "sleep schedule"),
    ] {
        let answer = set(&m, &ada, &bad).await.expect(400);
        answer.assert_line_of_text();
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    assert_eq!(m.about(&ada).await["sleep_schedule"]["schedule_active"], false);
}

#[tokio::test]
async fn a_schedule_comes_as_json_and_for_a_worker_that_is_known() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let path = format!("/set-sleep-schedule/{}", ada.id);
    m.door.post_form(&path, "schedule_active=true").await.expect(406).assert_line_of_text();
    m.door.call(http::Method::POST, &path, &[], "{}").await.expect(406);
    let json = [("content-type", "application/json; charset=utf-8")];
    m.door.call(http::Method::POST, &path, &json, "{}").await.expect(204);
    m.door.call(http::Method::POST, &path, &json, "{").await.expect(400);
    m.post(&format!("/set-sleep-schedule/{}", "0".repeat(24)), &json!({}))
        .await
        .expect(404)
        .assert_line_of_text();
    m.post("/set-sleep-schedule/x", &json!({})).await.expect(404).assert_line_of_text();
}

#[tokio::test]
async fn the_api_sets_a_schedule_and_shows_the_worker() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    let path = format!("/api/workers/{}/sleep-schedule", ada.id);
    let put =
        async |path: &str, body: &Value| m.door.call(http::Method::PUT, path, &[], body.to_string()).await;
    let shown = put(&path, &schedule("Mo TU", "9:30", "18:00")).await.expect(200).json();
    assert_eq!(shown["sleep_schedule"], schedule("mo tu", "09:30", "18:00"));
    assert_eq!(shown["status_requested"], "asleep");
    assert_eq!(shown, m.about(&ada).await);
    let refused = put(&path, &schedule("xx", "", "")).await.expect(400);
    assert!(refused.says().contains("xx"), "{}", refused.says());
    assert_eq!(m.about(&ada).await["sleep_schedule"], shown["sleep_schedule"]);
    let nobody = format!("/api/workers/{}/sleep-schedule", "0".repeat(24));
    assert_eq!(put(&nobody, &json!({})).await.expect(404).error_code(), "not-found");
}
