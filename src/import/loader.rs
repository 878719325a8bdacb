//! Takes things in the Manager's own terms, in any order, and writes them into a new database file in large transactions.
//!
//! Only what is kept once is written as it comes. What follows from it (indices, counts, who waits for whom) is computed by the
//! store when everything is there. So nothing has to come before anything else, and no more is in memory than one
//! transaction needs.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, hash_map::Entry},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Batch, Found, ImportError, Refusal,
    memory::Memory,
    report::{Report, Skip},
};
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        job::{Job, JobState, JobWish, Tally},
        numbers::{agree, count},
        tags::Tags,
        task::Task,
        task_update::TaskUpdate,
        worker::Worker,
    },
    store::{BlacklistEntry, ExtraOf, ReadTx, Settled, Store, StoreError, WriteTx},
};

/// As many things share a transaction, or some more.
const PER_TRANSACTION: usize = 50_000;

/// Something that is imported.
#[derive(Debug, Clone)]
pub enum Item {
    /// A job, of which everything is known.
    Job {
        /// What is fixed about it.
        job: Job,
        /// What changes about it. How its tasks stand is computed, whatever it says.
        state: JobState,
    },
    /// A task.
    Task(Box<ImportedTask>),
    /// A worker.
    Worker {
        /// The worker.
        worker: Worker,
        /// When it was last heard of, if that is known.
        seen: Option<Timestamp>,
        /// What else was known of it.
        extra: Extra,
    },
    /// A line of the blacklist.
    BlacklistLine {
        /// Its ID where it comes from.
        id: [u8; 12],
        /// The line.
        line: BlacklistEntry,
        /// What else was known of it.
        extra: Extra,
    },
    /// An update that a Flamenco Server has yet to hear. They are queued in the order in which they come.
    Update {
        /// The update.
        update: TaskUpdate,
        /// What else was known of it.
        extra: Extra,
    },
    /// What the Manager remembers of itself.
    Settings {
        /// Names and values.
        values: Vec<(String, String)>,
        /// Where they come from.
        of: ExtraOf,
        /// What else was known there.
        extra: Extra,
    },
    /// Something for which the Manager has no use.
    Extra {
        /// What it is.
        of: ExtraOf,
        /// All that is known of it.
        extra: Extra,
    },
    /// What a Manager remembers beside its farm.
    Memory(Box<Memory>),
}

/// Fields for which the Manager has no use, by their names.
pub type Extra = Map<String, Value>;

/// A task that is imported.
#[derive(Debug, Clone)]
pub struct ImportedTask {
    /// The task.
    pub task: Task,
    /// Its commands, as JSON text: a list of `{"name", "settings"}`.
    pub commands: String,
    /// What else was known of it.
    pub extra: Extra,
    /// What it says of its job, if that does not come by itself.
    pub job: Option<JobOfTask>,
}

/// What a task says of its job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobOfTask {
    /// What kind of job it is.
    pub job_type: String,
    /// How important it is. Of several tasks the one counts that was changed last.
    pub priority: i32,
    /// Whether it is held back.
    pub paused: bool,
    /// Whether it is a Flamenco Server's.
    pub of_server: bool,
    /// Whatever else is the same for all its tasks: it becomes the metadata of the job.
    pub metadata: Extra,
}

impl Item {
    /// Its ID, if it has one of its own.
    fn id(&self) -> [u8; 12] {
        match self {
            Self::Job { job, .. } => job.id.0,
            Self::Task(task) => task.task.id.0,
            Self::Worker { worker, .. } => worker.id.0,
            Self::BlacklistLine { id, .. } => *id,
            Self::Update { update, .. } => update.id,
            Self::Settings { of, .. } | Self::Extra { of, .. } => of.id(),
            Self::Memory(_) => [0; 12],
        }
    }

    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        match self {
            Self::Task(task) => {
                let ImportedTask { task, commands, extra, .. } = &**task;
                let Task { activity, parents, failed_by, .. } = task;
                let lists = parents.len() * 12 + failed_by.len() * 60;
                500 + commands.len() + activity.len() + lists + size_of(extra)
            }
            Self::Job { job, .. } => 500 + job.settings.len() + job.metadata.len(),
            Self::Update { update, extra } => {
                500 + update.log_tail.len() + update.failed_by.len() * 60 + size_of(extra)
            }
            Self::Worker { extra, .. }
            | Self::BlacklistLine { extra, .. }
            | Self::Settings { extra, .. }
            | Self::Extra { extra, .. } => 500 + size_of(extra),
            Self::Memory(memory) => match &**memory {
                Memory::Extra(_, extra) => 500 + size_of(extra),
                _ => 500,
            },
        }
    }
}

/// About how many bytes of memory these fields take: logs may be among them, which are long.
fn size_of(extra: &Extra) -> usize {
    extra.iter().map(|(name, value)| 100 + name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| 32 + size_of_value(item)).sum(),
        Value::Object(fields) => size_of(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// A new database file that is being filled.
pub struct Loader {
    store: Arc<Store>,
    now: Timestamp,
    report: Report,
    /// The updates that are in the queue.
    queued: HashSet<[u8; 12]>,
    /// The highest ID of a task.
    last_task: Option<TaskId>,
}

impl Loader {
    /// Opens the new file, or makes it. It may hold a farm already, to which things are added.
    pub fn open(path: &Path, now: Timestamp, report: Report) -> Result<Self, ImportError> {
        let store = Arc::new(Store::open_copy(path).map_err(ImportError::Open)?);
        let queued = store.read(now, ReadTx::ids_of_updates)?;
        let last_task = store.read(now, ReadTx::last_task)?;
        Ok(Self { store, now, report, queued, last_task })
    }

    /// Is there nothing of a farm in the file?
    pub fn is_without_a_farm(&self) -> Result<bool, StoreError> {
        self.store.read(self.now, ReadTx::has_no_farm)
    }

    /// Takes whatever comes and writes down in the report what became of it. Things that are in the file already, from
    /// before, are replaced by those that are newer.
    pub fn load(
        &mut self,
        incoming: impl Iterator<Item = Result<Batch, ImportError>>,
    ) -> Result<(), ImportError> {
        if self.is_without_a_farm()? {
            return self.load_all(None, incoming);
        }
        // A look that lasts makes the file grow, because nothing that it sees can be overwritten.
        let store = Arc::clone(&self.store);
        store.read(self.now, |before| self.load_all(Some(before), incoming))
    }

    fn load_all(
        &mut self,
        before: Option<&ReadTx>,
        incoming: impl Iterator<Item = Result<Batch, ImportError>>,
    ) -> Result<(), ImportError> {
        let Self { store, now, report, queued, last_task } = self;
        let mut incoming = incoming.peekable();
        while incoming.peek().is_some() {
            store.fill(*now, |tx| {
                let mut load = Load { tx, before, queued, last_task, jobs: HashMap::new() };
                let mut taken = 0;
                while taken < PER_TRANSACTION
                    && let Some(batch) = incoming.next()
                {
                    let things = &batch?.things;
                    things.iter().try_for_each(|found| load.take(found, report))?;
                    taken += things.len();
                }
                load.write_jobs();
                Ok::<_, ImportError>(())
            })?;
        }
        Ok(())
    }

    /// Puts everything in order, when all has come, and closes the file. `stop` ends it early.
    pub fn finish(self, stop: &AtomicBool) -> Result<Report, ImportError> {
        let Self { store, now, mut report, .. } = self;
        store.fill(now, put_lines_in_place)?;
        let expired = store.read(now, ReadTx::expired_blacklist)?.len() as u64;
        if expired > 0 {
            report.remark(format!(
                "{} of the blacklist {} older than 7 days, and will be forgotten: nobody is kept from work by that any more",
                count(expired, "line"),
                agree(expired, "is", "are")
            ));
        }
        let go_on = || if stop.load(Ordering::Relaxed) { Err(ImportError::Interrupted) } else { Ok(()) };
        remark(store.settle(now, go_on)?, &mut report);
        store.close();
        Ok(report)
    }
}

fn remark(settled: Settled, report: &mut Report) {
    let Settled { released, jobs, idle } = settled;
    if released > 0 {
        let were = agree(released, "was", "were");
        report.remark(format!(
            "{} {were} in the hands of workers that are not there, and {were} put back into the queue, or cancelled where that was \
             asked for",
            count(released, "task")
        ));
    }
    if jobs > 0 {
        let were = agree(jobs, "was", "were");
        report.remark(format!(
            "{} {were} made anew, because only tasks of such a job are there",
            count(jobs, "job")
        ));
    }
    if idle > 0 {
        let were = agree(idle, "was", "were");
        report.remark(format!("{} {were} at tasks that are not there", count(idle, "worker")));
    }
}

/// A transaction that things are loaded in.
struct Load<'a, 'txn> {
    tx: &'a mut WriteTx<'txn>,
    /// The file as it was before anything was imported, if there was anything in it.
    before: Option<&'a ReadTx>,
    queued: &'a mut HashSet<[u8; 12]>,
    last_task: &'a mut Option<TaskId>,
    /// The jobs of the tasks of this transaction.
    jobs: HashMap<JobId, KnownJob>,
}

/// A job of which a task has come.
struct KnownJob {
    state: JobState,
    metadata: Extra,
    is_changed: bool,
}

/// Nothing, or why something is not taken.
pub(super) type Taken = Result<(), String>;

/// What is said of something whose ID came before.
const TWICE: &str = "another with the same ID came before it";

impl Load<'_, '_> {
    fn take(&mut self, found: &Found, report: &mut Report) -> Result<(), ImportError> {
        let Found { collection, id, what, bytes_read: _ } = found;
        let taken = match what {
            Ok(item) => self.take_item(item)?,
            Err(Refusal::Because(reason)) => Err(reason.clone()),
            Err(Refusal::NotOurs) => {
                report.not_ours(collection);
                return Ok(());
            }
            Err(Refusal::NotRead) => {
                report.remark(format!("{collection} is of another database, and was not read"));
                return Ok(());
            }
        };
        match taken {
            Ok(()) => report.imported(collection),
            Err(reason) => {
                let id = match what {
                    Ok(item) if id.is_empty() => TaskId(item.id()).to_string(),
                    _ => id.clone(),
                };
                let skip = Skip { collection: collection.to_string(), id, reason };
                report.skipped(&skip).map_err(ImportError::Note)?;
            }
        }
        Ok(())
    }

    fn take_item(&mut self, item: &Item) -> Result<Taken, StoreError> {
        let taken = match item {
            Item::Job { job, state } => self.job(job, state),
            Item::Task(task) => self.task(task),
            Item::Worker { worker, seen, extra } => self.worker(worker, *seen, extra),
            Item::BlacklistLine { id, line, extra } => self.blacklist_line(*id, line, extra),
            Item::Update { update, extra } => self.update(update, extra),
            Item::Settings { values, of, extra } => self.settings(values, *of, extra),
            Item::Extra { of, extra } => self.kept(*of, extra),
            Item::Memory(memory) => memory.clone().take(self.tx, self.before),
        };
        match taken {
            Err(error @ StoreError::TooLarge { .. }) => Ok(Err(error.to_string())),
            taken => taken,
        }
    }

    /// Looks at the file as it was before.
    fn before<T>(
        &self,
        look: impl FnOnce(&ReadTx) -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.before.map_or(Ok(None), look)
    }

    fn job(&mut self, job: &Job, state: &JobState) -> Result<Taken, StoreError> {
        if let Some(there) = self.tx.job_state(job.id)? {
            let is_from_before = self.before(|tx| tx.job_state(job.id))?.as_ref() == Some(&there);
            if let Err(reason) = may_replace(is_from_before, there.updated, state.updated) {
                return Ok(Err(reason));
            }
        }
        self.tx.load_job(job, JobState { tally: Tally::default(), waits_for: 0, ..state.clone() })?;
        Ok(Ok(()))
    }

    fn task(&mut self, imported: &ImportedTask) -> Result<Taken, StoreError> {
        let ImportedTask { task, commands, extra, job } = imported;
        // Dumps are mostly sorted: what comes behind all others need not be looked for.
        if *self.last_task < Some(task.id) {
            *self.last_task = Some(task.id);
        } else if let Some(there) = self.tx.task(task.id)? {
            let is_from_before = self.before(|tx| tx.task(task.id))?.as_ref() == Some(&there);
            if let Err(reason) = may_replace(is_from_before, there.last_updated, task.last_updated) {
                return Ok(Err(reason));
            }
            if there.job != task.job {
                return Ok(Err(format!("the database has it already, as a task of job {}", there.job)));
            }
            self.tx.forget_extra(ExtraOf::Task(task.id))?;
        }
        self.tx.load_task(task, commands)?;
        let mut extra = Cow::Borrowed(extra);
        if let Some(said) = job {
            self.job_of_task(task, said, &mut extra)?;
        }
        self.extra(ExtraOf::Task(task.id), &extra)?;
        Ok(Ok(()))
    }

    /// Keeps what a task says of its job. What it says differently from the tasks before it is left with the task.
    fn job_of_task(
        &mut self,
        task: &Task,
        said: &JobOfTask,
        extra: &mut Cow<'_, Extra>,
    ) -> Result<(), StoreError> {
        let job = match self.jobs.entry(task.job) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(known_job(self.tx, task, said)?),
        };
        let JobOfTask { priority, paused, ref metadata, .. } = *said;
        for (name, value) in metadata {
            if job.metadata.get(name) != Some(value) {
                extra.to_mut().insert(name.clone(), value.clone());
            }
        }
        let state = &mut job.state;
        // Of equals the highest counts, so that it does not matter which comes first.
        let counts = (task.last_updated, priority) > (state.updated, state.priority);
        if counts {
            (state.updated, state.priority) = (task.last_updated, priority);
        }
        let is_to_pause = paused && state.wish == JobWish::Run;
        if is_to_pause {
            state.wish = JobWish::Pause;
        }
        job.is_changed |= counts || is_to_pause;
        Ok(())
    }

    fn write_jobs(self) {
        for (id, job) in self.jobs {
            if job.is_changed {
                self.tx.load_job_state(id, job.state);
            }
        }
    }

    fn worker(
        &mut self,
        worker: &Worker,
        seen: Option<Timestamp>,
        extra: &Extra,
    ) -> Result<Taken, StoreError> {
        let mut worker = worker.clone();
        if let Some(there) = self.tx.worker(worker.id)? {
            let is_from_before = self.before(|tx| tx.worker(worker.id))?.as_ref() == Some(&there);
            let seen_there = self.tx.worker_seen(worker.id)?.unwrap_or(there.registered);
            // Of which nobody knows how old it is, it is not newer.
            if let Err(reason) = may_replace(is_from_before, seen_there, seen.unwrap_or(worker.registered)) {
                return Ok(Err(reason));
            }
            if worker.tags == Tags::default() {
                worker.tags = there.tags;
            }
            self.tx.forget_extra(ExtraOf::Worker(worker.id))?;
        }
        self.tx.load_worker(&worker, seen.unwrap_or(self.tx.now()))?;
        self.extra(ExtraOf::Worker(worker.id), extra)?;
        Ok(Ok(()))
    }

    /// A line whose worker is not there (yet) waits among what is extra.
    fn blacklist_line(
        &mut self,
        id: [u8; 12],
        line: &BlacklistEntry,
        extra: &Extra,
    ) -> Result<Taken, StoreError> {
        let mut extra = extra.clone();
        let of = ExtraOf::BlacklistLine(id);
        let BlacklistEntry { worker, job, task_type, created } = line;
        let there = self.tx.blacklisted_since(*worker, *job, task_type)?;
        if let Some(there) = there {
            let before = self.before(|tx| tx.blacklisted_since(*worker, *job, task_type))?;
            let is_from_before = before == Some(there);
            if !is_from_before {
                return Ok(Err("another line of the same worker, job and task type came before it".into()));
            }
            if let Err(reason) = may_replace(is_from_before, there, *created) {
                return Ok(Err(reason));
            }
        }
        if self.tx.has_worker(*worker)? {
            self.tx.put_blacklist_entry(line)?;
        } else if self.tx.extra(of)?.is_some() && self.before(|tx| tx.extra(of))?.is_none() {
            return Ok(Err(TWICE.into()));
        } else {
            for (name, value) in [
                ("worker_id", worker.to_string()),
                ("job_id", job.to_string()),
                ("task_type", task_type.clone()),
                ("_created", created.to_string()),
            ] {
                extra.insert(name.to_owned(), value.into());
            }
        }
        self.extra(of, &extra)?;
        Ok(Ok(()))
    }

    fn update(&mut self, update: &TaskUpdate, extra: &Extra) -> Result<Taken, StoreError> {
        if !self.queued.insert(update.id) {
            return Ok(Err("another with the same ID is queued already".into()));
        }
        self.tx.push_update(update)?;
        self.extra(ExtraOf::Update(update.id), extra)?;
        Ok(Ok(()))
    }

    fn settings(
        &mut self,
        values: &[(String, String)],
        of: ExtraOf,
        extra: &Extra,
    ) -> Result<Taken, StoreError> {
        for (name, value) in values {
            if self.tx.setting(name)?.is_some_and(|there| there != *value) {
                return Ok(Err(format!("the database has another {name} already")));
            }
        }
        for (name, value) in values {
            self.tx.put_setting(name, value)?;
        }
        self.extra(of, extra)?;
        Ok(Ok(()))
    }

    /// Something of which nothing but what is extra is kept.
    fn kept(&mut self, of: ExtraOf, extra: &Extra) -> Result<Taken, StoreError> {
        if let Some(there) = self.tx.extra(of)? {
            let is_from_before = self.before(|tx| tx.extra(of))?.as_ref() == Some(&there);
            let reason = if is_from_before { "the database has it already" } else { TWICE };
            return Ok(Err(reason.into()));
        }
        self.extra(of, extra).map(Ok)
    }

    fn extra(&mut self, of: ExtraOf, extra: &Extra) -> Result<(), StoreError> {
        if extra.is_empty() {
            return Ok(());
        }
        self.tx.put_extra(of, &as_json(extra))
    }
}

fn as_json(extra: &Extra) -> String {
    serde_json::to_string(extra).expect("what has texts as names can always be written as JSON")
}

/// May something take the place of another one with the same ID?
fn may_replace(is_from_before: bool, there: Timestamp, new: Timestamp) -> Taken {
    if !is_from_before {
        return Err(TWICE.into());
    }
    if there >= new {
        return Err(format!("the database has it already, as it was at {there}; this is not newer: {new}"));
    }
    Ok(())
}

/// The job of a task, which is made if it is not there.
fn known_job(tx: &mut WriteTx<'_>, task: &Task, said: &JobOfTask) -> Result<KnownJob, StoreError> {
    if let (Some(job), Some(state)) = (tx.job(task.job)?, tx.job_state(task.job)?) {
        // What people want to keep with a job of theirs is an object.
        let metadata = serde_json::from_str(&job.metadata).unwrap_or_default();
        return Ok(KnownJob { state, metadata, is_changed: false });
    }
    let mut job = Job::known_by_its_tasks(task.job, &said.job_type, said.of_server);
    job.metadata = as_json(&said.metadata);
    let state = JobState { priority: said.priority, updated: task.last_updated, ..JobState::default() };
    tx.load_job(&job, state.clone())?;
    Ok(KnownJob { state, metadata: said.metadata.clone(), is_changed: false })
}

/// Lines of the blacklist that have waited for their workers are put where they belong.
fn put_lines_in_place(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    let waiting: Vec<_> = tx.extras_of_blacklist_lines()?.collect::<Result<_, _>>()?;
    for (of, json) in waiting {
        let Ok(mut extra) = serde_json::from_str::<Extra>(&json) else { continue };
        let Some(line) = line_from(&extra) else { continue };
        if !tx.has_worker(line.worker)? {
            continue;
        }
        let there = tx.blacklisted_since(line.worker, line.job, &line.task_type)?;
        if there < Some(line.created) {
            tx.put_blacklist_entry(&line)?;
        }
        for name in ["worker_id", "job_id", "task_type", "_created"] {
            extra.remove(name);
        }
        if extra.is_empty() {
            tx.forget_extra(of)?;
        } else {
            tx.put_extra(of, &as_json(&extra))?;
        }
    }
    Ok(())
}

/// The line of the blacklist that these fields are, if they are one.
fn line_from(extra: &Extra) -> Option<BlacklistEntry> {
    let text = |name: &str| extra.get(name).and_then(Value::as_str);
    Some(BlacklistEntry {
        worker: text("worker_id")?.parse::<WorkerId>().ok()?,
        job: text("job_id")?.parse().ok()?,
        task_type: text("task_type")?.to_owned(),
        created: text("_created")?.parse().ok()?,
    })
}
