//! The configuration: `manager.toml` in typed form. What the keys do is the business of those who use them.

mod address;
mod duration;
mod error;
mod kinds;
mod read;
mod section;
mod settings;
mod size;
mod suggest;
mod types;
mod variables;

use std::{
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

pub use address::{HttpUrl, ListenAddress, ListenHost};
pub use error::{ConfigError, Problem};
pub use settings::Written;
pub use types::{
    Acme, Certificate, CertificateSource, DeviceUuid, Https, Malformed, Mode, RecheckThrottle, Secret,
    ServerLink,
};

use crate::domain::{assign::Scheduling, people::Authentication, variables::Variables, worker::WorkerStatus};

/// The example file: it shows every key with its default.
pub const EXAMPLE: &str = include_str!("../../manager.toml.example");

/// Where a configuration is looked for when none is named, in this order.
const USUAL_PLACES: [&str; 2] = ["manager.toml", "/etc/flamenco-manager/manager.toml"];

/// Everything that can be configured. `manager.toml.example` explains each key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Shown in the dashboard.
    pub manager_name: String,
    /// Production, or a Manager that somebody works on.
    pub mode: Mode,
    /// Where plain HTTP is served, if at all.
    pub listen: Option<ListenAddress>,
    /// Where HTTPS is served, if at all: `listen_https`, and the keys about its certificate.
    pub https: Option<Https>,
    /// The URL at which workers reach the Manager; `None` is to be derived.
    pub own_url: Option<HttpUrl>,
    /// The database file.
    pub database_path: PathBuf,
    /// The folder of the task logs.
    pub task_logs_path: PathBuf,
    /// Task logs to which nothing was added for this long are removed; `None` is never.
    pub task_log_max_age: Option<Duration>,
    /// With fewer bytes free on the disk of the database or of the task logs, no new jobs are taken.
    pub min_free_space: u64,
    /// `flamenco`, `manager_id` and `manager_secret`; `None` is stand-alone.
    pub server: Option<ServerLink>,
    /// Time between unprompted task downloads.
    pub download_task_sleep: Duration,
    /// How often idle workers may prompt a download.
    pub download_task_recheck_throttle: RecheckThrottle,
    /// The longest time that a queued update waits for a push.
    pub task_update_push_max_interval: Duration,
    /// The most updates in one push.
    pub task_update_push_max_count: NonZeroU32,
    /// An empty push is made after this time without a push.
    pub cancel_task_fetch_max_interval: Duration,
    /// An active task that was not pinged for this long has failed.
    pub active_task_timeout_interval: Duration,
    /// An awake worker that was not seen for this long has timed out.
    pub active_worker_timeout_interval: Duration,
    /// Tasks of the Server untouched for this long are forgotten.
    pub task_cleanup_max_age: Duration,
    /// The Manager's own jobs that ended this long ago are deleted; `None` is never.
    pub job_cleanup_max_age: Option<Duration>,
    /// Workers unseen for this long are removed; `None` is never.
    pub worker_cleanup_max_age: Option<Duration>,
    /// Only workers in one of these statuses are removed.
    pub worker_cleanup_status: Vec<WorkerStatus>,
    /// So many failures of a worker on one job and task type, and it is blacklisted there.
    pub blacklist_threshold: NonZeroU32,
    /// So many workers may fail a task before it has failed for good.
    pub task_fail_after_softfail_count: NonZeroU32,
    /// So many of its tasks, in percent, have to fail before a job has failed; 0 is never.
    pub job_fail_percentage: u32,
    /// Which of several jobs of equal priority goes first.
    pub scheduling: Scheduling,
    /// The folder that is watched for newly rendered images.
    pub watch_for_latest_image: Option<PathBuf>,
    /// Whether workers can find the Manager by auto-discovery.
    pub ssdp_discovery: bool,
    /// By which UUID it is known there; `None` is one that is made up once and kept.
    pub ssdp_device_uuid: Option<DeviceUuid>,
    /// What workers must know to register.
    pub worker_registration_secret: Option<Secret>,
    /// Automatic backups of the database.
    pub backup: Backup,
    /// How often the Manager looks after things.
    pub intervals: Intervals,
    /// `[user_authentication] mode` as given; see [`Config::user_authentication`].
    pub user_authentication: Option<Authentication>,
    /// What stands in for `{name}` in the settings of tasks.
    pub variables: Variables,
    /// The file store.
    pub shaman: Shaman,
    /// What test jobs do.
    pub test_tasks: TestTasks,
    /// Which of all this the file says, for people to see.
    pub written: Written,
}

/// `[backup]`: automatic backups of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The folder in which they are; `None` is `backups` beside the database.
    pub path: Option<PathBuf>,
    /// How often one is made; `None` is never.
    pub interval: Option<Duration>,
    /// As many are kept.
    pub keep: NonZeroU32,
}

/// `[intervals]`: constants in Flamenco Manager 2.x, and rarely changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervals {
    /// How long after start-up timeouts and clean-ups wait, so that workers can come back. May be zero.
    pub startup_grace: Duration,
    /// How often to look for tasks and workers that have timed out.
    pub timeout_check: Duration,
    /// How often to look at the sleep schedules.
    pub sleep_schedule_check: Duration,
    /// How often to look for workers to remove.
    pub worker_cleanup_check: Duration,
    /// How often to look for tasks and jobs to forget.
    pub task_cleanup_check: Duration,
}

/// `[shaman]`: the file store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shaman {
    /// Whether it is in use.
    pub enabled: bool,
    /// Where the uploaded files are.
    pub file_store_path: PathBuf,
    /// Where the files of each job are laid out.
    pub checkout_path: PathBuf,
    /// When files are removed again.
    pub garbage_collect: GarbageCollect,
}

/// `[shaman] garbage_collect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GarbageCollect {
    /// How often to look for files to remove; `None` is never.
    pub period: Option<Duration>,
    /// Only files that were unused for this long are removed.
    pub max_age: Duration,
    /// Further folders whose links keep files in use.
    pub extra_checkout_paths: Vec<PathBuf>,
}

/// `[test_tasks]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestTasks {
    /// The test render.
    pub test_blender_render: TestRender,
}

/// `[test_tasks.test_blender_render]`: where a test render reads and writes, with variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRender {
    /// Where the scene is put for the worker.
    pub job_storage: String,
    /// Where the worker puts the image.
    pub render_output: String,
}

impl Default for Config {
    fn default() -> Self {
        let count = |count| NonZeroU32::new(count).expect("a default above zero");
        Self {
            manager_name: "Flamenco Manager".to_owned(),
            mode: Mode::Production,
            listen: Some(ListenAddress { host: ListenHost::Everywhere, port: 8080 }),
            https: None,
            own_url: None,
            database_path: PathBuf::from("flamenco-manager.redb"),
            task_logs_path: PathBuf::from("task-logs"),
            task_log_max_age: None,
            min_free_space: 500_000_000,
            server: None,
            download_task_sleep: Duration::from_mins(10),
            download_task_recheck_throttle: RecheckThrottle::After(Duration::from_secs(10)),
            task_update_push_max_interval: Duration::from_secs(5),
            task_update_push_max_count: count(3000),
            cancel_task_fetch_max_interval: Duration::from_secs(10),
            active_task_timeout_interval: Duration::from_mins(10),
            active_worker_timeout_interval: Duration::from_mins(1),
            task_cleanup_max_age: Duration::from_hours(336),
            job_cleanup_max_age: None,
            worker_cleanup_max_age: None,
            worker_cleanup_status: vec![WorkerStatus::Offline],
            blacklist_threshold: count(3),
            task_fail_after_softfail_count: count(3),
            job_fail_percentage: 10,
            scheduling: Scheduling::Fifo,
            watch_for_latest_image: None,
            ssdp_discovery: true,
            ssdp_device_uuid: None,
            worker_registration_secret: None,
            backup: Backup { path: None, interval: Some(Duration::from_hours(24)), keep: count(7) },
            intervals: Intervals::default(),
            user_authentication: None,
            variables: variables::defaults(),
            shaman: Shaman::default(),
            test_tasks: TestTasks::default(),
            written: Written::default(),
        }
    }
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            startup_grace: Duration::from_mins(5),
            timeout_check: Duration::from_mins(1),
            sleep_schedule_check: Duration::from_mins(1),
            worker_cleanup_check: Duration::from_secs(30),
            task_cleanup_check: Duration::from_mins(10),
        }
    }
}

impl Default for Shaman {
    fn default() -> Self {
        Self {
            enabled: false,
            file_store_path: PathBuf::from("/shared/flamenco/file-store"),
            checkout_path: PathBuf::from("/shared/flamenco/jobs"),
            garbage_collect: GarbageCollect {
                period: None,
                max_age: Duration::from_hours(744),
                extra_checkout_paths: Vec::new(),
            },
        }
    }
}

impl Default for TestTasks {
    fn default() -> Self {
        let test_blender_render = TestRender {
            job_storage: "{job_storage}/test-jobs".to_owned(),
            render_output: "{render}/test-renders".to_owned(),
        };
        Self { test_blender_render }
    }
}

impl Config {
    /// The configuration in `explicit`, or else in `./manager.toml`, or else in
    /// `/etc/flamenco-manager/manager.toml`, together with its path; without any, the defaults.
    ///
    /// Only a file that does not exist is passed over, or one in a closed folder that somebody happens to be in; never
    /// `explicit`.
    pub fn find(explicit: Option<&Path>) -> Result<(Self, Option<PathBuf>), ConfigError> {
        match explicit {
            Some(path) => Ok((Self::load(path)?, Some(path.to_owned()))),
            None => Self::find_in(&USUAL_PLACES.map(Path::new)),
        }
    }

    fn find_in(places: &[&Path]) -> Result<(Self, Option<PathBuf>), ConfigError> {
        for path in places {
            match Self::load(path) {
                Err(ConfigError::Unreadable { reason, .. })
                    if reason.kind() == io::ErrorKind::NotFound || is_out_of_sight(path) => {}
                Err(error) => return Err(error),
                Ok(config) => return Ok((config, Some(path.to_path_buf()))),
            }
        }
        Ok((Self::default(), None))
    }

    /// The configuration in the file `path`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })?;
        let mut config = Self::from_toml(&text, &path.display().to_string())?;
        config.written.file = Some(path.to_owned());
        Ok(config)
    }

    /// The configuration that `text` holds. Messages call it `file_name`.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        let (config, _, problems) = read::read(text);
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Invalid { file_name: file_name.to_owned(), problems })
        }
    }

    /// Who may use the dashboard and the API: as configured, or else by token, or by the Server if there is one.
    pub fn user_authentication(&self) -> Authentication {
        let usual = if self.server.is_some() { Authentication::Server } else { Authentication::Token };
        self.user_authentication.unwrap_or(usual)
    }

    /// The URL at which programs on this machine reach the Manager. `None` when it listens nowhere, which no
    /// file can say.
    pub fn local_url(&self) -> Option<HttpUrl> {
        let http = self.listen.as_ref().map(|address| address.local_url("http"));
        http.or_else(|| self.https.as_ref().map(|https| https.listen.local_url("https")))
    }
}

/// Whether nobody can even tell if the file is there, because the working folder is closed to this user: as after `sudo -u` in
/// one's own home.
fn is_out_of_sight(path: &Path) -> bool {
    let seen = path.symlink_metadata();
    path.is_relative() && seen.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests;
