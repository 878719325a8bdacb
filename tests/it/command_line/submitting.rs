//! `job submit`: files of every kind, and what is said beside them.

use std::{fs, io::Write, process::Stdio};

use serde_json::json;

use super::{
    at_a_known_port, fails, json,
    stand_in::{Answer, StandIn},
    succeeds,
};
use crate::faults::process::{Place, new_job};

#[tokio::test]
async fn a_blend_file_becomes_a_job_that_renders_it() {
    let place = at_a_known_port();
    let manager = place.start();
    fs::write(place.path("shot 7.blend"), "").unwrap();
    let output = "/render/shot7/######";
    let id = succeeds(
        &place,
        &[
            "job",
            "submit",
            "shot 7.blend",
            "--frames",
            "1-25",
            "--chunk",
            "10",
            "--output",
            output,
            "--fps",
            "24",
            "--paused",
        ],
    );
    let job = manager.get(&format!("/api/jobs/{}", id.trim_end())).await;
    assert_eq!((&job["name"], &job["status"]), (&json!("shot 7"), &json!("paused")));
    assert_eq!(
        job["settings"],
        json!({
            "filepath": place.path("shot 7.blend"), "frames": "1-25", "chunk_size": 10, "format": "PNG",
            "render_output": "{render}/shot7/######", "images_or_video": "images", "output_file_extension": ".png",
            "fps": 24,
        })
    );
    let tasks = manager.get(&format!("/api/jobs/{}/tasks", id.trim_end())).await;
    let renders = |task: &&serde_json::Value| task["task_type"] == "blender-render";
    assert_eq!(tasks["tasks"].as_array().unwrap().iter().filter(renders).count(), 3);

    let plan = succeeds(&place, &["job", "submit", "shot 7.blend", "--frames", "1-3", "--dry-run"]);
    assert!(plan.contains("blender-render-3") && plan.ends_with("nothing was submitted.\n"), "{plan}");
    assert_eq!(manager.get("/api/jobs").await["total"], 1);
    manager.stop();
}

#[test]
fn a_blend_file_without_frames_is_wrong_usage_and_one_that_is_not_there_is_explained() {
    let place = at_a_known_port();
    let said = place.run(&["job", "submit", "shot.blend"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("does not open blend files"), "{}", said.stderr);
    let why = fails(&place, &["job", "submit", "shot.blend", "--frames", "1-10"]);
    assert!(why.contains("shot.blend: there is no such file on this machine"), "{why}");
}

#[tokio::test]
async fn toml_and_standard_input_are_taken() {
    let place = at_a_known_port();
    let manager = place.start();
    let toml = "name = \"naps\"\njob_type = \"sleep\"\n[settings]\nframes = \"1-4\"\nchunk_size = 2\ntime_in_seconds = 1\n";
    fs::write(place.path("naps.toml"), toml).unwrap();
    succeeds(&place, &["job", "submit", "naps.toml", "--set", "chunk_size=1"]);
    assert_eq!(manager.get("/api/jobs").await["jobs"][0]["tasks"]["total"], 4);

    let ready_made = new_job(1).to_string();
    for (text, tasks) in [(toml, 2), (&ready_made, 1)] {
        let mut command = place.command(&["--json", "job", "submit", "-", "--name", "from a pipe"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let job = json(std::str::from_utf8(&child.wait_with_output().unwrap().stdout).unwrap());
        assert_eq!((&job["name"], &job["tasks"]["total"]), (&json!("from a pipe"), &json!(tasks)));
    }
    manager.stop();
}

#[test]
fn each_problem_of_the_settings_has_its_line() {
    let place = at_a_known_port();
    let manager = place.start();
    fs::write(place.path("a.json"), r#"{"name": "x", "job_type": "sleep"}"#).unwrap();
    let why = fails(&place, &["job", "submit", "a.json", "--set", "frames=oops", "--set", "chunk_size=0"]);
    let lines: Vec<_> = why.lines().collect();
    assert_eq!(lines[0], "flamenco-manager: the Manager refused: the settings make no sense:");
    assert!(lines[1].starts_with("  frames ") && lines[2].starts_with("  chunk_size "), "{why}");
    assert!(lines[3].starts_with("  time_in_seconds is missing"), "{why}");
    manager.stop();
}

#[test]
fn a_submission_whose_answer_is_lost_is_sent_again_under_the_same_key() {
    let manager = StandIn::answering(|_, before| match before {
        0 => Answer::None,
        _ => Answer::Json(201, json!({"_id": "5c7d0000000000000000abc9"})),
    });
    let place = Place::new();
    fs::write(place.path("a.json"), r#"{"name": "x"}"#).unwrap();
    let id = "5c7d0000000000000000abc1";
    let arguments = [
        "job",
        "submit",
        "a.json",
        "--depends-on",
        id,
        "--max-workers",
        "2",
        "--worker-tag",
        "gpu",
        "--manager",
    ];
    let submit = || succeeds(&place, &[&arguments[..], &[&manager.url()]].concat());
    assert_eq!(submit(), "5c7d0000000000000000abc9\n");
    submit();
    let calls = manager.calls();
    assert_eq!(manager.lines(), ["POST /api/jobs"; 3]);
    let body = json!({"name": "x", "depends_on": [id], "max_workers": 2, "worker_tags": ["gpu"]});
    assert_eq!([calls[0].json(), calls[1].json()], [body.clone(), body]);
    let keys: Vec<_> = calls.iter().map(|call| call.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2], "another submission has another key");
}
