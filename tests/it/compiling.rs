//! Jobs that are submitted as settings: their tasks are made here, as a Flamenco Server made them.

use serde_json::{Value, json};

use crate::kit::TestManager;

fn render() -> Value {
    json!({
        "name": "shot",
        "job_type": "blender-render",
        "settings": {
            "blender_cmd": "{blender}",
            "filepath": "/shared/shot.blend",
            "render_output": "/render/shot/######",
            "format": "PNG",
            "frames": "1-3",
            "chunk_size": 2,
        },
    })
}

#[tokio::test]
async fn a_render_is_submitted_as_settings_and_done_by_a_worker() {
    let m = TestManager::start().await;
    let ada = m.worker("ada", &["blender-render", "file-management"]).await;
    let job = m.post("/api/jobs", &render()).await.expect(201).json();
    assert_eq!(job["settings"]["frames"], "1-3");
    let id = job["_id"].as_str().unwrap();
    let tasks = m.get(&format!("/api/jobs/{id}/tasks")).await.expect(200).json();
    let names: Vec<_> = tasks["tasks"].as_array().unwrap().iter().map(|task| task["name"].clone()).collect();
    assert_eq!(names.len() as u64, job["tasks"]["total"].as_u64().unwrap());
    for _ in &names {
        let task = ada.ask().await.expect(200).json();
        ada.ends(task["_id"].as_str().unwrap(), "completed").await;
    }
    assert_eq!(m.get(&format!("/api/jobs/{id}")).await.expect(200).json()["status"], "completed");
}

#[tokio::test]
async fn a_dry_run_shows_the_tasks_and_keeps_nothing() {
    let m = TestManager::start().await;
    let plan = m.post("/api/jobs?dry_run=true", &render()).await.expect(200).json();
    assert_eq!(plan["job"]["status"], "queued");
    let tasks = plan["tasks"].as_array().unwrap();
    for (place, task) in tasks.iter().enumerate() {
        let parents = task["parents"].as_array().unwrap();
        assert!(parents.iter().all(|parent| parent.as_u64().unwrap() < place as u64), "{task}");
    }
    let commands: Vec<_> = tasks
        .iter()
        .flat_map(|task| task["commands"].as_array().unwrap())
        .map(|command| command["name"].as_str().unwrap())
        .collect();
    assert_eq!(commands.iter().filter(|name| **name == "blender_render").count(), 2, "{commands:?}");
    assert_eq!(m.get("/api/jobs").await.expect(200).json()["total"], 0);
}

#[tokio::test]
async fn all_that_is_wrong_with_the_settings_is_said_at_once() {
    let m = TestManager::start().await;
    let wrong =
        json!({"name": "shot", "job_type": "blender-render", "settings": {"frames": "x", "chunk_size": "y"}});
    let answer = m.post("/api/jobs", &wrong).await.expect(400);
    assert_eq!(answer.error_code(), "bad-settings");
    let problems = answer.json()["error"]["problems"].clone();
    let settings: Vec<_> =
        problems.as_array().unwrap().iter().map(|problem| problem["setting"].as_str().unwrap()).collect();
    for setting in ["frames", "chunk_size", "filepath"] {
        assert!(settings.contains(&setting), "{problems}");
    }
    let unknown = json!({"name": "shot", "job_type": "knitting", "settings": {}});
    let problems = m.post("/api/jobs", &unknown).await.expect(400).json()["error"]["problems"].clone();
    assert_eq!(problems[0]["setting"], "job_type");
    assert_eq!(m.get("/api/jobs").await.expect(200).json()["total"], 0);
}

#[tokio::test]
async fn a_job_has_settings_or_tasks_and_never_both() {
    let m = TestManager::start().await;
    let mut both = render();
    both["tasks"] = json!([{"name": "a", "task_type": "sleep", "commands": [{"name": "echo"}]}]);
    for submission in [both, json!({"name": "shot"})] {
        assert!(m.post("/api/jobs", &submission).await.expect(400).says().contains("either settings"));
    }
}

#[tokio::test]
async fn what_can_be_submitted_is_told_as_data() {
    let m = TestManager::start().await;
    let types = m.get("/api/job-types").await.expect(200).json();
    let names: Vec<_> =
        types["job_types"].as_array().unwrap().iter().map(|kind| kind["name"].clone()).collect();
    for name in
        ["blender-render", "blender-render-progressive", "blender-video-chunks", "exec-command", "sleep"]
    {
        assert!(names.contains(&json!(name)), "{names:?}");
    }
    let frames = &types["job_types"][0]["settings"].as_array().unwrap().clone();
    assert!(frames.iter().all(|setting| setting["type"].is_string() && setting["description"].is_string()));
}
