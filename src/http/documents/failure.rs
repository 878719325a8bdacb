//! What failed, and what logs say of it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{
        ids::{TaskId, WorkerId},
        task::TaskStatus,
    },
    services::{self, Found},
};

/// The failed tasks of a job.
#[derive(Serialize, JsonSchema)]
pub struct Failures<'a> {
    /// The newest first, at most 100.
    failures: Vec<Failure<'a>>,
    /// How many there are in all.
    total: u64,
}

/// A task that failed.
#[derive(Serialize, JsonSchema)]
struct Failure<'a> {
    task: TaskId,
    /// What people call it.
    name: &'a str,
    /// `soft-failed`, if another worker may try it yet.
    status: TaskStatus,
    /// When it failed.
    when: Timestamp,
    /// The worker that had it last.
    worker_id: Option<WorkerId>,
    /// How people know that worker.
    worker: Option<&'a str>,
    /// The first line of its log that looks like an error, or else the last line; null without a log.
    line: Option<&'a str>,
}

/// The lines of a log in which something was found.
#[derive(Serialize, JsonSchema)]
pub struct LogMatches {
    /// In the order of the log.
    matches: Vec<LogMatch>,
    /// Whether there are more than these.
    truncated: bool,
}

/// A line of a log.
#[derive(Serialize, JsonSchema)]
struct LogMatch {
    /// Its number, from 1.
    line: u64,
    /// The line; of a long one the part with what was found.
    text: String,
}

/// The failed tasks of a job.
pub fn failures(failures: &[services::Failure], total: u64) -> Failures<'_> {
    Failures { failures: failures.iter().map(failure).collect(), total }
}

fn failure(failure: &services::Failure) -> Failure<'_> {
    let services::Failure { task, line } = failure;
    Failure {
        task: task.id,
        name: &task.name,
        status: task.status,
        when: task.last_updated,
        worker_id: task.worker_id,
        worker: Some(task.worker.as_str()).filter(|worker| !worker.is_empty()),
        line: line.as_deref(),
    }
}

/// What was found in a log.
pub fn log_matches(found: Found) -> LogMatches {
    let Found { lines, truncated } = found;
    let matches = lines.into_iter().map(|(line, text)| LogMatch { line, text });
    LogMatches { matches: matches.collect(), truncated }
}
