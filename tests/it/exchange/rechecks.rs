//! The Server is asked about a task before a worker gets it (`server-protocol.md`, section 1.3).

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use jiff::ToSpan;
use serde_json::json;

use crate::kit::{Call, FakeServer, Job, Mood, TestManager, TestWorker, job, task};

/// A Server with a job of tasks with these names, and a Manager that has taken them in.
async fn taken_in(names: &[&str]) -> (FakeServer, TestManager, Job) {
    let server = FakeServer::start();
    let shot = server.submit(&job(names.iter().map(|name| task(name))));
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    m.advance(1.second());
    (server, m, shot)
}

/// The statuses with which the Server answered when it was asked about tasks.
fn answers(server: &FakeServer) -> Vec<Option<u16>> {
    let asked = server.requests().into_iter().filter(|asked| asked.call == Call::Task);
    asked.map(|asked| asked.status).collect()
}

/// Asks for a task, and gets this one long before a call to the Server would be given up: so no worker waits for that.
async fn takes_in_time(worker: &TestWorker, task: &str) {
    tokio::time::timeout(Duration::from_secs(15), worker.takes(task))
        .await
        .expect("a worker would have hung up");
}

#[tokio::test]
async fn a_task_that_is_the_same_at_the_server_is_handed_out() {
    let (server, m, shot) = taken_in(&["a"]).await;
    m.sleeper("ada").await.takes(&shot["a"]).await;
    assert_eq!(answers(&server), [Some(304)]);
}

#[tokio::test]
async fn a_task_that_has_changed_at_the_server_is_handed_out_in_its_new_version() {
    let (server, m, shot) = taken_in(&["a"]).await;
    let commands = json!([{"name": "echo", "settings": {"message": "new"}}]);
    server.set_task(&shot["a"], &json!({"name": "new", "commands": commands}));
    let sent = m.sleeper("ada").await.ask().await.expect(200).json();
    assert_eq!((&sent["name"], &sent["commands"]), (&json!("new"), &commands));
    assert_eq!(answers(&server), [Some(200)], "once is enough");
}

#[tokio::test]
async fn a_task_that_has_become_less_urgent_at_the_server_has_to_wait() {
    let (server, m, shot) = taken_in(&["a", "b"]).await;
    server.set_task(&shot["a"], &json!({"priority": 10}));
    m.sleeper("ada").await.takes(&shot["b"]).await;
    assert_eq!(answers(&server), [Some(200), Some(304)]);
}

#[tokio::test]
async fn a_task_that_was_cancelled_at_the_server_is_not_handed_out() {
    let (server, m, shot) = taken_in(&["a", "b"]).await;
    server.cancel_task(&shot["a"]);
    m.sleeper("ada").await.takes(&shot["b"]).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    m.advance(10.seconds());
    m.exchanges().await;
    assert_eq!(server.status(&shot["a"]), "canceled");
}

#[tokio::test]
async fn a_task_that_the_server_no_longer_knows_is_cancelled() {
    let (server, mut m, shot) = taken_in(&["a", "b"]).await;
    server.delete_task(&shot["a"]);
    m.sleeper("ada").await.takes(&shot["b"]).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    let told: Vec<_> = m.update_queue().await.iter().map(|update| update.task.to_string()).collect();
    assert!(!told.contains(&shot["a"].to_owned()), "nobody has to hear of it");
}

#[tokio::test]
async fn a_proxy_that_finds_nothing_cancels_no_task() {
    let (server, m, shot) = taken_in(&["a"]).await;
    server.mood_for(Call::Task, 1, Mood::ProxyPage);
    m.sleeper("ada").await.takes(&shot["a"]).await;
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_changes_nothing() {
    let (server, m, shot) = taken_in(&["a"]).await;
    let ada = m.sleeper("ada").await;
    for mood in [Mood::Nonsense, Mood::HalfAnAnswer, Mood::HangsUp, Mood::Answers(500)] {
        server.set_task(&shot["a"], &json!({"name": "b"}));
        server.mood_for(Call::Task, 1, mood);
        ada.takes(&shot["a"]).await;
        assert_eq!(m.task(&shot["a"]).await["name"], "a");
        ada.gives_back(&shot["a"]).await;
        m.advance(1.minute());
    }
    assert_eq!(server.count(Call::Task), 4);
}

#[tokio::test]
async fn when_three_tasks_in_a_row_are_others_by_now_the_worker_has_to_come_again() {
    let (server, m, shot) = taken_in(&["a", "b", "c", "d"]).await;
    for name in ["a", "b", "c"] {
        server.set_task_status(&shot[name], "paused");
    }
    let more = server.submit(&job([task("e")]));
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    assert_eq!(answers(&server), [Some(200); 3]);
    // So much is new there that all of it is fetched.
    m.exchanges().await;
    assert_eq!(m.status(&more["e"]).await, "claimed-by-manager");
    assert_eq!(m.statuses(&shot).await, ["paused", "paused", "paused", "claimed-by-manager"]);
    ada.takes(&shot["d"]).await;
}

#[tokio::test]
async fn a_server_that_hangs_keeps_one_worker_waiting_a_little_and_the_next_not_at_all() {
    let (server, m, shot) = taken_in(&["a", "b", "c"]).await;
    let ada = m.sleeper("ada").await;
    server.mood(Call::Task, Mood::Hangs);
    takes_in_time(&ada, &shot["a"]).await;
    m.sleeper("bob").await.takes(&shot["b"]).await;
    assert_eq!(server.count(Call::Task), 1);
    server.mood(Call::Task, Mood::Fine);
    m.advance(2.seconds());
    m.sleeper("cyd").await.takes(&shot["c"]).await;
    assert_eq!(answers(&server), [None, Some(304)]);
}

#[tokio::test]
async fn while_the_server_is_away_work_goes_on() {
    let (server, m, shot) = taken_in(&["a", "b"]).await;
    let ada = m.sleeper("ada").await;
    server.goes_down().await;
    for name in ["a", "b"] {
        takes_in_time(&ada, &shot[name]).await;
        ada.ends(&shot[name], "completed").await;
        m.advance(1.minute());
        m.exchanges().await;
    }
    server.comes_back();
    m.advance(1.minute());
    m.exchanges().await;
    assert_eq!(server.job_status(&shot), "completed");
}

#[tokio::test]
async fn two_workers_never_get_one_task_while_the_server_dawdles() {
    let (server, m, shot) = taken_in(&["a", "b"]).await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    server.mood_for(Call::Task, 2, Mood::Hangs);
    let dawdle = async {
        server.arrived(Call::Task, 2).await;
        server.release();
    };
    let (one, other, ()) = tokio::join!(ada.ask(), bob.ask(), dawdle);
    let got = [one, other].map(|answer| answer.expect(200).json()["_id"].as_str().unwrap().to_owned());
    assert_eq!(HashSet::from(got), HashSet::from(["a", "b"].map(|name| shot[name].to_owned())));
}

#[tokio::test]
async fn workers_who_all_ask_at_once_all_get_a_task() {
    let names: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    let (server, m, _) = taken_in(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut workers = Vec::new();
    for name in &names {
        workers.push(m.sleeper(name).await);
    }
    let answers = join_all(workers.iter().map(TestWorker::ask)).await;
    let got: HashSet<_> =
        answers.into_iter().map(|answer| answer.expect(200).json()["_id"].to_string()).collect();
    assert_eq!(got.len(), names.len());
    assert_eq!(server.count(Call::Depsgraph), 1);
}

#[tokio::test]
async fn what_happens_here_while_the_server_dawdles_counts() {
    let (server, m, shot) = taken_in(&["a", "b"]).await;
    let ada = m.sleeper("ada").await;
    server.mood_for(Call::Task, 1, Mood::AnswersLate);
    let meanwhile = async {
        server.arrived(Call::Task, 1).await;
        m.cancel(&shot["a"]).await;
        server.release();
    };
    tokio::join!(ada.takes(&shot["b"]), meanwhile);
    assert_eq!(m.statuses(&shot).await, ["canceled", "active"]);
}

#[tokio::test]
async fn for_a_worker_that_is_to_sleep_the_server_is_not_asked() {
    let (server, m, _) = taken_in(&["a"]).await;
    let ada = m.sleeper("ada").await;
    m.request(&ada, "asleep").await;
    ada.ask().await.expect(423);
    assert_eq!(server.count(Call::Task), 0);
}

#[tokio::test]
async fn a_worker_that_asks_again_gets_its_task_again_and_the_server_is_left_alone() {
    let (server, m, shot) = taken_in(&["a", "b"]).await;
    let ada = m.sleeper("ada").await;
    ada.takes(&shot["a"]).await;
    ada.takes(&shot["a"]).await;
    assert_eq!(server.count(Call::Task), 1);
}

#[tokio::test]
async fn the_server_is_never_asked_about_a_job_that_was_submitted_here() {
    let server = FakeServer::start();
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    let shot = m.submit(&job([task("a")])).await;
    m.sleeper("ada").await.takes_and_completes(&shot["a"]).await;
    m.advance(10.minutes());
    m.exchanges().await;
    assert_eq!(server.count(Call::Task), 0);
    assert_eq!(server.updates(), Vec::<serde_json::Value>::new());
    assert_eq!(m.status(&shot["a"]).await, "completed");
}
