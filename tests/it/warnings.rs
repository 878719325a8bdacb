//! What wants to be looked at is told in words, with what it is about, where the farm is told.

use flamenco_manager::{domain::disk::Space, services::Disks};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Call, FakeServer, Mood, TestManager, job, task, with};

async fn farm(m: &TestManager) -> Value {
    m.get("/api/farm").await.expect(200).json()
}

async fn summary(m: &TestManager) -> Value {
    farm(m).await["summary"].take()
}

/// All warnings without what they say.
async fn warnings(m: &TestManager) -> Value {
    let mut warnings = farm(m).await["warnings"].take();
    for warning in warnings.as_array_mut().unwrap() {
        let message = warning.as_object_mut().unwrap().remove("message").unwrap();
        assert!(message.as_str().unwrap().ends_with('.'), "{message}");
    }
    warnings
}

/// What the only warning says.
async fn says(m: &TestManager) -> String {
    let warnings = farm(m).await["warnings"].take();
    assert_eq!(warnings.as_array().unwrap().len(), 1, "{warnings}");
    warnings[0]["message"].as_str().unwrap().to_owned()
}

fn warning(kind: &str, about: &Value) -> Value {
    with(json!({"kind": kind, "since": null, "job": null, "task": null, "worker": null}), about)
}

#[tokio::test]
async fn a_farm_in_which_all_is_well_is_told_in_one_line() {
    let m = TestManager::start().await;
    assert_eq!(summary(&m).await, "No workers yet");
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    assert_eq!(summary(&m).await, "Nothing to do: no jobs, 2 workers waiting");
    let shot = m.submit(&job([task("a"), task("b")])).await;
    assert_eq!(summary(&m).await, "1 job waiting, 0 of 2 workers rendering, nothing stuck");
    ada.takes(&shot["a"]).await;
    assert_eq!(summary(&m).await, "1 job active, 1 of 2 workers rendering, nothing stuck");
    bob.acknowledges("asleep").await;
    ada.ends(&shot["a"], "completed").await;
    m.post(&format!("/api/jobs/{}/pause", shot.id), &json!(null)).await.expect(200);
    assert_eq!(summary(&m).await, "Nothing to do: 1 job paused, 1 worker waiting");
    ada.sign_off().await;
    bob.sign_off().await;
    assert_eq!(summary(&m).await, "Nothing to do: 1 job paused, all 2 workers offline");
    assert_eq!(farm(&m).await["warnings"], json!([]));
}

#[tokio::test]
async fn a_job_that_nobody_can_do_is_warned_of() {
    let m = TestManager::start().await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    assert_eq!(warnings(&m).await, json!([warning("starved-job", &json!({"job": shot.id}))]));
    assert_eq!(
        says(&m).await,
        "Nobody can do 2 tasks of job \"shot\": no worker is registered. Bring a worker that can, trust a blacklisted \
         one again, or cancel the job."
    );
    assert_eq!(summary(&m).await, "1 job waiting, no workers yet, 1 thing needs a look");
    m.sleeper("ada").await;
    assert_eq!(warnings(&m).await, json!([]));
}

#[tokio::test]
async fn a_job_that_failed_and_a_worker_that_is_blacklisted_are_warned_of_for_a_day() {
    let m = TestManager::configured("blacklist_threshold = 1").await;
    let (ada, failed_at) = (m.sleeper("ada").await, m.now());
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    let since = json!({"job": shot.id, "since": failed_at});
    let of_ada = with(since.clone(), &json!({"worker": ada.id}));
    let expected = json!([warning("job-failed", &since), warning("blacklisted", &of_ada)]);
    assert_eq!(warnings(&m).await, expected);
    let told = farm(&m).await["warnings"].take();
    assert!(told[0]["message"].as_str().unwrap().contains("\"shot\" has failed: 1 of its 2 tasks did"));
    assert!(told[1]["message"].as_str().unwrap().contains("Worker ada failed too many tasks of type sleep"));
    let metrics = m.get("/metrics").await.expect(200);
    assert!(metrics.text().contains("\nflamenco_warnings 2\n"), "{}", metrics.text());
    m.advance(24.hours());
    assert_eq!(warnings(&m).await, expected);
    m.advance(1.second());
    assert_eq!(warnings(&m).await, json!([]));
}

#[tokio::test]
async fn workers_that_cannot_work_or_are_gone_are_warned_of() {
    let m = TestManager::start().await;
    let (ada, bob, seen) = (m.sleeper("ada").await, m.sleeper("bob").await, m.now());
    bob.acknowledges("error").await;
    ada.gets_nothing().await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    let expected = json!([
        warning("worker-error", &json!({"worker": bob.id})),
        warning("worker-timeout", &json!({"worker": ada.id, "since": seen})),
    ]);
    assert_eq!(warnings(&m).await, expected);
    assert_eq!(summary(&m).await, "Nothing to do: no jobs, 1 worker waiting, 2 things need a look");
    m.act(&ada, "action=ack-timeout").await.expect(204);
    bob.acknowledges("awake").await;
    assert_eq!(warnings(&m).await, json!([]));
}

#[tokio::test]
async fn there_may_be_more_warnings_than_are_told() {
    let m = TestManager::start().await;
    for _ in 0..52 {
        m.submit(&job([task("a")])).await;
    }
    let farm = farm(&m).await;
    assert_eq!(farm["warnings"].as_array().unwrap().len(), 50);
    assert_eq!(farm["warnings_left_out"], 2);
    assert_eq!(farm["summary"], "52 jobs waiting, no workers yet, 52 things need a look");
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_warned_of_and_those_who_listen_are_told() {
    let m = TestManager::start().await;
    let unknown = json!({"database": null, "task_logs": null, "is_out_of_room": false});
    assert_eq!(farm(&m).await["disk"], unknown, "nobody has looked yet");
    m.services.look_at_disks();
    let looked = m.services.disks();
    let of_logs = looked.task_logs.unwrap();
    assert!(looked.is_one && of_logs.total >= of_logs.free && of_logs.total > 0, "{looked:?}");
    let roomy = Disks {
        database: Some(Space { free: 50_000_000_000, total: 100_000_000_000 }),
        task_logs: Some(Space { free: 4_000_000_000, total: 50_000_000_000 }),
        is_one: false,
    };
    m.services.disks_are(roomy);
    let mut events = m.door.listen("/api/events?topics=farm", None).await;
    let told = events.next_named("farm").await.json();
    assert_eq!(
        (&told["warnings"], &told["disk"]["task_logs"]["free"]),
        (&json!([]), &json!(4_000_000_000_u64))
    );
    let full = Space { free: 1_240_000_000, total: 50_000_000_000 };
    m.services.disks_are(Disks { task_logs: Some(full), ..roomy });
    let told = events.next_named("farm").await.json();
    assert_eq!(
        (&told["warnings"][0]["kind"], &told["summary"]),
        (&json!("disk-nearly-full"), &json!("No workers yet, 1 thing needs a look"),)
    );
    assert!(
        says(&m).await.starts_with("The disk with the task logs is nearly full: 1.2 of 50.0 GB are free.")
    );
    m.services.disks_are(Disks { database: Some(full), task_logs: Some(full), is_one: true });
    assert!(says(&m).await.starts_with("The disk with the database and the task logs is nearly full"));
}

#[tokio::test]
async fn a_server_that_is_away_and_what_it_has_to_hear_is_warned_of() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    let ada = m.sleeper("ada").await;
    ada.takes(&shot["a"]).await;
    let happened = m.now();
    server.mood(Call::Push, Mood::HangsUp);
    m.advance(5.seconds());
    m.exchanges().await;
    assert_eq!(warnings(&m).await, json!([]), "that may be a hiccup");
    m.seconds_pass(10).await;
    let away = warning("server-away", &json!({"since": happened + 5.seconds()}));
    assert_eq!(warnings(&m).await, json!([away]));
    assert!(says(&m).await.starts_with("The Flamenco Server does not answer as it should (push): "));
    m.advance(11.minutes());
    let old = warning("old-queue", &json!({"since": happened}));
    assert_eq!(warnings(&m).await, json!([away, old]));
    server.mood(Call::Push, Mood::Fine);
    m.exchanges().await;
    assert_eq!(warnings(&m).await, json!([]));
}

#[tokio::test]
async fn a_server_that_refuses_the_manager_is_warned_of() {
    let server = FakeServer::start();
    let m = TestManager::below(&server).await;
    server.mood_for_all(&Mood::Revoked);
    m.exchanges().await;
    assert_eq!(warnings(&m).await, json!([warning("server-refuses", &json!({"since": m.now()}))]));
    assert!(says(&m).await.contains("check `manager_id` and `manager_secret`"), "{}", says(&m).await);
}

#[tokio::test]
async fn an_update_that_the_server_would_not_take_is_warned_of() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    let ada = m.sleeper("ada").await;
    server.mood(Call::Push, Mood::RefusesUpdate(shot["a"].to_owned()));
    ada.takes_and_completes(&shot["a"]).await;
    m.seconds_pass(120).await;
    let farm = farm(&m).await;
    let (told, refused) = (&farm["warnings"][0], &farm["queues"]["task_updates_set_aside"]);
    assert_eq!((&told["kind"], &told["task"]), (&json!("updates-set-aside"), &json!(&shot["a"])));
    assert!(
        told["message"].as_str().unwrap().contains(&format!("would not take {refused} task update")),
        "{farm}"
    );
}
