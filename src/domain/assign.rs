//! Which task a worker is given (`interface.md`, section 3, "Choosing a task"): what holds back a job, what stands
//! between a worker and a task, and which of two tasks goes first.

use super::{
    ids::TaskId,
    job::{JobState, JobWish, Tally},
};

/// Which of several jobs of equal priority goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheduling {
    /// The one with the more important task, and then the oldest.
    #[default]
    Fifo,
    /// The one with the fewest tasks in hand, so that all get on.
    Fair,
}

impl Scheduling {
    /// What of the job is in hand already, as far as that counts.
    pub fn share(self, tally: &Tally) -> u64 {
        match self {
            Self::Fifo => 0,
            Self::Fair => tally.in_hand(),
        }
    }
}

/// Order among tasks that a worker could be given; the smallest goes first: highest priority of the job, then the smallest
/// share that the job has already, then highest priority of the task, then lowest ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    job_priority: Descending,
    share: u64,
    priority: Descending,
    task: TaskId,
}

impl Rank {
    /// The rank of `task` if its job has no share yet. It has none that is better.
    pub fn new(job_priority: i32, priority: i32, task: TaskId) -> Self {
        Self {
            job_priority: Descending::of(job_priority),
            share: 0,
            priority: Descending::of(priority),
            task,
        }
    }

    /// The same task, when its job has this share.
    #[must_use]
    pub fn with_share(self, share: u64) -> Self {
        Self { share, ..self }
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

/// Why nothing of a job is handed out, whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Something else is wanted of it than that it runs.
    Wish(JobWish),
    /// It waits for so many other jobs.
    WaitsForJobs(u32),
}

/// All that holds a job back.
pub fn holds(state: &JobState) -> impl Iterator<Item = Hold> {
    let wish = (!state.wish.lets_run()).then_some(Hold::Wish(state.wish));
    let waits = (state.waits_for > 0).then_some(Hold::WaitsForJobs(state.waits_for));
    wish.into_iter().chain(waits)
}

/// May tasks of the job be handed out, if a worker may have them?
pub fn may_run(state: &JobState) -> bool {
    holds(state).next().is_none()
}

/// Why a worker may not have a task that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The worker does not do tasks of this type.
    UnsupportedType,
    /// The job wants workers with a tag that this one has not.
    LacksTag,
    /// As many workers are at the job as may be.
    EnoughWorkers,
    /// The task is a test for another worker.
    ReservedForAnother,
    /// The worker failed too many tasks of this type in this job.
    Blacklisted,
    /// The worker has failed this very task before.
    FailedBefore,
}

/// What is known of a worker and the tasks of one type of one job.
#[derive(Debug, Clone, Copy)]
pub struct GroupFacts {
    /// Does the worker do tasks of this type?
    pub supports_type: bool,
    /// Has it a tag that the job wants, if it wants any?
    pub has_tag: bool,
    /// Has it failed too many of them?
    pub blacklisted: bool,
}

/// All that stands between a worker and all tasks of one type of one job, for as long as nobody changes anything.
pub fn group_obstacles(facts: GroupFacts) -> impl Iterator<Item = Obstacle> {
    let GroupFacts { supports_type, has_tag, blacklisted } = facts;
    [
        (!supports_type).then_some(Obstacle::UnsupportedType),
        (!has_tag).then_some(Obstacle::LacksTag),
        blacklisted.then_some(Obstacle::Blacklisted),
    ]
    .into_iter()
    .flatten()
}

/// Has the worker to wait until another one has done its task of the job?
pub fn limit_obstacle(state: &JobState) -> Option<Obstacle> {
    let most = state.max_workers?;
    (state.tally.in_hand() >= most.get().into()).then_some(Obstacle::EnoughWorkers)
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
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::task::TaskStatus;

    #[test]
    fn the_job_counts_before_the_task_and_the_task_before_the_id() {
        let (old, new) = (TaskId([1; 12]), TaskId([2; 12]));
        assert!(Rank::new(60, 10, new) < Rank::new(50, 90, old));
        assert!(Rank::new(50, 90, new) < Rank::new(50, 80, old));
        assert!(Rank::new(50, 50, old) < Rank::new(50, 50, new));
    }

    #[test]
    fn fair_is_to_begin_with_the_job_that_has_least_among_jobs_of_equal_priority() {
        let (old, new) = (TaskId([1; 12]), TaskId([2; 12]));
        let mut busy = Tally::default();
        busy.by_status[TaskStatus::Active as usize] = 2;
        busy.by_status[TaskStatus::CancelRequested as usize] = 1;
        let rank = |scheduling: Scheduling, job_priority, priority, task, tally: &Tally| {
            Rank::new(job_priority, priority, task).with_share(scheduling.share(tally))
        };
        let idle = Tally::default();
        let first = |scheduling| {
            rank(scheduling, 50, 90, old, &busy).min(rank(scheduling, 50, 10, new, &idle)).task()
        };
        assert_eq!(first(Scheduling::Fair), new);
        assert_eq!(first(Scheduling::Fifo), old);
        let fair = Scheduling::Fair;
        assert!(rank(fair, 51, 50, old, &busy) < rank(fair, 50, 50, new, &idle), "a higher priority counts");
        assert_eq!(fair.share(&busy), 3);
    }

    #[test]
    fn a_job_is_held_back_by_what_is_wanted_of_it_and_by_jobs_that_it_waits_for() {
        let state = |wish, waits_for| JobState { wish, waits_for, ..JobState::default() };
        let all = |state: &JobState| holds(state).collect::<Vec<_>>();
        assert_eq!(all(&state(JobWish::Run, 0)), []);
        assert_eq!(all(&state(JobWish::Pause, 0)), [Hold::Wish(JobWish::Pause)]);
        assert_eq!(all(&state(JobWish::Run, 2)), [Hold::WaitsForJobs(2)]);
        let both = state(JobWish::Cancel, 1);
        assert_eq!(all(&both), [Hold::Wish(JobWish::Cancel), Hold::WaitsForJobs(1)]);
        assert!(may_run(&state(JobWish::Run, 0)) && !may_run(&both));
    }

    #[test]
    fn no_more_workers_are_at_a_job_than_may_be() {
        let state = |max_workers, active| {
            let mut state = JobState { max_workers: NonZeroU32::new(max_workers), ..JobState::default() };
            state.tally.by_status[TaskStatus::Active as usize] = active;
            state
        };
        assert_eq!(limit_obstacle(&state(0, 1000)), None, "no limit");
        assert_eq!(limit_obstacle(&state(2, 1)), None);
        assert_eq!(limit_obstacle(&state(2, 2)), Some(Obstacle::EnoughWorkers));
        assert_eq!(limit_obstacle(&state(2, 3)), Some(Obstacle::EnoughWorkers), "it was lowered");
    }

    const FIT: GroupFacts = GroupFacts { supports_type: true, has_tag: true, blacklisted: false };

    #[test]
    fn nothing_stands_between_a_fit_worker_and_a_task() {
        assert_eq!(group_obstacles(FIT).next(), None);
        assert_eq!(task_obstacle(false, false), None);
    }

    #[test]
    fn each_obstacle_is_named() {
        let all = |facts| group_obstacles(facts).collect::<Vec<_>>();
        assert_eq!(all(GroupFacts { supports_type: false, ..FIT }), [Obstacle::UnsupportedType]);
        assert_eq!(all(GroupFacts { has_tag: false, ..FIT }), [Obstacle::LacksTag]);
        assert_eq!(all(GroupFacts { blacklisted: true, ..FIT }), [Obstacle::Blacklisted]);
        let unfit = GroupFacts { supports_type: false, has_tag: false, blacklisted: true };
        let in_order = [Obstacle::UnsupportedType, Obstacle::LacksTag, Obstacle::Blacklisted];
        assert_eq!(all(unfit), in_order);
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
