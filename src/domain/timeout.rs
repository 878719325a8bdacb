//! What is overdue (`interface.md`, section 3, "Timeouts" and the clean-ups of section 2).

use jiff::{SignedDuration, Timestamp};

use super::worker::WorkerStatus;

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

/// The status of a worker whose task has timed out.
///
/// One that is away or asleep by its own word stays so: it is not at fault for a task it no longer has.
pub fn after_task_timeout(status: WorkerStatus) -> WorkerStatus {
    match status {
        WorkerStatus::Starting | WorkerStatus::Awake | WorkerStatus::Testing | WorkerStatus::Timeout => {
            WorkerStatus::Timeout
        }
        WorkerStatus::Asleep | WorkerStatus::Error | WorkerStatus::Offline | WorkerStatus::Shutdown => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
