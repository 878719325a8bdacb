//! The pictures on disk: the last one of the farm, and the last one of each job, a file each. What is known about a picture
//! stands in its own file, as a comment of the JPEG, so that the two are never apart.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;

use super::{About, Picture};
use crate::domain::ids::JobId;

/// The last ones of as many jobs are kept: with 300 KB each they take 150 MB.
const MOST_JOBS: usize = 500;

/// A larger file is none of ours.
const MOST_BYTES: u64 = 16 << 20;

const LATEST: &str = "latest.jpg";

/// How a JPEG begins, and how one begins that has a comment first.
const START: [u8; 2] = [0xff, 0xd8];
const WITH_COMMENT: [u8; 4] = [0xff, 0xd8, 0xff, 0xfe];

/// The folder of the pictures.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The pictures in `folder`, which is made when the first is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The last picture of the farm.
    pub fn latest(&self) -> Option<Picture> {
        read(&self.folder.join(LATEST))
    }

    /// The last picture of a job.
    pub fn of_job(&self, job: JobId) -> Option<Picture> {
        read(&self.path(job))
    }

    /// Keeps a picture as the last one of its job, and of the farm if it is.
    pub fn keep(&self, picture: &Picture, job: Option<JobId>, is_latest: bool) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        if is_latest {
            self.write(&self.folder.join(LATEST), picture)?;
        }
        if let Some(job) = job {
            self.write(&self.path(job), picture)?;
            self.tidy()?;
        }
        Ok(())
    }

    /// Forgets the last picture of a job. There need not be one.
    pub fn forget_job(&self, job: JobId) -> io::Result<()> {
        match fs::remove_file(self.path(job)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, job: JobId) -> PathBuf {
        self.folder.join(format!("job-{job}.jpg"))
    }

    /// Whoever looks finds the old picture or the new one. There is one writer only.
    fn write(&self, path: &Path, picture: &Picture) -> io::Result<()> {
        let unfinished = self.folder.join("unfinished");
        fs::write(&unfinished, &picture.jpeg)?;
        fs::rename(unfinished, path)
    }

    /// Forgets the oldest pictures of jobs if there are too many.
    fn tidy(&self) -> io::Result<()> {
        let mut of_jobs = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("job-") {
                of_jobs.push(entry);
            }
        }
        let too_many = of_jobs.len().saturating_sub(MOST_JOBS);
        if too_many > 0 {
            of_jobs.sort_by_cached_key(|entry| entry.metadata().and_then(|about| about.modified()).ok());
            of_jobs.iter().take(too_many).try_for_each(|entry| fs::remove_file(entry.path()))?;
        }
        Ok(())
    }
}

impl Picture {
    /// A picture with what is known about it; nothing if `jpeg` is none.
    pub(super) fn new(about: About, jpeg: &[u8]) -> Option<Self> {
        let comment = serde_json::to_vec(&about).ok()?;
        let length = u16::try_from(comment.len() + 2).ok()?.to_be_bytes();
        let rest = jpeg.strip_prefix(&START)?;
        let jpeg = Bytes::from([&WITH_COMMENT, &length[..], &comment, rest].concat());
        Some(Self { about, version: version(&jpeg), jpeg })
    }

    fn from_file(jpeg: Vec<u8>) -> Option<Self> {
        let (length, rest) = jpeg.strip_prefix(&WITH_COMMENT)?.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
        let about = serde_json::from_slice(rest.get(..length)?).ok()?;
        Some(Self { about, version: version(&jpeg), jpeg: jpeg.into() })
    }
}

fn version(jpeg: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, jpeg);
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12])
}

fn read(path: &Path) -> Option<Picture> {
    let is_small = || fs::metadata(path).is_ok_and(|about| about.len() <= MOST_BYTES);
    let picture = is_small().then(|| fs::read(path).ok())?;
    let picture = picture.map(Picture::from_file)?;
    if picture.is_none() {
        tracing::warn!(path = %path.display(), "this is no picture that the Manager has kept, so it is not shown");
    }
    picture
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn picture(path: &str) -> Picture {
        let about =
            About { produced: Timestamp::UNIX_EPOCH, path: path.to_owned(), by: None, width: 2, height: 1 };
        let mut jpeg = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new(&mut jpeg);
        image::RgbImage::new(2, 1).write_with_encoder(encoder).unwrap();
        Picture::new(about, &jpeg).unwrap()
    }

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path().join("latest-images"));
        (folder, shelf)
    }

    fn job(number: u32) -> JobId {
        format!("{number:024x}").parse().unwrap()
    }

    #[test]
    fn what_is_kept_is_found_again_with_all_that_is_known_about_it() {
        let (_folder, shelf) = shelf();
        assert!(shelf.latest().is_none() && shelf.of_job(job(1)).is_none());
        let first = picture("/render/\"ü\n1\".png");
        shelf.keep(&first, Some(job(1)), true).unwrap();
        let found = shelf.latest().unwrap();
        assert_eq!((&found.about, &found.version, &found.jpeg), (&first.about, &first.version, &first.jpeg));
        assert!(image::load_from_memory(&found.jpeg).is_ok(), "a comment does not harm a picture");
        let second = picture("2");
        shelf.keep(&second, Some(job(2)), false).unwrap();
        assert_ne!(first.version, second.version);
        assert_eq!(shelf.latest().unwrap().version, first.version);
        assert_eq!(shelf.of_job(job(2)).unwrap().version, second.version);
        shelf.forget_job(job(1)).unwrap();
        shelf.forget_job(job(1)).unwrap();
        assert!(shelf.of_job(job(1)).is_none() && shelf.latest().is_some());
    }

    #[test]
    fn the_pictures_of_so_many_jobs_are_kept() {
        let (_folder, shelf) = shelf();
        let any = picture("any");
        shelf.keep(&any, None, true).unwrap();
        let old = fs::File::create(shelf.path(job(0))).unwrap();
        old.set_modified(std::time::UNIX_EPOCH).unwrap();
        for number in 1..u32::try_from(MOST_JOBS).unwrap() {
            fs::write(shelf.path(job(number)), &any.jpeg).unwrap();
        }
        shelf.keep(&any, Some(job(1)), true).unwrap();
        assert!(shelf.path(job(0)).exists());
        shelf.keep(&any, Some(job(9999)), true).unwrap();
        assert!(!shelf.path(job(0)).exists());
        assert_eq!(fs::read_dir(&shelf.folder).unwrap().count(), MOST_JOBS + 1);
    }

    #[test]
    fn what_is_damaged_is_not_shown() {
        let (_folder, shelf) = shelf();
        let whole = picture("whole");
        shelf.keep(&whole, None, true).unwrap();
        let path = shelf.folder.join(LATEST);
        let comment_ends = 4 + usize::from(u16::from_be_bytes([whole.jpeg[4], whole.jpeg[5]]));
        for length in 0..comment_ends {
            fs::write(&path, &whole.jpeg[..length]).unwrap();
            assert!(shelf.latest().is_none(), "{length}");
        }
        fs::write(&path, b"\xff\xd8\xff\xfe\x00\x00{}").unwrap();
        assert!(shelf.latest().is_none());
    }
}
