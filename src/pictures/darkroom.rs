//! The process in which pictures are decoded: this program once more, with little to spend. Whatever is wrong with a picture,
//! or with a library that reads it, the Manager loses no more than that picture, and gets all of the memory back.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::decode::{Shown, decode};

/// What the program is told to do there.
pub const COMMAND: &str = "shrink-picture";

/// The most memory that may be taken, in bytes, with that of the program itself: the largest picture that is not refused takes 630 MiB.
#[cfg(target_os = "linux")]
const MOST_MEMORY: u64 = 1 << 30;

/// The most time of a processor, in seconds.
#[cfg(unix)]
const MOST_WORK: u64 = 30;

/// The most time of day: storage may be slow, and the machine may have much else to do.
const MOST_TIME: Duration = Duration::from_mins(2);

/// The most that is answered, in bytes.
const LONGEST_ANSWER: u64 = 16 << 20;

/// Where pictures are decoded.
#[derive(Debug, Clone)]
pub struct Darkroom {
    program: PathBuf,
}

/// Why a picture does not come out of it.
#[derive(Debug, thiserror::Error)]
pub enum Undeveloped {
    /// It cannot be shown, for this reason.
    #[error("{0}")]
    Unreadable(String),
    /// It has taken too much, or ended in a mistake of the program or of one of its libraries.
    #[error("reading it was given up, because it took too much memory or time, or ended badly ({0})")]
    Died(ExitStatus),
    /// The program cannot be run.
    #[error("this program cannot run itself to read it: {0}")]
    Closed(#[from] io::Error),
}

/// What is answered first; behind it stands a line feed and the picture.
#[derive(Serialize, Deserialize)]
enum Answer {
    Shown { width: u32, height: u32 },
    Unreadable(String),
}

impl Darkroom {
    /// `program` is this one.
    pub fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Makes a file, of which nothing has been read, fit to be shown. It is all that the other process is given.
    pub fn develop(&self, file: File) -> Result<Shown, Undeveloped> {
        let mut child = Command::new(&self.program)
            .arg(COMMAND)
            .stdin(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let answer = listen(&mut child);
        // It is to end now. Most often it has.
        let _ = child.kill();
        let status = child.wait()?;
        match answer?.as_deref().and_then(understand) {
            Some((Answer::Shown { width, height }, jpeg)) => Ok(Shown { jpeg: jpeg.to_vec(), width, height }),
            Some((Answer::Unreadable(why), _)) => Err(Undeveloped::Unreadable(why)),
            None => Err(Undeveloped::Died(status)),
        }
    }
}

/// All that the process says until it is silent for good; nothing if that takes too long.
fn listen(child: &mut Child) -> io::Result<Option<Vec<u8>>> {
    let Some(voice) = child.stdout.take() else { return Ok(None) };
    let (said, heard) = mpsc::channel();
    thread::Builder::new().name("darkroom".into()).spawn(move || {
        let mut answer = Vec::new();
        let read = voice.take(LONGEST_ANSWER).read_to_end(&mut answer);
        // If it took too long nobody is there any more.
        let _ = said.send(read.map(|_| answer));
    })?;
    match heard.recv_timeout(MOST_TIME) {
        Ok(answer) => answer.map(Some),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(None),
    }
}

fn understand(answer: &[u8]) -> Option<(Answer, &[u8])> {
    let (first, rest) = answer.split_at(answer.iter().position(|byte| *byte == b'\n')?);
    Some((serde_json::from_slice(first).ok()?, &rest[1..]))
}

/// What the other process does: the picture comes in, and one that is fit to be shown goes out, or the reason why there is
/// none.
pub fn work() -> io::Result<()> {
    limit_oneself()?;
    let (answer, jpeg) = match decode(File::from(own_stdin()?)) {
        Ok(Shown { jpeg, width, height }) => (Answer::Shown { width, height }, jpeg),
        Err(why) => (Answer::Unreadable(why.to_string()), Vec::new()),
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &answer)?;
    out.write_all(b"\n")?;
    out.write_all(&jpeg)?;
    out.flush()
}

#[cfg(unix)]
fn own_stdin() -> io::Result<std::os::fd::OwnedFd> {
    std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()
}

#[cfg(windows)]
fn own_stdin() -> io::Result<std::os::windows::io::OwnedHandle> {
    std::os::windows::io::AsHandle::as_handle(&io::stdin()).try_clone_to_owned()
}

/// From here on this process has little to spend, and comes behind the Manager.
#[cfg(unix)]
fn limit_oneself() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
    let limits = [
        // Elsewhere what is mapped says nothing of what is used.
        #[cfg(target_os = "linux")]
        (Resource::As, MOST_MEMORY),
        (Resource::Cpu, MOST_WORK),
        // What it held in memory when it died is of no use to anybody.
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        let most = Some(getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most)));
        setrlimit(resource, Rlimit { current: most, maximum: most })?;
    }
    // That it cannot be told to is no reason to do nothing.
    let _ = nice(10);
    Ok(())
}

#[cfg(not(unix))]
fn limit_oneself() -> io::Result<()> {
    Ok(())
}
