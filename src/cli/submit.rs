//! `job submit`: from a file and the options beside it to the document that the Manager takes.

use std::{
    fs,
    io::{self, Read},
    path::{self, Path},
    process::ExitCode,
};

use serde_json::{Map, Value, json};

use super::{
    Failure,
    args::{Changes, Setting, Submission},
    client::Client,
    jobs::plan_table,
    tables::{print, print_json, text},
    wait::wait,
};
use crate::domain::variables::this_platform;

/// Sends a job, or only asks what would become of it.
pub fn submit(manager: &Client, submission: &Submission, as_json: bool) -> Result<ExitCode, Failure> {
    let body = Value::from(document(submission)?).to_string();
    if submission.dry_run {
        let plan = manager.post("/api/jobs?dry_run=true", body.as_bytes())?;
        let shown = if as_json { print_json(&plan) } else { print(&plan_table(&plan)) };
        return shown.map(|()| ExitCode::SUCCESS);
    }
    let job = manager.create("/api/jobs", body.as_bytes())?;
    let id = text(&job, "_id");
    match (as_json, submission.wait) {
        // Then the job is printed when it has ended.
        (true, true) => {}
        (true, false) => print_json(&job)?,
        (false, _) => print(&id)?,
    }
    if submission.wait { wait(manager, &id, as_json) } else { Ok(ExitCode::SUCCESS) }
}

/// The job as the Manager takes it.
fn document(submission: &Submission) -> Result<Map<String, Value>, Failure> {
    if !submission.is_blend() {
        let mut job = read(&submission.file)?;
        change(&mut job, &submission.changes)?;
        return Ok(job);
    }
    let mut job = of_blend_file(submission)?;
    change(&mut job, &submission.changes)?;
    name_ending(&mut job["settings"]);
    Ok(job)
}

/// Says what the images end in, if nobody has and it can be known: the Manager makes no video of others.
fn name_ending(settings: &mut Value) {
    if settings["images_or_video"] == "images" && settings["output_file_extension"].is_null() {
        settings["output_file_extension"] = json!(settings["format"].as_str().and_then(ending));
    }
}

/// What the names of images in one of Blender's formats end in.
fn ending(format: &str) -> Option<&'static str> {
    Some(match format {
        "PNG" => ".png",
        "JPEG" => ".jpg",
        "TIFF" => ".tif",
        "BMP" => ".bmp",
        "TARGA" | "TARGA_RAW" => ".tga",
        "WEBP" => ".webp",
        "OPEN_EXR" | "EXR" | "MULTILAYER" => ".exr",
        _ => return None,
    })
}

/// A job that renders a blend file. What is missing the Manager names.
fn of_blend_file(submission: &Submission) -> Result<Map<String, Value>, Failure> {
    let Submission { file, blend, changes, .. } = submission;
    let named = |text: Option<&str>| {
        let why =
            || Failure::new(format!("{}: the path is no Unicode text; rename the file", file.display()));
        text.map(str::to_owned).ok_or_else(why)
    };
    // Who knows better where the workers find it need not have it here.
    if !changes.settings.iter().any(|setting| setting.key == "filepath") && !file.is_file() {
        return Err(Failure::new(format!(
            "{}: there is no such file on this machine; if the workers find it elsewhere, say where with --set \
             filepath=PATH",
            file.display()
        )));
    }
    let stem = named(file.file_stem().and_then(|stem| stem.to_str()))?;
    let filepath = named(path::absolute(file)?.to_str())?;
    let job_type = blend.job_type.as_deref().unwrap_or("blender-render");
    let mut settings = json!({
        "filepath": filepath,
        "frames": blend.frames,
        "chunk_size": blend.chunk.unwrap_or(1),
        "render_output": blend.output.clone().unwrap_or_else(|| format!("{{render}}/{stem}/######")),
    });
    // What a type asks for although there is no choice.
    match job_type {
        "blender-render" => {
            settings["format"] = "PNG".into();
            settings["images_or_video"] = "images".into();
        }
        "blender-render-progressive" => {
            settings["format"] = "OPEN_EXR".into();
            settings["blender_cmd"] = "{blender}".into();
        }
        "blender-video-chunks" => settings["images_or_video"] = "video".into(),
        _ => {}
    }
    if let Some(format) = &blend.format {
        settings["format"] = json!(format);
    }
    if let Some(fps) = &blend.fps {
        settings["fps"] = json!(fps);
    }
    let job = [
        ("name", json!(stem)),
        ("job_type", json!(job_type)),
        ("settings", settings),
        ("submitter_platform", json!(this_platform())),
    ];
    Ok(job.map(|(key, value)| (key.to_owned(), value)).into_iter().collect())
}

/// Reads a job that was written down.
fn read(file: &Path) -> Result<Map<String, Value>, Failure> {
    let from_stdin = file == Path::new("-");
    let name = if from_stdin { "standard input".to_owned() } else { file.display().to_string() };
    let text = if from_stdin {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| Failure::new(format!("{name}: it cannot be read: {error}")))?;
    let ends_in = |ending: &str| file.extension().is_some_and(|given| given.eq_ignore_ascii_case(ending));
    if ends_in("json") || !ends_in("toml") && text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|error| Failure::new(format!("{name}: this is no job: {error}")))
    } else {
        let table: toml::Table = toml::from_str(&text).map_err(|error| no_toml(&name, &text, &error))?;
        Ok(table.into_iter().map(|(key, value)| (key, as_json(value))).collect())
    }
}

/// What is wrong, in one line.
fn no_toml(name: &str, text: &str, error: &toml::de::Error) -> Failure {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map_or(1, |before| before.matches('\n').count() + 1);
    Failure::new(format!("{name}:{line}: this is no job in TOML: {}", error.message()))
}

fn as_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(yes) => yes.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(as_json).collect(),
        toml::Value::Table(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, as_json(value))).collect())
        }
    }
}

/// Puts in what was said beside the file. What was not said is left out: the Manager has its own defaults.
fn change(job: &mut Map<String, Value>, changes: &Changes) -> Result<(), Failure> {
    let Changes { settings, name, priority, paused, depends_on, max_workers, worker_tags } = changes;
    if !settings.is_empty() {
        let of_job = job.entry("settings").or_insert_with(|| json!({})).as_object_mut();
        let of_job = of_job.ok_or_else(|| {
            Failure::new("the settings of the job are no object, so that --set cannot add to them")
        })?;
        of_job.extend(settings.iter().map(|Setting { key, value }| (key.clone(), value.clone())));
    }
    let said = [
        ("name", name.as_ref().map(|name| json!(name))),
        ("priority", priority.map(Value::from)),
        ("start_paused", paused.then_some(Value::Bool(true))),
        ("depends_on", (!depends_on.is_empty()).then(|| json!(depends_on))),
        ("max_workers", max_workers.map(Value::from)),
        ("worker_tags", (!worker_tags.is_empty()).then(|| json!(worker_tags))),
    ];
    job.extend(said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        submission: Submission,
    }

    /// The document that is sent for a command line.
    fn sent(words: &[&str]) -> Result<Value, String> {
        let Line { submission } = Line::parse_from(["submit"].iter().chain(words));
        document(&submission).map(Value::from).map_err(|Failure(why)| why)
    }

    /// A file in a folder of its own.
    fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    #[test]
    fn json_and_toml_say_the_same() {
        let json = r#"{"name": "Shot 1", "priority": 70, "settings": {"fps": 24.5, "list": ["a", true]}}"#;
        let toml = "name = \"Shot 1\"\npriority = 70\n[settings]\nfps = 24.5\nlist = [\"a\", true]\n";
        let expected: Value = serde_json::from_str(json).unwrap();
        for (name, text) in [("a.json", json), ("a.toml", toml), ("a", json), ("a", toml)] {
            let (_folder, path) = file(name, text);
            assert_eq!(sent(&[&path]).as_ref(), Ok(&expected), "{name}: {text}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_named_with_the_place() {
        let (_folder, path) = file("a.json", "{\"name\": \n oops}");
        let why = sent(&[&path]).unwrap_err();
        assert!(why.starts_with(&path) && why.contains("line 2"), "{why}");
        let (_folder, path) = file("a.toml", "name = \"x\"\nname = \"y\"\n");
        let why = sent(&[&path]).unwrap_err();
        assert!(
            why.starts_with(&format!("{path}:2: this is no job in TOML: ")) && why.lines().count() == 1,
            "{why}"
        );
        assert!(sent(&["nowhere.json"]).unwrap_err().contains("nowhere.json: it cannot be read"));
    }

    #[test]
    fn options_count_more_than_the_file_and_only_what_is_said_is_sent() {
        let (_folder, path) =
            file("a.json", r#"{"name": "a", "priority": 1, "settings": {"fps": 24, "x": 1}}"#);
        assert_eq!(sent(&[&path]), Ok(json!({"name": "a", "priority": 1, "settings": {"fps": 24, "x": 1}})));
        let id = "5c7d0000000000000000abc9";
        let changed = sent(&[
            &path,
            "--name",
            "b",
            "--priority",
            "2",
            "--paused",
            "--set",
            "fps=25",
            "--set",
            "frames=1-10",
            "--depends-on",
            id,
            "--max-workers",
            "3",
            "--worker-tag",
            "gpu",
        ]);
        let expected = json!({
            "name": "b", "priority": 2, "start_paused": true, "depends_on": [id], "max_workers": 3,
            "worker_tags": ["gpu"], "settings": {"fps": 25, "x": 1, "frames": "1-10"},
        });
        assert_eq!(changed, Ok(expected));
    }

    #[test]
    fn settings_are_added_to_an_object_only() {
        let (_folder, path) = file("a.json", r#"{"name": "a"}"#);
        assert_eq!(sent(&[&path, "--set", "x=1"]), Ok(json!({"name": "a", "settings": {"x": 1}})));
        let (_folder, path) = file("a.json", r#"{"settings": 3}"#);
        assert!(sent(&[&path, "--set", "x=1"]).unwrap_err().contains("are no object"));
    }

    #[test]
    fn a_blend_file_is_rendered_with_sensible_settings() {
        let (_folder, path) = file("shot 1.blend", "");
        let job = sent(&[&path, "--frames", "1-250"]).unwrap();
        let expected = json!({"name": "shot 1", "job_type": "blender-render", "settings": {
            "filepath": path, "frames": "1-250", "chunk_size": 1, "render_output": "{render}/shot 1/######", "format": "PNG",
            "images_or_video": "images", "output_file_extension": ".png",
        }, "submitter_platform": this_platform()});
        assert_eq!(job, expected);
        let job = sent(&[
            &path,
            "--frames",
            "7",
            "--chunk",
            "10",
            "--output",
            "/r/s/######",
            "--format",
            "JPEG",
            "--fps",
            "23.98",
            "--name",
            "Shot",
        ]);
        let expected = json!({"name": "Shot", "job_type": "blender-render", "settings": {
            "filepath": path, "frames": "7", "chunk_size": 10, "render_output": "/r/s/######", "format": "JPEG",
            "images_or_video": "images", "output_file_extension": ".jpg", "fps": 23.98,
        }, "submitter_platform": this_platform()});
        assert_eq!(job, Ok(expected));
    }

    #[test]
    fn other_types_get_what_they_ask_for() {
        let (_folder, path) = file("a.blend", "");
        let settings =
            |kind: &str| sent(&[&path, "--frames", "1", "--type", kind]).unwrap()["settings"].take();
        let progressive = settings("blender-render-progressive");
        assert_eq!(
            (&progressive["format"], &progressive["blender_cmd"]),
            (&"OPEN_EXR".into(), &"{blender}".into())
        );
        let video = settings("blender-video-chunks");
        assert_eq!((&video["images_or_video"], &video["format"]), (&"video".into(), &Value::Null));
    }

    #[test]
    fn a_blend_file_is_there_or_its_place_is_said() {
        let why = sent(&["nowhere.blend", "--frames", "1"]).unwrap_err();
        assert!(why.starts_with("nowhere.blend: ") && why.contains("--set filepath=PATH"), "{why}");
        let job = sent(&["nowhere.blend", "--frames", "1", "--set", "filepath=/shared/a.blend"]).unwrap();
        assert_eq!(
            (&job["settings"]["filepath"], &job["name"]),
            (&"/shared/a.blend".into(), &"nowhere".into())
        );
    }

    #[test]
    fn dates_in_toml_are_texts() {
        let (_folder, path) = file("a.toml", "[metadata]\ndue = 2026-08-01\n");
        assert_eq!(sent(&[&path]), Ok(json!({"metadata": {"due": "2026-08-01"}})));
    }
}
