//! What comes in from elsewhere. A source finds things one after the other and says what they are in the Manager's own terms,
//! or why they cannot be taken; all of them go into a new file beside the database, which takes its place when all is well.
//!
//! Sources read on a thread of their own, and a bounded number of things is in memory at a time, however many there are.

pub mod config;
pub mod dump;
pub mod export;
pub mod flamenco3;
pub mod loader;
pub mod memory;
pub mod mongodb;
pub mod progress;
pub mod report;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use jiff::Timestamp;

use self::{
    loader::{Item, Loader},
    progress::Progress,
    report::Report,
};
use crate::store::{OpenError, StoreError, new_file::NewFile};

/// As many things are handed from the reading to the writing thread at a time,
const BATCH: usize = 500;

/// or so many bytes,
const BATCH_BYTES: usize = 1 << 20;

/// and so many times that may wait.
const WAITING: usize = 8;

/// So long the writing thread waits before it looks whether it is to end.
const PATIENCE: Duration = Duration::from_millis(100);

/// So long the reading thread may take to end, if it is to end early.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where an import goes to, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The database.
    pub database: PathBuf,
    /// Into what is in the database already, of which nothing is overwritten that is newer. Otherwise the database has to be
    /// empty.
    pub merge: bool,
    /// Only to see what would happen.
    pub dry_run: bool,
    /// Also when not everything can be imported.
    pub allow_skips: bool,
}

/// Something that a source has found.
#[derive(Debug, Clone)]
pub struct Found {
    /// In which collection, or table.
    pub collection: Arc<str>,
    /// What it is called in a report: its ID; where it has none, or none that can be read, the place at which it stands. It may
    /// be left empty for what is called by the ID of its item.
    pub id: String,
    /// What it is, or why it cannot be taken.
    pub what: Result<Item, Refusal>,
    /// So many bytes of the input were read by now.
    pub bytes_read: u64,
}

/// Why something is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is of a kind with which the Manager has nothing to do.
    NotOurs,
    /// It stands for a whole collection of another database, of which nothing was read.
    NotRead,
    /// What is wrong with it.
    Because(String),
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A Manager runs.
    #[error("{}: a Flamenco Manager is running on this database; stop it first, and start it again afterwards", .0.display())]
    Running(PathBuf),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// There is something in the database.
    #[error(
        "{}: the database is not empty; add what is imported to it with --merge, or set another `database_path`",
        .0.display()
    )]
    NotEmpty(PathBuf),
    /// The new file cannot be written.
    #[error("{}: {source}; is the disk full?", path.display())]
    Write {
        /// The database.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The new file cannot be written, or what was in the database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is to be imported cannot be read to its end.
    #[error("{0}")]
    Source(String),
    /// What was skipped cannot be noted.
    #[error("a temporary file, for what was skipped, cannot be written: {0}")]
    Note(io::Error),
    /// Somebody wanted it to end.
    #[error("interrupted")]
    Interrupted,
}

/// How an import ended.
pub struct Outcome {
    /// What became of everything.
    pub report: Report,
    /// Is it in the database now?
    pub is_in_place: bool,
}

/// Imports all that `source` finds: all of it or, when it returns an error, nothing. An error of the source is its end.
/// What was skipped keeps everything from being put in place, unless the plan allows it. `stop` ends it early.
pub fn import<S>(
    plan: &Plan,
    source: S,
    report: Report,
    progress: &Progress,
    now: Timestamp,
    stop: &Arc<AtomicBool>,
) -> Result<Outcome, ImportError>
where
    S: IntoIterator<Item = Result<Found, String>> + Send + 'static,
{
    let place = plan.database.as_path();
    let new = NewFile::beside_ours(place).map_err(|error| explain(error, place))?;
    if !new.is_first() {
        new.copy_what_is_there().map_err(cannot_write(place))?;
    }
    let mut loader = Loader::open(new.path(), now, report)?;
    if !plan.merge && !loader.is_without_a_farm()? {
        return Err(ImportError::NotEmpty(place.to_owned()));
    }
    let (sender, receiver) = sync_channel(WAITING);
    let (done, ends) = sync_channel::<()>(0);
    let stopped = Arc::clone(stop);
    let reading = thread::spawn(move || {
        let _done = done;
        read(source, &sender, &stopped)
    });
    if let Err(error) = loader.load(Incoming { batches: receiver, documents: 0, progress, stop }) {
        // It finds nobody who takes what it reads, and ends. But it may be waiting for input that never comes.
        let _ended = ends.recv_timeout(FAREWELL);
        return Err(error);
    }
    let read = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    read.map_err(ImportError::Source)?;
    progress.goes_on_with("sorting");
    let report = loader.finish(stop)?;
    // It may have been the reading thread alone that heard of it.
    if stop.load(Ordering::Relaxed) {
        return Err(ImportError::Interrupted);
    }
    let goes = report.total().skipped() == 0 || plan.allow_skips;
    let is_in_place = goes && !plan.dry_run;
    if is_in_place {
        new.put_in_place(None).map_err(cannot_write(place))?;
    }
    progress.is_over();
    Ok(Outcome { report, is_in_place })
}

fn explain(error: OpenError, place: &Path) -> ImportError {
    match error {
        OpenError::InUse { .. } => ImportError::Running(place.to_owned()),
        error => ImportError::Open(error),
    }
}

fn cannot_write(place: &Path) -> impl FnOnce(io::Error) -> ImportError {
    let path = place.to_owned();
    |source| ImportError::Write { path, source }
}

/// Reads the source to its end, or until nobody takes any more.
fn read(
    source: impl IntoIterator<Item = Result<Found, String>>,
    to: &SyncSender<Batch>,
    stop: &AtomicBool,
) -> Result<(), String> {
    let (back, spent) = channel();
    let new_batch = || Batch { things: Vec::with_capacity(BATCH), back: back.clone() };
    let (mut batch, mut bytes) = (new_batch(), 0);
    for found in source {
        let found = found?;
        bytes += found.size();
        batch.things.push(found);
        if batch.things.len() == BATCH || bytes >= BATCH_BYTES {
            bytes = 0;
            spent.try_iter().for_each(drop);
            let full = std::mem::replace(&mut batch, new_batch());
            if stop.load(Ordering::Relaxed) || to.send(full).is_err() {
                return Ok(());
            }
        }
    }
    // If nobody takes it there is a reason that is told elsewhere.
    let _ = to.send(batch);
    Ok(())
}

/// Things that are handed from the reading to the writing thread. When they are done with they go back: threads that free what
/// another one allocated wait for each other at every piece.
pub struct Batch {
    things: Vec<Found>,
    back: Sender<Vec<Found>>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        // The reading thread may have ended, and then nobody waits for anybody.
        let _ = self.back.send(std::mem::take(&mut self.things));
    }
}

/// What comes from the reading thread, one batch after the other.
struct Incoming<'a> {
    batches: Receiver<Batch>,
    documents: u64,
    progress: &'a Progress,
    stop: &'a AtomicBool,
}

impl Iterator for Incoming<'_> {
    type Item = Result<Batch, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Some(Err(ImportError::Interrupted));
            }
            let batch = match self.batches.recv_timeout(PATIENCE) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return None,
            };
            self.documents += batch.things.len() as u64;
            if let Some(last) = batch.things.last() {
                self.progress.at(last.bytes_read, self.documents);
            }
            return Some(Ok(batch));
        }
    }
}

impl Found {
    /// About how many bytes of memory it takes.
    fn size(&self) -> usize {
        let of_what = match &self.what {
            Ok(item) => item.size(),
            Err(Refusal::Because(reason)) => reason.len(),
            Err(Refusal::NotOurs | Refusal::NotRead) => 0,
        };
        self.id.len() + of_what
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{loader::Extra, memory::Memory, *};
    use crate::store::ExtraOf;

    /// As many bytes as four of which are more than a batch may have.
    const LONG: usize = BATCH_BYTES * 3 / 10;

    fn found(id: String, what: Result<Item, Refusal>) -> Found {
        Found { collection: "things".into(), id, what, bytes_read: 0 }
    }

    #[test]
    fn what_is_interrupted_before_anything_came_is_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("farm.redb");
        let plan = Plan { database: database.clone(), merge: false, dry_run: false, allow_skips: false };
        let stop = Arc::new(AtomicBool::new(false));
        let stops = Arc::clone(&stop);
        let source = std::iter::from_fn(move || {
            stops.store(true, Ordering::Relaxed);
            None
        });
        let report = Report::of(&["things"]);
        let ended = import(&plan, source, report, &Progress::hidden(), Timestamp::UNIX_EPOCH, &stop);
        assert!(matches!(ended, Err(ImportError::Interrupted)));
        assert!(!database.exists());
    }

    #[test]
    fn no_batch_has_more_than_its_share_of_the_memory() {
        let long = "x".repeat(LONG);
        let extra = || -> Extra { [("log".to_owned(), json!({"lines": [1, long]}))].into_iter().collect() };
        let of = ExtraOf::Settings([1; 12]);
        for (what, thing) in [
            ("a reason", found(String::new(), Err(Refusal::Because(long.clone())))),
            ("an ID", found(long.clone(), Err(Refusal::NotOurs))),
            ("what is extra", found(String::new(), Ok(Item::Extra { of, extra: extra() }))),
            (
                "what was extra once",
                found(String::new(), Ok(Item::Memory(Box::new(Memory::Extra(of, extra()))))),
            ),
        ] {
            let (sender, receiver) = sync_channel(100);
            read(vec![Ok(thing); 10], &sender, &AtomicBool::new(false)).unwrap();
            drop(sender);
            let batches: Vec<_> = receiver.iter().map(|batch| batch.things.len()).collect();
            assert_eq!(batches, [4, 4, 2], "{what}");
        }
    }
}
