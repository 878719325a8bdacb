//! Task logs: what workers say about their tasks, one file a task in one folder a job. Paths are made of typed IDs
//! alone, so that no request can lead out of the folder. Everything here blocks, and holds little in memory.

mod compress;
mod follow;
mod keeper;
mod pack;
mod read;
mod rotate;
mod search;
mod walk;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, Write},
    path::{Path, PathBuf},
};

pub use compress::Gzip;
pub use follow::{Following, MalformedPlace, Next, Place};
pub use keeper::LogKeeper;
pub use pack::{Packed, Packing};
pub use read::{LogFile, last_lines};
pub use search::Found;
pub use walk::{Entry, Walk};

use pack::{Unpacked, unpack};

use crate::domain::ids::{JobId, TaskId};

/// What went wrong with a task log, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be written, rotated or removed.
    #[error(
        "cannot write the task log {}: check that its folder can be made and is writable by the user who runs the \
         Manager, and that the disk is not full",
        path.display()
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Too much waits to be written.
    #[error("task logs cannot be written as fast as they come: check the disk that they are on")]
    Overloaded,
    /// Writing it ended in a mistake of the program.
    #[error("writing a task log ended badly")]
    Broken,
    /// It is there and cannot be read.
    #[error("cannot read the task log {}: check that the user who runs the Manager may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl LogError {
    fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }

    fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Read { path, source }
    }
}

/// The folder of all task logs.
#[derive(Debug)]
pub struct TaskLogs {
    root: PathBuf,
}

impl TaskLogs {
    /// The logs below `root`, which is made when the first log is written.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where the current log of a task is, whether it exists or not: where Flamenco Manager 2.x has it, too.
    #[must_use]
    pub fn path(&self, job: JobId, task: TaskId) -> PathBuf {
        self.folder(job).join(format!("task-{task}.txt"))
    }

    /// Can logs be written? Makes the folder of all logs if it is not there.
    pub fn check(&self) -> Result<(), LogError> {
        let probe = self.root.join(".writable");
        fs::create_dir_all(&self.root)
            .and_then(|()| fs::write(&probe, b""))
            // Another check may have removed it.
            .and_then(|()| unless_missing(fs::remove_file(&probe)))
            .map_err(LogError::write(&self.root))
    }

    fn folder(&self, job: JobId) -> PathBuf {
        let job = job.to_string();
        self.root.join(format!("job-{}", &job[..4])).join(job)
    }

    /// Adds text to the current log, and a newline unless the text ends in one. An empty text makes no file.
    ///
    /// Text and newline are one write to the end of the file, so that what is appended at the same time does not mix. A log
    /// that was compressed is made plain first; one that cannot be is put aside.
    pub fn append(&self, job: JobId, task: TaskId, text: &str) -> Result<(), LogError> {
        if text.is_empty() {
            return Ok(());
        }
        let path = self.path(job, task);
        open_to_append(&path).and_then(|mut file| write_text(&mut file, text)).map_err(LogError::write(&path))
    }

    /// Puts the current log aside before a new run of the task: it becomes `.txt.1`, `.txt.1` becomes `.txt.2`, and so
    /// on; all are kept, as in 2.x. A compressed current log (`.txt.gz`) is put aside as `.txt.1.gz`, or removed when it
    /// is but a copy of a plain one. Without a current log nothing happens. Of one log only one rotation may run at a
    /// time; [`LogKeeper`] sees to that.
    pub fn rotate(&self, job: JobId, task: TaskId) -> Result<(), LogError> {
        let path = self.path(job, task);
        rotate::rotate(&path).map_err(LogError::write(&path))
    }

    /// Begins the log of a new run with a text: what was there before is put aside.
    pub fn begin(&self, job: JobId, task: TaskId, text: &str) -> Result<(), LogError> {
        let path = self.path(job, task);
        // Most tasks are run once: the file is there only if it was not.
        let compressed = with_suffix(&path, ".gz").try_exists().map_err(LogError::write(&path))?;
        if !compressed && let Ok(mut file) = OpenOptions::new().append(true).create_new(true).open(&path) {
            return write_text(&mut file, text).map_err(LogError::write(&path));
        }
        self.rotate(job, task)?;
        self.append(job, task, text)
    }

    /// Removes all logs of a job. A job without logs is no error.
    pub fn remove_job(&self, job: JobId) -> Result<(), LogError> {
        let folder = self.folder(job);
        unless_missing(fs::remove_dir_all(&folder)).map_err(LogError::write(&folder))
    }

    /// Opens the current log of a task, or else the compressed one; `None` when there is neither.
    pub fn find(&self, job: JobId, task: TaskId) -> Result<Option<LogFile>, LogError> {
        let plain = self.path(job, task);
        match LogFile::open(&plain, false)? {
            Some(log) => Ok(Some(log)),
            None => LogFile::open(&with_suffix(&plain, ".gz"), true),
        }
    }
}

/// Opens a log to be written at its end only, and makes it and its folders when they are missing.
fn open_to_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if unpack(path)? == Unpacked::Damaged {
                tracing::warn!(log = %path.display(), "a compressed task log is damaged; it is put aside");
                rotate::rotate(path)?;
            }
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            options.create(true).open(path)
        }
        opened => opened,
    }
}

/// Writes a text, and a newline unless it ends in one.
fn write_text(file: &mut File, text: &str) -> io::Result<()> {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    write_at_once(file, [text, newline])
}

/// Writes the texts by one call to the system, as long as that takes them whole; it does, but on a full disk.
fn write_at_once(file: &mut File, texts: [&str; 2]) -> io::Result<()> {
    let mut slices = texts.map(|text| IoSlice::new(text.as_bytes()));
    let mut rest = &mut slices[..];
    while rest.iter().any(|slice| !slice.is_empty()) {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What is already gone need not be removed.
fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// `path` with more at the end of its file name.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut longer = path.as_os_str().to_owned();
    longer.push(suffix);
    longer.into()
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, sync::Arc, thread};

    use super::*;

    const JOB: JobId = JobId([0xab; 12]);
    const TASK: TaskId = TaskId([0x17; 12]);

    fn logs() -> (tempfile::TempDir, TaskLogs) {
        let folder = tempfile::tempdir().unwrap();
        let logs = TaskLogs::new(folder.path().join("task-logs"));
        (folder, logs)
    }

    #[test]
    fn a_log_is_where_2x_has_it() {
        let logs = TaskLogs::new("/logs".into());
        let path = "/logs/job-abab/abababababababababababab/task-171717171717171717171717.txt";
        assert_eq!(logs.path(JOB, TASK), Path::new(path));
    }

    #[test]
    fn every_text_ends_in_one_newline() {
        let (_folder, logs) = logs();
        for text in ["no newline", "one newline\n", "two\n\n", "sn\u{f6} \u{1f3ac}", "\n"] {
            logs.append(JOB, TASK, text).unwrap();
        }
        let log = fs::read_to_string(logs.path(JOB, TASK)).unwrap();
        assert_eq!(log, "no newline\none newline\ntwo\n\nsn\u{f6} \u{1f3ac}\n\n");
    }

    #[test]
    fn a_new_run_begins_a_new_log_and_keeps_the_old_ones() {
        let (_folder, logs) = logs();
        for run in ["first\n", "second\n", "third"] {
            logs.begin(JOB, TASK, run).unwrap();
            logs.append(JOB, TASK, "more").unwrap();
        }
        let path = logs.path(JOB, TASK);
        let texts = ["", ".1", ".2"].map(|end| fs::read_to_string(with_suffix(&path, end)).unwrap());
        assert_eq!(texts, ["third\nmore\n", "second\nmore\n", "first\nmore\n"]);
    }

    #[test]
    fn a_new_run_puts_a_compressed_log_aside() {
        let (_folder, logs) = logs();
        logs.begin(JOB, TASK, "first\n").unwrap();
        let path = logs.path(JOB, TASK);
        fs::rename(&path, with_suffix(&path, ".gz")).unwrap();
        logs.begin(JOB, TASK, "second\n").unwrap();
        let texts = ["", ".1.gz"].map(|end| fs::read_to_string(with_suffix(&path, end)).unwrap());
        assert_eq!(texts, ["second\n", "first\n"]);
    }

    #[test]
    fn an_empty_text_makes_no_file() {
        let (_folder, logs) = logs();
        logs.append(JOB, TASK, "").unwrap();
        assert!(logs.find(JOB, TASK).unwrap().is_none());
    }

    #[test]
    fn checks_at_the_same_time_do_not_disturb_each_other() {
        let (_folder, logs) = logs();
        let logs = Arc::new(logs);
        let checks = [(); 4].map(|()| {
            let logs = Arc::clone(&logs);
            thread::spawn(move || (0..500).for_each(|_| logs.check().unwrap()))
        });
        for check in checks {
            check.join().unwrap();
        }
    }

    #[test]
    fn texts_appended_at_the_same_time_do_not_mix() {
        let (_folder, logs) = logs();
        let logs = Arc::new(logs);
        let writers = ["a", "b", "c"].map(|letter| {
            let (logs, text) = (Arc::clone(&logs), letter.repeat(100_000));
            thread::spawn(move || (0..20).for_each(|_| logs.append(JOB, TASK, &text).unwrap()))
        });
        for writer in writers {
            writer.join().unwrap();
        }

        let log = fs::read_to_string(logs.path(JOB, TASK)).unwrap();
        assert_eq!(log.lines().count(), 60);
        for line in log.lines() {
            assert_eq!(line.len(), 100_000);
            assert!(line.bytes().all(|byte| byte == line.as_bytes()[0]));
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_that_names_it_and_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("task-logs");
        fs::write(&root, "a file where the folder should be").unwrap();
        let logs = TaskLogs::new(root.clone());
        let error = logs.append(JOB, TASK, "text").unwrap_err();
        let text = error.to_string();
        assert!(text.contains(logs.path(JOB, TASK).to_str().unwrap()), "{text}");
        assert!(text.contains("writable"), "{text}");
        assert!(error.source().is_some());
        logs.find(JOB, TASK).unwrap_err();
        logs.rotate(JOB, TASK).unwrap_err();
    }
}
