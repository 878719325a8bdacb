//! The API for people and scripts: jobs, tasks, workers, the farm.

use std::fs;

use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{TestManager, behind, job, task, with};

#[tokio::test]
async fn a_job_is_taken_and_shown() {
    let m = TestManager::start().await;
    let submission = with(
        job([task("a"), behind("b", &["a"])]),
        &json!({"priority": -3, "job_type": "animation", "metadata": {"user": {"name": "ada"}}}),
    );
    let answer = m.post("/api/jobs", &submission).await.expect(201);
    let id = answer.json()["_id"].as_str().unwrap().to_owned();
    assert_eq!(m.get(&format!("/api/jobs/{id}")).await.expect(200).json(), answer.json());
    insta::assert_json_snapshot!(with(answer.json(), &json!({"_id": "ID"})), @r#"
    {
      "_id": "ID",
      "created": "2026-03-02T11:00:00Z",
      "depends_on": [],
      "job_type": "animation",
      "max_workers": null,
      "metadata": {
        "user": {
          "name": "ada"
        }
      },
      "name": "shot",
      "priority": -3,
      "settings": {},
      "status": "queued",
      "tasks": {
        "by_status": {
          "queued": 2
        },
        "runnable": 1,
        "total": 2
      },
      "time_left_seconds": null,
      "updated": "2026-03-02T11:00:00Z",
      "worker_tags": []
    }
    "#);
}

#[tokio::test]
async fn a_submission_is_refused_with_the_reason_and_nothing_of_it_is_stored() {
    let m = TestManager::start().await;
    let odd = |changes: Value| job([with(task("a"), &changes)]);
    let command = |command: Value| odd(json!({ "commands": [command] }));
    for (bad, says) in [
        (json!({}), "name"),
        (json!([]), "object"),
        (json!("x"), "string"),
        (json!({"name": "shot"}), "tasks"),
        (job([]), "no tasks"),
        (with(job([task("a")]), &json!({"name": ""})), "name"),
        (with(job([task("a")]), &json!({"name": 7})), "string"),
        (with(job([task("a")]), &json!({"name": "x".repeat(1001)})), "1001"),
        (with(job([task("a")]), &json!({"priority": "high"})), "high"),
        (with(job([task("a")]), &json!({"priority": 1e10})), "1"),
        (with(job([task("a")]), &json!({"metadata": []})), "map"),
        (with(job([task("a")]), &json!({"job_type": "manager-local"})), "manager-local"),
        (with(job([task("a")]), &json!({"prority": 1})), "prority"),
        (odd(json!({"tsak_type": "x"})), "tsak_type"),
        (odd(json!({"commands": []})), "no commands"),
        (odd(json!({"task_type": " "})), "task_type"),
        (odd(json!({"parents": ["x"]})), "unknown parent \"x\""),
        (odd(json!({"parents": ["a"]})), "waits for itself"),
        (command(json!({"settings": {}})), "name"),
        (command(json!({"name": "echo", "settings": []})), "map"),
        (command(json!({"name": "echo", "settings": null})), "map"),
        (command(json!({"name": "echo", "setings": {}})), "setings"),
        (command(json!({"name": ""})), "command"),
        (job([task("a"), task("a")]), "same name"),
        (job([task("a"), behind("b", &["a", "a"])]), "twice"),
        (job([behind("a", &["c"]), behind("b", &["a"]), behind("c", &["b"])]), "waits for itself"),
        (odd(json!({"commands": vec![json!({"name": "echo"}); 1001]})), "1001 commands"),
    ] {
        let answer = m.post("/api/jobs", &bad).await.expect(400);
        assert_eq!(answer.error_code(), "bad-request");
        assert!(answer.says().contains(says), "{says}: {}", answer.says());
    }
    let text = br#"{"name": "a", "name": "b", "tasks": []}"#.as_slice();
    m.door.call(Method::POST, "/api/jobs", &[], text).await.expect(400);
    m.post("/api/jobs?dryrun=true", &job([task("a")])).await.expect(400);
    let farm = m.get("/api/farm").await.json();
    assert_eq!((&farm["jobs"], &farm["tasks"]), (&json!({}), &json!({})));
}

#[tokio::test]
async fn a_job_with_far_too_many_tasks_is_refused() {
    let m = TestManager::start().await;
    let tasks =
        (0..200_001).map(|number| json!({"name": number.to_string(), "task_type": "x", "commands": []}));
    let answer = m.post("/api/jobs", &job(tasks)).await.expect(400);
    assert!(answer.says().contains("200001 tasks"), "{}", answer.says());
}

#[tokio::test]
async fn jobs_are_listed_the_newest_first_a_page_at_a_time() {
    let m = TestManager::start().await;
    let empty = json!({"jobs": [], "total": 0, "next": null});
    assert_eq!(m.get("/api/jobs").await.expect(200).json(), empty);
    let mut newest_first = Vec::new();
    for _ in 0..5 {
        m.advance(1.seconds());
        newest_first.insert(0, m.submit(&job([task("a")])).await.id);
    }
    let mut seen = Vec::new();
    let mut path = "/api/jobs?limit=2".to_owned();
    loop {
        let page = m.get(&path).await.expect(200).json();
        assert_eq!(page["total"], 5);
        seen.extend(
            page["jobs"].as_array().unwrap().iter().map(|job| job["_id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/jobs?limit=2&after={next}");
    }
    assert_eq!(seen, newest_first);
}

#[tokio::test]
async fn the_tasks_of_a_job_are_listed_as_they_were_submitted() {
    let m = TestManager::start().await;
    let names: Vec<_> = (0..7).map(|number| format!("task {number}")).collect();
    let shot = m.submit(&job(names.iter().map(|name| task(name)))).await;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = m.get(&format!("/api/jobs/{}/tasks?limit=3{after}", shot.id)).await.expect(200).json();
        assert_eq!(page["total"], 7);
        seen.extend(
            page["tasks"].as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, names);
}

#[tokio::test]
async fn all_tasks_of_a_job_are_shown_in_brief_and_say_whom_they_wait_for() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    // More than are sent in one piece, and one that waits for tasks of all pieces.
    let names: Vec<_> = (0..600).map(|number| number.to_string()).collect();
    let waiting = [behind("last", &["599", "0", "300"]), with(task("odd"), &json!({"task_type": "odd"}))];
    let shot = m.submit(&job(names.iter().map(|name| task(name)).chain(waiting))).await;
    ada.takes_and_completes(&shot["0"]).await;
    ada.takes(&shot["1"]).await;
    let grid = m.get(&format!("/api/jobs/{}/grid", shot.id)).await.expect(200).json();
    let tasks = grid["tasks"].as_array().unwrap();
    let shown: Vec<_> = tasks.iter().map(|task| task["name"].as_str().unwrap()).collect();
    let expected: Vec<_> = names.iter().map(String::as_str).chain(["last", "odd"]).collect();
    assert_eq!(shown, expected);
    let cell = |name: &str, status: &str, worker: Value, parents: Value| {
        json!({
            "_id": &shot[name], "name": name, "status": status, "task_type": "sleep", "worker_id": worker,
            "parents": parents,
        })
    };
    assert_eq!(tasks[0], cell("0", "completed", json!(ada.id), json!([])));
    assert_eq!(tasks[1], cell("1", "active", json!(ada.id), json!([])));
    assert_eq!(tasks[2], cell("2", "queued", json!(null), json!([])));
    assert_eq!(tasks[600], cell("last", "queued", json!(null), json!([599, 0, 300])));
    assert_eq!(tasks[601]["task_type"], "odd");
    m.get(&format!("/api/jobs/{}/grid", &shot["0"])).await.expect(404);
}

#[tokio::test]
async fn a_parent_that_is_gone_is_in_no_grid() {
    let m = TestManager::with_server().await;
    let ada = m.sleeper("ada").await;
    let shot = m.receive(&job([task("a"), behind("b", &["a"])])).await;
    ada.takes_and_completes(&shot["a"]).await;
    m.advance((13 * 24).hours());
    m.cancel(&shot["b"]).await;
    m.advance((2 * 24).hours());
    let ids = m.services.task_ids_of_job(shot.id.parse().unwrap()).unwrap();
    assert_eq!(m.services.tasks(&ids).unwrap().len(), 2);
    m.services.clean_up_tasks().await.unwrap();
    let grid = m.get(&format!("/api/jobs/{}/grid", shot.id)).await.expect(200).json();
    assert_eq!((grid["tasks"].as_array().unwrap().len(), &grid["tasks"][0]["parents"]), (1, &json!([])));
    // Whoever was at it is told, rather than shown the wrong parents.
    m.services.tasks(&ids).unwrap_err();
}

#[tokio::test]
async fn a_task_is_shown_as_it_was_submitted() {
    let m = TestManager::start().await;
    let commands = json!([{"name": "exec", "settings": {"cmd": "{blender}", "n": 24.0}}]);
    let shot = m.submit(&job([with(task("a"), &json!({"commands": commands, "priority": 7}))])).await;
    let shown = m.task(&shot["a"]).await;
    insta::assert_json_snapshot!(with(shown, &json!({"_id": "ID", "job": "JOB"})), @r#"
    {
      "_id": "ID",
      "activity": "",
      "commands": [
        {
          "name": "exec",
          "settings": {
            "cmd": "{blender}",
            "n": 24.0
          }
        }
      ],
      "failed_by_workers": [],
      "job": "JOB",
      "job_priority": 50,
      "job_type": "custom",
      "last_updated": "2026-03-02T11:00:00Z",
      "last_worker_ping": null,
      "metrics": {
        "timing": {}
      },
      "name": "a",
      "parents": [],
      "priority": 7,
      "status": "queued",
      "task_type": "sleep",
      "worker": "",
      "worker_id": null
    }
    "#);
}

#[tokio::test]
async fn what_a_list_cannot_be_asked_for_is_refused() {
    let m = TestManager::start().await;
    let shot = m.submit(&job([task("a")])).await;
    let tasks = format!("/api/jobs/{}/tasks", shot.id);
    for query in ["limit=0", "limit=1001", "limit=x", "lmit=1", "limit=1&limit=2", "after=x"] {
        assert_eq!(
            m.get(&format!("/api/jobs?{query}")).await.expect(400).error_code(),
            "bad-request",
            "{query}"
        );
        m.get(&format!("{tasks}?{query}")).await.expect(400);
    }
    m.get("/api/jobs?").await.expect(200);
}

#[tokio::test]
async fn workers_are_listed_by_nickname() {
    let m = TestManager::start().await;
    let none = json!({"total": 0, "workers": [], "next": null});
    assert_eq!(m.get("/api/workers").await.expect(200).json(), none);
    let (zoe, ada) = (m.sleeper("zoe").await, m.sleeper("ada").await);
    let (zoe, ada) = (m.about(&zoe).await, m.about(&ada).await);
    let list = m.get("/api/workers").await.expect(200).json();
    assert_eq!(list, json!({"total": 2, "workers": [ada, zoe], "next": null}));
    let first = m.get("/api/workers?limit=1").await.expect(200).json();
    assert_eq!((&first["total"], &first["workers"]), (&json!(2), &json!([ada])));
    let after = format!("/api/workers?limit=2&after={}", first["next"].as_str().unwrap());
    assert_eq!(m.get(&after).await.expect(200).json(), json!({"total": 2, "workers": [zoe], "next": null}));
}

#[tokio::test]
async fn the_farm_is_counted() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b"), task("c")])).await;
    m.submit(&job([task("d")])).await;
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes(&shot["b"]).await;
    m.advance(90.seconds());
    insta::assert_json_snapshot!(m.get("/api/farm").await.expect(200).json(), @r#"
    {
      "disk": {
        "database": null,
        "is_out_of_room": false,
        "task_logs": null
      },
      "exchange": null,
      "jobs": {
        "active": 1,
        "queued": 1
      },
      "newest_backup": null,
      "queues": {
        "last_set_aside": null,
        "task_updates": 0,
        "task_updates_set_aside": 0,
        "task_updates_since": null,
        "tasks_to_ask_about": 0,
        "wanted_logs": 0,
        "wanted_logs_since": null
      },
      "starved_jobs": [],
      "summary": "2 jobs active, 1 of 1 worker rendering, nothing stuck",
      "tasks": {
        "active": 1,
        "completed": 1,
        "queued": 2
      },
      "uptime_seconds": 90.0,
      "warnings": [],
      "warnings_left_out": 0,
      "workers": {
        "awake": 1
      }
    }
    "#);
    let metrics = m.get("/metrics").await.expect(200);
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "flamenco_tasks{status=\"queued\"} 2",
        "flamenco_jobs{status=\"active\"} 1",
        "flamenco_workers{status=\"awake\"} 1",
        "flamenco_starved_jobs 0",
        "flamenco_uptime_seconds 90",
        "# EOF",
    ] {
        assert!(metrics.text().lines().any(|found| found == line), "{line} in {}", metrics.text());
    }
}

#[tokio::test]
async fn a_head_is_answered_like_a_get_but_for_the_body() {
    let m = TestManager::start().await;
    // With a body it would go on for ever.
    assert_eq!(m.door.call(Method::HEAD, "/api/events", &[], "").await.expect(200).body, "");
    for path in ["/", "/api/farm", "/api/jobs", "/as-json"] {
        let whole = m.get(path).await.expect(200);
        let head = m.door.call(Method::HEAD, path, &[], "").await.expect(200);
        assert_eq!(head.body, "", "{path}");
        assert_eq!(head.header("content-type"), whole.header("content-type"));
    }
    m.door.call(Method::HEAD, "/api/nothing", &[], "").await.expect(404);
}

#[tokio::test]
async fn the_version_is_told() {
    let m = TestManager::start().await;
    let expected = json!({"name": "Flamenco Manager", "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(m.get("/api/version").await.expect(200).json(), expected);
}

#[tokio::test]
async fn a_manager_says_whether_it_is_well_and_what_it_suffers_from() {
    let mut m = TestManager::start().await;
    assert_eq!(m.get("/api/health").await.expect(200).json(), json!({"status": "ok"}));
    fs::remove_dir_all(&m.config.task_logs_path).unwrap();
    fs::write(&m.config.task_logs_path, "a file where the folder should be").unwrap();
    let answer = m.get("/api/health").await.expect(503);
    assert_eq!(answer.error_code(), "unhealthy");
    assert!(answer.says().starts_with("task logs: "), "{}", answer.says());
    fs::remove_file(&m.config.task_logs_path).unwrap();
    m.get("/api/health").await.expect(200);
    m.services.stop().await.unwrap();
    assert!(m.get("/api/health").await.expect(503).says().starts_with("database: "));
    m.restart().await;
    m.get("/api/health").await.expect(200);
}

#[tokio::test]
async fn all_tasks_can_be_erased_and_so_can_what_the_server_has_not_heard() {
    let m = TestManager::with_server().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.receive(&job([task("a"), task("b"), behind("c", &["a"])])).await;
    ada.takes_and_fails(&shot["a"]).await;
    bob.takes(&shot["a"]).await;
    let erase = async |path: &str| m.door.call(Method::DELETE, path, &[], "").await.expect(200).json();
    assert_eq!(erase("/api/task-update-queue").await, json!({"erased": 5}));
    assert_eq!(erase("/api/task-update-queue").await, json!({"erased": 0}));
    assert_eq!(erase("/api/tasks").await, json!({"erased": 3}));
    assert_eq!(m.get("/api/farm").await.json()["tasks"], json!({}));
    bob.update(&shot["a"], &json!({"task_status": "completed"})).await.expect(404);
    bob.gets_nothing().await;
    let next = m.submit(&job([task("a")])).await;
    ada.takes(&next["a"]).await;
}
