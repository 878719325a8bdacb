//! Which task a worker is given (`interface.md`, section 3, "Choosing a task"): what stands between a
//! worker and a task, and which of two tasks goes first.

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

/// Why a worker may not have a task that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What stands between a worker and all tasks of one type of one job, if anything does.
pub fn group_obstacle(supports_type: bool, blacklisted: bool) -> Option<Obstacle> {
    match (supports_type, blacklisted) {
        (false, _) => Some(Obstacle::UnsupportedType),
        (true, true) => Some(Obstacle::Blacklisted),
        (true, false) => None,
    }
}

/// What stands between a worker and one task of a group that it may have tasks of, if anything does.
pub fn task_obstacle(reserved_for_another: bool, failed_before: bool) -> Option<Obstacle> {
    match (reserved_for_another, failed_before) {
        (true, _) => Some(Obstacle::ReservedForAnother),
        (false, true) => Some(Obstacle::FailedBefore),
        (false, false) => None,
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
        assert_eq!(group_obstacle(true, false), None);
        assert_eq!(task_obstacle(false, false), None);
    }

    #[test]
    fn each_obstacle_is_named() {
        assert_eq!(group_obstacle(false, false), Some(Obstacle::UnsupportedType));
        assert_eq!(group_obstacle(true, true), Some(Obstacle::Blacklisted));
        assert_eq!(task_obstacle(true, false), Some(Obstacle::ReservedForAnother));
        assert_eq!(task_obstacle(false, true), Some(Obstacle::FailedBefore));
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
