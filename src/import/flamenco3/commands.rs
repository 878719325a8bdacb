//! The commands of Flamenco 3 in the words of a worker of 2.x, as far as it can do the same.

use serde_json::{Map, Value, json};

/// The task type of tasks that no worker of 2.x can do: none has it, so they are never handed out.
const PREFIX: &str = "flamenco3-";

/// The arguments for `FFmpeg` in the preview videos of Flamenco 3, but for the frame rate; they are those of `create_video`, too.
const OF_PREVIEWS: [&str; 9] =
    ["-c:v", "h264", "-crf", "20", "-g", "18", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt"];

/// What `{blenderArgs}` stands for in Flamenco 3 unless somebody changes it.
const BLENDER_ARGS: &str = "-b -y";

/// The commands of a task.
#[derive(Debug, PartialEq)]
pub(super) struct Commands {
    /// As JSON text: a list of `{"name", "settings"}`.
    pub json: String,
    /// Whether a worker of 2.x can do them.
    pub can_be_done: bool,
}

/// Translates a list of commands, all of them or none: half a task is none. An error says what is wrong with the text.
pub(super) fn translate(text: &str) -> Result<Commands, String> {
    let listed: Value =
        serde_json::from_str(text).map_err(|error| format!("its commands are no JSON: {error}"))?;
    let listed = match listed {
        Value::Null => Vec::new(),
        Value::Array(commands) => commands,
        _ => return Err("its commands are no list".to_owned()),
    };
    let mut known = Vec::with_capacity(listed.len());
    for command in listed {
        let Value::Object(mut command) = command else {
            return Err("a command of it is no object".to_owned());
        };
        let Some(Value::String(name)) = command.remove("name") else {
            return Err("a command of it has no name".to_owned());
        };
        let parameters = match command.remove("parameters") {
            Some(Value::Object(parameters)) => parameters,
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err(format!("the parameters of its command {name} are no object")),
        };
        known.push((name, parameters));
    }
    let translated: Option<Vec<_>> =
        known.iter().map(|(name, parameters)| translate_one(name, parameters)).collect();
    let can_be_done = translated.is_some();
    let commands = translated.unwrap_or_else(|| {
        known.into_iter().map(|(name, parameters)| json!({"name": name, "settings": parameters})).collect()
    });
    Ok(Commands { json: Value::from(commands).to_string(), can_be_done })
}

/// What a worker of 2.x must support for tasks of this type of Flamenco 3.
pub(super) fn task_type(of_flamenco_3: &str, can_be_done: bool) -> String {
    match of_flamenco_3 {
        _ if !can_be_done => format!("{PREFIX}{of_flamenco_3}"),
        "blender" => "blender-render".to_owned(),
        "ffmpeg" => "video-encoding".to_owned(),
        // Of the types that workers of 2.x have it is the one for what takes no tools.
        "misc" => "sleep".to_owned(),
        other => other.to_owned(),
    }
}

fn translate_one(name: &str, parameters: &Map<String, Value>) -> Option<Value> {
    let (name, settings) = match name {
        "echo" => ("echo", json!({"message": as_text(parameters.get("message")?)})),
        "sleep" => ("sleep", json!({"time_in_seconds": number(parameters, "duration_in_seconds")?})),
        "move-directory" => {
            ("move_to_final", json!({"src": text(parameters, "src")?, "dest": text(parameters, "dest")?}))
        }
        "exec" => ("exec", exec(&[exe(parameters)?], &texts(parameters, "args")?)),
        "blender-render" => blender(parameters)?,
        "frames-to-video" => ("create_video", video(parameters)?),
        _ => return None,
    };
    Some(json!({"name": name, "settings": settings}))
}

/// `blender_render`, by which the Manager hears of each image; or, with arguments that it does not have, the same by `exec`.
fn blender(parameters: &Map<String, Value>) -> Option<(&'static str, Value)> {
    let before = texts(parameters, "argsBefore")?;
    let file = text(parameters, "blendfile")?;
    let args = texts(parameters, "args")?;
    let usual = match parameters.get("exeArgs") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) if text == "{blenderArgs}" => BLENDER_ARGS,
        Some(other) => other.as_str()?,
    };
    let blender = exe(parameters)?;
    if usual == BLENDER_ARGS
        && before.is_empty()
        && !file.is_empty()
        && let Some(mut settings) = settings_of(&args)
    {
        settings.insert("blender_cmd".to_owned(), blender.into());
        settings.insert("filepath".to_owned(), file.into());
        return Some(("blender_render", settings.into()));
    }
    let mut all = before;
    all.extend((!file.is_empty()).then_some(file));
    all.extend(args);
    let first = if usual.is_empty() { vec![blender] } else { vec![blender, usual.to_owned()] };
    Some(("exec", exec(&first, &all)))
}

/// The arguments as settings of `blender_render`, if each is there at most once and none is another one.
fn settings_of(args: &[String]) -> Option<Map<String, Value>> {
    let mut settings = Map::new();
    for pair in args.chunks(2) {
        let [name, value] = pair else { return None };
        let name = match name.as_str() {
            "--python-expr" => "python_expr",
            "--render-output" => "render_output",
            "--render-format" => "format",
            "--render-frame" => "frames",
            _ => return None,
        };
        if settings.insert(name.to_owned(), value.as_str().into()).is_some() {
            return None;
        }
    }
    Some(settings)
}

/// Only with the arguments that `create_video` has, too.
fn video(parameters: &Map<String, Value>) -> Option<Value> {
    let args = texts(parameters, "args")?;
    let as_previews =
        args.len() > OF_PREVIEWS.len() && args.iter().zip(OF_PREVIEWS).all(|(one, other)| one == other);
    let has_more = !texts(parameters, "argsBefore")?.is_empty()
        || parameters.get("exeArgs").is_some_and(|args| args != "");
    if !as_previews || has_more {
        return None;
    }
    Some(json!({
        "ffmpeg_cmd": exe(parameters)?,
        "input_files": text(parameters, "inputGlob")?,
        "output_file": text(parameters, "outputFile")?,
        "fps": number(parameters, "fps")?,
    }))
}

/// A command line that a worker of 2.x takes apart as a shell does. The first words are taken as they are.
fn exec(first: &[String], words: &[String]) -> Value {
    let words = words.iter().map(|word| quoted(word));
    let line: Vec<_> = first.iter().cloned().chain(words).collect();
    json!({"cmd": line.join(" ")})
}

/// The program. A variable is left alone, for its value may have arguments here; anything else is one word.
fn exe(parameters: &Map<String, Value>) -> Option<String> {
    let exe = text(parameters, "exe").filter(|exe| !exe.is_empty())?;
    let is_variable = exe.starts_with('{') && exe.ends_with('}');
    Some(if is_variable { exe } else { quoted(&exe) })
}

fn quoted(word: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_./:=,+@%{}".contains(sign);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r#"'"'"'"#))
}

fn text(parameters: &Map<String, Value>, name: &str) -> Option<String> {
    parameters.get(name)?.as_str().map(str::to_owned)
}

fn number<'p>(parameters: &'p Map<String, Value>, name: &str) -> Option<&'p Value> {
    parameters.get(name).filter(|value| value.is_number())
}

/// A list of texts and numbers; empty if there is none.
fn texts(parameters: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    match parameters.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(items)) => {
            items.iter().map(|item| (!item.is_object() && !item.is_array()).then(|| as_text(item))).collect()
        }
        Some(_) => None,
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(commands: &Value) -> Value {
        let translated = translate(&commands.to_string()).unwrap();
        assert!(translated.can_be_done, "{commands}");
        serde_json::from_str(&translated.json).unwrap()
    }

    fn held(commands: &Value) -> Value {
        let translated = translate(&commands.to_string()).unwrap();
        assert!(!translated.can_be_done, "{commands}");
        serde_json::from_str(&translated.json).unwrap()
    }

    #[test]
    fn the_usual_render_is_one_of_which_the_manager_hears_each_image() {
        let args = json!([
            "--python-expr",
            "import bpy; x = 'y'",
            "--render-output",
            "/r/######",
            "--render-format",
            "PNG",
            "--render-frame",
            "1..3"
        ]);
        let render = json!([{"name": "blender-render", "parameters": {"exe": "{blender}", "exeArgs": "{blenderArgs}",
            "argsBefore": [], "blendfile": "/j/a b.blend", "args": args}, "total_step_count": 3}]);
        let settings = json!({"blender_cmd": "{blender}", "filepath": "/j/a b.blend", "python_expr": "import bpy; x = 'y'",
            "render_output": "/r/######", "format": "PNG", "frames": "1..3"});
        assert_eq!(done(&render), json!([{"name": "blender_render", "settings": settings}]));
    }

    #[test]
    fn other_arguments_make_a_command_line() {
        let render = json!([{"name": "blender-render", "parameters": {"exe": "/opt/my blender", "exeArgs": "-b --cycles-device CUDA",
            "argsBefore": ["--factory-startup"], "blendfile": "/j/it's.blend", "args": ["-f", 1]}}]);
        let line = r#"'/opt/my blender' -b --cycles-device CUDA --factory-startup '/j/it'"'"'s.blend' -f 1"#;
        assert_eq!(done(&render), json!([{"name": "exec", "settings": {"cmd": line}}]));
        let exec = json!([{"name": "exec", "parameters": {"exe": "/bin/true", "args": []}}]);
        assert_eq!(done(&exec), json!([{"name": "exec", "settings": {"cmd": "/bin/true"}}]));
    }

    #[test]
    fn small_commands_have_their_names_of_2x() {
        let commands = json!([
            {"name": "echo", "parameters": {"message": 42}},
            {"name": "sleep", "parameters": {"duration_in_seconds": 3}},
            {"name": "move-directory", "parameters": {"src": "/a", "dest": "/b"}},
        ]);
        assert_eq!(
            done(&commands),
            json!([
                {"name": "echo", "settings": {"message": "42"}},
                {"name": "sleep", "settings": {"time_in_seconds": 3}},
                {"name": "move_to_final", "settings": {"src": "/a", "dest": "/b"}},
            ])
        );
        assert_eq!(done(&json!(null)), json!([]));
    }

    #[test]
    fn a_preview_video_is_made_and_any_other_is_not() {
        let video = |args: &[&str]| {
            json!([{"name": "frames-to-video", "parameters": {"exe": "ffmpeg", "fps": 24, "inputGlob": "/r/*.png",
                "outputFile": "/r/p.mp4", "args": args}}])
        };
        let mut usual = OF_PREVIEWS.to_vec();
        usual.extend(["yuv420p", "-r", "24", "-y"]);
        let settings =
            json!({"ffmpeg_cmd": "ffmpeg", "input_files": "/r/*.png", "output_file": "/r/p.mp4", "fps": 24});
        assert_eq!(done(&video(&usual)), json!([{"name": "create_video", "settings": settings}]));
        held(&video(&["-c:v", "prores"]));
    }

    #[test]
    fn a_task_with_a_command_that_nobody_knows_is_kept_as_it_is() {
        let commands = json!([
            {"name": "echo", "parameters": {"message": "x"}},
            {"name": "make-directory", "parameters": {"path": "/x"}},
        ]);
        let settings = |name: &str, settings: Value| json!({"name": name, "settings": settings});
        let expected =
            [settings("echo", json!({"message": "x"})), settings("make-directory", json!({"path": "/x"}))];
        assert_eq!(held(&commands), json!(expected));
        held(&json!([{"name": "sleep", "parameters": {"duration_in_seconds": "long"}}]));
        held(&json!([{"name": "copy-file", "parameters": {"src": "/a", "dest": "/b"}}]));
    }

    #[test]
    fn types_are_those_of_workers_of_2x_or_of_nobody() {
        assert_eq!(task_type("blender", true), "blender-render");
        assert_eq!(task_type("file-management", true), "file-management");
        assert_eq!(task_type("misc", false), "flamenco3-misc");
    }

    #[test]
    fn what_is_no_list_of_commands_is_told() {
        for (text, why) in [
            ("{", "its commands are no JSON"),
            ("{}", "its commands are no list"),
            ("[1]", "a command of it is no object"),
            ("[{}]", "a command of it has no name"),
            (r#"[{"name": "x", "parameters": []}]"#, "the parameters of its command x are no object"),
        ] {
            let error = translate(text).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
