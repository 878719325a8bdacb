//! The last rendered image.

use std::{borrow::Cow, path::PathBuf};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::ids::{JobId, TaskId, WorkerId},
    services::{PictureView, Refusal},
};

/// The last rendered image of the farm.
#[derive(Serialize, JsonSchema)]
pub struct LatestImage<'a> {
    /// The folders below which images are read, as this machine knows them; while there are none no image is shown.
    folders: Vec<Cow<'a, str>>,
    /// Null if there is none yet.
    image: Option<Image<'a>>,
    /// The last one that is not shown, and why; null if there was none since the Manager started.
    refused: Option<RefusedImage<'a>>,
}

/// The last rendered image of a job.
#[derive(Serialize, JsonSchema)]
pub struct ImageOfJob<'a> {
    /// Null if there is none yet.
    image: Option<Image<'a>>,
}

/// A rendered image.
#[derive(Serialize, JsonSchema)]
pub struct Image<'a> {
    /// How high it is, in pixels; what is shown may be smaller.
    height: u32,
    /// The job that it is of; null if that is not known.
    job: Option<JobId>,
    /// What people call the job; null if it is gone.
    job_name: Option<&'a str>,
    /// The file, as the worker names it.
    path: &'a str,
    /// When the Manager heard of it.
    produced: Timestamp,
    /// The task that made it; null if that is not known.
    task: Option<TaskId>,
    /// What tells it from all others.
    version: &'a str,
    /// How wide it is, in pixels.
    width: u32,
    /// What people call the worker; null if it is gone, or if the image was found in the watched folder.
    worker: Option<&'a str>,
    /// The worker that made it.
    worker_id: Option<WorkerId>,
}

/// An image that is not shown.
#[derive(Serialize, JsonSchema)]
struct RefusedImage<'a> {
    /// The file, as the worker names it.
    path: &'a str,
    /// Why it is not shown.
    reason: &'a str,
    /// When the Manager heard of it.
    when: Timestamp,
}

/// The last rendered image of the farm.
pub fn latest_image<'a>(
    view: Option<&'a PictureView>,
    folders: &'a [PathBuf],
    refused: Option<&'a Refusal>,
) -> LatestImage<'a> {
    LatestImage {
        folders: folders.iter().map(|folder| folder.to_string_lossy()).collect(),
        image: view.map(image),
        refused: refused.map(|Refusal { when, path, reason }| RefusedImage { path, reason, when: *when }),
    }
}

/// The last rendered image of a job.
pub fn image_of_job(view: Option<&PictureView>) -> ImageOfJob<'_> {
    ImageOfJob { image: view.map(image) }
}

/// A rendered image.
pub fn image(view: &PictureView) -> Image<'_> {
    let PictureView { picture, job_name, worker } = view;
    let about = &picture.about;
    let task = about.by.and_then(|by| by.task);
    Image {
        height: about.height,
        job: task.map(|(job, _)| job),
        job_name: job_name.as_deref(),
        path: &about.path,
        produced: about.produced,
        task: task.map(|(_, task)| task),
        version: &picture.version,
        width: about.width,
        worker: worker.as_deref(),
        worker_id: about.by.map(|by| by.worker),
    }
}
