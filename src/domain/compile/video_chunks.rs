//! `blender-video-chunks`: a video edit in chunks, each made into a video, these put together, and the sound added.

use super::{
    CompiledTask, Given, Problem, TaskList,
    blender::{self, task_type},
    command, frames, paths, task,
};

/// `server-protocol.md`, section 3.8.
pub(super) fn compile(given: &Given<'_>) -> Result<Vec<CompiledTask>, Problem> {
    let frames = given.frames()?;
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
        return Ok(Vec::new());
    };
    let (folder, _) = blender::render_output(given);
    let frames_dir = paths::join(&folder, "frames");
    let extension = given.text("output_file_extension");
    let mut job = TaskList::default();
    let move_away = command("move_out_of_way", [("src", frames_dir.clone().into())]);
    let clean = job.add(task("move-out-of-way", task_type::FILE_MANAGEMENT, move_away))?;
    let before_rendering = match blender::rna_overrides(given) {
        Some(overrides) => job.add(overrides.after([clean]))?,
        None => clean,
    };
    let chunk_videos = render_chunks(given, &mut job, &frames, &frames_dir, before_rendering)?;
    let sound = if given.boolean("extract_audio") {
        let render = job.add(render_audio(given, &frames_dir, *first, *last).after([clean]))?;
        Some(job.add(encode_audio(&frames_dir).after([render]))?)
    } else {
        None
    };
    let mut video = format!("{frames_dir}/video{extension}");
    let concatenate = concatenate_videos(&frames_dir, extension, &video);
    let mut finished = job.add(concatenate.after(chunk_videos))?;
    // Without sound, 2.x went on to move the file that would have it, so that such a job failed at its very end.
    if let Some(sound) = sound {
        let muxed = format!("{frames_dir}/muxed{extension}");
        finished = job.add(mux_audio(&frames_dir, &video, &muxed).after([sound, finished]))?;
        video = muxed;
    }
    let settings = [("src", video.into()), ("dest", paths::join(&folder, &final_name(given)).into())];
    let move_it = command("move_with_counter", settings);
    job.add(task("move-with-counter", task_type::FILE_MANAGEMENT, move_it).after([finished]))?;
    Ok(job.tasks)
}

/// For each chunk a task that renders its frames and one that makes a video of them; the indexes of the latter.
///
/// The videos are put together in the order of their names. So the numbers in these have five digits, as in 2.x, and
/// all of them more if one does.
fn render_chunks(
    given: &Given<'_>,
    job: &mut TaskList,
    frames: &[u32],
    frames_dir: &str,
    before: usize,
) -> Result<Vec<usize>, Problem> {
    let digits = frames.last().map_or(0, |last| last.to_string().len()).max(5);
    let mut videos = Vec::new();
    for chunk in frames.chunks(given.chunk_size()) {
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { continue };
        let chunk_dir = format!("{frames_dir}/chunk-{first:0digits$}-{last:0digits$}");
        let name = frames::merge(chunk);
        let settings = [
            ("blender_cmd", given.text("blender_cmd").into()),
            ("filepath", given.text("filepath").into()),
            ("format", "JPEG".into()),
            ("render_output", format!("{chunk_dir}/######.jpg").into()),
            ("frames", frames::merge_for_blender(chunk).into()),
        ];
        let render = command("blender_render", settings);
        let render = task(format!("frame-chunk-{name}"), task_type::BLENDER_RENDER, render).after([before]);
        let render = job.add(render)?;
        let images = format!("{chunk_dir}/*.jpg");
        let video = format!("{chunk_dir}{}", given.text("output_file_extension"));
        let video = blender::video(given, format!("video-chunk-{name}"), images, video).after([render]);
        videos.push(job.add(video)?);
    }
    Ok(videos)
}

fn render_audio(given: &Given<'_>, frames_dir: &str, first: u32, last: u32) -> CompiledTask {
    let settings = [
        ("blender_cmd", given.text("blender_cmd").into()),
        ("filepath", given.text("filepath").into()),
        ("render_output", format!("{frames_dir}/audio.flac").into()),
        ("frame_start", first.into()),
        ("frame_end", last.into()),
    ];
    task("render-audio", task_type::BLENDER_RENDER, command("blender_render_audio", settings))
}

fn encode_audio(frames_dir: &str) -> CompiledTask {
    let settings = [
        ("input_file", format!("{frames_dir}/audio.flac").into()),
        ("codec", "aac".into()),
        ("bitrate", "192k".into()),
        ("output_file", format!("{frames_dir}/audio.aac").into()),
        ("ffmpeg_cmd", "{ffmpeg}".into()),
    ];
    task("encode-audio", task_type::VIDEO_ENCODING, command("encode_audio", settings))
}

fn concatenate_videos(frames_dir: &str, extension: &str, video: &str) -> CompiledTask {
    let settings = [
        ("input_files", format!("{frames_dir}/chunk-*{extension}").into()),
        ("output_file", video.into()),
        ("ffmpeg_cmd", "{ffmpeg}".into()),
        ("counter_in_output_name", false.into()),
    ];
    task("concatenate-videos", task_type::VIDEO_ENCODING, command("concatenate_videos", settings))
}

fn mux_audio(frames_dir: &str, video: &str, muxed: &str) -> CompiledTask {
    let settings = [
        ("audio_file", format!("{frames_dir}/audio.aac").into()),
        ("video_file", video.into()),
        ("output_file", muxed.into()),
        ("ffmpeg_cmd", "{ffmpeg}".into()),
    ];
    task("mux-audio-video", task_type::VIDEO_ENCODING, command("mux_audio", settings))
}

/// The name of the video: the day, where the farm is, and what the blend file is called.
fn final_name(given: &Given<'_>) -> String {
    let day = given.submission.created.to_zoned(given.submission.time_zone.clone());
    let stem = paths::stem(given.text("filepath"));
    format!("{}-{stem}{}", day.strftime("%Y_%m_%d"), given.text("output_file_extension"))
}
