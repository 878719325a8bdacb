//! What people and monitors see of the exchange: `/api/farm` and `/metrics`.

use jiff::ToSpan;

use crate::kit::{Call, FakeServer, Mood, TestManager, job, task};

/// A text without the Server's port, which is another each time.
fn settled(text: &str, server: &FakeServer) -> String {
    let toml = server.toml();
    let url = toml.split('"').nth(1).unwrap();
    text.replace(url, "http://server")
}

#[tokio::test]
async fn the_exchange_is_shown_in_good_times() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    let m = TestManager::below(&server).await;
    let ada = m.sleeper("ada").await;
    m.exchanges().await;
    m.advance(3.seconds());
    ada.takes(&shot["a"]).await;
    m.advance(4.seconds());
    let farm = m.get("/api/farm").await.expect(200).json();
    insta::assert_json_snapshot!([&farm["queues"], &farm["exchange"]], @r#"
    [
      {
        "last_set_aside": null,
        "task_updates": 2,
        "task_updates_set_aside": 0,
        "task_updates_since": "2026-03-02T11:00:03Z",
        "tasks_to_ask_about": 0,
        "wanted_logs": 0,
        "wanted_logs_since": null
      },
      {
        "conversations": {
          "download": {
            "failures_in_a_row": 0,
            "last_error": null,
            "last_success": "2026-03-02T11:00:00Z",
            "next_try": "2026-03-02T11:10:00Z",
            "put_off": null
          },
          "log-upload": {
            "failures_in_a_row": 0,
            "last_error": null,
            "last_success": null,
            "next_try": null,
            "put_off": null
          },
          "notification": {
            "failures_in_a_row": 0,
            "last_error": null,
            "last_success": "2026-03-02T11:00:00Z",
            "next_try": null,
            "put_off": null
          },
          "public-keys": {
            "failures_in_a_row": 0,
            "last_error": null,
            "last_success": null,
            "next_try": null,
            "put_off": null
          },
          "push": {
            "failures_in_a_row": 0,
            "last_error": null,
            "last_success": "2026-03-02T11:00:00Z",
            "next_try": "2026-03-02T11:00:10Z",
            "put_off": null
          },
          "recheck": {
            "failures_in_a_row": 0,
            "last_error": null,
            "last_success": "2026-03-02T11:00:03Z",
            "next_try": null,
            "put_off": null
          }
        },
        "standstill": null
      }
    ]
    "#);
}

#[tokio::test]
async fn the_exchange_is_shown_in_bad_times() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    let m = TestManager::below(&server).await;
    let ada = m.sleeper("ada").await;
    m.exchanges().await;
    ada.takes(&shot["a"]).await;
    server.mood(Call::Push, Mood::Answers(500));
    m.advance(5.seconds());
    m.exchanges().await;
    m.advance(30.seconds());
    let mut farm = m.get("/api/farm").await.expect(200).json();
    let push = &mut farm["exchange"]["conversations"]["push"];
    let next: jiff::Timestamp = push["next_try"].as_str().unwrap().parse().unwrap();
    let pause = next.duration_since("2026-03-02T11:00:05Z".parse().unwrap());
    assert!((1..=2).contains(&pause.as_secs()), "{pause:#}");
    push["next_try"] = "soon".into();
    insta::assert_snapshot!(settled(&push.to_string(), &server), @r#"{"failures_in_a_row":1,"last_error":{"at":"2026-03-02T11:00:05Z","message":"trouble at the Flamenco Server: status 500 to POST http://server/api/flamenco/managers/5852bc5198377351f95d103e/task-update-batch: no"},"last_success":"2026-03-02T11:00:00Z","next_try":"soon","put_off":null}"#);
    let metrics = m.get("/metrics").await.expect(200);
    let is_wanted = |line: &&str| {
        !line.starts_with('#')
            && ["exchange", "update", "logs", "ask_about"].iter().any(|word| line.contains(word))
    };
    // Chance is in the next try.
    let (next_tries, mut lines): (Vec<_>, Vec<_>) =
        metrics.text().lines().filter(is_wanted).partition(|line| line.contains("next_try"));
    assert!(next_tries.iter().any(|line| line.contains("conversation=\"push\"")), "{next_tries:?}");
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    flamenco_exchange_failures{conversation="download"} 0
    flamenco_exchange_failures{conversation="log-upload"} 0
    flamenco_exchange_failures{conversation="notification"} 0
    flamenco_exchange_failures{conversation="public-keys"} 0
    flamenco_exchange_failures{conversation="push"} 1
    flamenco_exchange_failures{conversation="recheck"} 0
    flamenco_exchange_last_success_timestamp_seconds{conversation="download"} 1772449200
    flamenco_exchange_last_success_timestamp_seconds{conversation="notification"} 1772449200
    flamenco_exchange_last_success_timestamp_seconds{conversation="push"} 1772449200
    flamenco_exchange_last_success_timestamp_seconds{conversation="recheck"} 1772449200
    flamenco_exchange_standstill 0
    flamenco_tasks_to_ask_about 0
    flamenco_update_queue 2
    flamenco_update_queue_age_seconds 35
    flamenco_updates_set_aside 0
    flamenco_wanted_logs 0
    flamenco_wanted_logs_age_seconds 0
    "#);
}

#[tokio::test]
async fn a_standstill_is_shown_with_its_reason_and_its_end() {
    let server = FakeServer::start();
    let m = TestManager::below(&server).await;
    server.mood_for_all(&Mood::Revoked);
    m.exchanges().await;
    let farm = m.get("/api/farm").await.expect(200).json();
    insta::assert_snapshot!(settled(&farm["exchange"]["standstill"].to_string(), &server), @r#"{"reason":"the Flamenco Server does not accept this Manager: status 403 to POST http://server/api/flamenco/managers/5852bc5198377351f95d103e/startup: no; check `manager_id` and `manager_secret`","since":"2026-03-02T11:00:00Z","until":"2026-03-02T11:15:00Z"}"#);
    let metrics = m.get("/metrics").await.expect(200);
    assert!(metrics.text().contains("flamenco_exchange_standstill 1"));
}
