//! Each message about settings, word for word.

use serde_json::json;

use super::{super::*, progressive, render, sleep, submit, video, with};

/// The message about the only thing that is wrong.
fn message(job_type: &str, settings: &Value) -> String {
    let problems = submit(job_type, settings).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let problems =
        submit("blender-render", &json!({"frames": "a", "chunk_size": 0, "fps": "24"})).unwrap_err();
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "filepath is missing; it is the .blend file to render, as the workers find it",
            "render_output is missing; it is where images go, as the workers find it, like /render/shot/frame-######; \
             the folder is for this job alone",
            "frames cannot be read: \"a\" is neither a frame nor a range; frames are written like 1-10,20,30-40, and none \
             is below 0",
            "chunk_size must be a whole number from 1 to 1000000, but is 0",
            "fps must be a number from 0.001 to 32767, but is \"24\"",
        ]
    );
}

/// What is said of each setting when it has this value and all others are fine.
fn said(job_type: &str, fine: &Value, cases: &[(&str, Value, &str)]) {
    for (name, value, expected) in cases {
        assert_eq!(message(job_type, &with(fine.clone(), name, value.clone())), format!("{name} {expected}"));
    }
}

#[test]
fn what_is_wrong_with_a_render() {
    const FOLDER: &str = "must be a path with a folder and a name, like /render/shot/frame-###### (also on Windows \
                          with /), but is";
    let cases = [
        ("filepath", json!("/a/b.txt"), "must end in .blend, but is \"/a/b.txt\""),
        ("filepath", json!(3), "must be a text, but is 3"),
        ("filepath", json!(["x".repeat(100)]), &format!("must be a text, but is [\"{}…", "x".repeat(78))),
        ("filepath", json!(null), "is missing; it is the .blend file to render, as the workers find it"),
        (
            "frames",
            json!(" "),
            "is empty, so that there is nothing to render; frames are written like 1-10,20,30-40",
        ),
        (
            "frames",
            json!("1,,2"),
            "cannot be read: there is a comma too many; frames are written like 1-10,20,30-40",
        ),
        ("chunk_size", json!("2"), "must be a whole number from 1 to 1000000, but is \"2\""),
        ("chunk_size", json!(2.5), "must be a whole number from 1 to 1000000, but is 2.5"),
        (
            "chunk_size",
            json!(u64::MAX),
            "must be a whole number from 1 to 1000000, but is 18446744073709551615",
        ),
        ("render_output", json!("######"), &format!("{FOLDER} \"######\"")),
        ("render_output", json!("/######"), &format!("{FOLDER} \"/######\"")),
        ("images_or_video", json!("film"), "must be images or video, but is \"film\""),
        ("preview_first", json!("yes"), "must be true or false, but is \"yes\""),
        ("rna_overrides", json!(["a", 1]), "must be a list of texts, but 1 is in it"),
        ("rna_overrides", json!("a"), "must be a list of texts, but is \"a\""),
        ("fps", json!(-1), "must be a number from 0.001 to 32767, but is -1"),
        ("fps", json!(true), "must be a number from 0.001 to 32767, but is true"),
    ];
    said("blender-render", &render(), &cases);
}

#[test]
fn what_is_wrong_with_a_progressive_render() {
    const OLD: &str = "is no longer used, and comes from an old version of the add-on that submits jobs; update the \
                       add-on";
    const HASHES: &str = "must end in exactly six #, like /render/shot/frame-######, but is \"/r/o/#######\"";
    let cases = [
        ("cycles_num_chunks", json!(3), OLD),
        ("format", json!("JPEG"), "must be OPEN_EXR or EXR, but is \"JPEG\""),
        ("render_output", json!("/r/o/#######"), HASHES),
        ("cycles_sample_count", json!(1), "must be a whole number from 2 to 16777216, but is 1"),
        ("cycles_sample_cap", json!("many"), "must be a whole number from 1 to 16777216, but is \"many\""),
        ("fps", json!(null), "is missing; it is the frames per second of the preview video"),
    ];
    said("blender-render-progressive", &progressive(), &cases);
    for nothing in [json!(null), json!(0), json!(""), json!(false), json!([]), json!({})] {
        let settings = with(progressive(), "cycles_num_chunks", nothing);
        assert!(submit("blender-render-progressive", &settings).is_ok());
    }
}

#[test]
fn what_is_wrong_with_a_video() {
    const FOLDER: &str = "must be a path with a folder and a name, like /render/shot/video, but is \"/\"";
    let cases = [
        ("images_or_video", json!("images"), "must be video, but is \"images\""),
        ("extract_audio", json!(1), "must be true or false, but is 1"),
        ("output_file_extension", json!("mkv"), "must begin with a dot, like .mkv, but is \"mkv\""),
        ("render_output", json!("/"), FOLDER),
    ];
    said("blender-video-chunks", &video(), &cases);
}

#[test]
fn what_is_wrong_with_a_command_or_with_sleep() {
    let cases = [
        ("cmd", json!(" "), "is empty; there is nothing to run"),
        ("cmd", json!("echo 'it"), "cannot be taken apart into words: a quote (') is opened and not closed"),
        (
            "cmd",
            json!("echo \\"),
            "cannot be taken apart into words: there is nothing behind the backslash at the end",
        ),
    ];
    said("exec-command", &json!({}), &cases);
    let cases = [("time_in_seconds", json!(-1), "must be a whole number from 0 to 604800, but is -1")];
    said("sleep", &sleep(), &cases);
}

#[test]
fn a_job_type_that_there_is_not_is_refused() {
    assert_eq!(
        message("nope", &json!({})),
        "job_type must be one of blender-render, blender-render-progressive, blender-video-chunks, exec-command, \
         sleep, but is \"nope\""
    );
}

#[test]
fn what_is_too_large_is_refused() {
    let settings = with(sleep(), "frames", "1-200001");
    assert_eq!(
        message("sleep", &settings),
        "chunk_size is so small that there would be more than 200000 tasks; make it larger"
    );
    assert_eq!(submit("sleep", &with(sleep(), "frames", "1-200000")).unwrap().len(), MAX_TASKS);
    let settings =
        with(with(render(), "filepath", format!("{}.blend", "x".repeat(1 << 20))), "frames", "1-300");
    assert_eq!(
        message("blender-render", &settings),
        "frames would take more than 100 MiB as tasks, paths included; render them in several jobs"
    );
    let settings = with(progressive(), "frames", "0-10000");
    assert_eq!(
        message("blender-render-progressive", &settings),
        "frames are 10001; a progressive render has at most 10000, so make several jobs of them"
    );
    let settings = with(with(progressive(), "cycles_sample_count", 16_777_216), "cycles_sample_cap", 1);
    assert_eq!(
        message("blender-render-progressive", &settings),
        "cycles_sample_cap is so small that there would be more than 200000 passes; make it larger"
    );
}
