//! All logs there are, one after the other, however many: what is not a log is passed over.

use std::{
    fs::{self, Metadata, ReadDir},
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{LogError, TaskLogs, pack::PART, unless_missing};
use crate::domain::{
    ids::{JobId, TaskId},
    task_log::{Form, Log},
};

/// A file with a log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The job of the task.
    pub job: JobId,
    /// The task that it is of.
    pub task: TaskId,
    /// What there is to say about it.
    pub log: Log,
    pub(super) path: PathBuf,
    /// How long it is.
    pub length: u64,
}

/// A way through all logs. What comes or goes meanwhile is met or not.
#[derive(Debug)]
pub struct Walk {
    /// The folders of groups of jobs, of jobs, and the files of a job.
    groups: ReadDir,
    jobs: Option<ReadDir>,
    logs: Option<(JobId, ReadDir)>,
}

impl TaskLogs {
    /// A way through all logs; none if none was ever written.
    pub fn walk(&self) -> Result<Option<Walk>, LogError> {
        let groups = read_folder(&self.root)?;
        Ok(groups.map(|groups| Walk { groups, jobs: None, logs: None }))
    }
}

impl Iterator for Walk {
    type Item = Result<Entry, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Walk {
    fn step(&mut self) -> Result<Option<Entry>, LogError> {
        loop {
            if let Some((job, logs)) = &mut self.logs {
                match next_entry(logs)? {
                    Some(path) => match Entry::at(*job, path)? {
                        Some(found) => return Ok(Some(found)),
                        None => continue,
                    },
                    None => self.logs = None,
                }
            }
            if let Some(jobs) = &mut self.jobs {
                match next_entry(jobs)? {
                    Some(path) => {
                        if let Some(job) = name(&path).and_then(|name| name.parse().ok()) {
                            self.logs = read_folder(&path)?.map(|logs| (job, logs));
                        }
                        continue;
                    }
                    None => self.jobs = None,
                }
            }
            match next_entry(&mut self.groups)? {
                Some(path) if name(&path).is_some_and(|name| name.starts_with("job-")) => {
                    self.jobs = read_folder(&path)?;
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }
}

impl Entry {
    /// The log at a path, if it is one and still there.
    fn at(job: JobId, path: PathBuf) -> Result<Option<Self>, LogError> {
        let Some((task, is_current, form)) = name(&path).and_then(parts) else { return Ok(None) };
        let Some((changed, length)) = about(&path).map_err(LogError::read(&path))? else { return Ok(None) };
        let log = Log { changed, is_current, form };
        Ok(Some(Self { job, task, log, path, length }))
    }

    /// Is there still this very log at its path? Whatever is written there or moved there later has another time.
    pub(super) fn is_unchanged(&self) -> io::Result<bool> {
        Ok(about(&self.path)? == Some((self.log.changed, self.length)))
    }

    /// Removes the log, unless it has changed, and its folders if nothing else is in them. It is for the thread that does
    /// all work on this log.
    pub fn remove(&self) -> Result<(), LogError> {
        let remove = || {
            if self.is_unchanged()? {
                unless_missing(fs::remove_file(&self.path))?;
            }
            Ok(())
        };
        remove().map_err(LogError::write(&self.path))?;
        // A folder with something in it is not removed.
        let folders = self.path.ancestors().skip(1).take(2);
        let _others_are_there = folders.map(fs::remove_dir).find(Result::is_err);
        Ok(())
    }
}

/// The task, whether the log is that of its last try, and its form: `task-ID.txt`, `task-ID.txt.3.gz`, `task-ID.txt.Xy3z.part`.
fn parts(name: &str) -> Option<(TaskId, bool, Form)> {
    let (task, end) = name.strip_prefix("task-")?.split_once(".txt")?;
    let task = task.parse().ok()?;
    if end.ends_with(PART) {
        return Some((task, false, Form::Half));
    }
    let (end, form) = end.strip_suffix(".gz").map_or((end, Form::Plain), |end| (end, Form::Compressed));
    let is_current = end.is_empty();
    let is_number = |end: &str| end.parse::<u32>().is_ok_and(|number| number.to_string() == end);
    let is_log = is_current || end.strip_prefix('.').is_some_and(is_number);
    is_log.then_some((task, is_current, form))
}

/// When a file was last changed, and how long it is; nothing if there is no such file.
fn about(path: &Path) -> io::Result<Option<(Timestamp, u64)>> {
    match fs::symlink_metadata(path) {
        Ok(file) if file.is_file() => Ok(Some((changed(&file)?, file.len()))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn changed(file: &Metadata) -> io::Result<Timestamp> {
    Timestamp::try_from(file.modified()?).map_err(io::Error::other)
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// What is in a folder; nothing if there is no such folder.
fn read_folder(path: &Path) -> Result<Option<ReadDir>, LogError> {
    match fs::read_dir(path) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(LogError::read(path)(error)),
    }
}

fn next_entry(folder: &mut ReadDir) -> Result<Option<PathBuf>, LogError> {
    let entry = folder.next().transpose();
    Ok(entry.map_err(LogError::read(Path::new("")))?.map(|entry| entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "job-abab/abababababababababababab";
    const TASK: &str = "task-171717171717171717171717.txt";

    #[test]
    fn all_logs_are_met_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let job = folder.path().join(JOB);
        fs::create_dir_all(job.join(format!("{TASK}.5"))).unwrap();
        fs::create_dir_all(folder.path().join("job-abab/mine")).unwrap();
        fs::write(folder.path().join("job-file"), "").unwrap();
        fs::write(folder.path().join(format!("job-abab/mine/{TASK}")), "").unwrap();
        for end in ["", ".gz", ".1", ".2.gz", ".x", ".1.gz.bak", ".01", ".1x.part"] {
            fs::write(job.join(format!("{TASK}{end}")), "log").unwrap();
        }
        fs::write(job.join("task-17.txt"), "").unwrap();
        fs::write(job.join("notes.txt"), "").unwrap();
        let logs = TaskLogs::new(folder.path().into());
        let mut found: Vec<_> = logs
            .walk()
            .unwrap()
            .unwrap()
            .map(|found| {
                let Entry { job, task, log, length, .. } = found.unwrap();
                assert_eq!((job, task, length), (JobId([0xab; 12]), TaskId([0x17; 12]), 3));
                (log.is_current, log.form)
            })
            .collect();
        found.sort_unstable();
        let [aside, current] =
            [false, true].map(|is_current| [Form::Plain, Form::Compressed].map(|form| (is_current, form)));
        assert_eq!(found, [&aside[..], &[(false, Form::Half)], &current].concat());
        assert!(TaskLogs::new(folder.path().join("none")).walk().unwrap().is_none());
    }

    #[test]
    fn a_log_is_removed_with_its_folders_unless_something_was_added() {
        let folder = tempfile::tempdir().unwrap();
        let logs = TaskLogs::new(folder.path().join("logs"));
        let (job, tasks) = (JobId([0xab; 12]), [TaskId([1; 12]), TaskId([2; 12])]);
        for task in tasks {
            logs.append(job, task, "one").unwrap();
        }
        let found: Vec<_> = logs.walk().unwrap().unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(found.len(), 2);
        logs.append(job, found[1].task, "two").unwrap();
        for log in &found {
            log.remove().unwrap();
        }
        assert!(logs.find(job, found[0].task).unwrap().is_none());
        assert!(logs.find(job, found[1].task).unwrap().is_some());
        logs.walk().unwrap().unwrap().next().unwrap().unwrap().remove().unwrap();
        assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 0);
    }
}
