//! What is overdue (`interface.md`, section 3, "Timeouts" and the clean-ups of section 2).

use jiff::{SignedDuration, Timestamp};

use super::{
    job::{JobAction, JobState},
    worker::WorkerStatus,
};

/// Has a worker that is in `status`, and was last heard of at `last_seen`, timed out?
///
/// Only an awake worker can: one that sleeps, or is in error, is silent for good reasons.
pub fn worker_timed_out(
    status: WorkerStatus,
    last_seen: Timestamp,
    now: Timestamp,
    interval: SignedDuration,
) -> bool {
    status == WorkerStatus::Awake && is_older(last_seen, now, interval)
}

/// Is `then` longer ago than `age`? A moment in the future, after the clock was set back, is not.
pub fn is_older(then: Timestamp, now: Timestamp, age: SignedDuration) -> bool {
    now.duration_since(then) > age
}

/// Is the job over, so that nobody misses it once it is old? One that failed or was canceled, and that another job waits for,
/// may have to be requeued: without it the other would begin.
pub fn job_is_past(state: &JobState, somebody_waits: bool) -> bool {
    let is_quiet = state.after(JobAction::Delete { force: false }).is_ok();
    state.status().has_ended() && is_quiet && !(somebody_waits && state.blocks_dependents())
}

/// What becomes of an active task of which nothing has been heard for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilentTask {
    /// Its worker is awake and has forgotten it: the task has failed, and the worker has timed out.
    Fails,
    /// Its worker is not at work, as it says itself, or has started anew: nobody has the task, so somebody else may.
    GoesBack,
}

/// Judges such a task by the status of its worker, if that is still known.
pub fn judge_silent_task(worker: Option<WorkerStatus>) -> SilentTask {
    match worker {
        Some(WorkerStatus::Awake) => SilentTask::Fails,
        Some(
            WorkerStatus::Starting
            | WorkerStatus::Asleep
            | WorkerStatus::Error
            | WorkerStatus::Testing
            | WorkerStatus::Offline
            | WorkerStatus::Timeout
            | WorkerStatus::Shutdown,
        )
        | None => SilentTask::GoesBack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{job::JobWish, task::TaskStatus};

    #[test]
    fn a_job_is_past_that_has_ended_unless_another_one_could_begin_by_that() {
        use TaskStatus::{CancelRequested, Canceled, Completed, Failed, Queued};
        let job = |wish, statuses: &[TaskStatus]| {
            let mut state = JobState { wish, ..JobState::default() };
            for status in statuses {
                state.tally.add(*status, status.is_schedulable(), 1);
            }
            state
        };
        for (state, past, if_waited_for) in [
            (job(JobWish::Run, &[Completed, Completed]), true, true),
            (job(JobWish::Run, &[Completed, Failed]), true, false),
            (job(JobWish::Cancel, &[Canceled]), true, false),
            (job(JobWish::Run, &[Completed, Queued]), false, false),
            (job(JobWish::Pause, &[Completed, Queued]), false, false),
            (job(JobWish::Fail, &[Failed, CancelRequested]), false, false),
        ] {
            assert_eq!(
                (job_is_past(&state, false), job_is_past(&state, true)),
                (past, if_waited_for),
                "{state:?}"
            );
        }
    }

    #[test]
    fn only_an_awake_worker_times_out_and_only_after_the_interval() {
        let seen: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let minute = SignedDuration::from_mins(1);
        let late = seen + SignedDuration::from_secs(61);
        assert!(worker_timed_out(WorkerStatus::Awake, seen, late, minute));
        assert!(!worker_timed_out(WorkerStatus::Awake, seen, seen + minute, minute));
        assert!(!worker_timed_out(WorkerStatus::Asleep, seen, late, minute));
    }

    #[test]
    fn a_clock_that_was_set_back_times_nobody_out() {
        let seen: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let earlier = seen - SignedDuration::from_hours(5);
        assert!(!worker_timed_out(WorkerStatus::Awake, seen, earlier, SignedDuration::from_mins(1)));
    }

    #[test]
    fn only_a_worker_that_is_awake_can_forget_its_task() {
        for status in WorkerStatus::ALL {
            let fails = judge_silent_task(Some(status)) == SilentTask::Fails;
            assert_eq!(fails, status == WorkerStatus::Awake, "{status}");
        }
        assert_eq!(judge_silent_task(None), SilentTask::GoesBack);
    }
}
