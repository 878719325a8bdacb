//! How long a job may still take, going by how long its finished tasks took.

use jiff::SignedDuration;

use super::{assign::may_run, job::JobState};

/// How long finished tasks of a job took, from being handed out to being completed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// How many tasks were measured.
    pub tasks: u64,
    /// Their times together, in milliseconds.
    pub millis: u64,
}

impl Measured {
    /// Counts a task. One that ended before it began, because the clock was set back, tells nothing.
    pub fn add(&mut self, took: SignedDuration) {
        if let Ok(millis) = u64::try_from(took.as_millis()) {
            self.tasks += 1;
            self.millis = self.millis.saturating_add(millis);
        }
    }
}

/// In how many seconds the job may be done, if as many workers go on as are at it now, and at least one. Nothing is known
/// before the first task is completed, nor of a job that does not go on by itself.
pub fn time_left(state: &JobState) -> Option<u64> {
    let Measured { tasks, millis } = state.measured;
    if tasks == 0 || !may_run(state) || state.status().has_ended() {
        return None;
    }
    let in_hand = state.tally.in_hand();
    let to_do = u128::from(state.tally.waiting()) + u128::from(in_hand);
    let workers = u128::from(in_hand.max(1));
    let millis = u128::from(millis).saturating_mul(to_do) / (u128::from(tasks) * workers);
    Some(u64::try_from(millis.div_ceil(1000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        job::{JobWish, Tally},
        task::TaskStatus,
    };

    /// A job of which four tasks are completed, in a minute each, six wait, and workers have some.
    fn job(in_hand: u64) -> JobState {
        let mut state = JobState::default();
        for _ in 0..4 {
            state.measured.add(SignedDuration::from_mins(1));
        }
        state.tally = Tally { ready: 6, ..Tally::default() };
        for (status, count) in
            [(TaskStatus::Completed, 4), (TaskStatus::Queued, 6), (TaskStatus::Active, in_hand)]
        {
            state.tally.by_status[status as usize] = count;
        }
        state
    }

    #[test]
    fn what_is_left_is_shared_by_the_workers_that_are_at_it() {
        assert_eq!(time_left(&job(0)), Some(6 * 60), "as if one were at it");
        assert_eq!(time_left(&job(1)), Some(7 * 60));
        assert_eq!(time_left(&job(2)), Some(8 * 60 / 2));
        assert_eq!(time_left(&job(6)), Some(12 * 60 / 6));
    }

    #[test]
    fn nothing_is_known_before_something_is_completed() {
        assert_eq!(time_left(&JobState { measured: Measured::default(), ..job(1) }), None);
    }

    #[test]
    fn a_job_that_does_not_go_on_has_no_time_left() {
        assert_eq!(time_left(&JobState { wish: JobWish::Pause, ..job(1) }), None);
        assert_eq!(time_left(&JobState { wish: JobWish::Cancel, ..job(1) }), None);
        assert_eq!(time_left(&JobState { waits_for: 1, ..job(0) }), None);
        let mut done = job(0);
        done.tally = Tally::default();
        done.tally.by_status[TaskStatus::Completed as usize] = 10;
        assert_eq!(time_left(&done), None);
    }

    #[test]
    fn absurd_times_are_no_trouble() {
        let mut measured = Measured::default();
        measured.add(SignedDuration::from_secs(-5));
        assert_eq!(measured, Measured::default(), "the clock was set back");
        measured.add(SignedDuration::MAX);
        measured.add(SignedDuration::from_secs(5));
        let mut absurd = JobState { measured, ..job(1) };
        absurd.tally.by_status[TaskStatus::Queued as usize] = u64::MAX / 2;
        assert!(time_left(&absurd).is_some());
    }
}
