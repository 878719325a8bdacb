//! What the Manager tells systemd, which is a socket of the test: also when its disk hangs.

use std::{
    fs,
    os::unix::{fs::MetadataExt, net::UnixDatagram},
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use http::{Method, StatusCode};

use super::process::{DEADLINE, Place, Running, eventually, free_port};

/// A Manager that says in its log where it is.
const SERVE: &[&str] = &["--json", "serve"];

/// How long this systemd waits for a sign of life, in microseconds as it says itself.
const WATCHDOG_USEC: &str = "400000";

/// Without a sign of life for so long the Manager is taken for dead.
const SILENCE: Duration = Duration::from_secs(2);

/// systemd, as far as the Manager sees it.
struct Systemd(Receiver<String>);

impl Systemd {
    fn in_place(place: &Place) -> Self {
        let socket = UnixDatagram::bind(place.path("notify")).unwrap();
        let (heard, messages) = mpsc::channel();
        // It always listens: few messages wait for somebody who does not.
        thread::spawn(move || {
            let mut message = [0; 4096];
            while let Ok(length) = socket.recv(&mut message) {
                let message = String::from_utf8_lossy(&message[..length]).trim_end().to_owned();
                if heard.send(message).is_err() {
                    break;
                }
            }
        });
        Self(messages)
    }

    /// What it is told next; nothing if it is told nothing for so long.
    fn hears_within(&self, patience: Duration) -> Option<String> {
        self.0.recv_timeout(patience).ok()
    }

    /// All that it is told up to a message with this in it.
    fn hears_until(&self, part: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|message: &String| message.contains(part)) {
            let message = self.hears_within(DEADLINE);
            assert!(message.is_some(), "{part} is never said: {heard:?}");
            heard.extend(message);
        }
        heard
    }

    /// Waits until it is told nothing any more.
    fn hears_nothing_any_more(&self) {
        let begun = Instant::now();
        while let Some(message) = self.hears_within(SILENCE) {
            assert!(begun.elapsed() < DEADLINE, "{message}, although nothing works");
        }
    }
}

/// The command as systemd runs it.
fn supervised(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command.env("NOTIFY_SOCKET", place.path("notify")).env("WATCHDOG_USEC", WATCHDOG_USEC);
    command
}

#[tokio::test]
async fn systemd_hears_that_the_manager_answers_how_the_farm_is_and_that_it_stops() {
    let place = Place::new();
    let systemd = Systemd::in_place(&place);
    let manager = Running::start(supervised(&place, SERVE));
    assert_eq!(systemd.hears_until("READY=1"), ["READY=1"]);
    assert_eq!(manager.call(Method::GET, "/api/health", None).await.0, StatusCode::OK);
    let sign = systemd.hears_within(DEADLINE).unwrap();
    assert!(sign.starts_with("STATUS=") && sign.ends_with("\nWATCHDOG=1"), "{sign}");
    manager.submit(3).await;
    systemd.hears_until("STATUS=1 job waiting");

    manager.stop();
    let heard = systemd.hears_until("STOPPING=1");
    assert!(heard.iter().all(|message| !message.contains("READY")), "once is enough: {heard:?}");
}

#[test]
fn without_a_watchdog_there_are_no_signs_of_life() {
    let place = Place::new();
    let systemd = Systemd::in_place(&place);
    let mut command = supervised(&place, SERVE);
    command.env_remove("WATCHDOG_USEC");
    let manager = Running::start(command);
    let heard = systemd.hears_until("STATUS=");
    assert!(heard.iter().all(|message| !message.contains("WATCHDOG")), "{heard:?}");
    manager.stop();
    assert_eq!(systemd.hears_until("STOPPING=1"), ["STOPPING=1"]);
}

#[test]
fn the_journal_hears_how_grave_things_are_and_where_to_log_in() {
    let place = Place::new();
    place.configure("listen = \"127.0.0.1:0\"\nssdp_discovery = false\n");
    let systemd = Systemd::in_place(&place);
    let mut manager = to_the_journal(&place, supervised(&place, &["serve"])).spawn().unwrap();
    systemd.hears_until("READY=1");
    manager.kill().and_then(|()| manager.wait()).unwrap();
    let journal = fs::read_to_string(place.path("journal")).unwrap();
    assert!(journal.lines().all(|line| line.starts_with('<')) && !journal.contains('\u{1b}'), "{journal}");
    let line = |start: &str| journal.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    let running = line("<6> INFO flamenco_manager::app: Flamenco Manager is running ");
    assert!(running.contains("url=\"http://127.0.0.1:"), "{journal}");
    let log_in =
        line("<4> WARN flamenco_manager::app: there is no access token yet: open this address to log in");
    assert!(log_in.contains("/#/login/"), "{journal}");
}

#[test]
fn the_journal_has_why_the_manager_did_not_start_among_its_errors() {
    let place = Place::configured("database_path = \"nowhere/farm.redb\"");
    let status = to_the_journal(&place, place.command(&["serve"])).status().unwrap();
    assert_eq!(status.code(), Some(1));
    let journal = fs::read_to_string(place.path("journal")).unwrap();
    assert!(journal.contains("\n<3>flamenco-manager: nowhere/farm.redb: "), "{journal}");
}

/// The command with its errors going to a file, which it is told is the journal.
fn to_the_journal(place: &Place, mut command: Command) -> Command {
    let journal = fs::File::create(place.path("journal")).unwrap();
    let about = journal.metadata().unwrap();
    command.env("JOURNAL_STREAM", format!("{}:{}", about.dev(), about.ino())).stderr(journal);
    command
}

#[test]
fn there_are_no_signs_of_life_while_the_disk_hangs() {
    let place = Place::new();
    let systemd = Systemd::in_place(&place);
    let manager = on_a_disk_that_hangs(&place);
    systemd.hears_until("WATCHDOG=1");

    fs::write(place.path("hangs"), "").unwrap();
    systemd.hears_nothing_any_more();
    fs::remove_file(place.path("hangs")).unwrap();
    systemd.hears_until("WATCHDOG=1");
    manager.stop();
}

#[tokio::test]
async fn compacting_the_database_is_a_sign_of_life() {
    // A backup that hangs would have its turn before the compaction, and the first one is due at once.
    let place = Place::listening(&format!("127.0.0.1:{}", free_port()), "[backup]\ninterval = \"0s\"\n");
    let systemd = Systemd::in_place(&place);
    let manager = on_a_disk_that_hangs(&place);
    // So has the check at the start.
    let is_checked = async || manager.log().contains("the database was checked").then_some(());
    eventually("the database is checked", is_checked).await;

    fs::write(place.path("hangs"), "").unwrap();
    let mut compacting = place.command(&["database", "compact"]).stdout(Stdio::null()).spawn().unwrap();
    systemd.hears_until("STATUS=The database is being compacted");
    assert!(systemd.hears_within(DEADLINE).unwrap().ends_with("WATCHDOG=1"), "again and again");
    let (status, health) = manager.call(Method::GET, "/api/health", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(health.to_string().contains("database: it is being compacted"), "{health}");

    fs::remove_file(place.path("hangs")).unwrap();
    assert!(compacting.wait().unwrap().success());
    systemd.hears_until("STATUS=No workers yet");
    manager.stop();
}

/// A Manager that gets nothing to the disk while the file `hangs` is there.
fn on_a_disk_that_hangs(place: &Place) -> Running {
    let mut command = supervised(place, SERVE);
    command.env("LD_PRELOAD", disk_that_hangs(place)).env("DISK_HANGS", place.path("hangs"));
    Running::start(command)
}

/// A library that stands before the one of the system: nothing gets to the disk while the file `DISK_HANGS` is there.
fn disk_that_hangs(place: &Place) -> PathBuf {
    let source = r#"
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        static void wait_for_the_disk(void) { while (access(getenv("DISK_HANGS"), F_OK) == 0) usleep(10000); }
        int fsync(int file) { wait_for_the_disk(); return syscall(SYS_fsync, file); }
        int fdatasync(int file) { wait_for_the_disk(); return syscall(SYS_fdatasync, file); }
    "#;
    let (program, library) = (place.path("disk.c"), place.path("disk.so"));
    fs::write(&program, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-w", "-o"]).args([&library, &program]);
    assert!(compiler.status().unwrap().success());
    library
}
