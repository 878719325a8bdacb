//! Following a log while it grows: piece by piece, and from one run of the task to the next. Nothing is passed over, for
//! what is left of an old run is found among the logs that were put aside.

use std::{
    fmt,
    io::{self, Read},
    path::Path,
    str::FromStr,
};

use super::{
    LogError, LogFile, TaskLogs,
    read::{end_of_last_character, size},
    rotate, with_suffix,
};
use crate::domain::ids::{JobId, TaskId};

/// As many bytes are read at a time,
const PIECE: u64 = 64 << 10;
/// and as many of a compressed log passed over.
const PASSED: u64 = 1 << 20;

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
    /// Something, as soon as one asks again: it takes a while to get to a place in a compressed log.
    Soon,
    /// Nothing yet.
    Nothing,
}

/// Somebody's way through the logs of a task.
pub struct Following {
    job: JobId,
    task: TaskId,
    place: Place,
    /// The compressed log that they are at.
    unpacking: Option<Unpacking>,
}

/// A compressed log that is read from its beginning on: gzip knows no other way.
struct Unpacking {
    run: u32,
    text: Box<dyn Read + Send + Sync>,
    /// How much of the text has been told, or passed over.
    told: u64,
    /// What comes behind that.
    piece: Vec<u8>,
}

impl TaskLogs {
    /// Which run of a task it is that the current log is of.
    pub fn run(&self, job: JobId, task: TaskId) -> Result<u32, LogError> {
        let path = self.path(job, task);
        rotate::put_aside(&path).map_err(LogError::read(&path))
    }
}

impl Following {
    /// From this place on.
    pub fn new(job: JobId, task: TaskId, place: Place) -> Self {
        Self { job, task, place, unpacking: None }
    }

    /// The task that is followed.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// What comes next. A line that has no end yet is waited for, unless the task `is_over`. It takes a few milliseconds at
    /// the most.
    pub fn next(&mut self, logs: &TaskLogs, is_over: bool) -> Result<Next, LogError> {
        let run = logs.run(self.job, self.task)?;
        // If there is none old logs were removed.
        let Some(age) = run.checked_sub(self.place.run) else { return Ok(self.go_to(run)) };
        let is_old = age > 0;
        let current = logs.path(self.job, self.task);
        let path = if is_old { with_suffix(&current, &format!(".{age}")) } else { current };
        let text = if let Some(log) = LogFile::open(&path, false)? {
            self.unpacking = None;
            if log.length() < self.place.offset && !is_old {
                // It was begun anew, or cut off, by somebody else.
                return Ok(self.go_to(run));
            }
            log.part(self.place.offset, PIECE).map_err(LogError::read(&path))?
        } else {
            let offset = self.place.offset;
            let there = match self.unpack(&path)? {
                Some(unpacking) => unpacking.go_to(offset).map_err(LogError::read(&path))?,
                None => There::At(&[]),
            };
            match there {
                There::At(text) => text.to_vec(),
                There::OnTheWay => return Ok(Next::Soon),
                There::Nowhere => return Ok(self.go_to(run)),
            }
        };
        // Nothing is added to a compressed log.
        let end = end_of_piece(&text, is_old || is_over || self.unpacking.is_some());
        if end > 0 {
            self.place.offset += size(end);
            let text = String::from_utf8_lossy(&text[..end]).into_owned();
            return Ok(Next::Text { text, place: self.place });
        }
        Ok(if is_old { self.go_to(self.place.run + 1) } else { Next::Nothing })
    }

    /// Goes to the beginning of a run.
    fn go_to(&mut self, run: u32) -> Next {
        self.place = Place { run, offset: 0 };
        self.unpacking = None;
        Next::NewRun(self.place)
    }

    /// The compressed log of the run at which one is, which has this path when it is plain.
    fn unpack(&mut self, plain: &Path) -> Result<Option<&mut Unpacking>, LogError> {
        let run = self.place.run;
        if self.unpacking.as_ref().is_none_or(|unpacking| unpacking.run != run) {
            let log = LogFile::open(&with_suffix(plain, ".gz"), true)?;
            let unpacking =
                |log: LogFile| Unpacking { run, text: log.into_text(), told: 0, piece: Vec::new() };
            self.unpacking = log.map(unpacking);
        }
        Ok(self.unpacking.as_mut())
    }
}

/// What came of going to a place in a compressed log.
enum There<'a> {
    /// It is reached: this is there.
    At(&'a [u8]),
    /// It takes longer.
    OnTheWay,
    /// The log ends before it.
    Nowhere,
}

impl Unpacking {
    fn go_to(&mut self, offset: u64) -> io::Result<There<'_>> {
        let behind = offset.saturating_sub(self.told);
        let in_piece =
            usize::try_from(behind).map_or(self.piece.len(), |behind| behind.min(self.piece.len()));
        self.piece.drain(..in_piece);
        let to_pass = (behind - size(in_piece)).min(PASSED);
        let passed = io::copy(&mut self.text.by_ref().take(to_pass), &mut io::sink())?;
        self.told += size(in_piece) + passed;
        if passed < to_pass {
            return Ok(There::Nowhere);
        }
        if self.told < offset {
            return Ok(There::OnTheWay);
        }
        self.text.by_ref().take(PIECE - size(self.piece.len())).read_to_end(&mut self.piece)?;
        Ok(There::At(&self.piece))
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
        Following::new(JOB, TASK, place).next(logs, false).unwrap()
    }

    /// All that is there from `place` on, with `|` where another run begins; and the place behind it.
    fn rest(logs: &TaskLogs, mut place: Place) -> (String, Place) {
        let mut all = String::new();
        let mut following = Following::new(JOB, TASK, place);
        loop {
            match following.next(logs, false).unwrap() {
                Next::Text { text, place: behind } => {
                    all.push_str(&text);
                    place = behind;
                }
                Next::NewRun(begin) => {
                    all.push('|');
                    place = begin;
                }
                Next::Soon => {}
                Next::Nothing => return (all, place),
            }
        }
    }

    /// Compresses the logs of which nothing is left but what is compressed.
    fn compress(logs: &TaskLogs, ends: &[&str]) {
        for end in ends {
            let path = with_suffix(&logs.path(JOB, TASK), end);
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            io::copy(&mut fs::File::open(&path).unwrap(), &mut gzip).unwrap();
            fs::write(with_suffix(&path, ".gz"), gzip.finish().unwrap()).unwrap();
            fs::remove_file(path).unwrap();
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
        let at_the_end = Following::new(JOB, TASK, place).next(&logs, true).unwrap();
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
    fn logs_that_were_compressed_are_followed_like_others() {
        let (_folder, logs) = logs();
        for run in ["first\nof two\n", "second\nof two\n", "third without end"] {
            logs.begin(JOB, TASK, run).unwrap();
        }
        fs::write(logs.path(JOB, TASK), "third without end").unwrap();
        let (all, place) = rest(&logs, START);
        assert_eq!(all, "first\nof two\n|second\nof two\n|");
        compress(&logs, &["", ".1", ".2"]);
        let (all, place) = (rest(&logs, START).0, rest(&logs, place).0);
        assert_eq!(
            (all.as_str(), place.as_str()),
            ("first\nof two\n|second\nof two\n|third without end", "third without end")
        );
        assert_eq!(rest(&logs, Place { run: 1, offset: 7 }).0, "of two\n|third without end");
        assert_eq!(next(&logs, Place { run: 2, offset: 17 }), Next::Nothing);
        assert_eq!(next(&logs, Place { run: 2, offset: 18 }), Next::NewRun(Place { run: 2, offset: 0 }));
    }

    #[test]
    fn nothing_is_lost_when_a_log_is_compressed_and_continued_while_it_is_followed() {
        let (_folder, logs) = logs();
        let lines = |range: std::ops::Range<u32>| {
            range.fold(String::new(), |text, line| text + "line " + &line.to_string() + "\n")
        };
        logs.append(JOB, TASK, &lines(0..400_000)).unwrap();
        let mut following = Following::new(JOB, TASK, START);
        let mut all = String::new();
        let mut turn = 0;
        loop {
            match (turn, following.next(&logs, false).unwrap()) {
                (_, Next::Text { text, .. }) => all.push_str(&text),
                (_, Next::Soon) => {}
                (30, Next::Nothing) => break,
                (_, other) => panic!("{other:?}"),
            }
            turn += 1;
            if turn == 10 {
                compress(&logs, &[""]);
            }
            if turn == 30 {
                logs.append(JOB, TASK, &lines(400_000..400_003)).unwrap();
            }
            turn = turn.min(30);
        }
        assert!(all == lines(0..400_003));
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
