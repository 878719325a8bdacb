//! Which task a worker is given (`interface.md`, section 3, "Choosing a task"): what stands between a
//! worker and a task, and which of two tasks goes first.

use std::fmt;

use super::ids::TaskId;

/// Order among tasks that a worker could be given; the smallest goes first: highest priority of the job,
/// then highest priority of the task, then lowest ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    job_priority: Descending,
    priority: Descending,
    task: TaskId,
}

impl Rank {
    /// The rank of `task`.
    pub fn new(job_priority: i32, priority: i32, task: TaskId) -> Self {
        Self { job_priority: Descending::of(job_priority), priority: Descending::of(priority), task }
    }

    /// The task that has this rank.
    pub fn task(&self) -> TaskId {
        self.task
    }
}

/// A number that sorts the highest first. Its bytes, big end first, sort in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Descending(pub u32);

impl Descending {
    /// Turns the order of `number` around.
    pub fn of(number: i32) -> Self {
        Self(!number.cast_unsigned() ^ (1 << 31))
    }

    /// The number again.
    pub fn number(self) -> i32 {
        (!(self.0 ^ (1 << 31))).cast_signed()
    }
}

/// What the scheduler must know of a worker and a task that is ready.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// The worker does tasks of this type.
    pub supports_type: bool,
    /// The worker is blacklisted for this job and task type.
    pub blacklisted: bool,
    /// The worker has failed this very task before.
    pub failed_before: bool,
    /// The task is a test for another worker.
    pub reserved_for_another: bool,
}

/// Why a worker may not have a task that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obstacle {
    /// The worker does not do tasks of this type.
    UnsupportedType,
    /// The task is a test for another worker.
    ReservedForAnother,
    /// The worker failed too many tasks of this type in this job.
    Blacklisted,
    /// The worker has failed this very task before.
    FailedBefore,
}

impl Pair {
    /// The first thing that stands in the way, if anything does.
    pub fn obstacle(self) -> Option<Obstacle> {
        [
            (!self.supports_type, Obstacle::UnsupportedType),
            (self.reserved_for_another, Obstacle::ReservedForAnother),
            (self.blacklisted, Obstacle::Blacklisted),
            (self.failed_before, Obstacle::FailedBefore),
        ]
        .into_iter()
        .find_map(|(stands, obstacle)| stands.then_some(obstacle))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedType => "does not support the task type",
            Self::ReservedForAnother => "the task is a test of another worker",
            Self::Blacklisted => "is blacklisted for this job and task type",
            Self::FailedBefore => "has failed the task before",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_job_counts_before_the_task_and_the_task_before_the_id() {
        let (old, new) = (TaskId([1; 12]), TaskId([2; 12]));
        assert!(Rank::new(60, 10, new) < Rank::new(50, 90, old));
        assert!(Rank::new(50, 90, new) < Rank::new(50, 80, old));
        assert!(Rank::new(50, 50, old) < Rank::new(50, 50, new));
    }

    #[test]
    fn nothing_stands_between_a_fit_worker_and_a_task() {
        let fit = Pair {
            supports_type: true,
            blacklisted: false,
            failed_before: false,
            reserved_for_another: false,
        };
        assert_eq!(fit.obstacle(), None);
        assert_eq!(Pair { supports_type: false, ..fit }.obstacle(), Some(Obstacle::UnsupportedType));
        assert_eq!(Pair { blacklisted: true, ..fit }.obstacle(), Some(Obstacle::Blacklisted));
        assert_eq!(Pair { failed_before: true, ..fit }.obstacle(), Some(Obstacle::FailedBefore));
        assert_eq!(Pair { reserved_for_another: true, ..fit }.obstacle(), Some(Obstacle::ReservedForAnother));
    }

    proptest! {
        #[test]
        fn descending_numbers_sort_the_highest_first_also_as_bytes(a: i32, b: i32) {
            let (first, second) = (Descending::of(a), Descending::of(b));
            prop_assert_eq!(first.cmp(&second), b.cmp(&a));
            prop_assert_eq!(first.0.to_be_bytes().cmp(&second.0.to_be_bytes()), b.cmp(&a));
            prop_assert_eq!(first.number(), a);
        }
    }
}
