//! Silence: workers and tasks time out, and what is long gone is forgotten.

use std::{sync::Arc, time::Instant};

use flamenco_manager::{
    app,
    clock::ManualClock,
    config::Intervals,
    loops,
    services::{Permit, Registration, TimedOut},
};
use jiff::{ToSpan, tz::TimeZone};
use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::kit::{START, TestManager, config_in, job, task, with};

#[tokio::test]
async fn an_awake_worker_that_falls_silent_times_out_and_its_task_goes_back() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.advance(1.minutes());
    assert_eq!(m.check_timeouts().await, TimedOut::default());
    m.advance(1.milliseconds());
    assert_eq!(m.check_timeouts().await.workers, [ada.id.parse().unwrap()]);
    assert_eq!(m.worker_status(&ada).await, "timeout");
    let after = m.task(&shot["a"]).await;
    assert_eq!(after["status"], "claimed-by-manager");
    let reason = "worker 127.0.0.1 (ada) timed out";
    assert_eq!(
        after["activity"],
        format!("Re-queued task after unassigning from worker 127.0.0.1 (ada): {reason}")
    );
    assert!(m.log(&shot["a"]).await.ends_with(&format!("from worker 127.0.0.1 (ada): {reason}\n")));
    assert_eq!(m.check_timeouts().await, TimedOut::default());
    m.sleeper("bob").await.takes(&shot["a"]).await;
}

#[tokio::test]
async fn only_awake_workers_time_out() {
    let m = TestManager::start().await;
    let sleeping = [m.sleeper("asleep").await, m.sleeper("error").await, m.sleeper("testing").await];
    for (worker, status) in sleeping.iter().zip(["asleep", "error", "testing"]) {
        worker.acknowledges(status).await;
    }
    m.sleeper("starting").await;
    m.sleeper("offline").await.sign_off().await;
    m.advance(24.hours());
    assert_eq!(m.check_timeouts().await, TimedOut::default());
}

#[tokio::test]
async fn every_call_is_a_sign_of_life() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    for call in 0..4 {
        m.advance(50.seconds());
        match call {
            0 => drop(ada.may_i_run(&shot["a"]).await.expect(200)),
            1 => ada.reports(&shot["a"], &json!({})).await,
            2 => drop(ada.get("/status-change").await.expect(204)),
            _ => drop(ada.post_json("/output-produced", &json!({"paths": ["x"]})).await.expect(204)),
        }
        assert_eq!(m.check_timeouts().await, TimedOut::default(), "{call}");
    }
}

#[tokio::test]
async fn a_worker_that_timed_out_comes_back_by_itself() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    assert_eq!(m.worker_status(&ada).await, "timeout");
    assert_eq!(ada.may_i_run(&shot["a"]).await.json()["may_keep_running"], false);
    assert_eq!(m.worker_status(&ada).await, "awake");
    ada.gives_back(&shot["a"]).await;
    ada.takes(&shot["a"]).await;
}

#[tokio::test]
async fn a_stranger_does_not_bring_a_worker_back() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    ada.with_secret("wrong").ask().await.expect(401);
    assert_eq!(m.worker_status(&ada).await, "timeout");
}

#[tokio::test]
async fn a_request_that_was_pending_stays_pending_over_a_timeout() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    m.act(&ada, "action=set-status&status=asleep&lazy=true").await.expect(204);
    m.advance(2.minutes());
    m.check_timeouts().await;
    let about = m.about(&ada).await;
    assert_eq!((&about["status"], &about["status_requested"]), (&json!("timeout"), &json!("asleep")));
    assert_eq!(ada.ask().await.expect(423).json(), json!({"status_requested": "asleep"}));
}

#[tokio::test]
async fn a_timeout_requests_nothing() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    assert_eq!(m.about(&ada).await["status_requested"], "");
    ada.gets_nothing().await;
}

#[tokio::test]
async fn an_active_task_that_is_not_pinged_fails_and_its_worker_has_timed_out() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.advance(10.minutes());
    ada.get("/status-change").await.expect(204);
    assert_eq!(m.check_timeouts().await, TimedOut::default());
    m.advance(1.milliseconds());
    assert_eq!(m.check_timeouts().await.tasks, [shot["a"].parse().unwrap()]);
    let after = m.task(&shot["a"]).await;
    assert_eq!(after["status"], "failed");
    assert_eq!(after["activity"], "Task timed out on worker 127.0.0.1 (ada)");
    assert_eq!(m.worker_status(&ada).await, "timeout");
    let log = m.log(&shot["a"]).await;
    let line = format!(
        "2026-03-02T11:10:00.001Z Task a ({}) timed out, was active but untouched since {START}\n",
        &shot["a"]
    );
    assert!(log.ends_with(&line), "{log}");
}

#[tokio::test]
async fn a_task_of_a_worker_that_is_away_by_its_own_word_goes_back_and_the_worker_stays_as_it_is() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    ada.acknowledges("asleep").await;
    m.advance(11.minutes());
    m.check_timeouts().await;
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
    assert_eq!(m.worker_status(&ada).await, "asleep");
    m.sleeper("bob").await.takes(&shot["a"]).await;
}

#[tokio::test]
async fn a_task_is_not_lost_when_its_worker_was_killed_and_sent_to_sleep_as_it_came_back() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.request(&ada, "asleep").await;
    ada.sign_on().await;
    ada.ask().await.expect(423);
    ada.acknowledges("asleep").await;
    for _ in 0..11 {
        m.advance(1.minutes());
        ada.get("/status-change").await.expect(204);
        m.check_timeouts().await;
    }
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
}

#[tokio::test]
async fn a_task_whose_worker_vanished_while_the_manager_was_away_is_not_lost() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.advance(1.hours());
    m.restart().await;
    let found = m.check_timeouts().await;
    assert_eq!((found.workers.len(), found.tasks.len()), (1, 0));
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
}

#[tokio::test]
async fn a_task_that_is_asked_after_does_not_time_out() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    for _ in 0..4 {
        m.advance(9.minutes());
        ada.may_i_run(&shot["a"]).await.expect(200);
        assert_eq!(m.check_timeouts().await, TimedOut::default());
    }
}

#[tokio::test]
async fn signs_of_life_survive_being_written_and_a_restart() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.advance(50.seconds());
    ada.may_i_run(&shot["a"]).await.expect(200);
    let seen = |m: &TestManager| {
        let id = shot["a"].parse().unwrap();
        m.services.task(id).unwrap().task.last_worker_ping.unwrap().to_string()
    };
    assert_eq!(seen(&m), "2026-03-02T11:00:50Z");
    m.services.flush_heartbeats().await.unwrap();
    m.services.flush_heartbeats().await.unwrap();
    assert_eq!(m.about(&ada).await["last_activity"], "2026-03-02T11:00:50Z");
    m.advance(50.seconds());
    ada.may_i_run(&shot["a"]).await.expect(200);
    m.restart().await;
    assert_eq!(m.about(&ada).await["last_activity"], "2026-03-02T11:01:40Z");
    m.advance(50.seconds());
    assert_eq!(m.check_timeouts().await, TimedOut::default());
}

#[tokio::test]
async fn workers_that_are_long_gone_are_removed_if_that_is_wanted() {
    let m = TestManager::configured("worker_cleanup_max_age = \"24h\"").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    bob.sign_off().await;
    m.advance(24.hours());
    assert_eq!(m.services.clean_up_workers().await.unwrap(), []);
    m.advance(1.milliseconds());
    assert_eq!(m.services.clean_up_workers().await.unwrap(), [bob.id.parse().unwrap()]);
    bob.ask().await.expect(401);
    ada.takes(&shot["a"]).await;
}

#[tokio::test]
async fn a_worker_that_is_removed_loses_its_task() {
    let m = TestManager::configured(
        "worker_cleanup_max_age = \"24h\"\nworker_cleanup_status = [\"awake\", \"offline\"]",
    )
    .await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.advance(25.hours());
    assert_eq!(m.services.clean_up_workers().await.unwrap().len(), 1);
    let after = m.task(&shot["a"]).await;
    assert_eq!(after["status"], "claimed-by-manager");
    assert!(after["activity"].as_str().unwrap().ends_with(": worker is being auto-removed"), "{after}");
}

#[tokio::test]
async fn workers_are_never_removed_unless_that_is_wanted() {
    let m = TestManager::start().await;
    m.sleeper("ada").await.sign_off().await;
    m.advance(10_000.hours());
    assert_eq!(m.services.clean_up_workers().await.unwrap(), []);
}

#[tokio::test]
async fn with_a_server_old_tasks_are_forgotten_and_their_job_with_the_last_of_them() {
    let m = TestManager::with_server().await;
    let ada = m.sleeper("ada").await;
    let shot = m.receive(&job([task("a"), task("b")])).await;
    m.advance(100.hours());
    ada.takes_and_completes(&shot["a"]).await;
    m.advance(236.hours());
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 0);
    m.advance(1.milliseconds());
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 1);
    m.get(&format!("/api/tasks/{}", &shot["b"])).await.expect(404);
    m.get(&format!("/api/jobs/{}", shot.id)).await.expect(200);
    m.advance(100.hours());
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 1);
    m.get(&format!("/api/jobs/{}", shot.id)).await.expect(404);
}

#[tokio::test]
async fn old_tasks_of_a_job_for_which_another_waits_stay_until_it_is_completed() {
    let m = TestManager::with_server().await;
    let ada = m.sleeper("ada").await;
    let first = m.receive(&job([task("a")])).await;
    let second = m.submit(&with(job([task("b")]), &json!({"depends_on": [first.id]}))).await;
    m.advance(400.hours());
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 0);
    ada.takes_and_completes(&first["a"]).await;
    m.advance(400.hours());
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 1);
    ada.takes(&second["b"]).await;
}

#[tokio::test]
async fn a_task_in_the_hands_of_a_worker_is_not_forgotten_however_long_it_takes() {
    let m = TestManager::with_server().await;
    let ada = m.sleeper("ada").await;
    let shot = m.receive(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.advance(400.hours());
    ada.may_i_run(&shot["a"]).await;
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 0);
    assert_eq!(m.status(&shot["a"]).await, "active");
}

#[tokio::test]
async fn without_a_server_tasks_are_never_forgotten() {
    let m = TestManager::start().await;
    m.submit(&job([task("a")])).await;
    m.advance(10_000.hours());
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 0);
}

/// The grace is the loop's: it is tested with the loops, whose time is tokio's and stands still but when all sleep.
#[tokio::test(start_paused = true)]
async fn after_a_start_workers_have_time_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(START.parse().unwrap()));
    let services = Arc::new(app::services(&config_in("", &folder), Arc::clone(&clock) as _).unwrap());
    let registration = Registration {
        secret: "s".repeat(64),
        platform: "linux".to_owned(),
        supported_task_types: vec!["sleep".to_owned()],
        nickname: "ada".to_owned(),
        address: "127.0.0.1".to_owned(),
        software: String::new(),
    };
    let ada = services.register(registration).await.unwrap().id;
    services.hand_out(ada, Permit::Any).await.unwrap();
    clock.advance(1.hours());
    let status = || services.worker(ada).unwrap().worker.status.as_str();

    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    loops::spawn_all(&tracker, &stop, &services, &TimeZone::UTC, &Intervals::default());
    tokio::time::sleep(std::time::Duration::from_secs(299)).await;
    assert_eq!(status(), "awake");
    let begin = Instant::now();
    while status() != "timeout" {
        assert!(begin.elapsed().as_secs() < 30, "the loop takes no turn");
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    stop.cancel();
    tracker.close();
    tracker.wait().await;
}
