//! Following a log while it grows: piece by piece, and from one run of the task to the next. Nothing is passed over, for
//! what is left of an old run is found among the logs that were put aside.

use std::{fmt, str::FromStr};

use super::{
    LogError, LogFile, TaskLogs,
    read::{end_of_last_character, size},
    rotate, with_suffix,
};
use crate::domain::ids::{JobId, TaskId};

/// As many bytes are read at a time.
const PIECE: u64 = 64 << 10;

/// A place in the logs of a task. Written down it is `RUN-OFFSET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which run of the task: as many logs were put aside before.
    pub run: u32,
    /// How many bytes of that run's log are before it.
    pub offset: u64,
}

/// A text that is no [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a place in a log is two numbers, like 0-1024")]
pub struct MalformedPlace;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.offset)
    }
}

impl FromStr for Place {
    type Err = MalformedPlace;

    fn from_str(text: &str) -> Result<Self, MalformedPlace> {
        let (run, offset) = text.split_once('-').ok_or(MalformedPlace)?;
        let (run, offset) = (run.parse().ok(), offset.parse().ok());
        run.zip(offset).map(|(run, offset)| Self { run, offset }).ok_or(MalformedPlace)
    }
}

/// What comes next in a log that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Whole lines; of a very long one a part. What is no UTF-8 is replaced.
    Text {
        /// The text.
        text: String,
        /// The place behind it.
        place: Place,
    },
    /// The log of another run, from its beginning.
    NewRun(Place),
    /// Nothing yet.
    Nothing,
}

impl TaskLogs {
    /// Which run of a task it is that the current log is of.
    pub fn run(&self, job: JobId, task: TaskId) -> Result<u32, LogError> {
        let path = self.path(job, task);
        rotate::put_aside(&path).map_err(LogError::read(&path))
    }

    /// What comes behind `place`. A line that has no end yet is waited for, unless the task `is_over`.
    pub fn next(&self, job: JobId, task: TaskId, place: Place, is_over: bool) -> Result<Next, LogError> {
        let run = self.run(job, task)?;
        let current = self.path(job, task);
        let Some(age) = run.checked_sub(place.run) else {
            // Old logs were removed.
            return Ok(Next::NewRun(Place { run, offset: 0 }));
        };
        let is_old = age > 0;
        let path = if is_old { with_suffix(&current, &format!(".{age}")) } else { current };
        let text = match LogFile::open(&path, false)? {
            // It was begun anew, or cut off, by somebody else.
            Some(log) if log.length() < place.offset && !is_old => {
                return Ok(Next::NewRun(Place { run, offset: 0 }));
            }
            Some(log) => log.part(place.offset, PIECE).map_err(LogError::read(&path))?,
            None => Vec::new(),
        };
        let end = end_of_piece(&text, is_old || is_over);
        if end > 0 {
            let place = Place { offset: place.offset + size(end), ..place };
            return Ok(Next::Text { text: String::from_utf8_lossy(&text[..end]).into_owned(), place });
        }
        Ok(if is_old { Next::NewRun(Place { run: place.run + 1, offset: 0 }) } else { Next::Nothing })
    }
}

/// How much of what was read is shown at once: whole lines. A line that fills the piece is shown as far as it goes, and
/// one that nothing will be added to as it is.
fn end_of_piece(text: &[u8], is_all: bool) -> usize {
    let is_full = size(text.len()) >= PIECE;
    match text.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) if is_full || !is_all => newline + 1,
        None if is_full => end_of_last_character(text),
        None if !is_all => 0,
        _ => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const JOB: JobId = JobId([0xab; 12]);
    const TASK: TaskId = TaskId([0x17; 12]);
    const START: Place = Place { run: 0, offset: 0 };

    fn logs() -> (tempfile::TempDir, TaskLogs) {
        let folder = tempfile::tempdir().unwrap();
        let logs = TaskLogs::new(folder.path().into());
        fs::create_dir_all(logs.path(JOB, TASK).parent().unwrap()).unwrap();
        (folder, logs)
    }

    fn next(logs: &TaskLogs, place: Place) -> Next {
        logs.next(JOB, TASK, place, false).unwrap()
    }

    /// All that is there from `place` on, with `|` where another run begins; and the place behind it.
    fn rest(logs: &TaskLogs, mut place: Place) -> (String, Place) {
        let mut all = String::new();
        loop {
            match next(logs, place) {
                Next::Text { text, place: behind } => {
                    all.push_str(&text);
                    place = behind;
                }
                Next::NewRun(begin) => {
                    all.push('|');
                    place = begin;
                }
                Next::Nothing => return (all, place),
            }
        }
    }

    #[test]
    fn a_place_is_read_back_as_it_was_written() {
        let place = Place { run: 3, offset: 70_000 };
        assert_eq!((place.to_string().as_str(), place.to_string().parse()), ("3-70000", Ok(place)));
        for text in ["", "3", "-", "3-", "-3", "3-x", "3--1", "4294967296-0"] {
            assert_eq!(text.parse::<Place>(), Err(MalformedPlace), "{text}");
        }
    }

    #[test]
    fn what_is_added_comes_next_and_what_came_does_not_come_again() {
        let (_folder, logs) = logs();
        assert_eq!(next(&logs, START), Next::Nothing);
        logs.append(JOB, TASK, "one\ntwo\n").unwrap();
        let (text, place) = rest(&logs, START);
        assert_eq!((text.as_str(), place.offset), ("one\ntwo\n", 8));
        assert_eq!(next(&logs, place), Next::Nothing);
        logs.append(JOB, TASK, "three").unwrap();
        assert_eq!(rest(&logs, place).0, "three\n");
    }

    #[test]
    fn a_line_without_an_end_is_waited_for_until_the_task_is_over() {
        let (_folder, logs) = logs();
        fs::write(logs.path(JOB, TASK), "one\ntw").unwrap();
        let (text, place) = rest(&logs, START);
        assert_eq!(text, "one\n");
        let at_the_end = logs.next(JOB, TASK, place, true).unwrap();
        assert_eq!(at_the_end, Next::Text { text: "tw".into(), place: Place { run: 0, offset: 6 } });
    }

    #[test]
    fn the_rest_of_an_old_run_comes_before_the_new_one() {
        let (_folder, logs) = logs();
        logs.begin(JOB, TASK, "first\n").unwrap();
        let (_, place) = rest(&logs, START);
        logs.append(JOB, TASK, "last words\n").unwrap();
        for run in ["second\n", "third\n"] {
            logs.begin(JOB, TASK, run).unwrap();
        }
        assert_eq!(logs.run(JOB, TASK).unwrap(), 2);
        let (text, place) = rest(&logs, place);
        assert_eq!(text, "last words\n|second\n|third\n");
        assert_eq!(place, Place { run: 2, offset: 6 });
    }

    #[test]
    fn logs_that_were_removed_or_cut_off_are_begun_anew() {
        let (_folder, logs) = logs();
        logs.append(JOB, TASK, "short\n").unwrap();
        assert_eq!(next(&logs, Place { run: 0, offset: 7 }), Next::NewRun(START));
        assert_eq!(next(&logs, Place { run: 5, offset: 3 }), Next::NewRun(START));
    }

    #[test]
    fn a_large_log_comes_in_pieces_and_loses_nothing() {
        let (_folder, logs) = logs();
        // Lines of all lengths, one of them longer than a piece, of characters that pieces must not cut.
        let lines = (1..300).map(|length| "ö".repeat(length) + "\n");
        let text = lines.collect::<String>() + "x" + &"ü".repeat(100_000) + "\n" + &"é\n".repeat(50_000);
        logs.append(JOB, TASK, &text).unwrap();
        assert!(matches!(next(&logs, START), Next::Text { text, .. } if text.ends_with('\n')));
        let (all, place) = rest(&logs, START);
        assert!(all == text);
        assert_eq!(place.offset, size(text.len()));
    }

    #[test]
    fn what_is_no_utf_8_is_replaced_and_counted_as_it_is() {
        let (_folder, logs) = logs();
        fs::write(logs.path(JOB, TASK), b"caf\xe9\n").unwrap();
        assert_eq!(
            next(&logs, START),
            Next::Text { text: "caf\u{fffd}\n".into(), place: Place { run: 0, offset: 5 } }
        );
    }
}
