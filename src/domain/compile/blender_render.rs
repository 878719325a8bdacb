//! `blender-render`: frames in chunks, a video of them if that can be, and all of it moved to its place at the end.

use std::collections::BTreeSet;

use super::{
    CompiledTask, Given, Problem, TaskList,
    blender::{self, task_type},
    command, frames, paths, task,
};

/// Formats that ffmpeg makes no video of. As in 2.x, only in capitals.
const NO_VIDEO_OF: [&str; 4] = ["EXR", "MULTILAYER", "OPEN_EXR", "OPEN_EXR_MULTILAYER"];

/// `server-protocol.md`, section 3.6.
pub(super) fn compile(given: &Given<'_>) -> Result<Vec<CompiledTask>, Problem> {
    let frames = given.frames()?;
    let (folder, name) = blender::render_output(given);
    let intermediate = blender::intermediate(given, &folder);
    let mut job = TaskList::default();
    let mut before_rendering = Vec::new();
    if let Some(overrides) = blender::rna_overrides(given) {
        before_rendering.push(job.add(overrides)?);
    }
    let mut before_moving = Vec::new();
    for chunk in chunks(&frames, given.chunk_size(), given.boolean("preview_first")) {
        let render = render(given, &chunk, format!("{intermediate}/{name}"));
        before_moving.push(job.add(render.after(before_rendering.as_slice()))?);
    }
    if let Some(video) = create_video(given, frames.len(), &intermediate) {
        before_moving = vec![job.add(video.after(before_moving))?];
    }
    let settings = [("src", intermediate.into()), ("dest", folder.into())];
    let move_to_final = command("move_to_final", settings);
    job.add(task("move-to-final", task_type::FILE_MANAGEMENT, move_to_final).after(before_moving))?;
    Ok(job.tasks)
}

/// The frames of each task. With previews first, the first, the middle and the last frame go ahead of the others, each
/// by itself; tasks that are equal otherwise are handed out in the order of the list.
fn chunks(frames: &[u32], size: usize, preview_first: bool) -> Vec<Vec<u32>> {
    let last = frames.len().saturating_sub(1);
    let mut previews = if preview_first { BTreeSet::from([0, last / 2, last]) } else { BTreeSet::new() };
    previews.retain(|index| *index < frames.len());
    let rest = frames.iter().enumerate().filter(|(index, _)| !previews.contains(index));
    let rest: Vec<_> = rest.map(|(_, frame)| *frame).collect();
    let previews = previews.iter().map(|index| vec![frames[*index]]);
    previews.chain(rest.chunks(size).map(<[u32]>::to_vec)).collect()
}

fn render(given: &Given<'_>, chunk: &[u32], render_output: String) -> CompiledTask {
    let settings = [
        ("blender_cmd", given.text("blender_cmd").into()),
        ("filepath", given.text("filepath").into()),
        ("format", given.text_if_any("format").into()),
        ("render_output", render_output.into()),
        ("frames", frames::merge_for_blender(chunk).into()),
    ];
    let name = format!("blender-render-{}", frames::merge(chunk));
    task(name, task_type::BLENDER_RENDER, command("blender_render", settings))
}

/// The task that makes a video of all images, if there are several that ffmpeg can read, all that it must know is
/// known, and some worker can do it.
fn create_video(given: &Given<'_>, frames: usize, intermediate: &str) -> Option<CompiledTask> {
    let are_images = given.text("images_or_video").eq_ignore_ascii_case("images");
    // 2.x made a task of an empty `fps` that its workers refused.
    given.value("fps")?;
    let extension = given.text_if_any("output_file_extension")?;
    let unreadable = match given.text_if_any("format") {
        Some(format) => NO_VIDEO_OF.contains(&format),
        // 2.x gave up the whole job here. The ending tells as much as the format.
        None => extension.eq_ignore_ascii_case(".exr"),
    };
    let can_be_done = given.submission.worker_task_types.contains(task_type::VIDEO_ENCODING);
    if !are_images || frames < 2 || unreadable || !can_be_done {
        return None;
    }
    let stem = paths::stem(given.text("filepath"));
    let images = format!("{intermediate}/*{extension}");
    let video = format!("{intermediate}/{stem}-{}.mkv", given.text("frames"));
    Some(blender::video(given, "create-video", images, video))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_the_first_the_middle_and_the_last_frame() {
        let all: Vec<u32> = (1..=10).collect();
        assert_eq!(chunks(&all, 4, true), [vec![1], vec![5], vec![10], vec![2, 3, 4, 6], vec![7, 8, 9]]);
        assert_eq!(chunks(&all, 4, false), [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10]]);
        assert_eq!(chunks(&[3, 4], 4, true), [vec![3], vec![4]]);
        assert_eq!(chunks(&[3], 4, true), [vec![3]]);
        assert_eq!(chunks(&[], 4, true), Vec::<Vec<u32>>::new());
    }
}
