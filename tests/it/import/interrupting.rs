//! An import that does not come to its end: there is the old database or the new one, never anything between.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    farm::{Farm, task},
    imports, left_in, look,
};
use crate::{
    faults::process::{DEADLINE, Place, Said},
    kit::dump::Archive,
};

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

/// Sends a signal to an import when it is under way, and waits for its end, which has to come by itself.
fn interrupted_by(signal: &str, place: &Place, mut import: Child) -> Said {
    let begun = Instant::now();
    // It is when its file is there, and not yet full.
    while !place.path("flamenco-manager.redb.new").exists() {
        assert!(begun.elapsed() < DEADLINE);
        thread::sleep(Duration::from_millis(1));
    }
    let sent = Command::new("kill").args([&format!("-{signal}"), &import.id().to_string()]).status();
    assert!(sent.unwrap().success());
    while import.try_wait().unwrap().is_none() {
        if begun.elapsed() > DEADLINE {
            import.kill().unwrap();
            panic!("the import goes on after SIG{signal}");
        }
        thread::sleep(Duration::from_millis(1));
    }
    let output = import.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// An import under way, of what this path says.
fn importing(place: &Place, path: &str) -> Command {
    let mut command = place.command(&["--json", "import", "mongodb", path]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn nothing_came_of_it(place: &Place, said: &Said) {
    assert_eq!((said.code, said.stdout.as_str()), (Some(130), ""), "{}", said.stderr);
    assert!(said.stderr.ends_with("Interrupted: nothing was imported, and the database is as it was.\n"));
    assert_eq!(left_in(place), [""; 0]);
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let place = Place::new();
    large_dump(&place);
    for signal in ["INT", "TERM"] {
        let import = importing(&place, "dump").spawn().unwrap();
        nothing_came_of_it(&place, &interrupted_by(signal, &place, import));
    }
}

#[test]
fn one_signal_ends_an_import_that_waits_for_its_input() {
    let place = Place::new();
    let mut long = task(1000, "queued");
    // Several times as much as is read before the import begins.
    long.insert("log", "x".repeat(1_000_000));
    let mut archive = Archive::begin(&[("flamanager", "flamenco_tasks")]);
    archive.block("flamanager", "flamenco_tasks", &[long]);
    for signal in ["INT", "TERM"] {
        let mut import = importing(&place, "-").stdin(Stdio::piped()).spawn().unwrap();
        // The rest of it never comes, and the pipe is not closed either.
        let mut pipe = import.stdin.take().unwrap();
        pipe.write_all(&archive.bytes).unwrap();
        nothing_came_of_it(&place, &interrupted_by(signal, &place, import));
        drop(pipe);
    }
}
