//! What has become of a task: who had it when, and how that ended.

use std::collections::VecDeque;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ids::WorkerId,
    task::{Task, TaskStatus},
};

/// As many of the latest entries are kept of each task.
const KEPT: usize = 50;

/// As many bytes of what was said are kept.
const LONGEST: usize = 200;

/// What has become of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A worker was given it.
    Assigned,
    /// Its worker no longer has it, and somebody else may.
    Released,
    /// Its worker has done it.
    Completed,
    /// Its worker failed it, and others may try.
    SoftFailed,
    /// It failed for good.
    Failed,
    /// Its worker is to stop it.
    CancelRequested,
    /// It was stopped for good.
    Canceled,
    /// The Flamenco Server holds it back.
    Paused,
    /// It is to be done again, or after all.
    Requeued,
}

/// Something that has become of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// The worker that has it or had it, and what it was known by then: address and nickname.
    pub worker: Option<(WorkerId, String)>,
    /// What was said of it, by the worker or the Manager; empty where that says no more.
    pub why: String,
}

/// The latest entries, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskHistory {
    /// The entries.
    pub entries: VecDeque<Entry>,
    /// How many older ones have been forgotten.
    pub forgotten: u64,
}

impl What {
    /// All that can become of a task.
    pub const ALL: [Self; 9] = [
        Self::Assigned,
        Self::Released,
        Self::Completed,
        Self::SoftFailed,
        Self::Failed,
        Self::CancelRequested,
        Self::Canceled,
        Self::Paused,
        Self::Requeued,
    ];

    /// What has become of a task that had one status and now has another; nothing if that is the same to everybody.
    pub fn between(old: TaskStatus, new: TaskStatus) -> Option<Self> {
        use TaskStatus as T;
        let what = match new {
            _ if old == new => return None,
            T::Active if old == T::CancelRequested => Self::Requeued,
            T::Active => Self::Assigned,
            T::Completed => Self::Completed,
            T::SoftFailed => Self::SoftFailed,
            T::Failed => Self::Failed,
            T::CancelRequested => Self::CancelRequested,
            T::Canceled => Self::Canceled,
            T::Paused => Self::Paused,
            T::Queued | T::ClaimedByManager => match old {
                T::Queued | T::ClaimedByManager => return None,
                T::Active | T::CancelRequested => Self::Released,
                T::SoftFailed | T::Failed | T::Completed | T::Canceled | T::Paused => Self::Requeued,
            },
        };
        Some(what)
    }
}

impl Entry {
    /// What has become of a task by a change, if anything has.
    pub fn of(old: &Task, new: &Task, at: Timestamp) -> Option<Self> {
        let what = What::between(old.status, new.status)?;
        let in_hand = old.status.is_in_hand() || new.status.is_in_hand();
        let worker = new.worker_id.filter(|_| in_hand).map(|id| (id, new.worker.clone()));
        let why = match what {
            What::Assigned | What::Completed => "",
            _ => &new.activity[..new.activity.floor_char_boundary(LONGEST)],
        };
        Some(Self { at, what, worker, why: why.to_owned() })
    }
}

impl TaskHistory {
    /// What a worker last had to do with the task, if that is still known.
    pub fn last_of(&self, worker: WorkerId) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.worker.as_ref().is_some_and(|(id, _)| *id == worker))
    }

    /// Adds what has just become of the task, and forgets the oldest when there is too much.
    pub fn add(&mut self, entry: Entry) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::TaskEvent;

    #[test]
    fn whatever_the_rules_allow_is_told_unless_it_goes_on_waiting() {
        use TaskEvent as E;
        let told = |event: E| {
            let after = |status: &TaskStatus| Some((*status, status.after(event).ok()?));
            let mut told: Vec<_> =
                TaskStatus::ALL.iter().filter_map(after).map(|(old, new)| What::between(old, new)).collect();
            told.dedup();
            told
        };
        assert_eq!(told(E::Assigned), [Some(What::Assigned)]);
        assert_eq!(told(E::Released), [Some(What::Released), Some(What::Canceled)]);
        assert_eq!(told(E::Finished), [Some(What::Completed)]);
        assert_eq!(told(E::FailedSoftly), [Some(What::SoftFailed)]);
        assert_eq!(told(E::FailedHard), [Some(What::Failed)]);
        assert_eq!(told(E::Requeued), [None, Some(What::Requeued)]);
        for status in TaskStatus::ALL {
            assert_eq!(What::between(status, status), None);
        }
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut history = TaskHistory::default();
        for second in 0..KEPT + 3 {
            let at = Timestamp::from_second(second.try_into().unwrap()).unwrap();
            history.add(Entry { at, what: What::Assigned, worker: None, why: String::new() });
        }
        assert_eq!((history.entries.len(), history.forgotten), (KEPT, 3));
        assert_eq!(history.entries[0].at.as_second(), 3);
    }
}
