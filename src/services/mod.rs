//! What the Manager does. One public method is one thing that happens: it looks, judges by the rules of
//! `domain`, and writes, all in one transaction.

mod access;
mod audit;
mod care;
mod credentials;
mod database;
mod disks;
mod explain;
mod failing;
mod farm;
mod following;
mod hand_out;
mod identity;
mod job_changes;
mod job_cleanup;
mod job_failures;
mod job_life;
mod jobs;
mod leisure;
mod listing;
mod log_care;
mod people;
mod pictures;
mod registration;
mod releasing;
mod reports;
mod server_news;
mod server_queue;
mod server_tasks;
mod submissions;
mod test_render;
mod warnings;
mod watching;

use std::sync::{Arc, Mutex, atomic::AtomicU8};

use jiff::{SignedDuration, Timestamp};

use self::{
    access::Admission, credentials::Credentials, database::Care, identity::Identities, log_care::LogRound,
    server_news::ServerNews,
};
pub use self::{
    access::{Known, KnownKeys, LoginLink, Presented, Shown, Stranger},
    care::{Overdue, SleepChanges, TimedOut},
    database::{BackupPolicy, Condition, MadeBackup},
    disks::{Disks, NoRoom, Places},
    explain::{JobExplained, JobForWorker, Takers, TaskExplained, WorkerExplained},
    farm::{Farm, StarvedJob},
    hand_out::{Assignment, HandOut, Permit},
    job_changes::{JobChange, MaxWorkers},
    job_failures::Failure,
    jobs::{NewJob, NewTask, Plan, PlannedTask, limits},
    leisure::{Pieces, at_leisure},
    listing::{BlacklistLine, LineId, RecentTask, TaskView, WorkerView},
    pictures::PictureView,
    registration::{Registration, SignOn},
    reports::MayIRun,
    server_queue::{PushOutcome, ServerQueues},
    server_tasks::{Candidate, DownloadStart},
    watching::{Changed, Changes},
};
use crate::{
    clock::Clock,
    domain::{
        assign::Scheduling,
        audit::Strangers,
        compile::Problem,
        failure::FailurePolicy,
        ids::{JobId, TaskId, TokenId, WorkerId},
        job::IllegalAction,
        people::Authentication,
        task::IllegalTransition,
        variables::Variables,
        worker::Worker,
    },
    pictures::Pictures,
    store::{Rows, Store, StoreError, Tx},
    tasklogs::{LogError, LogKeeper},
};
pub use crate::{
    pictures::{Picture, Refusal},
    store::{BlacklistEntry, LogRequest, Queued},
    tasklogs::{Following, Found, Gzip, LogFile, Next, Place},
};

/// What the configuration says about how the Manager behaves.
#[derive(Debug, Clone)]
pub struct Policy {
    /// When failing is for good, and when a worker is blacklisted.
    pub failure: FailurePolicy,
    /// `job_fail_percentage`: as many of its tasks have to fail before a job has failed; 0 is never.
    pub job_fail_percentage: u32,
    /// Which of several jobs of equal priority goes first.
    pub scheduling: Scheduling,
    /// When silence is too long.
    pub overdue: Overdue,
    /// How it is found out who uses the pages and the API.
    pub authentication: Authentication,
    /// The variables in the settings of commands.
    pub variables: Variables,
    /// What the Flamenco Server calls this Manager; empty without one.
    pub manager_id: String,
    /// Is there a Flamenco Server that has to hear of its tasks?
    pub has_server: bool,
    /// How long a worker has to stop a task that the Server lists for cancellation, before it is taken away.
    pub cancel_patience: SignedDuration,
    /// Where a test render reads: a path with variables.
    pub test_job_storage: String,
    /// Where a test render writes: a path with variables.
    pub test_render_output: String,
    /// Where the Manager writes.
    pub places: Places,
    /// `min_free_space`, in bytes.
    pub min_free_space: u64,
    /// The automatic backups.
    pub backups: BackupPolicy,
}

/// Everything that the Manager can be asked to do.
pub struct Services {
    store: Store,
    logs: LogKeeper,
    pictures: Pictures,
    clock: Arc<dyn Clock>,
    policy: Policy,
    identities: Arc<Identities>,
    credentials: Credentials,
    admission: Admission,
    news: ServerNews,
    started: Timestamp,
    /// In so many turns it is looked for jobs whose tasks have yet to follow what is wanted of them.
    turns_for_jobs: AtomicU8,
    strangers: Mutex<Strangers>,
    disks: Mutex<Disks>,
    log_round: Mutex<LogRound>,
    care: Care,
}

/// Why something was not done. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such task.
    #[error("task {0} is not known")]
    UnknownTask(TaskId),
    /// There is no such job.
    #[error("job {0} is not known")]
    UnknownJob(JobId),
    /// There is no such worker.
    #[error("worker {0} is not known")]
    UnknownWorker(WorkerId),
    /// There is no such access token.
    #[error("access token {0} is not known")]
    UnknownToken(TokenId),
    /// Another access token has this name.
    #[error("there is an access token {0:?} already; use another name, or revoke that one")]
    NameTaken(String),
    /// Another worker has the task, or had it last.
    #[error("task {task} belongs to another worker")]
    NotYours {
        /// The task.
        task: TaskId,
    },
    /// The worker cannot be given any task.
    #[error("this worker supports no task types, so there is nothing it can be given")]
    NoTaskTypes,
    /// The request makes no sense; the text says why.
    #[error("{0}")]
    Refused(String),
    /// The settings of a job make no sense.
    #[error("the settings make no sense: {}", list(.0))]
    BadSettings(Vec<Problem>),
    /// It is too late, or too early.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The same, for a job.
    #[error(transparent)]
    IllegalAction(#[from] IllegalAction),
    /// Something was begun with the job, and its tasks have yet to follow.
    #[error("what was begun with job {0} is not finished yet; try again in a moment")]
    Unfinished(JobId),
    /// Only the Flamenco Server decides about its jobs.
    #[error("job {0} is the Flamenco Server's; do this on the Server's pages")]
    OfServer(JobId),
    /// Another submission had this key before.
    #[error("another submission had the Idempotency-Key {key:?}, job {job} was made of it; use another key")]
    KeyReused {
        /// The key.
        key: String,
        /// The job that was made of the other submission.
        job: JobId,
    },
    /// There is too little room on a disk for anything new.
    #[error("no new jobs are taken: {0}")]
    NoRoom(#[from] NoRoom),
    /// A task log cannot be written or read.
    #[error("a task log cannot be used")]
    Log(#[from] LogError),
    /// A file for a test render cannot be written.
    #[error("{path} cannot be written")]
    TestFile {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that takes long is being done with the database.
    #[error("the database is being checked, backed up or compacted; try again when that is done")]
    Busy,
    /// A background thread of the program ended badly.
    #[error("a part of the program ended badly")]
    Panicked,
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A line for a task's log, to be written when the change that it tells of is on disk.
#[derive(Debug, Clone)]
struct Note {
    job: JobId,
    task: TaskId,
    text: String,
}

impl Services {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        logs: LogKeeper,
        pictures: Pictures,
        clock: Arc<dyn Clock>,
        policy: Policy,
    ) -> Self {
        let identities = Arc::new(Identities::new());
        let news = ServerNews::new(policy.has_server, Arc::clone(&identities));
        let started = clock.now();
        // What a crash cut off is taken up at the start.
        let turns_for_jobs = AtomicU8::new(1);
        let strangers = Mutex::default();
        let (credentials, admission, disks) = (Credentials::new(), Admission::new(), Mutex::default());
        let log_round = Mutex::default();
        Self {
            store,
            logs,
            pictures,
            clock,
            policy,
            identities,
            credentials,
            admission,
            news,
            started,
            turns_for_jobs,
            strangers,
            disks,
            log_round,
            care: Care::default(),
        }
    }

    /// When the Manager started.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The log of a task, if it has one.
    pub async fn log(&self, job: JobId, task: TaskId) -> Result<Option<LogFile>, Error> {
        Ok(self.logs.run(task, move |logs| logs.find(job, task)).await?)
    }

    /// The log of a task as the Server wants it: compressed, and if there is none, a file that says so.
    pub async fn log_for_server(&self, job: JobId, task: TaskId) -> Result<Gzip, Error> {
        let log = self.log(job, task).await?;
        // A large log takes its time, which the threads that write logs do not have.
        let gzip = tokio::task::spawn_blocking(move || log.map(LogFile::into_gzip).transpose()).await;
        match gzip.map_err(|_| Error::Panicked)?? {
            Some(gzip) => Ok(gzip),
            None => Gzip::of_text("Flamenco Manager has no log of this task.\n").map_err(|_| Error::Panicked),
        }
    }

    /// Says in a sentence each where the database contradicts itself. An empty list is good news.
    pub fn contradictions(&self) -> Result<Vec<String>, Error> {
        self.store.read(self.now(), |tx| Ok(tx.contradictions()?))
    }

    /// Says in a sentence each which part of the Manager does not work. An empty list is good news.
    pub async fn ailments(&self) -> Vec<String> {
        let mut ailments = Vec::new();
        tokio::select! {
            written = self.try_to_write() => {
                ailments.extend(written.err().map(|error| format!("database: {error}")));
            }
            () = self.compaction() => ailments.push("database: it is being compacted; wait until that is done".into()),
        }
        let logs = Arc::clone(self.logs.logs());
        match tokio::task::spawn_blocking(move || logs.check()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => ailments.push(format!("task logs: {error}")),
            Err(_) => ailments.push("task logs: the check ended badly".into()),
        }
        ailments
    }

    /// Writes something to the database, to see whether that can be done.
    pub async fn try_to_write(&self) -> Result<(), Error> {
        self.store.write(self.now(), |tx| Ok(tx.put_setting("health", "checked")?)).await
    }

    /// The variables in the settings of commands.
    pub fn variables(&self) -> &Variables {
        &self.policy.variables
    }

    /// A setting that the Manager keeps for itself; `make` is asked for it the first time.
    pub async fn setting(&self, name: &'static str, make: impl FnOnce() -> String) -> Result<String, Error> {
        let new = make();
        self.store
            .write(self.now(), move |tx| {
                if let Some(value) = tx.setting(name)? {
                    return Ok(value);
                }
                tx.put_setting(name, &new)?;
                Ok(new.clone())
            })
            .await
    }

    /// Writes what is only in memory, and closes the database. Doing so twice is no error.
    pub async fn stop(&self) -> Result<(), Error> {
        let flushed = self.flush_heartbeats().await.and(self.look_after_people().await);
        self.logs.settle().await;
        self.store.close();
        match flushed {
            Err(Error::Store(StoreError::Closed)) => Ok(()),
            flushed => flushed,
        }
    }

    /// Writes notes to the logs of tasks. Nobody waits for them: what they tell of has happened.
    fn write_notes(&self, notes: impl IntoIterator<Item = Note>) {
        for Note { job, task, text } in notes {
            self.logs.note(task, move |logs| logs.append(job, task, &text));
        }
    }
}

/// The worker, who may have been forgotten since somebody last looked.
fn known_worker<T: Rows>(tx: &Tx<T>, id: WorkerId) -> Result<Worker, Error> {
    tx.worker(id)?.ok_or(Error::UnknownWorker(id))
}
