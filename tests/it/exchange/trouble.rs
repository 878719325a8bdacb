//! The Server is away, slow, confused or hostile: it is left in peace for a while, nothing is lost, and workers go on.

use std::time::Duration;

use flamenco_manager::{app, exchange::Topic, upstream};
use jiff::ToSpan;
use serde_json::{Value, json};
use tracing::Level;

use crate::kit::{Call, FakeServer, Job, Listener, Mood, TestManager, TestWorker, job, task};

/// A Manager that has the Server's tasks `a`, `b` and `c`, all ready, and a worker who may have them.
async fn at_work(server: &FakeServer) -> (TestManager, TestWorker, Job) {
    let shot = server.submit(&job([task("a"), task("b"), task("c")]));
    let m = TestManager::below(server).await;
    m.exchanges().await;
    let ada = m.sleeper("ada").await;
    (m, ada, shot)
}

async fn farm(m: &TestManager) -> Value {
    m.get("/api/farm").await.expect(200).json()
}

/// All updates that the Server took, by their ID.
fn ids(server: &FakeServer) -> Vec<String> {
    server.updates().iter().map(|update| update["_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn whatever_goes_wrong_at_the_server_is_tried_again_more_and_more_rarely_and_nothing_is_lost() {
    let moods = [
        Mood::Answers(500),
        Mood::Answers(503),
        Mood::Nonsense,
        Mood::HangsUp,
        Mood::ProxyPage,
        Mood::Answers(302),
    ];
    for mood in moods {
        let log = Listener::start();
        let server = FakeServer::start();
        let (m, ada, shot) = at_work(&server).await;
        server.mood(Call::Push, mood);
        ada.takes_and_completes(&shot["a"]).await;
        let before = server.count(Call::Push);
        m.seconds_pass(300).await;
        let pushes = server.count(Call::Push) - before;
        // A failure is followed by an empty push, to see what the reason is.
        assert!((8..=32).contains(&pushes), "{pushes}");
        let about = farm(&m).await;
        assert!(about["exchange"]["conversations"]["push"]["failures_in_a_row"].as_u64() >= Some(8));
        let mut warnings = log.lines(Level::WARN);
        // On a busy machine a question about a task may take too long.
        warnings.retain(|line| line.contains("topic=\"push\""));
        assert!(matches!(&warnings[..], [one] if one.contains("http://")), "{warnings:?}");
        server.mood(Call::Push, Mood::Fine);
        ada.takes(&shot["b"]).await;
        m.seconds_pass(60).await;
        assert_eq!(
            (server.status(&shot["a"]).as_str(), server.status(&shot["b"]).as_str()),
            ("completed", "active")
        );
        assert_eq!(ids(&server).len(), 5);
        assert_eq!(farm(&m).await["queues"]["task_updates_set_aside"], 0);
    }
}

#[tokio::test]
async fn what_the_server_did_without_saying_so_is_repeated_and_harms_nobody() {
    for mood in [Mood::HalfAnAnswer, Mood::DoesItButHangsUp] {
        let server = FakeServer::start();
        let (m, ada, shot) = at_work(&server).await;
        ada.takes_and_completes(&shot["a"]).await;
        server.mood_for(Call::Push, 2, mood);
        m.seconds_pass(20).await;
        let mut heard = ids(&server);
        assert_eq!(heard.len(), 9, "all of it three times");
        assert!(heard.chunks(3).all(|push| push == &heard[..3]), "in the same order each time");
        heard.dedup();
        assert_eq!(server.status(&shot["a"]), "completed");
        assert_eq!(farm(&m).await["queues"]["task_updates"], 0);
    }
}

#[tokio::test]
async fn a_server_that_hangs_keeps_no_worker_waiting_and_is_given_up_in_time() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server).await;
    let limits = upstream::Limits { call: Duration::from_secs(3), ..upstream::Limits::default() };
    let reached = app::Reached { scheme: "http", address: m.door.address() };
    let exchange = app::exchange(&m.config, &m.services, reached, limits).unwrap();
    server.mood(Call::Push, Mood::Hangs);
    ada.takes(&shot["a"]).await;
    let waits = async { exchange.push().await.unwrap() };
    let works = async {
        server.arrived(Call::Push, 2).await;
        ada.ends(&shot["a"], "completed").await;
        ada.takes(&shot["b"]).await;
        farm(&m).await
    };
    tokio::join!(waits, works);
    let push = &exchange.state().conversations[Topic::Push as usize];
    let failure = push.last_failure.clone().unwrap().what;
    assert!(failure.contains("no answer") && failure.contains("it took too long"), "{failure}");
    server.mood(Call::Push, Mood::Fine);
    m.advance(5.seconds());
    exchange.push().await.unwrap();
    assert_eq!(
        (server.status(&shot["a"]).as_str(), server.status(&shot["b"]).as_str()),
        ("completed", "active")
    );
}

#[tokio::test]
async fn an_update_that_the_server_refuses_is_set_aside_and_all_others_get_through() {
    let log = Listener::start();
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server).await;
    server.mood(Call::Push, Mood::RefusesUpdate(shot["b"].to_owned()));
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes_and_completes(&shot["b"]).await;
    ada.takes_and_completes(&shot["c"]).await;
    m.seconds_pass(5).await;
    assert_eq!(server.status(&shot["a"]), "completed", "what stood before it");
    assert_eq!(server.status(&shot["c"]), "completed", "what stood behind it");
    let queues = farm(&m).await["queues"].take();
    assert_eq!((&queues["task_updates"], &queues["task_updates_set_aside"]), (&json!(3), &json!(0)));
    m.seconds_pass(10 * 60).await;
    let queues = farm(&m).await["queues"].take();
    assert_eq!((&queues["task_updates"], &queues["task_updates_set_aside"]), (&json!(0), &json!(3)));
    assert_eq!(queues["last_set_aside"]["task"], shot["b"]);
    let reason = queues["last_set_aside"]["reason"].as_str().unwrap();
    assert!(reason.contains("status 400"), "{reason}");
    let errors = log.lines(Level::ERROR);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains(&shot["b"]) && errors[0].contains("status 400"), "{errors:?}");
    server.mood(Call::Push, Mood::Fine);
    assert_eq!(farm(&m).await["exchange"]["conversations"]["push"]["failures_in_a_row"], 0);
}

#[tokio::test]
async fn cancellations_come_through_while_an_update_is_refused() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server).await;
    server.mood(Call::Push, Mood::RefusesUpdate(shot["a"].to_owned()));
    ada.takes(&shot["a"]).await;
    server.cancel_task(&shot["b"]);
    m.seconds_pass(15).await;
    assert_eq!(
        (m.status(&shot["b"]).await.as_str(), server.status(&shot["b"]).as_str()),
        ("canceled", "canceled")
    );
}

#[tokio::test]
async fn a_server_that_takes_no_update_at_all_for_an_hour_is_in_trouble_and_nothing_is_set_aside() {
    for status in [500, 400, 429] {
        let server = FakeServer::start();
        let (m, ada, shot) = at_work(&server).await;
        server.mood(Call::Push, Mood::TakesNoUpdates(status));
        for name in ["a", "b", "c"] {
            ada.takes_and_completes(&shot[name]).await;
        }
        for _ in 0..60 {
            m.advance(1.minute());
            m.exchanges().await;
        }
        let about = farm(&m).await;
        assert_eq!(about["queues"]["task_updates_set_aside"], 0);
        assert_eq!(about["exchange"]["conversations"]["push"]["failures_in_a_row"], 60);
        server.mood(Call::Push, Mood::Fine);
        m.seconds_pass(60).await;
        assert_eq!(server.job_status(&shot), "completed");
    }
}

#[tokio::test]
async fn an_update_that_is_refused_for_less_than_a_minute_is_not_lost() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server).await;
    server.mood(Call::Push, Mood::RefusesUpdate(shot["a"].to_owned()));
    ada.takes_and_completes(&shot["a"]).await;
    m.seconds_pass(50).await;
    server.mood(Call::Push, Mood::Fine);
    m.seconds_pass(60).await;
    assert_eq!(server.status(&shot["a"]), "completed");
    assert_eq!(farm(&m).await["queues"]["task_updates_set_aside"], 0);
}

#[tokio::test]
async fn news_of_a_task_that_is_another_managers_now_is_set_aside_and_keeps_nobody_waiting() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server).await;
    m.advance(1.second());
    let other = server.submit(&job([task("x")]));
    m.advance(10.minutes());
    m.exchanges().await;
    ada.takes(&shot["a"]).await;
    let bob = m.sleeper("bob").await;
    server.cancel_task(&shot["b"]);
    server.cancel_task(&shot["c"]);
    m.seconds_pass(15).await;
    bob.takes(&other["x"]).await;
    server.gives_away(&shot);
    ada.ends(&shot["a"], "completed").await;
    bob.ends(&other["x"], "completed").await;
    m.seconds_pass(10).await;
    assert_eq!(server.status(&other["x"]), "completed");
    let queues = farm(&m).await["queues"].take();
    assert_eq!((&queues["task_updates"], &queues["task_updates_set_aside"]), (&json!(1), &json!(0)));
    m.seconds_pass(90).await;
    let queues = farm(&m).await["queues"].take();
    assert_eq!((&queues["task_updates"], &queues["task_updates_set_aside"]), (&json!(0), &json!(1)));
    assert_eq!(queues["last_set_aside"]["task"], shot["a"]);
}

#[tokio::test]
async fn a_ready_task_that_is_another_managers_now_does_not_bring_the_exchange_to_a_standstill() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server).await;
    server.gives_away(&shot);
    ada.ask().await;
    m.seconds_pass(15).await;
    assert_eq!(farm(&m).await["exchange"]["standstill"], Value::Null);
    assert!(server.count(Call::Push) > 1, "the Server still hears of everything");
}

#[tokio::test]
async fn without_valid_credentials_everything_stands_still_with_one_error_and_no_task_is_cancelled() {
    for mood in [Mood::Revoked, Mood::Answers(401)] {
        let log = Listener::start();
        let server = FakeServer::start();
        let (m, ada, shot) = at_work(&server).await;
        ada.takes(&shot["a"]).await;
        m.seconds_pass(5).await;
        server.mood_for_all(&mood);
        server.cancel_task(&shot["b"]);
        m.seconds_pass(10).await;
        let asked = server.requests().len();
        m.seconds_pass(850).await;
        ada.ends(&shot["a"], "completed").await;
        ada.takes(&shot["b"]).await;
        assert_eq!(server.requests().len(), asked, "the Server is left alone");
        assert_eq!(m.statuses(&shot).await, ["completed", "active", "claimed-by-manager"]);

        let standstill = farm(&m).await["exchange"]["standstill"].take();
        let reason = standstill["reason"].as_str().unwrap();
        assert!(
            reason.contains("`manager_id` and `manager_secret`") && reason.contains("http://"),
            "{reason}"
        );
        let since = standstill["since"].clone();
        m.get("/kick").await.expect(200);
        m.exchanges().await;
        assert_eq!(server.requests().len(), asked + 1, "one try, and all stands still again");
        let standstill = farm(&m).await["exchange"]["standstill"].take();
        assert_eq!(standstill["since"], since, "since it began, however often it was tried again");
        m.seconds_pass(899).await;
        assert_eq!(server.requests().len(), asked + 1);
        m.seconds_pass(1).await;
        assert_eq!(server.requests().len(), asked + 2);
        let errors = log.lines(Level::ERROR);
        assert!(matches!(&errors[..], [one] if one.contains("manager_secret")), "{errors:?}");

        server.mood_for_all(&Mood::Fine);
        m.seconds_pass(900).await;
        assert_eq!(farm(&m).await["exchange"]["standstill"], Value::Null);
        assert_eq!(server.status(&shot["a"]), "completed");
        assert!(log.lines(Level::INFO).iter().any(|line| line.contains("accepts this Manager again")));
        assert_eq!(m.status(&shot["b"]).await, "cancel-requested", "what the Server wished meanwhile");
    }
}

#[tokio::test]
async fn a_worker_gets_its_task_when_the_server_no_longer_accepts_the_manager() {
    let server = FakeServer::start();
    let (m, ada, shot) = at_work(&server).await;
    server.mood_for_all(&Mood::Revoked);
    ada.takes(&shot["a"]).await;
    m.seconds_pass(5).await;
    assert_ne!(farm(&m).await["exchange"]["standstill"], Value::Null);
    let asked = server.requests().len();
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes(&shot["b"]).await;
    assert_eq!(server.requests().len(), asked);
}
