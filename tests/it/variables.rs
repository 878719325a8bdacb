//! Variables: told to people, put for paths when a job is submitted, and replaced on the way to a worker.

use serde_json::{Value, json};

use crate::kit::{TestManager, TestWorker, job, task, with};

const VARIABLES: &str = r#"
[variables.render]
direction = "twoway"
values = [
    { platform = "linux", value = "/render" },
    { platform = "windows", audience = "users", value = "R:/" },
    { platform = "windows", audience = "workers", value = "//nas/render" },
]
[variables.shots]
direction = "twoway"
values = [{ platform = "linux", value = "/render/shots/" }, { platform = "windows", value = "S:" }]
"#;

/// A worker of another platform than those of other stories.
async fn on_windows(m: &TestManager) -> TestWorker {
    let secret = "x".repeat(64);
    let about = json!({
        "secret": secret, "platform": "windows", "supported_task_types": ["sleep"], "nickname": "win",
    });
    let worker = m.post("/register-worker", &about).await.expect(200).json();
    TestWorker::new(m.door.clone(), worker["_id"].as_str().unwrap(), &secret)
}

fn render(changes: &Value) -> Value {
    let settings = json!({
        "filepath": r"s:\Shot1\shot.blend", "render_output": r"R:\out\######", "format": "PNG",
        "frames": "1-2", "chunk_size": 2,
    });
    with(json!({"name": "shot", "job_type": "blender-render", "settings": settings}), changes)
}

#[tokio::test]
async fn a_job_submitted_on_windows_is_rendered_on_linux() {
    let m = TestManager::configured(VARIABLES).await;
    let ada = m.worker("ada", &["blender-render"]).await;
    let job =
        m.post("/api/jobs", &render(&json!({"submitter_platform": "windows"}))).await.expect(201).json();
    assert_eq!(job["settings"]["filepath"], "{shots}/Shot1/shot.blend");
    assert_eq!(job["settings"]["render_output"], "{render}/out/######");
    let settings = ada.ask().await.expect(200).json()["commands"][0]["settings"].clone();
    assert_eq!(settings["filepath"], "/render/shots/Shot1/shot.blend");
    let output = settings["render_output"].as_str().unwrap();
    assert!(output.starts_with("/render/out__intermediate-") && output.ends_with("/######"), "{output}");
}

#[tokio::test]
async fn a_ready_made_task_goes_from_linux_to_windows() {
    let m = TestManager::configured(VARIABLES).await;
    let commands = json!([{"name": "copy_file", "settings": {
        "src": "/render/shots/a.exr", "dest": ["/render/b.exr", "/render2/b.exr", "{render}/c.exr"],
    }}]);
    let shot = m.submit(&job([with(task("a"), &json!({"commands": commands}))])).await;
    let stored =
        json!({"src": "{shots}/a.exr", "dest": ["{render}/b.exr", "/render2/b.exr", "{render}/c.exr"]});
    assert_eq!(m.task(&shot["a"]).await["commands"][0]["settings"], stored);
    let win = on_windows(&m).await;
    let settings = win.ask().await.expect(200).json()["commands"][0]["settings"].clone();
    let sent =
        json!({"src": "S:/a.exr", "dest": ["//nas/render/b.exr", "/render2/b.exr", "//nas/render/c.exr"]});
    assert_eq!(settings, sent);
}

#[tokio::test]
async fn a_dry_run_shows_the_variables() {
    let m = TestManager::configured(VARIABLES).await;
    let plan = m.post("/api/jobs?dry_run=true", &render(&json!({}))).await.expect(200).json();
    assert_eq!(plan["job"]["settings"]["render_output"], "{render}/out/######");
    assert_eq!(plan["tasks"][0]["commands"][0]["settings"]["filepath"], "{shots}/Shot1/shot.blend");
}

#[tokio::test]
async fn a_folder_that_is_a_variable_by_itself_is_no_place_for_a_video() {
    let m = TestManager::configured(VARIABLES).await;
    let settings = json!({
        "filepath": "/render/edit.blend", "render_output": "/render/video", "frames": "1-2", "chunk_size": 2,
        "output_file_extension": ".mkv", "images_or_video": "video", "fps": 24, "extract_audio": false,
    });
    let edit = |output: &str| {
        let settings = with(settings.clone(), &json!({"render_output": output}));
        json!({"name": "edit", "job_type": "blender-video-chunks", "settings": settings})
    };
    m.post("/api/jobs", &edit("/render/video")).await.expect(201);
    let answer = m.post("/api/jobs", &edit("/render")).await.expect(400);
    assert!(answer.says().contains("render_output must be a path with a folder"), "{}", answer.says());
}

#[tokio::test]
async fn only_the_values_of_the_submitting_platform_count() {
    let m = TestManager::configured(VARIABLES).await;
    let plan = async |platform: &str| {
        let changes = json!({"submitter_platform": platform, "settings": null, "tasks": [with(
            task("a"), &json!({"commands": [{"name": "x", "settings": {"a": "/render/x", "b": "R:/x"}}]}),
        )]});
        let plan = m.post("/api/jobs?dry_run=true", &render(&changes)).await.expect(200).json();
        plan["tasks"][0]["commands"][0]["settings"].clone()
    };
    assert_eq!(plan("Linux").await, json!({"a": "{render}/x", "b": "R:/x"}));
    assert_eq!(plan("windows").await, json!({"a": "/render/x", "b": "{render}/x"}));
    assert_eq!(plan("plan9").await, json!({"a": "/render/x", "b": "R:/x"}));
    for odd in [json!(""), json!(7), json!("x".repeat(101))] {
        m.post("/api/jobs", &render(&json!({"submitter_platform": odd}))).await.expect(400);
    }
}

#[tokio::test]
async fn people_are_told_the_values() {
    let m = TestManager::configured(VARIABLES).await;
    let values = async |query: &str| {
        let list = m.get(&format!("/api/variables{query}")).await.expect(200).json();
        let lines = list["variables"].as_array().unwrap().iter();
        lines.filter(|line| line["name"] == "render").cloned().collect::<Vec<_>>()
    };
    let line = |platform: &str, audience: &str, value: &str| {
        json!({
            "name": "render", "direction": "twoway", "platform": platform, "audience": audience, "value": value,
        })
    };
    let all = [
        line("linux", "all", "/render"),
        line("windows", "users", "R:"),
        line("windows", "workers", "//nas/render"),
    ];
    assert_eq!(values("").await, all);
    assert_eq!(values("?platform=windows").await, all[1..]);
    assert_eq!(values("?audience=users").await, all[..2]);
    assert_eq!(values("?platform=Windows&audience=workers").await, all[2..]);
    assert_eq!(m.get("/api/variables?platform=plan9").await.expect(200).json(), json!({"variables": []}));
    for bad in ["audience=dogs", "platfrom=linux", "audience=users&audience=all"] {
        assert_eq!(m.get(&format!("/api/variables?{bad}")).await.expect(400).error_code(), "bad-request");
    }
}

#[tokio::test]
async fn people_see_what_a_worker_is_given_to_do() {
    let m = TestManager::configured(VARIABLES).await;
    let win = on_windows(&m).await;
    let commands =
        json!([{"name": "copy_file", "settings": {"src": "{render}/a", "n": 24.0, "why": "{none}"}}]);
    let shot = m.submit(&job([with(task("a"), &json!({"commands": commands}))])).await;
    let path = format!("/api/tasks/{}/commands", &shot["a"]);
    let given = |platform: &str, src: &str| {
        let settings = json!({"src": src, "n": 24, "why": "{none}"});
        json!({"platform": platform, "commands": [{"name": "copy_file", "settings": settings}]})
    };
    // Nobody has had it: what counts is the machine of the Manager, which is where these tests run.
    let here = m.get(&path).await.expect(200).json();
    assert_eq!(here["platform"], flamenco_manager::domain::variables::this_platform());
    assert_eq!(
        m.get(&format!("{path}?platform=linux")).await.expect(200).json(),
        given("linux", "/render/a")
    );
    assert_eq!(
        m.get(&format!("{path}?platform=amiga")).await.expect(200).json(),
        given("amiga", "{render}/a")
    );
    let task = win.ask().await.expect(200).json();
    let shown = m.get(&path).await.expect(200).json();
    assert_eq!(shown, given("windows", "//nas/render/a"));
    assert_eq!(shown["commands"], task["commands"], "as the worker got it");
    assert_eq!(
        m.get(&format!("{path}?platform=linux")).await.expect(200).json(),
        given("linux", "/render/a")
    );
    m.get(&format!("{path}?platfrom=linux")).await.expect(400);
    m.get(&format!("/api/tasks/{}/commands", "0".repeat(24))).await.expect(404);
}
