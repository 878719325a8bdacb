//! Tasks: what a worker is given to do, the statuses it goes through, and the one function that
//! changes them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{JobId, TaskId, WorkerId};

/// A unit of work for one worker.
///
/// The commands are kept apart, as JSON text: they never change, and are needed only when the task is
/// handed out or shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its identity. Among equals, the lowest ID is handed out first.
    pub id: TaskId,
    /// The job it is part of.
    pub job: JobId,
    /// What people call it; unique within its job.
    pub name: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// Importance within its job; higher goes first.
    pub priority: i32,
    /// What a worker must support to be given this task.
    pub task_type: String,
    /// Tasks that have to be completed first.
    pub parents: Vec<TaskId>,
    /// One line about what is going on, from the worker or from the Manager.
    pub activity: String,
    /// Address and nickname of the worker that has it or had it last; empty when nobody ever had.
    pub worker: String,
    /// The worker that has it or had it last.
    pub worker_id: Option<WorkerId>,
    /// The workers that failed it, in the order in which they did.
    pub failed_by: Vec<FailedBy>,
    /// The last sign of life from the worker that had it, as of the last change of the task. Newer signs
    /// are kept apart from the task: see `store::heartbeats`.
    pub last_worker_ping: Option<Timestamp>,
    /// When it was last handed out.
    pub started: Option<Timestamp>,
    /// When anything but a sign of life changed.
    pub last_updated: Timestamp,
    /// Progress figures as the worker last reported them.
    pub progress: Progress,
    /// Seconds by phase of the work, as the worker measured them.
    pub timing: BTreeMap<String, f64>,
    /// Set for a test render: only this worker may have the task.
    pub only_for: Option<WorkerId>,
    /// The version of the task at the Flamenco Server when the Manager last saw it there. Nothing for a task
    /// of which the Server does not know.
    pub etag: Option<String>,
}

/// A worker that failed a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedBy {
    /// The worker's ID.
    pub id: WorkerId,
    /// The worker's address and nickname at that time.
    pub identifier: String,
}

/// How far a task is, in the worker's own figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Percentage of the whole task.
    pub task_percentage: i32,
    /// Index of the command that runs.
    pub command_index: i32,
    /// Percentage of that command.
    pub command_percentage: i32,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStatus {
    /// Waits for a worker.
    Queued,
    /// Waits for a worker, after the Manager took it in (from a Server) or took it back (from a worker).
    ClaimedByManager,
    /// A worker has it.
    Active,
    /// A worker has it and is to stop.
    CancelRequested,
    /// Failed, but may be tried by another worker.
    SoftFailed,
    /// Failed for good.
    Failed,
    /// Done.
    Completed,
    /// Stopped for good by somebody's wish.
    Canceled,
    /// Held back at the Flamenco Server, which sends it anew when it may run.
    Paused,
}

/// What can happen to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEvent {
    /// It was handed to a worker.
    Assigned,
    /// Its worker no longer has it: it gave the task back, signed off or vanished.
    Released,
    /// Its worker reported it as done.
    Finished,
    /// Its worker failed it, and others may try.
    FailedSoftly,
    /// It failed, and nobody else is left to try.
    FailedHard,
    /// Somebody wants it stopped.
    CancelAsked,
    /// The Flamenco Server lists it among those that are to be cancelled.
    ServerCancels,
    /// Somebody wants it done again.
    Requeued,
}

impl fmt::Display for TaskEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Assigned => "handed out",
            Self::Released => "taken back",
            Self::Finished => "completed",
            Self::FailedSoftly | Self::FailedHard => "failed",
            Self::CancelAsked | Self::ServerCancels => "canceled",
            Self::Requeued => "requeued",
        })
    }
}

/// An event that cannot happen to a task in this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a task that is {from} cannot be {event}")]
pub struct IllegalTransition {
    /// The status of the task.
    pub from: TaskStatus,
    /// What was to happen to it.
    pub event: TaskEvent,
}

impl TaskStatus {
    /// All statuses, in the order of their declaration; the index of each is `as usize`.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::ClaimedByManager,
        Self::Active,
        Self::CancelRequested,
        Self::SoftFailed,
        Self::Failed,
        Self::Completed,
        Self::Canceled,
        Self::Paused,
    ];

    /// The status after `event` (`interface.md`, section 3). Every pair is decided here and nowhere else.
    ///
    /// A released task goes back to the queue; one that was to be cancelled is then cancelled. The Server waits
    /// until every task that it lists is `canceled`, so whatever is not in a worker's hands becomes that at once, and
    /// what is still there when it is listed once more (`server-protocol.md`, section 1.4).
    pub fn after(self, event: TaskEvent) -> Result<Self, IllegalTransition> {
        use TaskEvent as E;
        let next = match self {
            Self::Queued | Self::ClaimedByManager => match event {
                E::Assigned => Some(Self::Active),
                E::CancelAsked | E::ServerCancels => Some(Self::Canceled),
                E::Requeued => Some(Self::Queued),
                E::Released | E::Finished | E::FailedSoftly | E::FailedHard => None,
            },
            Self::SoftFailed => match event {
                E::Assigned => Some(Self::Active),
                E::CancelAsked | E::ServerCancels => Some(Self::Canceled),
                E::FailedHard => Some(Self::Failed),
                E::Requeued => Some(Self::Queued),
                E::Released | E::Finished | E::FailedSoftly => None,
            },
            Self::Active => match event {
                E::Released => Some(Self::ClaimedByManager),
                E::Finished => Some(Self::Completed),
                E::FailedSoftly => Some(Self::SoftFailed),
                E::FailedHard => Some(Self::Failed),
                E::CancelAsked | E::ServerCancels => Some(Self::CancelRequested),
                E::Assigned | E::Requeued => None,
            },
            Self::CancelRequested => match event {
                E::Released | E::ServerCancels => Some(Self::Canceled),
                // Its worker has yet to stop, and need not.
                E::Requeued => Some(Self::Active),
                E::Assigned | E::Finished | E::FailedSoftly | E::FailedHard | E::CancelAsked => None,
            },
            Self::Failed | Self::Completed | Self::Canceled => match event {
                E::ServerCancels => Some(Self::Canceled),
                E::Requeued => Some(Self::Queued),
                E::Assigned
                | E::Released
                | E::Finished
                | E::FailedSoftly
                | E::FailedHard
                | E::CancelAsked => None,
            },
            Self::Paused => match event {
                E::CancelAsked | E::ServerCancels => Some(Self::Canceled),
                E::Requeued => Some(Self::Queued),
                E::Assigned | E::Released | E::Finished | E::FailedSoftly | E::FailedHard => None,
            },
        };
        next.ok_or(IllegalTransition { from: self, event })
    }

    /// May a worker be given a task in this status, once its parents are completed?
    pub fn is_schedulable(self) -> bool {
        match self {
            Self::Queued | Self::ClaimedByManager | Self::SoftFailed => true,
            Self::Active
            | Self::CancelRequested
            | Self::Failed
            | Self::Completed
            | Self::Canceled
            | Self::Paused => false,
        }
    }

    /// Does a worker have a task in this status in its hands?
    pub fn is_in_hand(self) -> bool {
        match self {
            Self::Active | Self::CancelRequested => true,
            Self::Queued
            | Self::ClaimedByManager
            | Self::SoftFailed
            | Self::Failed
            | Self::Completed
            | Self::Canceled
            | Self::Paused => false,
        }
    }

    /// Is it over with a task in this status, unless somebody requeues it?
    pub fn has_ended(self) -> bool {
        match self {
            Self::Failed | Self::Completed | Self::Canceled => true,
            Self::Queued
            | Self::ClaimedByManager
            | Self::Active
            | Self::CancelRequested
            | Self::SoftFailed
            | Self::Paused => false,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::ClaimedByManager => "claimed-by-manager",
            Self::Active => "active",
            Self::CancelRequested => "cancel-requested",
            Self::SoftFailed => "soft-failed",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
            Self::Paused => "paused",
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TaskStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no status of a task"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [TaskEvent; 8] = [
        TaskEvent::Assigned,
        TaskEvent::Released,
        TaskEvent::Finished,
        TaskEvent::FailedSoftly,
        TaskEvent::FailedHard,
        TaskEvent::CancelAsked,
        TaskEvent::ServerCancels,
        TaskEvent::Requeued,
    ];

    #[test]
    fn names_are_read_back() {
        for (index, status) in TaskStatus::ALL.into_iter().enumerate() {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(status as usize, index);
        }
    }

    #[test]
    fn only_what_is_schedulable_can_be_assigned() {
        for status in TaskStatus::ALL {
            assert_eq!(status.after(TaskEvent::Assigned).is_ok(), status.is_schedulable(), "{status}");
        }
    }

    #[test]
    fn a_task_in_hand_can_always_be_released_and_never_stays_in_hand() {
        for status in TaskStatus::ALL {
            let released = status.after(TaskEvent::Released);
            assert_eq!(released.is_ok(), status.is_in_hand(), "{status}");
            assert!(!released.is_ok_and(TaskStatus::is_in_hand), "{status}");
        }
    }

    #[test]
    fn a_task_that_is_to_be_cancelled_can_only_end_as_cancelled() {
        for event in EVENTS.into_iter().filter(|event| *event != TaskEvent::Requeued) {
            let after = TaskStatus::CancelRequested.after(event);
            assert!(after.is_err() || after == Ok(TaskStatus::Canceled), "{event:?}");
        }
    }

    #[test]
    fn what_the_server_lists_is_cancelled_the_second_time_at_the_latest() {
        for status in TaskStatus::ALL {
            let first = status.after(TaskEvent::ServerCancels).unwrap();
            assert_eq!(first == TaskStatus::CancelRequested, status == TaskStatus::Active, "{status}");
            assert_eq!(first.after(TaskEvent::ServerCancels), Ok(TaskStatus::Canceled), "{status}");
        }
    }

    #[test]
    fn what_is_over_stays_over_unless_it_is_requeued_or_the_server_cancels_it() {
        for status in TaskStatus::ALL.into_iter().filter(|status| status.has_ended()) {
            let others = |event: &TaskEvent| !matches!(event, TaskEvent::ServerCancels | TaskEvent::Requeued);
            for event in EVENTS.into_iter().filter(others) {
                assert_eq!(status.after(event), Err(IllegalTransition { from: status, event }));
            }
        }
    }
}
