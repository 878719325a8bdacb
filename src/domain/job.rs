//! Jobs: tasks that belong together. How a job stands follows from how its tasks stand.

use std::{fmt, num::NonZeroU32};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ids::{JobId, made_at},
    tags::Tags,
    task::{TaskEvent, TaskStatus},
    time_left::Measured,
};

/// What is fixed about a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// What kind of job it is. `manager-local` marks a test render, of which no Server ever hears.
    pub job_type: String,
    /// What its tasks were made from: a JSON object as text; empty for a ready-made list of tasks.
    pub settings: String,
    /// Whatever the submitter wanted to keep with it: a JSON object as text.
    pub metadata: String,
    /// When it came in.
    pub created: Timestamp,
    /// Whether it is a Flamenco Server's: what becomes of it is decided there.
    pub of_server: bool,
    /// The jobs that have to be completed first. One that is not known any more counts as completed.
    pub depends_on: Vec<JobId>,
}

impl Job {
    /// A job of which nothing is known but its tasks.
    pub fn known_by_its_tasks(id: JobId, job_type: &str, of_server: bool) -> Self {
        Self {
            id,
            name: format!("{job_type} {id}"),
            job_type: job_type.to_owned(),
            settings: "{}".into(),
            metadata: "{}".into(),
            created: made_at(id.0),
            of_server,
            depends_on: Vec::new(),
        }
    }
}

/// The job type of test renders.
pub const MANAGER_LOCAL: &str = "manager-local";

/// What changes about a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobState {
    /// Importance among jobs; higher goes first.
    pub priority: i32,
    /// When one of its tasks last changed status, or something about the job itself was changed.
    pub updated: Timestamp,
    /// How its tasks stand.
    pub tally: Tally,
    /// What is wanted of it.
    pub wish: JobWish,
    /// How many workers may be at it at a time; nothing: any number.
    pub max_workers: Option<NonZeroU32>,
    /// Only workers with one of these tags may do it; none: any worker.
    pub worker_tags: Tags,
    /// How many of the jobs that have to be completed first are not.
    pub waits_for: u32,
    /// How long its finished tasks took.
    pub measured: Measured,
}

/// What people want of a job, or what its failures have led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobWish {
    /// To be done.
    #[default]
    Run,
    /// To wait: what is running ends, and nothing else is handed out.
    Pause,
    /// To be stopped for good.
    Cancel,
    /// To be stopped for good, because too many of its tasks have failed.
    Fail,
    /// To be forgotten, with its tasks and their logs.
    Delete,
    /// To be done again, all of it.
    Requeue,
    /// To be done again, as far as it is not completed.
    RequeueFailed,
}

impl JobWish {
    /// All wishes.
    pub const ALL: [Self; 7] =
        [Self::Run, Self::Pause, Self::Cancel, Self::Fail, Self::Delete, Self::Requeue, Self::RequeueFailed];

    /// May its tasks be handed out?
    pub fn lets_run(self) -> bool {
        self == Self::Run
    }

    /// What happens to each of its tasks because of the wish, as far as that is possible.
    pub fn of_tasks(self) -> Option<TaskEvent> {
        match self {
            Self::Run | Self::Pause => None,
            Self::Cancel | Self::Fail | Self::Delete => Some(TaskEvent::CancelAsked),
            Self::Requeue | Self::RequeueFailed => Some(TaskEvent::Requeued),
        }
    }
}

/// What people do with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAction {
    /// Stop it for good.
    Cancel,
    /// Let it wait.
    Pause,
    /// Let it go on.
    Resume,
    /// Do it again: all of its tasks.
    Requeue,
    /// Do again what is not completed.
    RequeueFailed,
    /// Forget it.
    Delete {
        /// Even if workers have its tasks in hand.
        force: bool,
    },
}

impl fmt::Display for JobAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancel => "canceled",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Requeue | Self::RequeueFailed => "requeued",
            Self::Delete { .. } => "deleted",
        })
    }
}

/// An action that makes no sense for a job that stands like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {from} cannot be {action}{}", hint(*.from, *.wish, *.action))]
pub struct IllegalAction {
    /// How the job stands.
    pub from: JobStatus,
    /// What is wanted of it.
    pub wish: JobWish,
    /// What was to be done with it.
    pub action: JobAction,
}

fn hint(from: JobStatus, wish: JobWish, action: JobAction) -> &'static str {
    match wish {
        JobWish::Delete => "; it is being deleted",
        JobWish::Requeue | JobWish::RequeueFailed => "; it is being requeued, try again in a moment",
        JobWish::Run | JobWish::Pause | JobWish::Cancel | JobWish::Fail => match action {
            JobAction::Delete { .. } => "; cancel it first, or use force",
            _ if from.has_ended() => "; it can be requeued",
            _ => "",
        },
    }
}

impl JobState {
    /// Keeps what is wanted of the job. What is done all over is measured anew.
    pub fn want(&mut self, wish: JobWish) {
        self.wish = wish;
        if wish == JobWish::Requeue {
            self.measured = Measured::default();
        }
    }

    /// Do jobs that depend on this one have to wait?
    pub fn blocks_dependents(&self) -> bool {
        // One that is being deleted is as it was, until it is gone and blocks nobody.
        let status = if self.wish == JobWish::Delete { self.tally.job_status() } else { self.status() };
        status != JobStatus::Completed
    }

    /// How the job stands. It follows from what is wanted and from how its tasks stand, so it never hangs in between.
    pub fn status(&self) -> JobStatus {
        let by_itself = self.tally.job_status();
        let in_hand = self.tally.in_hand() > 0;
        match self.wish {
            JobWish::Run | JobWish::Pause | JobWish::Cancel | JobWish::Fail
                if by_itself == JobStatus::Completed =>
            {
                by_itself
            }
            JobWish::Run => by_itself,
            JobWish::Pause if by_itself.has_ended() => by_itself,
            JobWish::Pause => JobStatus::Paused,
            JobWish::Cancel if in_hand => JobStatus::CancelRequested,
            JobWish::Cancel => JobStatus::Canceled,
            // What is left of its tasks says nothing about how it ended: nobody shall take that for an end.
            JobWish::Delete => JobStatus::CancelRequested,
            JobWish::Fail => JobStatus::Failed,
            // On its way back.
            JobWish::Requeue | JobWish::RequeueFailed if in_hand => JobStatus::Active,
            JobWish::Requeue | JobWish::RequeueFailed => JobStatus::Queued,
        }
    }

    /// What is wanted of the job after `action`. Every pair is decided here and nowhere else. Doing once more what was
    /// done already is no error.
    pub fn after(&self, action: JobAction) -> Result<JobWish, IllegalAction> {
        use JobStatus as S;
        let from = self.status();
        let being_requeued = matches!(self.wish, JobWish::Requeue | JobWish::RequeueFailed);
        let wish = match action {
            JobAction::Delete { force } => {
                (force || self.is_quiet() || self.wish == JobWish::Delete).then_some(JobWish::Delete)
            }
            _ if self.wish == JobWish::Delete => None,
            JobAction::Cancel => match from {
                S::Queued | S::Active | S::Paused | S::CancelRequested | S::Canceled => Some(JobWish::Cancel),
                // What is left of it can still be stopped.
                S::Failed if !self.is_quiet() => Some(JobWish::Cancel),
                S::Failed | S::Completed => None,
            },
            // Some of its tasks would be left behind.
            JobAction::Pause if being_requeued => None,
            JobAction::Pause => match from {
                S::Queued | S::Active | S::Paused => Some(JobWish::Pause),
                S::CancelRequested | S::Canceled | S::Failed | S::Completed => None,
            },
            // That is done already, or all of it is about to be done again.
            JobAction::Resume if being_requeued => Some(self.wish),
            JobAction::Resume => match from {
                S::Paused | S::Queued | S::Active => Some(JobWish::Run),
                S::CancelRequested | S::Canceled | S::Failed | S::Completed => None,
            },
            JobAction::Requeue => Some(JobWish::Requeue),
            JobAction::RequeueFailed if self.wish == JobWish::Requeue => Some(self.wish),
            JobAction::RequeueFailed => Some(JobWish::RequeueFailed),
        };
        wish.ok_or(IllegalAction { from, wish: self.wish, action })
    }

    /// May there be tasks that have yet to follow what is wanted of the job?
    pub fn has_tasks_to_follow(&self) -> bool {
        match self.wish {
            JobWish::Run | JobWish::Pause => false,
            JobWish::Cancel | JobWish::Fail => {
                self.tally.waiting() > 0 || self.tally.count(TaskStatus::Active) > 0
            }
            JobWish::Delete | JobWish::Requeue | JobWish::RequeueFailed => true,
        }
    }

    /// Has it ended, or was it never begun, so that nobody notices if it goes?
    fn is_quiet(&self) -> bool {
        let status = self.status();
        self.tally.in_hand() == 0
            && (status.has_ended() || matches!(status, JobStatus::Queued | JobStatus::Paused))
    }

    /// Have so many tasks failed that the job has failed? `percentage` is `job_fail_percentage`; 0 means never.
    pub fn has_failed_by(&self, percentage: u32) -> bool {
        let failed = u128::from(self.tally.count(TaskStatus::Failed));
        let total = u128::from(self.tally.total());
        percentage > 0 && failed > 0 && failed * 100 >= total * u128::from(percentage)
    }
}

/// How many tasks of a job there are, by status, and how many could be handed out now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// By status, in the order of [`TaskStatus::ALL`].
    pub by_status: [u64; TaskStatus::ALL.len()],
    /// Tasks in a schedulable status whose parents are all completed.
    pub ready: u64,
}

impl Tally {
    /// How many tasks are in this status.
    pub fn count(&self, status: TaskStatus) -> u64 {
        self.by_status[status as usize]
    }

    /// Counts a task in this status, or, with `by` = -1, no longer does. `ready` tells whether it could be handed out.
    pub fn add(&mut self, status: TaskStatus, ready: bool, by: i64) {
        let count = &mut self.by_status[status as usize];
        *count = count.saturating_add_signed(by);
        if ready {
            self.ready = self.ready.saturating_add_signed(by);
        }
    }

    /// How many tasks wait, for whatever reason: nobody has them, and they have not ended.
    pub fn waiting(&self) -> u64 {
        use TaskStatus as T;
        [T::Queued, T::ClaimedByManager, T::SoftFailed, T::Paused]
            .map(|status| self.count(status))
            .iter()
            .sum()
    }

    /// How many tasks workers have in hand.
    pub fn in_hand(&self) -> u64 {
        self.count(TaskStatus::Active) + self.count(TaskStatus::CancelRequested)
    }

    /// How many tasks there are.
    pub fn total(&self) -> u64 {
        self.by_status.iter().sum()
    }

    /// How a job stands that is to be done.
    ///
    /// A job whose remaining tasks all wait for one that failed has failed: nothing in it can run, and
    /// nobody should have to wait for it. The same goes for cancelled tasks.
    pub fn job_status(&self) -> JobStatus {
        use TaskStatus as T;
        let in_hand = self.in_hand();
        let waiting = self.count(T::Queued) + self.count(T::ClaimedByManager) + self.count(T::Paused);
        if self.count(T::Completed) == self.total() {
            JobStatus::Completed
        } else if in_hand + self.ready == 0 && self.count(T::Failed) > 0 {
            JobStatus::Failed
        } else if in_hand + self.ready == 0 && self.count(T::Canceled) > 0 {
            JobStatus::Canceled
        } else if waiting == self.total() {
            JobStatus::Queued
        } else {
            JobStatus::Active
        }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobStatus {
    /// None of its tasks was begun.
    Queued,
    /// Begun, not ended.
    Active,
    /// All its tasks are completed.
    Completed,
    /// A task failed for good and nothing else can run.
    Failed,
    /// A task was cancelled and nothing else can run, or the job was.
    Canceled,
    /// Nothing of it is handed out until it is resumed.
    Paused,
    /// It is cancelled as soon as workers have stopped what they have of it.
    CancelRequested,
}

impl JobStatus {
    /// All statuses.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Active,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Paused,
        Self::CancelRequested,
    ];

    /// Does nothing more happen to it by itself?
    pub fn has_ended(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Canceled => true,
            Self::Queued | Self::Active | Self::Paused | Self::CancelRequested => false,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Paused => "paused",
            Self::CancelRequested => "cancel-requested",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
