//! The Manager's process: started on a folder of its own, looked at through /proc, killed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    Outcome,
    wire::{self, Wire},
};

/// The database file in the Manager's folder.
pub const DATABASE: &str = "farm.redb";

/// In which Linux tells processor time.
const TICK: Duration = Duration::from_millis(10);

const START_MAY_TAKE: Duration = Duration::from_mins(1);

/// A child that does not outlive this value.
pub struct Process(Child);

impl Process {
    /// Starts a server and waits for its first answer.
    pub async fn start(command: &mut Command, port: u16) -> Outcome<Self> {
        let mut process = Self(command.stdin(Stdio::null()).spawn()?);
        let answer = tokio::time::timeout(START_MAY_TAKE, async {
            while first_answer(port).await.is_err() {
                if let Some(status) = process.0.try_wait()? {
                    return Err(format!("{command:?} ended with {status}").into());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Outcome::Ok(())
        });
        answer.await.map_err(|_| format!("{command:?} does not answer"))??;
        Ok(process)
    }

    /// SIGKILL, and away.
    pub fn kill(&mut self) -> Outcome<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// A line of /proc/PID/status in bytes: `VmRSS`, or `VmHWM` for the peak.
    fn memory(&self, key: &str) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line in /proc")?;
        let kilobytes: u64 = line.trim_matches(|c: char| !c.is_ascii_digit()).parse()?;
        Ok(kilobytes * 1024)
    }

    fn processor_time(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name before the bracket may hold blanks.
        let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/PID/stat has another form")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        Ok(TICK * u32::try_from(ticks.sum::<Result<u64, _>>()?)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kill();
    }
}

async fn first_answer(port: u16) -> Outcome<()> {
    Wire::connect(port).await?.call(&wire::request("GET /api/version", "", "")).await?;
    Ok(())
}

/// A Manager under measurement.
pub struct Manager {
    process: Process,
    binary: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Manager {
    /// Starts the Manager on a folder, which is made if it is not there. `more` is put into its configuration.
    pub async fn start(binary: &Path, folder: PathBuf, more: &str) -> Outcome<Self> {
        let port = super::free_port()?;
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("manager.toml"), configuration(port, more))?;
        let process = spawn(binary, &folder, port).await?;
        Ok(Self { process, binary: binary.to_owned(), folder, port })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn kill(&mut self) -> Outcome<()> {
        self.process.kill()
    }

    /// Starts it again on the same folder. Returns the time to the first answer.
    pub async fn start_again(&mut self) -> Outcome<Duration> {
        let started = Instant::now();
        self.process = spawn(&self.binary, &self.folder, self.port).await?;
        Ok(started.elapsed())
    }

    /// The same program, for a command on this Manager's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(self.folder.join("manager.toml")).args(arguments);
        command.current_dir(&self.folder);
        command
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> Outcome<u64> {
        self.process.memory("VmRSS:")
    }

    /// The most resident memory since it was started, in bytes.
    pub fn peak(&self) -> Outcome<u64> {
        self.process.memory("VmHWM:")
    }

    /// Processor time that it has taken, in and for it, to a hundredth of a second.
    pub fn processor_time(&self) -> Outcome<Duration> {
        self.process.processor_time()
    }

    /// Size of the database file in bytes.
    pub fn file_size(&self) -> Outcome<u64> {
        Ok(fs::metadata(self.folder.join(DATABASE))?.len())
    }
}

async fn spawn(binary: &Path, folder: &Path, port: u16) -> Outcome<Process> {
    let log_path = folder.join("manager.log");
    let log = File::options().create(true).append(true).open(&log_path)?;
    let mut command = Command::new(binary);
    command.arg("--quiet").arg("--config").arg(folder.join("manager.toml")).arg("serve");
    command.current_dir(folder).stdout(log.try_clone()?).stderr(log);
    let started = Process::start(&mut command, port).await;
    // The folder is about to be deleted: what the Manager had to say must be said now.
    started.map_err(|error| {
        let log = fs::read_to_string(&log_path).unwrap_or_default();
        format!("{error}\n{log}").into()
    })
}

/// Paths are relative to the folder, in which the Manager is started. One failure is enough for the
/// blacklist, so that workers get there quickly.
fn configuration(port: u16, more: &str) -> String {
    format!(
        "listen = \"127.0.0.1:{port}\"\n\
         database_path = \"{DATABASE}\"\n\
         task_logs_path = \"task-logs\"\n\
         ssdp_discovery = false\n\
         blacklist_threshold = 1\n\
         {more}\
         [user_authentication]\n\
         mode = \"none\"\n"
    )
}
