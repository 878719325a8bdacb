//! Tasks are cancelled at the Server (`server-protocol.md`, section 1.4): what nobody has at once, what a worker has
//! in two rounds; and the Server hears of it once, however often it asks.

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Call, FakeServer, Job, Mood, TestManager, TestWorker, behind, job, task};

/// A Manager that has taken the tasks `a` and `b`, both ready, and a worker who may have them.
async fn at_work(server: &FakeServer, toml: &str) -> (TestManager, TestWorker, Job) {
    let shot = server.submit(&job([task("a"), task("b")]));
    let m = TestManager::below_with(server, toml).await;
    m.exchanges().await;
    let ada = m.sleeper("ada").await;
    (m, ada, shot)
}

/// The same, with the first in the hands of the worker, as the Server knows.
async fn with_one_in_hand(server: &FakeServer) -> (TestManager, TestWorker, Job) {
    let (m, ada, shot) = at_work(server, "").await;
    ada.takes(&shot["a"]).await;
    m.seconds_pass(5).await;
    assert_eq!(server.status(&shot["a"]), "active");
    (m, ada, shot)
}

/// The statuses that the Server was told of a task.
fn told(server: &FakeServer, task: &str) -> Vec<Value> {
    server
        .heard(task)
        .into_iter()
        .filter_map(|mut update| Some(update.get_mut("task_status")?.take()))
        .collect()
}

#[tokio::test]
async fn a_task_that_nobody_has_is_cancelled_at_once() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server, "").await;
    server.cancel_task(&shot["a"]);
    m.seconds_pass(10).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    m.seconds_pass(5).await;
    assert_eq!(server.status(&shot["a"]), "canceled");
    let heard = server.heard(&shot["a"]);
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0]["activity"], "The Flamenco Server asked for this task to be canceled");
    assert_eq!(heard[1]["task_status"], "canceled");
    assert!(m.log(&shot["a"]).await.contains("The Flamenco Server asked for this task to be canceled"));
    ada.takes(&shot["b"]).await;
}

#[tokio::test]
async fn a_cancellation_is_noticed_without_any_news_from_here() {
    let server = FakeServer::start();
    let (m, _, shot) = at_work(&server, "cancel_task_fetch_max_interval = \"30s\"").await;
    server.cancel_task(&shot["a"]);
    m.seconds_pass(29).await;
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
    m.seconds_pass(1).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
}

#[tokio::test]
async fn a_task_that_failed_softly_is_cancelled_at_once() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server, "").await;
    m.sleeper("bob").await;
    ada.takes_and_fails(&shot["a"]).await;
    m.seconds_pass(5).await;
    assert_eq!(server.status(&shot["a"]), "soft-failed");
    server.cancel_task(&shot["a"]);
    m.seconds_pass(15).await;
    assert_eq!(
        (m.status(&shot["a"]).await.as_str(), server.status(&shot["a"]).as_str()),
        ("canceled", "canceled")
    );
}

#[tokio::test]
async fn a_worker_is_told_to_stop_and_the_task_is_cancelled_when_it_gives_it_back() {
    let server = FakeServer::start();
    let (m, ada, shot) = with_one_in_hand(&server).await;
    server.cancel_task(&shot["a"]);
    m.seconds_pass(10).await;
    assert_eq!(m.status(&shot["a"]).await, "cancel-requested");
    assert_eq!(told(&server, &shot["a"]), ["active"], "the Server knows that it asked");
    let answer = ada.may_i_run(&shot["a"]).await.expect(200).json();
    let reason = format!("task {} in non-runnable status cancel-requested", &shot["a"]);
    assert_eq!((&answer["may_keep_running"], &answer["reason"]), (&json!(false), &json!(reason)));
    ada.gives_back(&shot["a"]).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    m.seconds_pass(20).await;
    assert_eq!(server.status(&shot["a"]), "canceled");
    assert_eq!(told(&server, &shot["a"]), ["active", "canceled"]);
}

#[tokio::test]
async fn a_task_that_its_worker_does_not_give_back_is_cancelled_when_it_is_listed_again() {
    let server = FakeServer::start();
    let (m, ada, shot) = with_one_in_hand(&server).await;
    server.cancel_task(&shot["a"]);
    m.seconds_pass(10).await;
    ada.reports(&shot["a"], &json!({"task_status": "completed", "log": "I am deaf"})).await;
    m.seconds_pass(5).await;
    assert_eq!(server.task(&shot["a"])["log"], "I am deaf\n");
    assert_eq!(
        m.status(&shot["a"]).await,
        "cancel-requested",
        "listed again, but the worker has some time yet"
    );
    m.seconds_pass(10).await;
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    ada.gives_back(&shot["a"]).await;
    m.seconds_pass(5).await;
    assert_eq!(server.status(&shot["a"]), "canceled");
    assert_eq!(told(&server, &shot["a"]), ["active", "canceled"]);
    ada.takes(&shot["b"]).await;
}

#[tokio::test]
async fn a_restart_between_the_two_rounds_changes_nothing() {
    let server = FakeServer::start();
    let (mut m, ada, shot) = with_one_in_hand(&server).await;
    server.cancel_task(&shot["a"]);
    m.seconds_pass(10).await;
    m.restart().await;
    m.exchanges().await;
    let answer = ada.may_i_run(&shot["a"]).await.expect(200).json();
    assert_eq!(answer["may_keep_running"], false);
    m.seconds_pass(15).await;
    assert_eq!(server.status(&shot["a"]), "canceled");
}

#[tokio::test]
async fn what_is_over_here_ends_as_cancelled_if_the_server_waits_for_that() {
    for status in ["completed", "failed"] {
        let server = FakeServer::start();
        let (m, ada, shot) = with_one_in_hand(&server).await;
        ada.ends(&shot["a"], status).await;
        m.seconds_pass(5).await;
        assert_eq!(server.status(&shot["a"]), status);
        server.cancel_task(&shot["a"]);
        m.seconds_pass(15).await;
        assert_eq!(server.status(&shot["a"]), "canceled");
        assert_eq!(m.status(&shot["a"]).await, "canceled");
        assert_eq!(told(&server, &shot["a"]), [json!("active"), json!(status), json!("canceled")]);
    }
}

#[tokio::test]
async fn a_completion_that_the_server_has_yet_to_hear_comes_before_the_cancellation() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server, "task_update_push_max_count = 2").await;
    ada.takes(&shot["a"]).await;
    ada.ends(&shot["a"], "completed").await;
    server.cancel_task(&shot["a"]);
    // The first batch ends before the completion, and so its answer lists the task.
    m.seconds_pass(15).await;
    assert_eq!(told(&server, &shot["a"]), ["active", "completed", "canceled"]);
    assert_eq!(
        (m.status(&shot["a"]).await.as_str(), server.status(&shot["a"]).as_str()),
        ("canceled", "canceled")
    );
}

#[tokio::test]
async fn a_task_that_nobody_here_knows_is_cancelled_once() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a"), task("b")]));
    server.cancel_task(&shot["a"]);
    let m = TestManager::below(&server).await;
    // The first push lists it; the first download brings it.
    m.exchanges().await;
    m.seconds_pass(15).await;
    assert_eq!(server.status(&shot["a"]), "canceled");
    assert_eq!(m.status(&shot["a"]).await, "canceled");
    assert_eq!(told(&server, &shot["a"]), ["canceled"]);
}

#[tokio::test]
async fn a_task_that_was_forgotten_here_is_cancelled_all_the_same() {
    let server = FakeServer::start();
    let (m, _, shot) = at_work(&server, "").await;
    m.services.erase_tasks().await.unwrap();
    server.cancel_task(&shot["a"]);
    m.seconds_pass(15).await;
    assert_eq!(server.status(&shot["a"]), "canceled");
    assert_eq!(told(&server, &shot["a"]), ["canceled"]);
}

#[tokio::test]
async fn however_often_a_task_is_listed_its_cancellation_is_told_once() {
    let server = FakeServer::start();
    let (m, _, shot) = at_work(&server, "").await;
    server.mood(Call::Push, Mood::handles_only(|_| false));
    server.cancel_task(&shot["a"]);
    m.seconds_pass(40).await;
    assert!(server.count(Call::Push) > 6, "it was listed again and again");
    server.mood(Call::Push, Mood::Fine);
    m.seconds_pass(20).await;
    assert_eq!(server.heard(&shot["a"]).len(), 2);
    assert_eq!(server.status(&shot["a"]), "canceled");
}

#[tokio::test]
async fn a_cancellation_that_was_purged_is_told_when_the_task_is_listed_again() {
    let server = FakeServer::start();
    let (m, _, shot) = at_work(&server, "").await;
    server.cancel_task(&shot["a"]);
    m.seconds_pass(10).await;
    m.services.purge_updates().await.unwrap();
    m.seconds_pass(15).await;
    assert_eq!(server.status(&shot["a"]), "canceled");
}

#[tokio::test]
async fn a_job_that_is_cancelled_at_the_server_ends_as_cancelled_there_and_here() {
    let server = FakeServer::start();
    let tasks = [task("a"), task("b"), task("c"), behind("d", &["a"])];
    let shot = server.submit(&job(tasks));
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    ada.takes_and_completes(&shot["a"]).await;
    bob.takes(&shot["b"]).await;
    m.seconds_pass(5).await;
    server.cancel_job(&shot);
    m.seconds_pass(10).await;
    assert_eq!(m.statuses(&shot).await, ["completed", "cancel-requested", "canceled", "canceled"]);
    ada.gets_nothing().await;
    bob.gives_back(&shot["b"]).await;
    m.seconds_pass(5).await;
    assert_eq!(server.job_status(&shot), "canceled");
    assert_eq!(m.job_status(&shot).await, "canceled");
    assert_eq!(server.status(&shot["a"]), "completed", "what was done stays done");
}

#[tokio::test]
async fn a_task_that_is_requeued_at_the_server_after_it_was_cancelled_runs_again() {
    let server = FakeServer::start();
    let (m, ada, shot) = with_one_in_hand(&server).await;
    server.cancel_job(&shot);
    m.seconds_pass(10).await;
    ada.gives_back(&shot["a"]).await;
    m.seconds_pass(5).await;
    assert_eq!(server.job_status(&shot), "canceled");
    server.set_job_status(&shot, "requeued");
    m.advance(10.minutes());
    m.exchanges().await;
    assert_eq!(m.statuses(&shot).await, ["claimed-by-manager", "claimed-by-manager"]);
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes_and_completes(&shot["b"]).await;
    m.seconds_pass(5).await;
    assert_eq!(server.job_status(&shot), "completed");
    assert_eq!(m.job_status(&shot).await, "completed");
}
