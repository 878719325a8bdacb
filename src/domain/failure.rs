//! What a failure means: try again elsewhere or give up, and whether to trust the worker with more of the
//! same (`interface.md`, section 3, "Failure").

use jiff::{SignedDuration, Timestamp};

/// How long a blacklist entry counts: 7 days.
pub const BLACKLIST_EXPIRY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The configured limits.
#[derive(Debug, Clone, Copy)]
pub struct FailurePolicy {
    /// `task_fail_after_softfail_count`: as many workers failing a task end it.
    pub hard_fail_after: u64,
    /// `blacklist_threshold`: as many failures of one worker on one job and task type blacklist it there;
    /// 0 means never.
    pub blacklist_after: u64,
}

/// What is known when a worker has failed a task. This failure is included in every figure.
#[derive(Debug, Clone, Copy)]
pub struct FailureFacts {
    /// How many workers have failed this task.
    pub failed_by: u64,
    /// How many tasks of this job and task type this worker has failed.
    pub failures_of_worker: u64,
    /// A registered worker that supports the type, is not blacklisted for it and has not failed this task
    /// is left. The worker that just failed it is not.
    pub others_left: bool,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureVerdict {
    /// Another worker may try the task: it has failed softly. Otherwise it has failed for good.
    pub retry: bool,
    /// The worker gets no more tasks of this type of this job.
    pub blacklist_worker: bool,
}

/// Judges a failure.
pub fn judge(facts: FailureFacts, policy: FailurePolicy) -> FailureVerdict {
    FailureVerdict {
        retry: facts.others_left && facts.failed_by < policy.hard_fail_after,
        blacklist_worker: policy.blacklist_after > 0 && facts.failures_of_worker >= policy.blacklist_after,
    }
}

/// Does a blacklist entry made at `created` still count?
pub fn blacklist_counts(created: Timestamp, now: Timestamp) -> bool {
    now.duration_since(created) < BLACKLIST_EXPIRY
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: FailurePolicy = FailurePolicy { hard_fail_after: 3, blacklist_after: 3 };
    const FIRST: FailureFacts = FailureFacts { failed_by: 1, failures_of_worker: 1, others_left: true };

    #[test]
    fn a_first_failure_is_retried_by_others_and_not_held_against_the_worker() {
        assert_eq!(judge(FIRST, POLICY), FailureVerdict { retry: true, blacklist_worker: false });
    }

    #[test]
    fn the_third_worker_to_fail_a_task_ends_it() {
        assert!(judge(FailureFacts { failed_by: 2, ..FIRST }, POLICY).retry);
        assert!(!judge(FailureFacts { failed_by: 3, ..FIRST }, POLICY).retry);
    }

    #[test]
    fn a_task_that_nobody_is_left_to_try_has_failed_at_once() {
        assert!(!judge(FailureFacts { others_left: false, ..FIRST }, POLICY).retry);
    }

    #[test]
    fn the_third_failure_of_a_kind_blacklists_the_worker() {
        assert!(!judge(FailureFacts { failures_of_worker: 2, ..FIRST }, POLICY).blacklist_worker);
        assert!(judge(FailureFacts { failures_of_worker: 3, ..FIRST }, POLICY).blacklist_worker);
    }

    #[test]
    fn a_blacklist_entry_counts_for_seven_days() {
        let created: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        assert!(blacklist_counts(created, "2026-03-08T11:59:59Z".parse().unwrap()));
        assert!(!blacklist_counts(created, "2026-03-08T12:00:00Z".parse().unwrap()));
    }
}
