//! What of the farm wants to be looked at by somebody: in words that say what is wrong and what to do, with what it is
//! about. The farm in one line of words is told here, too.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    disk::Space,
    ids::{JobId, TaskId, WorkerId},
    numbers::{agree, count},
};

/// As many warnings are told; the others are counted. Who has so many to see to finds the rest in the lists.
const TOLD: usize = 50;

/// For so long things that happened, and are over, are warned of.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// What the Flamenco Server has not heard of for so long is more than a hiccup.
const PATIENCE_WITH_QUEUE: SignedDuration = SignedDuration::from_mins(10);

/// As often a conversation with the Flamenco Server may fail in a row before somebody is warned: within seconds it is
/// tried again.
const PATIENCE_WITH_SERVER: u32 = 3;

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The Flamenco Server does not accept this Manager.
    ServerRefuses,
    /// The Flamenco Server cannot be reached, or cannot answer.
    ServerAway,
    /// There is so little room on a disk that nothing new is taken.
    DiskFull,
    /// There is little room left on a disk.
    DiskNearlyFull,
    /// The self-check has found something.
    DatabaseContradicts,
    /// No automatic backup could be made.
    NoBackup,
    /// Nobody can do some tasks of a job.
    StarvedJob,
    /// A job has failed within a day.
    JobFailed,
    /// A worker says that it cannot work.
    WorkerError,
    /// A worker that was awake has not been heard of.
    WorkerTimeout,
    /// A worker was blacklisted for tasks of a job within a day.
    Blacklisted,
    /// The Flamenco Server would not take task updates.
    UpdatesSetAside,
    /// The Flamenco Server has not heard of things for long.
    OldQueue,
}

/// Something that wants to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Warning {
    /// What sort of thing it is.
    pub kind: Kind,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// Since when, as far as that is known.
    pub since: Option<Timestamp>,
    /// The job that it is about.
    pub job: Option<JobId>,
    /// The task that it is about.
    pub task: Option<TaskId>,
    /// The worker that it is about.
    pub worker: Option<WorkerId>,
}

impl Warning {
    fn new(kind: Kind, message: String) -> Self {
        Self { kind, message, since: None, job: None, task: None, worker: None }
    }

    /// The Server has said so, since then.
    pub fn server_refuses(since: Timestamp, what: &str) -> Self {
        let message = format!(
            "The exchange with the Flamenco Server stands still: {what}. When that is mended, GET /kick goes on at once."
        );
        Self { since: Some(since), ..Self::new(Kind::ServerRefuses, message) }
    }

    /// These conversations with the Server have failed so often in a row, the first of them since then; nothing if
    /// that is no more than a hiccup. `what` is the last thing that went wrong.
    pub fn server_away(topics: &[&str], failures: u32, since: Option<Timestamp>, what: &str) -> Option<Self> {
        let message = format!(
            "The Flamenco Server does not answer as it should ({}): {what}. Workers go on, and what it has to hear waits; \
             it is tried again by itself. See whether the Server runs and can be reached from here.",
            topics.join(", ")
        );
        (failures >= PATIENCE_WITH_SERVER).then(|| Self { since, ..Self::new(Kind::ServerAway, message) })
    }

    /// The disk with these things on it; nothing if there is room. `least` is `min_free_space`.
    pub fn disk(contents: &str, space: Space, least: u64) -> Option<Self> {
        if space.is_full(least) {
            let message = format!(
                "The disk with {contents} has less left than min_free_space: {space}. No new jobs are taken until there is \
                 more: make room there. Workers go on with what they have."
            );
            return Some(Self::new(Kind::DiskFull, message));
        }
        let message = format!(
            "The disk with {contents} is nearly full: {space}. Make room there: without it no work can be recorded, and \
             the farm comes to a halt."
        );
        space.is_nearly_full().then(|| Self::new(Kind::DiskNearlyFull, message))
    }

    /// The self-check of that time found this; what is told of it is half a sentence.
    pub fn database_contradicts(at: Timestamp, found: &str) -> Self {
        let message = format!(
            "The database contradicts itself: {found}. The farm goes on. Keep a backup, tell the makers of Flamenco Manager \
             what \"flamenco-manager database check\" says, and restore an earlier backup if something goes wrong."
        );
        Self { since: Some(at), ..Self::new(Kind::DatabaseContradicts, message) }
    }

    /// Since then automatic backups have failed, the last one for this reason; the newest there is is of that time.
    pub fn no_backup(since: Timestamp, why: &str, newest: Option<Timestamp>) -> Self {
        let newest = match newest {
            Some(at) => format!("The newest is of {at:.0}"),
            None => "There is none".to_owned(),
        };
        let message = format!(
            "No backup of the database could be made: {why}. {newest}. It is tried again within the hour."
        );
        Self { since: Some(since), ..Self::new(Kind::NoBackup, message) }
    }

    /// Nobody can do so many tasks of the job; the reason is half a sentence.
    pub fn starved_job(id: JobId, name: &str, tasks: u64, reason: &str) -> Self {
        let tasks = count(tasks, "task");
        let message = format!(
            "Nobody can do {tasks} of job {name:?}: {reason}. Bring a worker that can, trust a blacklisted one again, or \
             cancel the job."
        );
        Self { job: Some(id), ..Self::new(Kind::StarvedJob, message) }
    }

    /// So many of the job's tasks have failed, and with them the job.
    pub fn job_failed(id: JobId, name: &str, since: Timestamp, failed: u64, total: u64) -> Self {
        let message = format!(
            "Job {name:?} has failed: {failed} of its {} did. See in their logs why, then requeue what failed.",
            count(total, "task")
        );
        Self { job: Some(id), since: Some(since), ..Self::new(Kind::JobFailed, message) }
    }

    /// The worker says so.
    pub fn worker_error(id: WorkerId, nickname: &str) -> Self {
        let message = format!("Worker {nickname} says that it cannot work. See on its machine what it logs.");
        Self { worker: Some(id), ..Self::new(Kind::WorkerError, message) }
    }

    /// The worker was last heard of then.
    pub fn worker_timeout(id: WorkerId, nickname: &str, last_seen: Timestamp) -> Self {
        let message = format!(
            "Worker {nickname} was at work and is not heard of any more. See whether its machine is on and can reach the \
             Manager: it is back as soon as it calls. If it stays away, acknowledge the time-out."
        );
        Self { worker: Some(id), since: Some(last_seen), ..Self::new(Kind::WorkerTimeout, message) }
    }

    /// The worker is blacklisted for tasks of this type of the job, by its ID and name.
    pub fn blacklisted(
        worker: (WorkerId, &str),
        job: (JobId, &str),
        task_type: &str,
        since: Timestamp,
    ) -> Self {
        let ((worker, nickname), (job, name)) = (worker, job);
        let message = format!(
            "Worker {nickname} failed too many tasks of type {task_type} of job {name:?} and gets no more of them. See in \
             their logs why; when that is mended, take the line from the blacklist."
        );
        let new = Self::new(Kind::Blacklisted, message);
        Self { worker: Some(worker), job: Some(job), since: Some(since), ..new }
    }

    /// The Server would not take so many updates, the last of them about this task, for this reason.
    pub fn updates_set_aside(count_of_all: u64, task: TaskId, since: Timestamp, reason: &str) -> Self {
        let message = format!(
            "The Flamenco Server would not take {} from this Manager, however often it was tried ({reason}). It may show \
             an older state of these tasks: compare them there.",
            count(count_of_all, "task update")
        );
        Self { task: Some(task), since: Some(since), ..Self::new(Kind::UpdatesSetAside, message) }
    }

    /// So many updates wait for the Server, the oldest since then; nothing if that is not long ago.
    pub fn old_queue(updates: u64, since: Timestamp, now: Timestamp) -> Option<Self> {
        let message = format!(
            "{} {} for the Flamenco Server, which has not heard of what happens here. See how the exchange goes.",
            count(updates, "task update"),
            agree(updates, "waits", "wait")
        );
        let is_old = now.duration_since(since) > PATIENCE_WITH_QUEUE;
        is_old.then(|| Self { since: Some(since), ..Self::new(Kind::OldQueue, message) })
    }
}

/// Did something happen so lately that it is still warned of? A moment in the future, after the clock was set back, is.
pub fn is_recent(then: Timestamp, now: Timestamp) -> bool {
    now.duration_since(then) <= RECENT
}

/// Warnings, the most important first: a bounded number of them, and how many there are beyond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    /// Those that are told.
    pub told: Vec<Warning>,
    /// How many are not.
    pub left_out: u64,
}

impl Warnings {
    /// Adds a warning, which is made only if it is told.
    pub fn add<E>(&mut self, make: impl FnOnce() -> Result<Warning, E>) -> Result<(), E> {
        if self.told.len() < TOLD {
            self.told.push(make()?);
        } else {
            self.left_out += 1;
        }
        Ok(())
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.told.len() as u64 + self.left_out
    }
}

/// The farm in figures, as far as one line tells of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Jobs that are to be done and have not ended.
    pub jobs: u64,
    /// Jobs that somebody has paused.
    pub paused: u64,
    /// Workers that are registered.
    pub workers: u64,
    /// Of these, the workers that are signed on, whatever they do.
    pub present: u64,
    /// Of these, the workers that are asleep.
    pub asleep: u64,
    /// The workers with a task in hand.
    pub rendering: u64,
}

/// The farm in one line: what it does, and whether something wants to be looked at.
pub fn summary(figures: Figures, warnings: u64) -> String {
    let Figures { jobs, paused, workers, present, asleep, rendering } = figures;
    let is_idle = jobs == 0 && rendering == 0;
    let work = match (jobs, paused) {
        _ if is_idle && workers == 0 && paused == 0 => String::new(),
        (0, 0) if is_idle => "Nothing to do: no jobs".into(),
        (0, _) if is_idle => format!("Nothing to do: {} paused", count(paused, "job")),
        (0, _) => "no jobs".into(),
        _ if rendering == 0 => format!("{} waiting", count(jobs, "job")),
        _ => format!("{} active", count(jobs, "job")),
    };
    let crew = match present.saturating_sub(asleep) {
        _ if workers == 0 => "no workers yet".into(),
        _ if present == 0 => format!("all {} offline", count(workers, "worker")),
        _ if !is_idle => format!("{rendering} of {} rendering", count(present, "worker")),
        0 => format!("{} asleep", count(asleep, "worker")),
        awake => format!("{} waiting", count(awake, "worker")),
    };
    let trouble = match warnings {
        0 if is_idle => String::new(),
        0 => "nothing stuck".into(),
        _ => format!("{} {} a look", count(warnings, "thing"), agree(warnings, "needs", "need")),
    };
    let parts: Vec<_> = [work, crew, trouble].into_iter().filter(|part| !part.is_empty()).collect();
    capitalized(&parts.join(", "))
}

fn capitalized(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map_or_else(String::new, |first| first.to_uppercase().chain(signs).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_772_366_400, 0);

    #[test]
    fn the_farm_in_one_line() {
        let none = Figures::default();
        let crew = Figures { workers: 20, present: 16, ..none };
        let busy = Figures { jobs: 3, rendering: 14, ..crew };
        for (figures, warnings, expected) in [
            (busy, 0, "3 jobs active, 14 of 16 workers rendering, nothing stuck"),
            (busy, 2, "3 jobs active, 14 of 16 workers rendering, 2 things need a look"),
            (
                Figures { jobs: 1, ..busy },
                1,
                "1 job active, 14 of 16 workers rendering, 1 thing needs a look",
            ),
            (Figures { jobs: 2, ..crew }, 0, "2 jobs waiting, 0 of 16 workers rendering, nothing stuck"),
            (Figures { workers: 4, present: 4, ..none }, 0, "Nothing to do: no jobs, 4 workers waiting"),
            (
                Figures { workers: 4, present: 4, asleep: 3, ..none },
                0,
                "Nothing to do: no jobs, 1 worker waiting",
            ),
            (
                Figures { workers: 4, present: 3, asleep: 3, ..none },
                0,
                "Nothing to do: no jobs, 3 workers asleep",
            ),
            (
                Figures { workers: 4, ..none },
                1,
                "Nothing to do: no jobs, all 4 workers offline, 1 thing needs a look",
            ),
            (Figures { paused: 2, ..crew }, 0, "Nothing to do: 2 jobs paused, 16 workers waiting"),
            (
                Figures { paused: 1, rendering: 1, ..crew },
                0,
                "No jobs, 1 of 16 workers rendering, nothing stuck",
            ),
            (
                Figures { jobs: 1, workers: 1, ..none },
                0,
                "1 job waiting, all 1 worker offline, nothing stuck",
            ),
            (Figures { jobs: 1, ..none }, 1, "1 job waiting, no workers yet, 1 thing needs a look"),
            (none, 0, "No workers yet"),
            (none, 1, "No workers yet, 1 thing needs a look"),
        ] {
            assert_eq!(summary(figures, warnings), expected, "{figures:?}");
        }
    }

    #[test]
    fn as_many_warnings_as_one_can_see_to_are_told_and_the_others_counted() {
        let mut warnings = Warnings::default();
        for number in 0..60_usize {
            let make = || {
                assert!(number < TOLD, "one that is not told is not made");
                Ok::<_, ()>(Warning::worker_error(WorkerId([1; 12]), &number.to_string()))
            };
            warnings.add(make).unwrap();
        }
        assert_eq!((warnings.told.len(), warnings.left_out, warnings.count()), (50, 10, 60));
        assert!(warnings.told[49].message.contains("Worker 49 "));
    }

    #[test]
    fn hiccups_are_no_reason_to_warn() {
        let minutes = |minutes| NOW - SignedDuration::from_mins(minutes);
        let topics = ["push"];
        assert_eq!(Warning::server_away(&topics, 2, Some(NOW), "x"), None);
        assert!(Warning::server_away(&topics, 3, Some(NOW), "x").is_some());
        assert_eq!(Warning::old_queue(1, minutes(10), NOW), None);
        assert!(Warning::old_queue(1, minutes(11), NOW).is_some());
        assert_eq!(Warning::old_queue(1, minutes(-60), NOW), None, "the clock was set back");
    }

    #[test]
    fn what_happened_is_recent_for_a_day() {
        let hours = |hours| NOW - SignedDuration::from_hours(hours);
        assert!(is_recent(hours(24), NOW) && is_recent(hours(-1), NOW));
        assert!(!is_recent(hours(25), NOW));
    }
}
