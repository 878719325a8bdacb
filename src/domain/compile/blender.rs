//! What the job types that run Blender have in common.

use super::{CompiledTask, Given, command, paths, task};

/// The task types of 2.x that these jobs have; workers know them by these names.
pub(super) mod task_type {
    pub(crate) const BLENDER_RENDER: &str = "blender-render";
    pub(crate) const EXR_MERGE: &str = "exr-merge";
    pub(crate) const FILE_MANAGEMENT: &str = "file-management";
    pub(crate) const VIDEO_ENCODING: &str = "video-encoding";
}

use task_type::{FILE_MANAGEMENT, VIDEO_ENCODING};

/// What stands at the beginning of a file of overrides. Blender gives a script nothing that it does not import.
const OVERRIDES_HEADER: &str = "\
# Changes to the scene that were asked for with this job. Blender runs this on each worker, before it renders.
# Written by Flamenco Manager.
import bpy";

/// The path without `.blend`, in capital or small letters, if it ends so.
pub(super) fn without_blend(path: &str) -> Option<&str> {
    let (stem, end) = path.split_at_checked(path.len().checked_sub(".blend".len())?)?;
    end.eq_ignore_ascii_case(".blend").then_some(stem)
}

/// The task that writes the overrides beside the blend file, where workers look for them; `None` if there are none.
pub(super) fn rna_overrides(given: &Given<'_>) -> Option<CompiledTask> {
    let lines = given.texts("rna_overrides");
    if lines.is_empty() {
        return None;
    }
    let blend_file = given.text("filepath");
    let file = format!("{}-overrides.py", without_blend(blend_file).unwrap_or(blend_file));
    let contents = format!("{OVERRIDES_HEADER}\n\n{}\n", lines.join("\n"));
    let command = command("create_python_file", [("filepath", file.into()), ("contents", contents.into())]);
    Some(task("rna-overrides", FILE_MANAGEMENT, command))
}

/// The folder and the name of `render_output`.
pub(super) fn render_output(given: &Given<'_>) -> (String, String) {
    paths::split(given.text("render_output")).unwrap_or_default()
}

/// The folder for intermediate results, beside `folder` and named after the second in which the job came in (UTC), so
/// that another job does not find what this one leaves behind.
pub(super) fn intermediate(given: &Given<'_>, folder: &str) -> String {
    format!("{folder}__intermediate-{}", given.submission.created.strftime("%Y-%m-%d_%H%M%S"))
}

/// A task that makes a video of images, at the `fps` of the job.
pub(super) fn video(
    given: &Given<'_>,
    name: impl Into<String>,
    images: String,
    video: String,
) -> CompiledTask {
    let settings = [
        ("input_files", images.into()),
        ("output_file", video.into()),
        ("fps", given.value("fps").cloned().unwrap_or_default()),
        ("ffmpeg_cmd", "{ffmpeg}".into()),
    ];
    task(name, VIDEO_ENCODING, command("create_video", settings))
}
