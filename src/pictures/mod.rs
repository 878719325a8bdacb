//! The last rendered picture: read where a worker, or a watched folder, says that there is a new one, made small, and kept
//! as a file. Nothing here trusts anybody: neither those who name files nor what is in them. All of it is done on a thread
//! of its own, a picture at a time, and decoded in a process of its own; whatever is wrong with one, there is no new picture, and
//! that is all.

mod darkroom;
mod decode;
mod exr;
mod gallery;
mod keeper;
mod reach;
mod shelf;
mod waiting;
mod watch;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    darkroom::{Darkroom, work as shrink_picture},
    gallery::{Gallery, Refusal},
    keeper::Pictures,
    reach::Reach,
    watch::{Watch, watch},
};
use crate::domain::ids::{JobId, TaskId, WorkerId};

/// How a file's name ends if it may be a picture that can be shown.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "tif", "tiff", "exr"];

/// Somebody says that there is a new picture.
#[derive(Debug, Clone)]
pub struct Report {
    /// When that was said.
    pub at: Timestamp,
    /// What the file was called.
    pub path: String,
    /// Where it may be on this machine, the likeliest first.
    pub places: Vec<PathBuf>,
    /// Who said so; nobody if it was found.
    pub by: Option<Origin>,
}

/// Where a picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The worker that wrote it.
    pub worker: WorkerId,
    /// The task, and its job, that the worker had then.
    pub task: Option<(JobId, TaskId)>,
}

impl Report {
    fn job(&self) -> Option<JobId> {
        Some(self.by?.task?.0)
    }
}

/// A picture that can be shown.
#[derive(Debug)]
pub struct Picture {
    /// What it is of.
    pub about: About,
    /// What tells it from all others.
    pub version: String,
    /// As browsers take it.
    pub jpeg: Bytes,
}

/// What is known about a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// When the Manager heard of it.
    pub produced: Timestamp,
    /// What the file was called.
    pub path: String,
    /// Where it comes from; nothing if it was found in the watched folder.
    pub by: Option<Origin>,
    /// How wide the rendered picture is, in pixels; what is shown may be smaller.
    pub width: u32,
    /// How high.
    pub height: u32,
}

/// Does the name promise a picture that can be shown? Workers name whatever files they write.
#[must_use]
pub fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_tells_a_picture() {
        for path in ["/r/1.png", "/r/1.PNG", "1.exr", "/r/a.b.tiff", "/r/1.Jpeg"] {
            assert!(is_picture(Path::new(path)), "{path}");
        }
        for path in ["/r/1.png.tmp", "/r/png", "/r/.png", "/r/film.mkv", "", "/r/x.png/"] {
            let is_name_of_folder = path.ends_with('/');
            assert_eq!(is_picture(Path::new(path)), is_name_of_folder, "{path}");
        }
    }
}
