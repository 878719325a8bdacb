//! When the Server hears of tasks, in what order, and in what form (`server-protocol.md`, section 1.4).

use std::collections::HashSet;

use flamenco_manager::{domain::ids::TaskId, services::PushOutcome};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::kit::{Call, FakeServer, Job, Mood, START, TestManager, TestWorker, behind, job, task};

/// A Manager that has introduced itself and has the Server's tasks, and a worker who may have them.
async fn at_work(server: &FakeServer, toml: &str) -> (TestManager, TestWorker, Job) {
    let shot = server.submit(&job([task("a"), behind("b", &["a"])]));
    let m = TestManager::below_with(server, toml).await;
    m.exchanges().await;
    let ada = m.sleeper("ada").await;
    (m, ada, shot)
}

/// The Server asks for tasks to be cancelled of which nobody knows: two updates wait for each. Returns how many.
async fn much_to_tell(m: &TestManager, tasks: u32) -> usize {
    let cancel: Vec<TaskId> =
        (0..tasks).map(|number| format!("5c7e{number:020x}").parse().unwrap()).collect();
    m.services.pushed(PushOutcome { cancel, ..PushOutcome::default() }).await.unwrap();
    2 * tasks as usize
}

/// When pushes came in, in seconds since the beginning.
fn pushes(server: &FakeServer) -> Vec<i64> {
    let start: Timestamp = START.parse().unwrap();
    let pushes = server.requests().into_iter().filter(|asked| asked.call == Call::Push);
    pushes.map(|push| push.at.duration_since(start).as_secs()).collect()
}

/// The form in which each push came in.
fn encodings(server: &FakeServer) -> Vec<String> {
    let pushes = server.requests().into_iter().filter(|asked| asked.call == Call::Push);
    let encoding =
        |value: Option<&http::HeaderValue>| value.map_or("plain", |it| it.to_str().unwrap()).to_owned();
    pushes.map(|push| encoding(push.headers.get("content-encoding"))).collect()
}

/// The IDs of updates, in the order in which the Server took them.
fn ids(updates: &[Value]) -> Vec<&str> {
    updates.iter().map(|update| update["_id"].as_str().unwrap()).collect()
}

async fn waiting(m: &TestManager) -> Value {
    m.get("/api/farm").await.expect(200).json()["queues"]["task_updates"].take()
}

#[tokio::test]
async fn news_waits_five_seconds_at_most_and_the_server_is_never_left_alone_for_more_than_ten() {
    let server = FakeServer::start();
    server.takes_gzip();
    let (m, ada, shot) = at_work(&server, "").await;
    m.seconds_pass(12).await;
    ada.takes(&shot["a"]).await;
    m.seconds_pass(15).await;
    for _ in 0..10 {
        ada.reports(&shot["a"], &json!({"activity": "at it", "log": "line"})).await;
        m.seconds_pass(1).await;
    }
    assert_eq!(pushes(&server), [0, 10, 15, 25, 30, 35]);
}

#[tokio::test]
async fn as_many_updates_as_go_into_one_push_do_not_wait() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server, "task_update_push_max_count = 4").await;
    m.seconds_pass(1).await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"activity": "one"})).await;
    m.exchanges().await;
    assert_eq!((pushes(&server), waiting(&m).await), (vec![0], json!(3)));
    ada.reports(&shot["a"], &json!({"activity": "two"})).await;
    m.exchanges().await;
    assert_eq!(server.task(&shot["a"])["activity"], "two");
    assert_eq!(waiting(&m).await, 0);
}

#[tokio::test]
async fn a_kick_brings_the_news_at_once() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server, "").await;
    m.seconds_pass(1).await;
    ada.takes(&shot["a"]).await;
    m.exchanges().await;
    assert_eq!(server.heard(&shot["a"]).len(), 0);
    m.get("/kick").await.expect(200);
    m.exchanges().await;
    assert_eq!(server.status(&shot["a"]), "active");
    assert_eq!(pushes(&server), [0, 1], "one kick is one push");
    m.exchanges().await;
    assert_eq!(pushes(&server), [0, 1]);
}

#[tokio::test]
async fn what_waits_goes_in_batches_and_in_order() {
    let server = FakeServer::start();
    server.takes_gzip();
    let (m, ada, shot) = at_work(&server, "task_update_push_max_count = 10").await;
    ada.takes(&shot["a"]).await;
    for number in 0..23 {
        ada.reports(&shot["a"], &json!({"activity": number.to_string()})).await;
    }
    ada.ends(&shot["a"], "completed").await;
    assert_eq!(waiting(&m).await, 26);
    m.seconds_pass(1).await;
    assert_eq!(pushes(&server), [0, 1, 1, 1]);
    let heard = server.heard(&shot["a"]);
    let told: Vec<_> = heard.iter().map(|update| update["activity"].as_str().unwrap_or_default()).collect();
    let numbers: Vec<_> = (0..23).map(|number| number.to_string()).collect();
    assert_eq!(told[2..25], numbers);
    assert_eq!(heard[25]["task_status"], "completed");
    assert!(ids(&heard).is_sorted());
}

#[tokio::test]
async fn the_command_that_runs_is_told_under_both_its_names() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server, "").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"task_status": "active", "current_command_idx": 3})).await;
    m.seconds_pass(5).await;
    assert_eq!(server.task(&shot["a"])["current_command_index"], 3, "what the Server reads");
    assert_eq!(server.heard(&shot["a"])[2]["current_command_idx"], 3, "what the genuine Manager sends");
}

#[tokio::test]
async fn a_server_that_takes_no_compressed_updates_is_asked_once() {
    let server = FakeServer::start();
    let (mut m, _, _) = at_work(&server, "").await;
    much_to_tell(&m, 10).await;
    m.seconds_pass(5).await;
    much_to_tell(&m, 10).await;
    m.seconds_pass(5).await;
    assert_eq!(encodings(&server), ["plain", "gzip", "plain", "plain"]);
    m.restart().await;
    much_to_tell(&m, 10).await;
    m.exchanges().await;
    assert_eq!(encodings(&server)[4..], ["gzip", "plain"], "it may be another Server after a restart");
    assert_eq!(server.updates().len(), 60);
}

#[tokio::test]
async fn a_server_that_takes_compressed_updates_gets_no_others() {
    let server = FakeServer::start();
    server.takes_gzip();
    let (m, _, _) = at_work(&server, "").await;
    for _ in 0..2 {
        much_to_tell(&m, 10).await;
        m.seconds_pass(5).await;
    }
    assert_eq!(encodings(&server), ["plain", "gzip", "gzip"], "nothing to say is not worth compressing");
    assert_eq!(server.updates().len(), 40);
}

#[tokio::test]
async fn what_the_server_has_not_heard_survives_a_restart() {
    let server = FakeServer::start();
    let (mut m, ada, shot) = at_work(&server, "").await;
    ada.takes(&shot["a"]).await;
    m.restart().await;
    ada.ends(&shot["a"], "completed").await;
    assert_eq!(waiting(&m).await, 3);
    m.restart().await;
    m.exchanges().await;
    assert_eq!(server.status(&shot["a"]), "completed");
    m.restart().await;
    m.exchanges().await;
    let mut told = server.heard(&shot["a"]);
    let statuses: Vec<_> = told.iter_mut().map(|update| update["task_status"].take()).collect();
    assert_eq!(statuses, [json!("active"), Value::Null, json!("completed")], "all of it, and nothing twice");
}

#[tokio::test]
async fn what_is_purged_is_not_told() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server, "").await;
    ada.takes(&shot["a"]).await;
    m.services.purge_updates().await.unwrap();
    ada.ends(&shot["a"], "completed").await;
    m.seconds_pass(5).await;
    assert_eq!(server.heard(&shot["a"]).len(), 1);
    assert_eq!(server.status(&shot["a"]), "completed");
}

#[tokio::test]
async fn a_purge_in_the_midst_of_a_push_takes_nothing_else_away() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server, "").await;
    m.advance(5.seconds());
    ada.takes(&shot["a"]).await;
    server.mood_for(Call::Push, 1, Mood::Hangs);
    let pushed = async {
        m.exchange().push().await.unwrap();
    };
    let purged = async {
        server.arrived(Call::Push, 2).await;
        m.services.purge_updates().await.unwrap();
        ada.ends(&shot["a"], "completed").await;
        server.release();
    };
    tokio::join!(pushed, purged);
    assert_eq!(waiting(&m).await, 1, "what has come to stand where the others stood");
    m.seconds_pass(5).await;
    assert_eq!(server.status(&shot["a"]), "completed");
}

#[tokio::test]
async fn a_server_that_handles_half_of_what_it_is_told_hears_the_rest_again() {
    let server = FakeServer::start();
    server.takes_gzip();
    let (m, _, _) = at_work(&server, "").await;
    server.mood(Call::Push, Mood::HandlesHalf);
    let count = much_to_tell(&m, 10).await;
    m.seconds_pass(30).await;
    let updates = server.updates();
    assert_eq!(updates.len(), count);
    assert_eq!(ids(&updates).into_iter().collect::<HashSet<_>>().len(), count, "each arrives once");
    assert_eq!(pushes(&server), [0, 5, 10, 15, 20, 25], "and no more often than other news");
    assert_eq!(waiting(&m).await, 0);
}

#[tokio::test]
async fn a_full_batch_that_is_not_taken_is_not_sent_every_second() {
    let server = FakeServer::start();
    server.takes_gzip();
    let (m, _, _) = at_work(&server, "task_update_push_max_count = 10").await;
    server.mood(Call::Push, Mood::handles_only(|_| false));
    much_to_tell(&m, 10).await;
    m.seconds_pass(30).await;
    assert_eq!(pushes(&server), [0, 1, 6, 11, 16, 21, 26]);
}

#[tokio::test]
async fn after_an_hour_without_the_server_all_news_arrives_once_and_in_order() {
    let server = FakeServer::start();
    let (m, _, _) = at_work(&server, "").await;
    server.goes_down().await;
    let count = much_to_tell(&m, 10_000).await;
    for _ in 0..3_600 {
        m.advance(1.second());
        m.exchange().push().await.unwrap();
    }
    let farm = m.get("/api/farm").await.expect(200).json();
    let failures = farm["exchange"]["conversations"]["push"]["failures_in_a_row"].as_u64().unwrap();
    assert!((60..=130).contains(&failures), "at least every minute, and seldom more: {failures}");
    assert_eq!(farm["queues"]["task_updates"], count);
    assert_eq!(farm["queues"]["task_updates_since"], START);
    server.comes_back();
    m.seconds_pass(60).await;
    assert_eq!(waiting(&m).await, 0);
    let updates = server.updates();
    assert_eq!(updates.len(), count);
    assert!(ids(&updates).is_sorted_by(|one, next| one < next));
}
