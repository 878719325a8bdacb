//! The thread that makes pictures, and what others have to do with it.

use std::{
    collections::{HashMap, VecDeque},
    error::Error,
    fs::File,
    io, mem,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    About, Darkroom, Gallery, Picture, Refusal, Report,
    decode::Shown,
    is_picture,
    reach::{Opened, Reach, Refused, Seen},
    shelf::Shelf,
    waiting::{Item, Waiting},
};
use crate::domain::ids::JobId;

/// Of refusals for the same reason one is logged in so long: a worker may report many files.
const LOGGED_EVERY: Duration = Duration::from_mins(10);

/// No system has longer paths than this, in bytes; Windows comes close with 32,767 characters, and nobody uses that.
const LONGEST_PATH: usize = 4096;

/// As many files are remembered that were shown.
const REMEMBERED: usize = 16;

/// The last rendered pictures. When this is dropped the thread ends, after the picture that it is at.
#[derive(Debug)]
pub struct Pictures {
    gallery: Arc<Gallery>,
    shelf: Arc<Shelf>,
    reach: Reach,
    queue: Arc<Queue>,
}

/// How pictures come to the thread.
#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: Waiting,
    is_closed: bool,
}

impl Pictures {
    /// Shows pictures within `reach`, which are decoded in the `darkroom`, and keeps them in `folder`.
    pub fn start(folder: PathBuf, reach: Reach, darkroom: Darkroom) -> io::Result<Self> {
        let shelf = Arc::new(Shelf::new(folder));
        let gallery = Arc::new(Gallery::new(shelf.latest()));
        let queue = Arc::new(Queue::default());
        let mut maker = Maker {
            gallery: Arc::clone(&gallery),
            shelf: Arc::clone(&shelf),
            reach: reach.clone(),
            darkroom,
            latest: 0,
            shown: VecDeque::new(),
            logged: HashMap::new(),
        };
        let own = Arc::clone(&queue);
        thread::Builder::new().name("pictures".into()).spawn(move || {
            while let Some(item) = own.take() {
                if let Some(item) = maker.look(item) {
                    own.put_back(item);
                }
            }
        })?;
        Ok(Self { gallery, shelf, reach, queue })
    }

    /// Somebody says that there is a new picture. Nobody waits for what becomes of it. What is no picture by its name, or has
    /// a name that no file has, is of no interest.
    pub fn report(&self, report: Report) {
        if report.path.len() <= LONGEST_PATH && is_picture(Path::new(&report.path)) {
            self.queue.state().waiting.push(report, Instant::now());
            self.queue.changed.notify_one();
        }
    }

    /// Says why a picture was not even looked at.
    pub fn refuse(&self, when: Timestamp, path: String, why: &dyn Error) {
        if is_picture(Path::new(&path)) {
            self.gallery.refuse(Refusal { when, path, reason: why.to_string() });
        }
    }

    /// What is to be seen.
    pub fn gallery(&self) -> &Gallery {
        &self.gallery
    }

    /// The folders below which pictures are read.
    pub fn folders(&self) -> &[PathBuf] {
        self.reach.folders()
    }

    /// The last picture of a job. This reads a file.
    pub fn of_job(&self, job: JobId) -> Option<Picture> {
        self.shelf.of_job(job)
    }

    /// What forgets the last picture of a job. It removes a file, so it is for a thread that may wait.
    pub fn forgetting(&self, job: JobId) -> impl FnOnce() + Send + use<> {
        let kept = Arc::clone(&self.shelf);
        move || {
            if let Err(error) = kept.forget_job(job) {
                tracing::warn!(%job, %error, "the last picture of a job that is gone cannot be removed");
            }
        }
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        self.queue.state().is_closed = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what is to be looked at next; nothing at the end.
    fn take(&self) -> Option<Item> {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if state.is_closed {
                return None;
            }
            if let Some(item) = state.waiting.take(now) {
                return Some(item);
            }
            let pause = state.waiting.next_due().map(|due| due.saturating_duration_since(now));
            state = match pause {
                Some(pause) => {
                    self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn put_back(&self, item: Item) {
        self.state().waiting.put_back(item, Instant::now());
    }
}

/// Makes pictures, one after the other.
struct Maker {
    gallery: Arc<Gallery>,
    shelf: Arc<Shelf>,
    reach: Reach,
    darkroom: Darkroom,
    /// The number of the picture that is the last one.
    latest: u64,
    /// The files that were shown lately.
    shown: VecDeque<Seen>,
    /// When a refusal for this reason was logged last, and how many were not logged since.
    logged: HashMap<mem::Discriminant<Refused>, (Instant, u64)>,
}

impl Maker {
    /// Looks at what somebody said to be a picture, and shows it; or gives it back for another look.
    fn look(&mut self, mut item: Item) -> Option<Item> {
        let refused = match self.open(&item.report) {
            Ok(Opened { file, seen }) if seen.length > 0 && item.seen.as_ref() == Some(&seen) => {
                match self.develop(file, &item.report) {
                    Ok(picture) => {
                        self.show(picture, &item, seen);
                        return None;
                    }
                    Err(refused) => refused,
                }
            }
            // What a worker has reported is found in the watched folder, too, and says less there.
            Ok(Opened { seen, .. }) if item.report.by.is_none() && self.shown.contains(&seen) => return None,
            Ok(Opened { seen, .. }) => {
                item.seen = Some(seen);
                if !Waiting::was_last_look(&item) {
                    return Some(item);
                }
                Refused::Unfinished
            }
            Err(Refused::Missing) if !Waiting::was_last_look(&item) => return Some(item),
            Err(refused) => refused,
        };
        self.refuse(&item.report, &refused);
        None
    }

    /// The first of the places at which there is a file that may be read.
    fn open(&self, report: &Report) -> Result<Opened, Refused> {
        let mut refused = if self.reach.folders().is_empty() { Refused::NoFolders } else { Refused::Outside };
        for place in &report.places {
            match self.reach.open(place) {
                // That it is not there is no reason if it must not be anywhere else.
                Err(Refused::Outside) => {}
                Err(other) => refused = other,
                opened => return opened,
            }
        }
        Err(refused)
    }

    fn develop(&self, file: File, report: &Report) -> Result<Picture, Refused> {
        let Shown { jpeg, width, height } = self.darkroom.develop(file)?;
        let Report { at, path, by, .. } = report.clone();
        Picture::new(About { produced: at, path, by, width, height }, &jpeg).ok_or(Refused::Broken)
    }

    fn show(&mut self, picture: Picture, item: &Item, seen: Seen) {
        let is_latest = item.number > self.latest;
        self.latest = self.latest.max(item.number);
        self.shown.push_back(seen);
        if self.shown.len() > REMEMBERED {
            self.shown.pop_front();
        }
        if let Err(error) = self.shelf.keep(&picture, item.report.job(), is_latest) {
            tracing::warn!(%error, "the last picture cannot be kept; check that its folder can be written");
        }
        tracing::debug!(path = picture.about.path, "there is a new picture");
        self.gallery.show(Arc::new(picture), is_latest);
    }

    fn refuse(&mut self, report: &Report, refused: &Refused) {
        let Report { at, path, .. } = report;
        self.gallery.refuse(Refusal { when: *at, path: path.clone(), reason: refused.to_string() });
        let now = Instant::now();
        let kind = mem::discriminant(refused);
        match self.logged.get_mut(&kind) {
            Some((last, unlogged)) if now.duration_since(*last) < LOGGED_EVERY => *unlogged += 1,
            before => {
                let others = before.map_or(0, |(_, unlogged)| *unlogged);
                let worker = report.by.map(|by| tracing::field::display(by.worker));
                tracing::warn!(path, worker, others, "a rendered picture is not shown: {refused}");
                self.logged.insert(kind, (now, 0));
            }
        }
    }
}
