//! `blender-render-progressive`: all frames with few samples first, then with more and more. Each pass is merged with
//! what there was before, and gives a preview.

use super::{
    CompiledTask, Given, MAX_TASKS, Problem, TaskList,
    blender::{
        self,
        task_type::{BLENDER_RENDER, EXR_MERGE, FILE_MANAGEMENT},
    },
    command, frames, paths, samples, task,
};

/// The most frames of a progressive render: two of its tasks copy all of them, with a command for each.
const MAX_FRAMES: usize = 10_000;

/// The priority of all that makes results visible: before all renders, so that a preview does not wait for the next
/// pass.
const RESULTS_FIRST: i32 = 1;

/// How much lower the priority of the renders is from pass to pass.
const STEP: i32 = 10;

/// Images of all frames in the intermediate folder, and the tasks that make them.
struct Images {
    /// What their names begin with; the number of the frame follows.
    prefix: String,
    /// How many samples they have.
    samples: u32,
    made_by: Vec<usize>,
}

/// What all tasks are made from.
struct Plan<'a> {
    given: &'a Given<'a>,
    frames: Vec<u32>,
    /// The folder of the results.
    folder: String,
    intermediate: String,
    sample_count: u32,
    /// How many samples a task renders, those of its frames added up.
    samples_per_task: u64,
}

/// `server-protocol.md`, section 3.7.
pub(super) fn compile(given: &Given<'_>) -> Result<Vec<CompiledTask>, Problem> {
    let (folder, name) = blender::render_output(given);
    let (sample_count, cap) =
        (given.integer("cycles_sample_count"), given.integer("cycles_sample_cap").max(1));
    let plan = Plan {
        given,
        frames: given.frames()?,
        intermediate: blender::intermediate(given, &folder),
        folder,
        sample_count,
        samples_per_task: given.chunk_size() as u64 * u64::from(cap),
    };
    check_size(&plan, cap)?;
    let mut job = TaskList::default();
    let clean = command("remove_tree", [("path", plan.intermediate.clone().into())]);
    let clean = job.add(task("destroy-preexisting-intermediate", FILE_MANAGEMENT, clean))?;
    let before_rendering = match blender::rna_overrides(given) {
        Some(overrides) => job.add(overrides.after([clean]))?,
        None => clean,
    };
    let mut result: Option<Images> = None;
    let (mut previews, mut video) = (None, None);
    for (step, pass) in (0..).zip(samples::passes(sample_count, cap)) {
        let rendered = plan.render(&mut job, pass, -STEP * step, before_rendering)?;
        let images = match result {
            None => rendered,
            Some(before) => plan.merge(&mut job, &before, &rendered)?,
        };
        let parents: Vec<_> = previews.into_iter().chain(images.made_by.iter().copied()).collect();
        let made = job.add(plan.preview_images(&images).after(parents))?;
        previews = Some(made);
        if plan.frames.len() > 1 {
            let parents: Vec<_> = video.into_iter().chain([made]).collect();
            video = Some(job.add(plan.preview_video().after(parents))?);
        }
        result = Some(images);
    }
    if let (Some(result), Some(previews)) = (result, previews) {
        plan.publish(&mut job, &result, previews, video, &name)?;
    }
    Ok(job.tasks)
}

/// Refuses what is too large before anything is made of it.
fn check_size(plan: &Plan<'_>, cap: u32) -> Result<(), Problem> {
    if plan.frames.len() > MAX_FRAMES {
        let message = format!(
            "are {}; a progressive render has at most {MAX_FRAMES}, so make several jobs of them",
            plan.frames.len()
        );
        return Err(Problem::new("frames", message));
    }
    if (plan.sample_count / cap) as usize > MAX_TASKS {
        let message = format!("is so small that there would be more than {MAX_TASKS} passes; make it larger");
        return Err(Problem::new("cycles_sample_cap", message));
    }
    Ok(())
}

impl Plan<'_> {
    fn in_intermediate(&self, name: &str) -> String {
        format!("{}/{name}", self.intermediate)
    }

    /// The tasks that render all frames with the samples of a pass.
    fn render(
        &self,
        job: &mut TaskList,
        (from, to): (u32, u32),
        priority: i32,
        before: usize,
    ) -> Result<Images, Problem> {
        let samples = to - from + 1;
        let prefix = format!("render-smpl-{from:04}-{to:04}-");
        let size = samples::frames_per_task(self.samples_per_task, self.frames.len() as u64, samples);
        let mut made_by = Vec::new();
        for chunk in self.frames.chunks(usize::try_from(size).unwrap_or(usize::MAX)) {
            let settings = [
                ("blender_cmd", self.given.text("blender_cmd").into()),
                ("filepath", self.given.text("filepath").into()),
                ("format", self.given.text("format").into()),
                ("render_output", self.in_intermediate(&format!("{prefix}######")).into()),
                ("frames", frames::merge_for_blender(chunk).into()),
                ("cycles_num_chunks", self.sample_count.into()),
                ("cycles_chunk_start", from.into()),
                ("cycles_chunk_end", to.into()),
            ];
            let name = format!("render-s_{from}-{to}-f_{}", frames::merge(chunk));
            let render = task(name, BLENDER_RENDER, command("blender_render_progressive", settings));
            made_by.push(job.add(render.with_priority(priority).after([before]))?);
        }
        Ok(Images { prefix, samples, made_by })
    }

    /// The task that merges the images of a pass with those there were before. It takes all frames from the first to
    /// the last.
    fn merge(&self, job: &mut TaskList, before: &Images, pass: &Images) -> Result<Images, Problem> {
        let samples = before.samples + pass.samples;
        let prefix = format!("merge-smpl-{samples:04}-");
        let first = self.frames.first().copied().unwrap_or_default();
        let last = self.frames.last().copied().unwrap_or_default();
        let settings = [
            ("input1", self.in_intermediate(&exr(&before.prefix, first)).into()),
            ("input2", self.in_intermediate(&exr(&pass.prefix, first)).into()),
            ("output", self.in_intermediate(&format!("{prefix}######")).into()),
            ("weight1", before.samples.into()),
            ("weight2", pass.samples.into()),
            ("blender_cmd", self.given.text("blender_cmd").into()),
            ("frame_start", first.into()),
            ("frame_end", last.into()),
        ];
        let name = format!("merge-to-s_{samples}-f_{first}-{last}");
        let merge = task(name, EXR_MERGE, command("merge_progressive_render_sequence", settings));
        let parents = [before.made_by.as_slice(), &pass.made_by].concat();
        let merge = job.add(merge.with_priority(RESULTS_FIRST).after(parents))?;
        Ok(Images { prefix, samples, made_by: vec![merge] })
    }

    fn preview_images(&self, images: &Images) -> CompiledTask {
        let settings = [
            ("blender_cmd", self.given.text("blender_cmd").into()),
            ("filepath", self.given.text("filepath").into()),
            ("exr_glob", self.in_intermediate(&format!("{}*.exr", images.prefix)).into()),
            ("output_pattern", "preview-######".into()),
        ];
        task("create-preview-images", BLENDER_RENDER, command("exr_sequence_to_jpeg", settings))
            .with_priority(RESULTS_FIRST)
    }

    /// It is made whatever the workers can do, as in 2.x: a farm for progressive renders has workers for video.
    fn preview_video(&self) -> CompiledTask {
        let (images, video) = (self.in_intermediate("preview-*.jpg"), self.in_intermediate("preview.mkv"));
        blender::video(self.given, "create-preview-video", images, video).with_priority(RESULTS_FIRST)
    }

    /// The tasks that copy the result to its place. `name` is the pattern of the images' names; only the `#` at its
    /// end stand for a number, and a `%` anywhere is just that (2.x failed with other `######`, and with `%`).
    fn publish(
        &self,
        job: &mut TaskList,
        result: &Images,
        previews: usize,
        video: Option<usize>,
        name: &str,
    ) -> Result<(), Problem> {
        let move_away = command("move_out_of_way", [("src", self.folder.clone().into())]);
        let move_away = task("move-outdir-out-of-way", FILE_MANAGEMENT, move_away);
        let moved = job.add(move_away.with_priority(RESULTS_FIRST).after(result.made_by.as_slice()))?;
        let final_prefix = name.trim_end_matches('#');
        let images = self.frames.iter().map(|frame| (exr(&result.prefix, *frame), exr(final_prefix, *frame)));
        job.add(self.copy("publish-exr-to-output", images).after([moved]))?;
        let jpegs = self.frames.iter().map(|frame| (jpeg("preview-", *frame), jpeg(final_prefix, *frame)));
        job.add(self.copy("publish-jpeg-to-output", jpegs).after([previews, moved]))?;
        if let Some(video) = video {
            let name = || "preview.mkv".to_owned();
            let copy = self.copy("publish-video-to-output", [(name(), name())]);
            job.add(copy.after([video, moved]))?;
        }
        Ok(())
    }

    /// A task that copies files, each from the intermediate folder to that of the results.
    fn copy(&self, name: &str, files: impl IntoIterator<Item = (String, String)>) -> CompiledTask {
        let copies = files.into_iter().map(|(from, to)| {
            let (src, dest) = (self.in_intermediate(&from), paths::join(&self.folder, &to));
            command("copy_file", [("src", src.into()), ("dest", dest.into())])
        });
        CompiledTask {
            name: name.into(),
            task_type: FILE_MANAGEMENT,
            priority: RESULTS_FIRST,
            commands: copies.collect(),
            parents: Vec::new(),
        }
    }
}

fn exr(prefix: &str, frame: u32) -> String {
    format!("{prefix}{frame:06}.exr")
}

fn jpeg(prefix: &str, frame: u32) -> String {
    format!("{prefix}{frame:06}.jpg")
}
