//! What the compilers do that 2.x did not, or that no golden case shows; and what the other tests here share.

mod golden;
mod messages;
mod properties;

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn submit_to(
    job_type: &str,
    settings: &Value,
    worker_task_types: &[&str],
) -> Result<Vec<CompiledTask>, Vec<Problem>> {
    compile(&Submission {
        job_type,
        settings: settings.as_object().unwrap(),
        created: "2019-03-04T12:00:00Z".parse().unwrap(),
        time_zone: &TimeZone::UTC,
        worker_task_types: &worker_task_types.iter().map(|name| (*name).to_owned()).collect(),
    })
}

fn submit(job_type: &str, settings: &Value) -> Result<Vec<CompiledTask>, Vec<Problem>> {
    submit_to(job_type, settings, &["blender-render", "video-encoding"])
}

/// `settings` with one of them changed, or without it if it is `null`.
fn with(mut settings: Value, name: &str, value: impl Into<Value>) -> Value {
    settings[name] = value.into();
    settings
}

fn render() -> Value {
    json!({
        "frames": "1-5", "chunk_size": 2, "render_output": "/render/out/frames-######", "format": "PNG",
        "filepath": "/shared/shot.blend", "fps": 24, "images_or_video": "images", "output_file_extension": ".png",
    })
}

fn progressive() -> Value {
    json!({
        "frames": "1-4", "chunk_size": 3, "render_output": "/render/out/frames-######", "fps": 24, "format": "OPEN_EXR",
        "filepath": "/shared/shot.blend", "blender_cmd": "{blender}", "cycles_sample_count": 30,
        "cycles_sample_cap": 30,
    })
}

fn video() -> Value {
    json!({
        "frames": "100-250", "fps": 24, "chunk_size": 100, "render_output": "/render/export/name.mkv",
        "filepath": "/shared/edit.blend", "output_file_extension": ".mkv", "images_or_video": "video",
        "extract_audio": true,
    })
}

fn sleep() -> Value {
    json!({"frames": "1-3", "chunk_size": 1, "time_in_seconds": 3})
}

fn names(tasks: &[CompiledTask]) -> Vec<&str> {
    tasks.iter().map(|task| task.name.as_str()).collect()
}

/// The only command of the task that has this name.
fn settings<'a>(tasks: &'a [CompiledTask], name: &str) -> &'a Map<String, Value> {
    &tasks.iter().find(|task| task.name == name).unwrap().commands[0].settings
}

#[test]
fn a_video_is_made_only_if_some_worker_can() {
    let tasks = submit_to("blender-render", &render(), &["blender-render"]).unwrap();
    assert_eq!(
        names(&tasks),
        ["blender-render-1,2", "blender-render-3,4", "blender-render-5", "move-to-final"]
    );
    assert_eq!(tasks[3].parents, [0, 1, 2]);
    assert!(names(&submit("blender-render", &render()).unwrap()).contains(&"create-video"));
}

#[test]
fn previews_come_first_if_wanted_and_everything_else_waits_for_them_too() {
    let tasks = submit("blender-render", &with(render(), "preview_first", true)).unwrap();
    assert_eq!(
        names(&tasks),
        [
            "blender-render-1",
            "blender-render-3",
            "blender-render-5",
            "blender-render-2,4",
            "create-video",
            "move-to-final"
        ]
    );
    assert_eq!(tasks[4].parents, [0, 1, 2, 3]);
}

#[test]
fn a_float_stays_a_float() {
    let tasks = submit("blender-render", &with(render(), "fps", json!(24.0))).unwrap();
    assert_eq!(settings(&tasks, "create-video")["fps"].to_string(), "24.0");
    let tasks = submit("blender-render", &with(render(), "fps", json!(24))).unwrap();
    assert_eq!(settings(&tasks, "create-video")["fps"].to_string(), "24");
}

#[test]
fn the_day_of_a_video_is_that_of_the_farm() {
    let tasks = compile(&Submission {
        job_type: "blender-video-chunks",
        settings: video().as_object().unwrap(),
        created: "2019-03-04T23:30:00Z".parse().unwrap(),
        time_zone: &TimeZone::get("Europe/Amsterdam").unwrap(),
        worker_task_types: &BTreeSet::new(),
    });
    let tasks = tasks.unwrap();
    assert_eq!(settings(&tasks, "move-with-counter")["dest"], "/render/export/2019_03_05-edit.mkv");
}

#[test]
fn settings_that_nobody_knows_are_not_looked_at() {
    assert_eq!(submit("sleep", &with(sleep(), "colour", "red")), submit("sleep", &sleep()));
}

#[test]
fn numbers_of_samples_may_be_texts() {
    let as_text = with(with(progressive(), "cycles_sample_count", "30"), "cycles_sample_cap", " 30 ");
    assert_eq!(
        submit("blender-render-progressive", &as_text),
        submit("blender-render-progressive", &progressive())
    );
}

#[test]
fn formats_and_endings_may_be_written_in_any_case() {
    let settings = with(with(progressive(), "format", "open_exr"), "filepath", "/a/b.BLEND");
    let tasks =
        submit("blender-render-progressive", &with(settings, "rna_overrides", json!(["x = 1"]))).unwrap();
    assert_eq!(self::settings(&tasks, "rna-overrides")["filepath"], "/a/b-overrides.py");
    assert_eq!(self::settings(&tasks, "render-s_1-1-f_1-4")["format"], "open_exr");
}

/// 2.x failed to make tasks.
#[test]
fn unlike_2_x_a_render_without_a_format_has_a_video_unless_its_images_are_exr() {
    let without = with(render(), "format", Value::Null);
    let tasks = submit("blender-render", &without).unwrap();
    assert!(names(&tasks).contains(&"create-video"));
    assert_eq!(tasks[0].commands[0].settings["format"], Value::Null);
    let tasks = submit("blender-render", &with(without, "output_file_extension", ".exr")).unwrap();
    assert!(!names(&tasks).contains(&"create-video"));
}

/// 2.x made a task that workers refuse.
#[test]
fn unlike_2_x_there_is_no_video_without_frames_per_second() {
    let tasks = submit("blender-render", &with(render(), "fps", Value::Null)).unwrap();
    assert!(!names(&tasks).contains(&"create-video"));
}

/// 2.x failed to make tasks.
#[test]
fn unlike_2_x_few_samples_can_be_rendered_progressively() {
    let tasks =
        submit("blender-render-progressive", &with(progressive(), "cycles_sample_count", 20)).unwrap();
    let renders: Vec<_> = names(&tasks).into_iter().filter(|name| name.starts_with("render-")).collect();
    assert_eq!(renders, ["render-s_1-4-f_1-4", "render-s_5-10-f_1-4", "render-s_11-20-f_1-4"]);
}

/// 2.x failed to make tasks.
#[test]
fn unlike_2_x_a_progressive_render_goes_to_any_folder() {
    let output = "/100%/%d/######/frames-######";
    let tasks = submit("blender-render-progressive", &with(progressive(), "render_output", output)).unwrap();
    let copy = settings(&tasks, "publish-exr-to-output");
    assert_eq!(copy["src"], "/100%/%d/######__intermediate-2019-03-04_120000/merge-smpl-0030-000001.exr");
    assert_eq!(copy["dest"], "/100%/%d/######/frames-000001.exr");
    let images = settings(&tasks, "create-preview-images");
    assert_eq!(
        images["exr_glob"],
        "/100%/%d/######__intermediate-2019-03-04_120000/render-smpl-0001-0001-*.exr"
    );
}

/// In 2.x chunk-100000 came before chunk-99900, in the name and so in the video.
#[test]
fn unlike_2_x_chunks_of_a_very_long_video_are_in_order() {
    let settings = with(video(), "frames", "99901-100100");
    let tasks = submit("blender-video-chunks", &settings).unwrap();
    let mut videos: Vec<_> = tasks
        .iter()
        .filter(|task| task.name.starts_with("video-chunk-"))
        .map(|task| task.commands[0].settings["output_file"].as_str().unwrap())
        .collect();
    let as_made = videos.clone();
    videos.sort_unstable();
    assert_eq!(videos, as_made);
    assert_eq!(videos[0], "/render/export/frames/chunk-099901-100000.mkv");
}

/// What programs and forms read: a change is a change of the interface.
#[test]
fn job_types_are_data() {
    let types = serde_json::to_value(job_types()).unwrap();
    assert_eq!(types[0]["name"], "blender-render");
    let setting = |job_type: usize, name: &str| {
        let settings = types[job_type]["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["name"] == name).unwrap().clone()
    };
    assert_eq!(
        setting(0, "chunk_size"),
        json!({
            "name": "chunk_size", "type": "integer", "min": 1, "max": 1_000_000, "required": true,
            "description": "how many frames a task has",
        })
    );
    assert_eq!(
        setting(0, "blender_cmd"),
        json!({
            "name": "blender_cmd", "type": "string", "required": false, "default": "{blender}",
            "description": "the command that starts Blender on a worker",
        })
    );
    assert_eq!(setting(0, "preview_first")["default"], false);
    assert_eq!(setting(0, "rna_overrides")["type"], "strings");
    assert_eq!(setting(1, "format")["choices"], json!(["OPEN_EXR", "EXR"]));
}
