//! Compressing task logs is cut off by a kill at some moment: each log is there, plain or compressed, whole; and the next start
//! goes on.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::Read,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use flamenco_manager::clock::{Clock, SystemClock};
use flate2::read::GzDecoder;
use jiff::ToSpan;

use crate::faults::process::{DEADLINE, Place};

const KILLS: u32 = 20;

/// So many logs of so many bytes, each more than is compressed at a time, and together more than in one turn.
const LOGS: usize = 4;
const BYTES: usize = 1 << 20;

/// The logs of a job's tasks that have been quiet for long.
struct Logs {
    folder: PathBuf,
    texts: Vec<String>,
}

impl Logs {
    fn of(place: &Place) -> Self {
        // Like chance, so that it takes a while.
        let line = |number| format!("{:016x}\n", RandomState::new().hash_one(number));
        let text = |_| (0..BYTES / 17).map(line).collect();
        let folder = place.path("task-logs/job-abab").join("ab".repeat(12));
        Self { folder, texts: (0..LOGS).map(text).collect() }
    }

    fn plain(&self, number: usize) -> PathBuf {
        self.folder.join(format!("task-{number:024x}.txt"))
    }

    fn compressed(&self, number: usize) -> PathBuf {
        self.plain(number).with_added_extension("gz")
    }

    /// Puts all of them there as they were.
    fn write(&self) {
        let _none = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).unwrap();
        for (number, text) in self.texts.iter().enumerate() {
            fs::write(self.plain(number), text).unwrap();
            let file = File::options().append(true).open(self.plain(number)).unwrap();
            file.set_modified((SystemClock.now() - 1.hour()).into()).unwrap();
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn is_begun(&self) -> bool {
        self.names().iter().any(|name| Path::new(name).extension() != Some("txt".as_ref()))
    }

    fn is_done(&self) -> bool {
        self.names().iter().all(|name| name.ends_with(".txt.gz"))
    }

    /// Each is there, and whatever has the name of a log is all of it. Returns how many are plain.
    fn verify(&self) -> usize {
        let mut plain = 0;
        for (number, text) in self.texts.iter().enumerate() {
            let unpacked = File::open(self.compressed(number)).map(|file| {
                let mut text = String::new();
                GzDecoder::new(file).read_to_string(&mut text).unwrap();
                text
            });
            assert!(unpacked.as_ref().map_or(true, |unpacked| unpacked == text), "log {number} is cut");
            match fs::read_to_string(self.plain(number)) {
                Ok(there) => {
                    assert!(there == *text, "log {number} has changed");
                    plain += 1;
                }
                Err(_) => assert!(unpacked.is_ok(), "log {number} is lost"),
            }
        }
        plain
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "{what}: still not");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_compression_that_is_killed_leaves_each_log_plain_or_compressed() {
    let place = Place::new();
    let logs = Logs::of(&place);
    logs.write();
    let manager = place.start();
    wait_until("begun", || logs.is_begun());
    let begun = Instant::now();
    wait_until("done", || logs.is_done());
    let takes = begun.elapsed();
    manager.stop();
    assert_eq!(logs.verify(), 0);

    // One in each of as many parts of that time, at random there; the earliest comes last, so that there is much to go on with.
    let (seed, mut undone) = (RandomState::new(), 0);
    for kill in (0..KILLS).rev() {
        logs.write();
        let manager = place.start();
        wait_until("begun", || logs.is_begun());
        let within = f64::from(u32::try_from(seed.hash_one(kill) % 1000).unwrap()) / 1000.0;
        thread::sleep(takes.mul_f64((f64::from(kill) + within) / f64::from(KILLS)));
        manager.kill();
        undone += u32::from(logs.verify() > 0);
    }
    println!("compressing takes {takes:?}; of {KILLS} kills {undone} came before it was done");
    assert!(undone > 0, "no kill came in time");

    let manager = place.start();
    wait_until("done after the last kill", || logs.is_done());
    manager.stop();
    assert_eq!((logs.verify(), logs.names().len()), (0, LOGS));
}
