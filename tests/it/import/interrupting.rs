//! An import that does not come to its end: there is the old database or the new one, never anything between.

use std::{
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::{
    farm::{Farm, task},
    imports, left_in, look,
};
use crate::faults::process::{DEADLINE, Place, Said};

/// So many tasks that an import takes a while.
const TASKS: u32 = 20_000;

const KILLS: u32 = 20;

/// A farm of many tasks, in a folder that others use, too.
fn large_dump(place: &Place) {
    let mut farm = Farm::new();
    farm.tasks.extend((1000..1000 + TASKS).map(|number| task(number, "queued")));
    farm.dump_to(&place.path("dump"));
}

/// Those of the farm without them, and all.
const FEW: u64 = 6;
const ALL: u64 = TASKS as u64 + FEW;

#[test]
fn a_kill_at_any_moment_leaves_the_old_or_the_new() {
    let place = Place::new();
    // What is there before some of the imports.
    Farm::new().dump_to(&place.path("dump"));
    imports(&place, &[]);
    let small = std::fs::read(place.database()).unwrap();
    large_dump(&place);
    // How long one takes that is left alone, so that the kills are spread over it.
    let begun = Instant::now();
    imports(&place, &["--merge", "--allow-skips", "--dry-run"]);
    let mut long = begun.elapsed();
    let (mut old, mut new) = (0, 0);
    for kill in 0..KILLS {
        let _none = std::fs::remove_file(place.database());
        let into_a_farm = kill % 2 == 1;
        if into_a_farm {
            std::fs::write(place.database(), &small).unwrap();
        }
        let mut import = place.command(&["import", "mongodb", "dump", "--merge", "--allow-skips"]);
        let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(long * (2 * kill + 1) / (2 * KILLS - 4));
        import.kill().unwrap();
        import.wait().unwrap();
        match look(&place.database(), |tx| tx.count_all_tasks().unwrap()) {
            all if all == if into_a_farm { FEW } else { 0 } => old += 1,
            all => {
                assert_eq!(all, ALL);
                new += 1;
            }
        }
        // As long as every kill is too late, the machine has become quicker.
        if old == 0 {
            long /= 2;
        }
    }
    assert!(old > 0, "{old} old, {new} new");
    // What they left is in nobody's way.
    let _some = std::fs::remove_file(place.database());
    imports(&place, &[]);
    assert_eq!(left_in(&place), ["flamenco-manager.redb"]);
    look(&place.database(), |tx| assert_eq!(tx.count_all_tasks().unwrap(), ALL));
}

/// Sends a signal to an import when it is under way, and waits for its end.
fn interrupted_by(place: &Place, signal: &str) -> Said {
    let mut command = place.command(&["--json", "import", "mongodb", "dump"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    // It is when its file is there, and not yet full.
    while !place.path("flamenco-manager.redb.new").exists() {
        assert!(begun.elapsed() < DEADLINE);
        thread::sleep(Duration::from_millis(1));
    }
    let sent =
        std::process::Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let place = Place::new();
    large_dump(&place);
    for signal in ["INT", "TERM"] {
        let said = interrupted_by(&place, signal);
        assert_eq!((said.code, said.stdout.as_str()), (Some(130), ""), "{}", said.stderr);
        assert!(said.stderr.ends_with("Interrupted: nothing was imported, and the database is as it was.\n"));
        assert_eq!(left_in(&place), [""; 0]);
    }
}
