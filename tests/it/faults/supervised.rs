//! What the Manager tells systemd, which is a socket of the test: also when its disk hangs.

use std::{
    fs,
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use http::{Method, StatusCode};

use super::process::{DEADLINE, Place, Running};

/// How long this systemd waits for a sign of life, in microseconds as it says itself.
const WATCHDOG_USEC: &str = "400000";

/// Without a sign of life for so long the Manager is taken for dead.
const SILENCE: Duration = Duration::from_secs(2);

/// systemd, as far as the Manager sees it.
struct Systemd(UnixDatagram);

impl Systemd {
    fn in_place(place: &Place) -> Self {
        Self(UnixDatagram::bind(place.path("notify")).unwrap())
    }

    fn command(&self, place: &Place) -> Command {
        let mut command = place.command(&["--json", "serve"]);
        command.env("NOTIFY_SOCKET", place.path("notify")).env("WATCHDOG_USEC", WATCHDOG_USEC);
        command
    }

    /// What it is told next; nothing if it is told nothing for so long.
    fn hears_within(&self, patience: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut message = [0; 4096];
        match self.0.recv(&mut message) {
            Ok(length) => Some(String::from_utf8(message[..length].to_vec()).unwrap().trim_end().to_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// All that it is told up to a message that begins so.
    fn hears_until(&self, beginning: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|message: &String| message.starts_with(beginning)) {
            let message = self.hears_within(DEADLINE);
            assert!(message.is_some(), "{beginning} is never said: {heard:?}");
            heard.extend(message);
        }
        heard
    }
}

#[tokio::test]
async fn systemd_hears_that_the_manager_answers_how_the_farm_is_and_that_it_stops() {
    let place = Place::new();
    let systemd = Systemd::in_place(&place);
    let manager = Running::start(systemd.command(&place));
    assert_eq!(systemd.hears_until("READY=1"), ["READY=1"]);
    assert_eq!(manager.call(Method::GET, "/api/health", None).await.0, StatusCode::OK);
    assert_eq!(systemd.hears_until("STATUS=").first().unwrap(), "WATCHDOG=1");
    manager.submit(3).await;
    systemd.hears_until("STATUS=1 job");
    systemd.hears_until("WATCHDOG=1");

    manager.stop();
    systemd.hears_until("STOPPING=1");
}

#[test]
fn without_a_watchdog_there_are_no_signs_of_life() {
    let place = Place::new();
    let systemd = Systemd::in_place(&place);
    let mut command = systemd.command(&place);
    command.env_remove("WATCHDOG_USEC");
    let manager = Running::start(command);
    assert!(systemd.hears_until("STATUS=")[1].starts_with("STATUS="));
    manager.stop();
    assert_eq!(systemd.hears_until("STOPPING=1"), ["STOPPING=1"]);
}

#[test]
fn there_are_no_signs_of_life_while_the_disk_hangs() {
    let place = Place::new();
    let systemd = Systemd::in_place(&place);
    let mut command = systemd.command(&place);
    command.env("LD_PRELOAD", disk_that_hangs(&place)).env("DISK_HANGS", place.path("hangs"));
    let manager = Running::start(command);
    systemd.hears_until("WATCHDOG=1");

    fs::write(place.path("hangs"), "").unwrap();
    let begun = Instant::now();
    while let Some(message) = systemd.hears_within(SILENCE) {
        assert!(begun.elapsed() < DEADLINE, "{message}, although the disk hangs");
    }
    fs::remove_file(place.path("hangs")).unwrap();
    systemd.hears_until("WATCHDOG=1");
    manager.stop();
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
