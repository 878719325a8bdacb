//! A folder in which new pictures appear: those of programs that tell nobody. The system says what happens in it; on network
//! storage it knows only of what this machine does, so there one has to look for oneself.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use notify::{Config, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use super::is_picture;

/// How long things take.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// A picture to which nothing was written for so long is reported.
    quiet: Duration,
    /// How often it is looked for a folder that is not there, and whether one is still the same.
    look: Duration,
    /// How often all files are gone through where the system does not say what happens.
    poll: Duration,
}

const PACE: Pace =
    Pace { quiet: Duration::from_secs(1), look: Duration::from_secs(10), poll: Duration::from_secs(30) };

/// As many files may be written to at the same time; others are not noticed.
const MOST: usize = 1000;

/// As much that has happened may wait to be looked at.
const MOST_EVENTS: usize = 10_000;

/// When this is dropped the folder is watched no longer.
#[derive(Debug)]
pub struct Watch(SyncSender<Message>);

/// What the thread that watches hears.
#[derive(Debug)]
enum Message {
    Happened(notify::Result<Event>),
    Stop,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // If there is no room the thread is far behind, and finds out at its next look that nobody is here any more.
        let _ = self.0.try_send(Message::Stop);
    }
}

/// Calls `report` with each picture that appears in `folder`, or in a folder below it, from now on. The folder need not be
/// there yet.
pub fn watch(folder: PathBuf, report: impl Fn(PathBuf) + Send + 'static) -> io::Result<Watch> {
    start(folder, PACE, is_on_network, report)
}

fn start(
    folder: PathBuf,
    pace: Pace,
    needs_polling: fn(&Path) -> bool,
    report: impl Fn(PathBuf) + Send + 'static,
) -> io::Result<Watch> {
    let (sender, messages) = mpsc::sync_channel(MOST_EVENTS);
    let happened = sender.clone();
    thread::Builder::new().name("watched-folder".into()).spawn(move || {
        let mut armed: Option<Armed> = None;
        let mut was_missing = false;
        let mut written: HashMap<PathBuf, Instant> = HashMap::new();
        let mut next_look = Instant::now();
        loop {
            let now = Instant::now();
            if now >= next_look {
                next_look = now + pace.look;
                if armed.as_ref().is_none_or(|armed| identity(&folder) != Some(armed.identity)) {
                    // The old one ends first.
                    drop(armed.take());
                    armed = arm(&folder, pace, needs_polling, &happened);
                    if armed.is_none() && !was_missing {
                        let folder = folder.display();
                        tracing::warn!(%folder, "watch_for_latest_image: this folder is not there; it is looked for");
                    }
                    was_missing = armed.is_none();
                }
            }
            let is_quiet = |at: &Instant| now.duration_since(*at) >= pace.quiet;
            for (path, _) in written.extract_if(|_, at| is_quiet(at)) {
                // Whatever was renamed or removed meanwhile is not there.
                if path.is_file() {
                    report(path);
                }
            }
            let wake = written.values().map(|at| *at + pace.quiet).min().unwrap_or(next_look).min(next_look);
            match messages.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(Message::Happened(Ok(event))) => note(&mut written, event),
                Ok(Message::Happened(Err(error))) => {
                    tracing::warn!(%error, "watch_for_latest_image: something in the folder was not seen");
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    })?;
    Ok(Watch(sender))
}

/// Remembers which pictures something was written to.
fn note(written: &mut HashMap<PathBuf, Instant>, event: Event) {
    if !matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any) {
        return;
    }
    for path in event.paths.into_iter().filter(|path| is_picture(path)) {
        if written.len() < MOST || written.contains_key(&path) {
            written.insert(path, Instant::now());
        }
    }
}

/// Somebody who says what happens in a folder, as long as it is this one.
struct Armed {
    _watcher: Box<dyn Watcher>,
    identity: Identity,
}

/// Begins to watch a folder; nothing if it is not there.
fn arm(
    folder: &Path,
    pace: Pace,
    needs_polling: fn(&Path) -> bool,
    happened: &SyncSender<Message>,
) -> Option<Armed> {
    let identity = identity(folder)?;
    let config = Config::default().with_follow_symlinks(false).with_poll_interval(pace.poll);
    let tell = |happened: &SyncSender<Message>| {
        let happened = happened.clone();
        move |event| {
            // What there is no room for is not noticed; so much is never of interest.
            let _ = happened.try_send(Message::Happened(event));
        }
    };
    let told = || -> notify::Result<Box<dyn Watcher>> {
        let mut watcher = RecommendedWatcher::new(tell(happened), config)?;
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(Box::new(watcher))
    };
    let polled = || -> notify::Result<Box<dyn Watcher>> {
        let mut watcher = PollWatcher::new(tell(happened), config)?;
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(Box::new(watcher))
    };
    let poll_every = pace.poll;
    let watcher = if needs_polling(folder) {
        tracing::info!(folder = %folder.display(), ?poll_every, "the watched folder is on network storage, so it is gone through");
        polled()
    } else {
        told().or_else(|error| {
            tracing::warn!(folder = %folder.display(), %error, ?poll_every, "the system does not watch the folder, so it is gone through");
            polled()
        })
    };
    match watcher {
        Ok(watcher) => Some(Armed { _watcher: watcher, identity }),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "watch_for_latest_image cannot be watched");
            None
        }
    }
}

/// What tells a folder from another one that has taken its place: one that was made anew, or a disk that was mounted there.
type Identity = (u64, u64);

fn identity(folder: &Path) -> Option<Identity> {
    let about = std::fs::metadata(folder).ok().filter(std::fs::Metadata::is_dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((about.dev(), about.ino()))
    }
    #[cfg(not(unix))]
    {
        drop(about);
        Some((0, 0))
    }
}

/// Is the folder on storage where other machines write, of which this one is not told? Windows is told.
#[cfg(target_os = "linux")]
fn is_on_network(folder: &Path) -> bool {
    /// NFS, SMB, CIFS, SMB 2 and 3, FUSE (sshfs, Gluster and others), 9P, Ceph, AFS, Lustre, folders shared with a virtual
    /// machine.
    const NETWORK: [u64; 10] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x6573_5546,
        0x0102_1997,
        0x00c3_6400,
        0x5346_414f,
        0x0bd0_0bd0,
        0x786f_4256,
    ];
    let kind = rustix::fs::statfs(folder).ok().and_then(|about| u64::try_from(about.f_type).ok());
    kind.is_some_and(|kind| NETWORK.contains(&kind))
}

#[cfg(not(target_os = "linux"))]
fn is_on_network(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc::Receiver};

    use super::*;

    const FAST: Pace = Pace {
        quiet: Duration::from_millis(50),
        look: Duration::from_millis(20),
        poll: Duration::from_millis(20),
    };

    /// Longer than anything takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn watched(folder: &Path, needs_polling: fn(&Path) -> bool) -> (Watch, Receiver<PathBuf>) {
        let (found, pictures) = mpsc::channel();
        let report = move |path| {
            let _gone = found.send(path);
        };
        (start(folder.into(), FAST, needs_polling, report).unwrap(), pictures)
    }

    /// Writes pictures until one is found: from then on the folder is watched.
    fn until_watched(folder: &Path, pictures: &Receiver<PathBuf>) {
        for number in 0..200 {
            fs::write(folder.join(format!("probe-{number}.png")), "probe").unwrap();
            if pictures.recv_timeout(Duration::from_millis(100)).is_ok() {
                return;
            }
        }
        panic!("the folder is not watched");
    }

    fn next_but_probes(pictures: &Receiver<PathBuf>) -> PathBuf {
        loop {
            let path = pictures.recv_timeout(PATIENCE).unwrap();
            if !path.file_name().unwrap().to_str().unwrap().starts_with("probe") {
                return path;
            }
        }
    }

    fn pictures_are_found(needs_polling: fn(&Path) -> bool) {
        let folder = tempfile::tempdir().unwrap();
        let (_watch, pictures) = watched(folder.path(), needs_polling);
        until_watched(folder.path(), &pictures);
        fs::write(folder.path().join("film.mkv"), "no picture").unwrap();
        fs::write(folder.path().join("1.png.tmp"), "unfinished").unwrap();
        fs::rename(folder.path().join("1.png.tmp"), folder.path().join("1.png")).unwrap();
        assert_eq!(next_but_probes(&pictures), folder.path().join("1.png"));
        let below = folder.path().join("shot/a");
        fs::create_dir_all(&below).unwrap();
        // The system has to be told of the new folder first.
        let mut number = 0;
        let found = loop {
            fs::write(below.join(format!("{number}.exr")), "picture").unwrap();
            number += 1;
            match pictures.recv_timeout(Duration::from_millis(200)) {
                Ok(path) if path.starts_with(&below) => break path,
                Ok(_) | Err(_) => assert!(number < 100),
            }
        };
        assert_eq!(found.extension().unwrap(), "exr");
    }

    #[test]
    fn pictures_are_found_where_the_system_tells_and_where_it_does_not() {
        pictures_are_found(|_| false);
        pictures_are_found(|_| true);
    }

    #[test]
    fn a_folder_may_come_later_and_be_made_anew() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("render");
        let (watch, pictures) = watched(&folder, |_| false);
        assert!(pictures.recv_timeout(FAST.look * 2).is_err());
        fs::create_dir(&folder).unwrap();
        until_watched(&folder, &pictures);
        // As a disk that is mounted there.
        fs::rename(&folder, outer.path().join("old")).unwrap();
        fs::create_dir(&folder).unwrap();
        while pictures.recv_timeout(FAST.quiet * 4).is_ok() {}
        until_watched(&folder, &pictures);
        drop(watch);
        assert!(pictures.iter().all(|path| is_picture(&path)), "it ends");
    }

    #[test]
    fn a_picture_is_reported_when_nothing_was_written_for_a_while() {
        let mut written = HashMap::new();
        let event = |path: &str| Event::new(EventKind::Any).add_path(path.into());
        note(&mut written, event("/r/1.png"));
        note(
            &mut written,
            Event::new(EventKind::Access(notify::event::AccessKind::Any)).add_path("/r/2.png".into()),
        );
        assert_eq!(written.keys().collect::<Vec<_>>(), [Path::new("/r/1.png")]);
        for number in 0..MOST * 2 {
            note(&mut written, event(&format!("/r/{number}.png")));
        }
        assert_eq!(written.len(), MOST);
    }
}
