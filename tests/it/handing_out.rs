//! Workers ask for tasks: which one they get, and in what form.

use std::{collections::BTreeSet, sync::Arc};

use flamenco_manager::{
    app,
    clock::{Clock, ManualClock},
    domain::ids::WorkerId,
    services::{Assignment, HandOut, NewJob, Permit, Registration, Services},
};
use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use crate::kit::{START, TestManager, TestWorker, behind, config_in, job, task, with};

#[tokio::test]
async fn a_task_goes_out_as_the_worker_needs_it() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let commands = json!([
        {"name": "sleep", "settings": {"time_in_seconds": 24.0, "half": 0.5}},
        {"name": "echo"},
    ]);
    let shot = m
        .submit(&job([task("parent"), with(behind("a", &["parent"]), &json!({"commands": commands}))]))
        .await;
    ada.takes_and_completes(&shot["parent"]).await;
    m.advance(1500.milliseconds());
    let text = ada.ask().await.expect(200);
    assert_eq!(text.header("content-type"), "application/json");
    let text = [(&*shot.id, "JOB"), (&shot["parent"], "PARENT"), (&shot["a"], "TASK"), (&ada.id, "ADA")]
        .iter()
        .fold(text.text().to_owned(), |text, (id, name)| text.replace(id, name));
    insta::assert_json_snapshot!(serde_json::from_str::<Value>(&text).unwrap(), @r#"
    {
      "_id": "TASK",
      "activity": "Manager assigned task TASK to worker 127.0.0.1 (ada)",
      "commands": [
        {
          "name": "sleep",
          "settings": {
            "half": 0.5,
            "time_in_seconds": 24
          }
        },
        {
          "name": "echo",
          "settings": {}
        }
      ],
      "failed_by_workers": [],
      "job": "JOB",
      "job_priority": 50,
      "job_type": "custom",
      "last_updated": "2026-03-02T11:00:01.5Z",
      "last_worker_ping": "2026-03-02T11:00:01.5Z",
      "metrics": {
        "timing": {}
      },
      "name": "a",
      "parents": [
        "PARENT"
      ],
      "priority": 50,
      "status": "active",
      "task_type": "sleep",
      "worker": "127.0.0.1 (ada)",
      "worker_id": "ADA"
    }
    "#);
}

#[tokio::test]
async fn the_job_counts_before_the_task_and_the_task_before_the_id() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let priority = |name: &str, priority: i32| with(task(name), &json!({ "priority": priority }));
    let ordinary =
        m.submit(&job([priority("first", 50), priority("second", 50), priority("urgent", 90)])).await;
    let important = m.submit(&with(job([priority("low", -5)]), &json!({"priority": 51}))).await;
    for expected in [&important["low"], &ordinary["urgent"], &ordinary["first"], &ordinary["second"]] {
        ada.takes_and_completes(expected).await;
    }
    ada.gets_nothing().await;
}

#[tokio::test]
async fn the_highest_of_several_task_types_wins() {
    let m = TestManager::start().await;
    let ada = m.worker("ada", &["sleep", "debug"]).await;
    let debug = |priority: i32| json!({"task_type": "debug", "priority": priority});
    let shot = m
        .submit(&job([
            task("sleep"),
            with(task("debug-low"), &debug(49)),
            with(task("debug-high"), &debug(51)),
        ]))
        .await;
    for expected in ["debug-high", "sleep", "debug-low"] {
        ada.takes_and_completes(&shot[expected]).await;
    }
}

#[tokio::test]
async fn only_supported_types_are_handed_out() {
    let m = TestManager::start().await;
    let shot = m.submit(&job([task("a")])).await;
    m.worker("ada", &["blender-render"]).await.gets_nothing().await;
    m.sleeper("bob").await.takes(&shot["a"]).await;
}

#[tokio::test]
async fn a_task_waits_until_all_its_parents_are_completed() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([behind("end", &["a", "b"]), task("a"), task("b")])).await;
    ada.takes(&shot["a"]).await;
    bob.takes(&shot["b"]).await;
    let cleo = m.sleeper("cleo").await;
    cleo.gets_nothing().await;
    ada.ends(&shot["a"], "completed").await;
    cleo.gets_nothing().await;
    bob.ends(&shot["b"], "failed").await;
    cleo.takes_and_completes(&shot["b"]).await;
    cleo.takes(&shot["end"]).await;
}

#[tokio::test]
async fn a_worker_gets_its_own_active_task_again_and_nobody_else_does() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), with(task("urgent"), &json!({"priority": 1}))])).await;
    ada.takes(&shot["a"]).await;
    m.submit(&with(job([task("better")]), &json!({"priority": 99}))).await;
    m.advance(5.minutes());
    let again = ada.ask().await.expect(200).json();
    assert_eq!(again["_id"], shot["a"]);
    assert_eq!(m.task(&shot["a"]).await["last_worker_ping"], "2026-03-02T11:05:00Z");
    assert_ne!(bob.ask().await.expect(200).json()["_id"], shot["a"]);
    assert_eq!(m.log(&shot["a"]).await.lines().count(), 1, "the log was not begun anew");
}

#[tokio::test]
async fn a_worker_gets_its_own_active_task_again_after_a_restart_of_the_manager() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes(&shot["a"]).await;
    m.restart().await;
    m.sleeper("bob").await.takes(&shot["b"]).await;
    ada.takes(&shot["a"]).await;
}

#[tokio::test]
async fn two_simultaneous_requests_of_one_worker_give_one_task() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b"), task("c")])).await;
    for answer in join_all((0..8).map(|_| ada.ask())).await {
        assert_eq!(answer.expect(200).json()["_id"], shot["a"]);
    }
    assert_eq!(m.statuses(&shot).await, ["active", "queued", "queued"]);
}

#[tokio::test]
async fn fifty_workers_at_once_never_share_a_task() {
    let m = TestManager::start().await;
    let names: Vec<_> = (0..50).map(|number| format!("worker-{number:02}")).collect();
    let workers = join_all(names.iter().map(|name| m.sleeper(name))).await;
    let shot = m.submit(&job((0..40).map(|number| task(&format!("task-{number}"))))).await;
    let mut given = BTreeSet::new();
    let mut nothing = 0;
    for answer in join_all(workers.iter().map(TestWorker::ask)).await {
        if answer.status == 204 {
            nothing += 1;
        } else {
            let id = answer.expect(200).json()["_id"].as_str().unwrap().to_owned();
            assert!(given.insert(id), "a task was given twice");
        }
    }
    assert_eq!((given.len(), nothing), (40, 10));
    assert_eq!(given, shot.tasks.into_values().collect());
}

#[tokio::test]
async fn a_pending_request_comes_before_any_task() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    for form in ["status=asleep", "status=shutdown", "status=awake", "status=asleep&lazy=true"] {
        m.act(&ada, &format!("action=set-status&{form}")).await.expect(204);
        let (status, _) = form[7..].split_once('&').unwrap_or((&form[7..], ""));
        let answer = ada.ask().await.expect(423);
        assert_eq!(answer.text(), format!(r#"{{"status_requested":"{status}"}}"#));
        assert_eq!(answer.header("content-type"), "application/json");
    }
    assert_eq!(m.status(&shot["a"]).await, "queued");
    ada.acknowledges("awake").await;
    ada.takes(&shot["a"]).await;
}

#[tokio::test]
async fn a_worker_that_can_do_nothing_is_told_so_unless_it_has_to_change_status() {
    let m = TestManager::start().await;
    let ada = m.worker("ada", &[]).await;
    assert_eq!(ada.ask().await.expect(406).error_code(), "no-task-types");
    m.request(&ada, "shutdown").await;
    ada.ask().await.expect(423);
}

#[tokio::test]
async fn asking_for_a_task_makes_a_worker_awake() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    for before in ["starting", "error", "offline", "asleep"] {
        match before {
            "starting" => ada.sign_on().await,
            "offline" => ada.sign_off().await,
            other => ada.acknowledges(other).await,
        }
        assert_eq!(m.worker_status(&ada).await, before);
        ada.ask().await;
        assert_eq!(m.worker_status(&ada).await, "awake", "after {before}");
    }
}

#[tokio::test]
async fn a_testing_worker_stays_testing() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.acknowledges("testing").await;
    ada.takes_and_completes(&shot["a"]).await;
    ada.gets_nothing().await;
    assert_eq!(m.worker_status(&ada).await, "testing");
}

#[tokio::test]
async fn variables_are_replaced_for_the_platform_of_the_worker() {
    let m = TestManager::configured(
        "[variables.tool]\ndirection = \"oneway\"\nvalues = [\n\
         { platform = \"linux\", value = \"/for/all\" },\n\
         { platform = \"linux\", audience = \"workers\", value = \"/for/workers\" },\n\
         { platform = \"linux\", audience = \"users\", value = \"/for/users\" },\n\
         { platform = \"windows\", value = \"C:/tool\" } ]\n",
    )
    .await;
    let settings = json!({"cmd": "{tool} --x {unknown}", "list": ["{tool}"], "{tool}": 2.0});
    let commands = json!([{"name": "exec", "settings": settings}]);
    let shot = m.submit(&job([with(task("a"), &json!({"commands": commands}))])).await;
    let ada = m.sleeper("ada").await;
    let settings = &ada.ask().await.expect(200).json()["commands"][0]["settings"];
    assert_eq!(
        *settings,
        json!({"cmd": "/for/workers --x {unknown}", "list": ["/for/workers"], "{tool}": 2})
    );
    ada.gives_back(&shot["a"]).await;
    assert_eq!(m.task(&shot["a"]).await["commands"], commands, "what is kept is what was submitted");

    let windows = json!({
        "secret": "w".repeat(64), "platform": "windows", "supported_task_types": ["sleep"], "nickname": "win",
    });
    let id =
        m.post("/register-worker", &windows).await.expect(200).json()["_id"].as_str().unwrap().to_owned();
    let win = TestWorker::new(m.door.clone(), &id, &"w".repeat(64));
    assert_eq!(win.ask().await.expect(200).json()["commands"][0]["settings"]["cmd"], "C:/tool --x {unknown}");
}

#[tokio::test]
async fn a_parent_that_is_no_longer_known_counts_as_completed() {
    let m = TestManager::with_server().await;
    let ada = m.sleeper("ada").await;
    let shot = m.receive(&job([task("parent"), behind("child", &["parent"])])).await;
    ada.takes_and_completes(&shot["parent"]).await;
    m.advance(337.hours());
    ada.takes(&shot["child"]).await;
    assert_eq!(m.services.clean_up_tasks().await.unwrap(), 1);
    m.get(&format!("/api/tasks/{}", &shot["parent"])).await.expect(404);
    ada.gives_back(&shot["child"]).await;
    ada.takes(&shot["child"]).await;
}

#[tokio::test]
async fn a_task_is_handed_out_though_its_log_cannot_be_begun_and_its_reports_wait() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    std::fs::write(&m.config.task_logs_path, "a file where the folder should be").unwrap();
    ada.takes(&shot["a"]).await;
    let report = json!({"task_status": "completed", "log": "done"});
    assert_eq!(ada.update(&shot["a"], &report).await.expect(500).error_code(), "internal");
    assert_eq!(m.status(&shot["a"]).await, "active");
    std::fs::remove_file(&m.config.task_logs_path).unwrap();
    ada.reports(&shot["a"], &report).await;
    assert_eq!(m.status(&shot["a"]).await, "completed");
}

/// A clock that goes on by itself, a millisecond each time it is looked at.
struct TickingClock(ManualClock);

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        self.0.advance(1.milliseconds());
        self.0.now()
    }
}

async fn ticking_farm(folder: &tempfile::TempDir) -> (Services, WorkerId) {
    let clock = Arc::new(TickingClock(ManualClock::new(START.parse().unwrap())));
    let services = app::services(&config_in("", folder), clock).unwrap();
    let new: NewJob = serde_json::from_value(job([task("a")])).unwrap();
    services.submit(services.plan_job(new, &TimeZone::UTC).unwrap(), None).await.unwrap();
    let registration = Registration {
        secret: "s".repeat(64),
        platform: "linux".to_owned(),
        supported_task_types: vec!["sleep".to_owned()],
        nickname: "ada".to_owned(),
        address: "127.0.0.1".to_owned(),
        software: String::new(),
    };
    let worker = services.register(registration).await.unwrap();
    (services, worker.id)
}

async fn assigned(services: &Services, worker: WorkerId) -> Assignment {
    match services.hand_out(worker, Permit::Any).await.unwrap() {
        HandOut::Task(assignment) => *assignment,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_task_that_could_not_be_sent_goes_back_to_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let (services, ada) = ticking_farm(&folder).await;
    let assignment = assigned(&services, ada).await;
    services.not_sent(&assignment).await.unwrap();
    let task = services.task(assignment.task.id).unwrap().task;
    assert_eq!(task.status.as_str(), "claimed-by-manager");
    assert!(task.activity.ends_with("the task could not be sent to it"), "{}", task.activity);
    assert_eq!(services.contradictions().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_task_that_could_not_be_sent_stays_if_the_worker_has_asked_again_and_got_it() {
    let folder = tempfile::tempdir().unwrap();
    let (services, ada) = ticking_farm(&folder).await;
    let lost = assigned(&services, ada).await;
    let again = assigned(&services, ada).await;
    assert_eq!(lost.task.id, again.task.id);
    services.not_sent(&lost).await.unwrap();
    assert_eq!(services.task(again.task.id).unwrap().task.status.as_str(), "active");
}
