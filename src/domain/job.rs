//! Jobs: tasks that belong together. How a job stands follows from how its tasks stand.

use std::fmt;

use jiff::Timestamp;

use super::{ids::JobId, task::TaskStatus};

/// What is fixed about a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// What kind of job it is. `manager-local` marks a test render, of which no Server ever hears.
    pub job_type: String,
    /// Whatever the submitter wanted to keep with it: a JSON object as text.
    pub metadata: String,
    /// When it came in.
    pub created: Timestamp,
}

/// The job type of test renders.
pub const MANAGER_LOCAL: &str = "manager-local";

/// What changes about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// Importance among jobs; higher goes first.
    pub priority: i32,
    /// When one of its tasks last changed status.
    pub updated: Timestamp,
    /// How its tasks stand.
    pub tally: Tally,
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

    /// How many tasks there are.
    pub fn total(&self) -> u64 {
        self.by_status.iter().sum()
    }

    /// How the job stands.
    ///
    /// A job whose remaining tasks all wait for one that failed has failed: nothing in it can run, and
    /// nobody should have to wait for it. The same goes for cancelled tasks.
    pub fn job_status(&self) -> JobStatus {
        use TaskStatus as T;
        let in_hand = self.count(T::Active) + self.count(T::CancelRequested);
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// None of its tasks was begun.
    Queued,
    /// Begun, not ended.
    Active,
    /// All its tasks are completed.
    Completed,
    /// A task failed for good and nothing else can run.
    Failed,
    /// A task was cancelled and nothing else can run.
    Canceled,
}

impl JobStatus {
    /// All statuses.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Active, Self::Completed, Self::Failed, Self::Canceled];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counts: &[(TaskStatus, u64)], ready: u64) -> Tally {
        let mut tally = Tally { ready, ..Tally::default() };
        for (status, count) in counts {
            tally.by_status[*status as usize] = *count;
        }
        tally
    }

    #[test]
    fn a_job_goes_from_queued_over_active_to_completed() {
        use TaskStatus::{Active, Completed, Queued};
        assert_eq!(tally(&[(Queued, 3)], 1).job_status(), JobStatus::Queued);
        assert_eq!(tally(&[(Queued, 2), (Active, 1)], 0).job_status(), JobStatus::Active);
        assert_eq!(tally(&[(Queued, 2), (Completed, 1)], 2).job_status(), JobStatus::Active);
        assert_eq!(tally(&[(Completed, 3)], 0).job_status(), JobStatus::Completed);
    }

    #[test]
    fn a_job_has_failed_only_when_nothing_else_can_run() {
        use TaskStatus::{Active, Failed, Queued};
        assert_eq!(tally(&[(Failed, 1), (Active, 1)], 0).job_status(), JobStatus::Active);
        assert_eq!(tally(&[(Failed, 1), (Queued, 2)], 1).job_status(), JobStatus::Active);
        assert_eq!(tally(&[(Failed, 1), (Queued, 2)], 0).job_status(), JobStatus::Failed);
    }

    #[test]
    fn a_job_with_a_cancelled_task_does_not_wait_for_ever() {
        use TaskStatus::{CancelRequested, Canceled, Completed, Queued};
        assert_eq!(tally(&[(CancelRequested, 1), (Completed, 1)], 0).job_status(), JobStatus::Active);
        assert_eq!(tally(&[(Canceled, 1), (Queued, 1)], 0).job_status(), JobStatus::Canceled);
    }
}
