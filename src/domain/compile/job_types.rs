//! What each job type takes: the page that forms, scripts and the checks go by. Texts are what people read; a
//! description is also the end of "it is missing; it is …".

use super::{
    blender_render, exec_command, frames, paths, progressive,
    schema::{DefaultValue, JobType, Kind, Setting, TEXT},
    shell, sleep, video_chunks,
};

/// All job types.
pub fn job_types() -> &'static [JobType] {
    JOB_TYPES
}

/// The most samples that Cycles takes.
const MOST_SAMPLES: u32 = 1 << 24;

/// As many as a week has.
const MOST_SECONDS: u32 = 7 * 24 * 60 * 60;

const FILEPATH: Setting =
    Setting::required("filepath", TEXT, "the .blend file to render, as the workers find it")
        .with_rule(is_blend);

const FRAMES: Setting = Setting::required("frames", TEXT, FRAMES_MEANING).with_rule(are_frames);
const FRAMES_MEANING: &str = "the frames, like 1-10,20,30-40";

const CHUNK_SIZE: Setting = Setting::required("chunk_size", CHUNK_SIZE_KIND, "how many frames a task has");
const CHUNK_SIZE_KIND: Kind = Kind::Integer { min: 1, max: 1_000_000, or_text: false };

const RENDER_OUTPUT: Setting = Setting::required(
    "render_output",
    TEXT,
    "where images go, as the workers find it, like /render/shot/frame-######; the folder is for this job alone",
)
.with_rule(is_in_a_folder);

const BLENDER_CMD: Setting =
    Setting::optional("blender_cmd", TEXT, "the command that starts Blender on a worker")
        .with_default(DefaultValue::Text("{blender}"));

const RNA_OVERRIDES: Setting = Setting::optional(
    "rna_overrides",
    Kind::Texts,
    "lines of Python that change the scene before it is rendered, like bpy.context.scene.render.use_stamp = True",
);

const FPS_KIND: Kind = Kind::Number { min: 0.001, max: 32_767.0 };

/// Of fewer than two samples no render is progressive.
const SAMPLE_COUNT_KIND: Kind = Kind::Integer { min: 2, max: MOST_SAMPLES, or_text: true };
const SAMPLE_CAP_KIND: Kind = Kind::Integer { min: 1, max: MOST_SAMPLES, or_text: true };

const JOB_TYPES: &[JobType] = &[
    JobType {
        name: "blender-render",
        label: "Blender render",
        description: "Renders the frames of a blend file, several in a task, and makes a video of the images \
                      if there is a worker for it.",
        settings: &[
            FILEPATH,
            RENDER_OUTPUT,
            FRAMES,
            CHUNK_SIZE,
            BLENDER_CMD,
            Setting::optional("format", TEXT, "the format of the images, like PNG; without it, that of the blend file"),
            Setting::optional(
                "images_or_video",
                Kind::Text { choices: &["images", "video"] },
                "what the blend file is set to write; a video is made of images only",
            ),
            Setting::optional("fps", FPS_KIND, "the frames per second of the video; without it, none is made"),
            Setting::optional(
                "output_file_extension",
                TEXT,
                "the ending of the images, like .png; without it, no video is made",
            ),
            Setting::optional(
                "preview_first",
                Kind::Boolean,
                "whether the first, the middle and the last frame are rendered before all others, each in a task of \
                 its own",
            )
            .with_default(DefaultValue::Boolean(false)),
            RNA_OVERRIDES,
        ],
        outdated: &[],
        compile: blender_render::compile,
    },
    JobType {
        name: "blender-render-progressive",
        label: "Blender render, progressive",
        description: "Renders all frames with few Cycles samples first, then with more and more, and merges the \
                      results; after each pass there is a preview.",
        settings: &[
            FILEPATH,
            RENDER_OUTPUT.with_rule(ends_in_six_hashes),
            FRAMES,
            Setting::required(
                "chunk_size",
                CHUNK_SIZE_KIND,
                "how many frames a task has when it renders cycles_sample_cap samples; with fewer samples it has more",
            ),
            Setting::required("blender_cmd", TEXT, "the command that starts Blender on a worker, like {blender}"),
            Setting::required(
                "format",
                Kind::Text { choices: &["OPEN_EXR", "EXR"] },
                "the format of the images; others cannot be merged",
            ),
            Setting::required("cycles_sample_count", SAMPLE_COUNT_KIND, "the number of samples in the finished image"),
            Setting::required("cycles_sample_cap", SAMPLE_CAP_KIND, "the most samples that a task renders of a frame"),
            Setting::required("fps", FPS_KIND, "the frames per second of the preview video"),
            RNA_OVERRIDES,
        ],
        outdated: &[(
            "cycles_num_chunks",
            "is no longer used, and comes from an old version of the add-on that submits jobs; update the add-on",
        )],
        compile: progressive::compile,
    },
    JobType {
        name: "blender-video-chunks",
        label: "Blender video, in chunks",
        description: "Renders the frames of a video edit in chunks, makes a video of each, and puts these together, \
                      with the sound if wanted.",
        settings: &[
            FILEPATH,
            Setting::required(
                "render_output",
                TEXT,
                "a path in the folder that gets the video, as the workers find it; the name in it does not matter",
            )
            .with_rule(has_a_folder),
            FRAMES,
            Setting::required("chunk_size", CHUNK_SIZE_KIND, "how many frames a chunk has"),
            Setting::required("output_file_extension", TEXT, "the ending of the video, like .mkv")
                .with_rule(begins_with_a_dot),
            Setting::required(
                "images_or_video",
                Kind::Text { choices: &["video"] },
                "video, because this job type makes nothing else",
            ),
            Setting::required("fps", FPS_KIND, "the frames per second of the video"),
            Setting::required("extract_audio", Kind::Boolean, "whether the video has the sound of the scene"),
            BLENDER_CMD,
            RNA_OVERRIDES,
        ],
        outdated: &[],
        compile: video_chunks::compile,
    },
    JobType {
        name: "exec-command",
        label: "Command",
        description: "Runs one command on one worker, without a shell.",
        settings: &[
            Setting::required("cmd", TEXT, "the command; words with blanks in quotes").with_rule(is_command)
        ],
        outdated: &[],
        compile: exec_command::compile,
    },
    JobType {
        name: "sleep",
        label: "Sleep",
        description: "Renders nothing, and takes its time: for trying out a farm.",
        settings: &[
            Setting::required("frames", TEXT, FRAMES_MEANING).with_rule(are_frames_or_none),
            CHUNK_SIZE,
            Setting::required(
                "time_in_seconds",
                Kind::Integer { min: 0, max: MOST_SECONDS, or_text: false },
                "how long each task takes",
            ),
        ],
        outdated: &[],
        compile: sleep::compile,
    },
];

fn is_blend(path: &str) -> Result<(), String> {
    match super::blender::without_blend(path) {
        Some(_) => Ok(()),
        None => Err(format!("must end in .blend, but is {path:?}")),
    }
}

fn are_frames_or_none(text: &str) -> Result<(), String> {
    frames::parse(text).map(drop).map_err(|error| super::frames_problem(&error))
}

fn are_frames(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        // In 2.x such a job had tasks all the same: those that move files about.
        return Err(
            "is empty, so that there is nothing to render; frames are written like 1-10,20,30-40".into()
        );
    }
    are_frames_or_none(text)
}

fn has_a_folder(path: &str) -> Result<(), String> {
    match paths::split(path) {
        // Which folder a variable by itself is in nobody knows here.
        Some((folder, name)) if folder != "." || !name.starts_with('{') => Ok(()),
        _ => {
            Err(format!("must be a path with a folder and a name, like /render/shot/video, but is {path:?}"))
        }
    }
}

/// Intermediate results go to a folder beside the one of the images, which must have a name for that.
fn is_in_a_folder(path: &str) -> Result<(), String> {
    match paths::split(path) {
        Some((folder, _)) if paths::has_name(&folder) => Ok(()),
        _ => Err(format!(
            "must be a path with a folder and a name, like /render/shot/frame-###### (also on Windows with /), but \
             is {path:?}"
        )),
    }
}

fn ends_in_six_hashes(path: &str) -> Result<(), String> {
    is_in_a_folder(path)?;
    match path.strip_suffix("######") {
        Some(before) if !before.ends_with('#') => Ok(()),
        _ => Err(format!("must end in exactly six #, like /render/shot/frame-######, but is {path:?}")),
    }
}

fn begins_with_a_dot(text: &str) -> Result<(), String> {
    if text.starts_with('.') {
        Ok(())
    } else {
        Err(format!("must begin with a dot, like .mkv, but is {text:?}"))
    }
}

fn is_command(line: &str) -> Result<(), String> {
    match shell::split(line) {
        Ok(words) if words.is_empty() => Err("is empty; there is nothing to run".into()),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("cannot be taken apart into words: {error}")),
    }
}
