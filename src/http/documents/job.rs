//! Jobs, and what would become of them.

use std::{collections::BTreeMap, num::NonZeroU32};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use super::task::Command;
use crate::{
    domain::{
        compile::JobType,
        ids::JobId,
        job::{self, JobState, JobStatus},
        tags::Tags,
        task::TaskStatus,
        time_left::time_left,
    },
    services::{self, PlannedTask},
};

/// A job.
#[derive(Serialize, JsonSchema)]
pub struct Job<'a> {
    _id: JobId,
    /// When it came in.
    created: Timestamp,
    #[serde(flatten)]
    terms: JobTerms<'a>,
    tasks: TaskCounts,
    /// In how many seconds it may be done, by the time that its finished tasks took; null as long as that is not known.
    time_left_seconds: Option<u64>,
    /// When one of its tasks last changed status, or something about the job itself was changed.
    updated: Timestamp,
}

/// What is known of a job before it is submitted, too.
#[derive(Serialize, JsonSchema)]
struct JobTerms<'a> {
    /// The jobs that have to be completed first.
    depends_on: &'a [JobId],
    /// What kind of job it is.
    job_type: &'a str,
    /// How many workers may be at it at a time; null: any number.
    max_workers: Option<NonZeroU32>,
    /// Whatever the submitter wants to keep with it.
    metadata: Map<String, Value>,
    /// What people call it.
    name: &'a str,
    /// Importance among jobs; higher goes first.
    priority: i32,
    /// What its tasks are made from; empty for a ready-made list of tasks.
    settings: Map<String, Value>,
    status: JobStatus,
    /// Only workers with one of these tags may do it; none: any worker.
    worker_tags: &'a Tags,
}

/// How the tasks of a job stand.
#[derive(Serialize, JsonSchema)]
struct TaskCounts {
    /// How many there are by status; a status that none has is left out.
    by_status: BTreeMap<&'static str, u64>,
    /// How many could be handed out now.
    runnable: u64,
    total: u64,
}

/// A page of jobs.
#[derive(Serialize, JsonSchema)]
pub struct JobList<'a> {
    /// The newest first, if no other order was asked for.
    pub jobs: Vec<Job<'a>>,
    /// What to give as `after` to get the next page; nothing when this is the last.
    pub next: Option<String>,
    /// How many jobs the filters let through, on all pages.
    pub total: u64,
}

/// The kinds of jobs that are made from settings.
#[derive(Serialize, JsonSchema)]
pub struct JobTypes {
    pub job_types: &'static [JobType],
}

/// That a job is gone.
#[derive(Serialize, JsonSchema)]
pub struct Deleted {
    /// Which job it was.
    pub deleted: JobId,
}

/// What would become of a submission.
#[derive(Serialize, JsonSchema)]
pub struct Plan<'a> {
    job: PlannedJob<'a>,
    tasks: Vec<TaskOfPlan<'a>>,
}

/// A job that was not submitted yet.
#[derive(Serialize, JsonSchema)]
struct PlannedJob<'a> {
    #[serde(flatten)]
    terms: JobTerms<'a>,
    tasks: PlannedTaskCounts,
}

/// How many tasks a job would have.
#[derive(Serialize, JsonSchema)]
struct PlannedTaskCounts {
    total: usize,
}

/// A task that was not submitted yet.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlannedTask")]
struct TaskOfPlan<'a> {
    /// What the worker would do, one after the other.
    #[schemars(with = "Vec<Command>")]
    commands: &'a RawValue,
    /// What people call it.
    name: &'a str,
    /// The tasks that have to be completed first: indexes into this list.
    parents: &'a [usize],
    /// Importance within the job; higher goes first.
    priority: i32,
    status: TaskStatus,
    /// What a worker must support to be given it.
    task_type: &'a str,
}

/// A job that nobody can work on.
#[derive(Serialize, JsonSchema)]
pub struct StarvedJob<'a> {
    _id: JobId,
    /// What people call it.
    name: &'a str,
    /// Why nobody can take its tasks, and so what to do.
    reason: &'a str,
    /// How many such tasks there are.
    runnable_tasks: u64,
    /// The types of those tasks.
    task_types: &'a [String],
}

/// A job.
pub fn job<'a>(job: &'a job::Job, state: &'a JobState) -> Job<'a> {
    let JobState { priority, updated, tally, max_workers, worker_tags, .. } = state;
    let by_status = TaskStatus::ALL
        .into_iter()
        .map(|status| (status.as_str(), tally.count(status)))
        .filter(|(_, count)| *count > 0)
        .collect();
    Job {
        _id: job.id,
        created: job.created,
        terms: terms(job, *priority, *max_workers, worker_tags, state.status()),
        tasks: TaskCounts { by_status, runnable: tally.ready, total: tally.total() },
        time_left_seconds: time_left(state),
        updated: *updated,
    }
}

fn terms<'a>(
    job: &'a job::Job,
    priority: i32,
    max_workers: Option<NonZeroU32>,
    worker_tags: &'a Tags,
    status: JobStatus,
) -> JobTerms<'a> {
    let job::Job { id: _, name, job_type, settings, metadata, created: _, of_server: _, depends_on } = job;
    let (settings, metadata) = (object(settings), object(metadata));
    JobTerms { depends_on, job_type, max_workers, metadata, name, priority, settings, status, worker_tags }
}

/// What was stored as an object is one.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// What would become of a submission: the job without an ID, and its tasks; parents are places in the list of tasks.
pub fn plan(plan: &services::Plan) -> serde_json::Result<Plan<'_>> {
    let services::Plan { job, priority, start_paused, max_workers, worker_tags, tasks } = plan;
    let status = if *start_paused { JobStatus::Paused } else { JobStatus::Queued };
    let terms = terms(job, *priority, *max_workers, worker_tags, status);
    let total = tasks.len();
    let tasks = tasks.iter().map(planned_task).collect::<serde_json::Result<Vec<_>>>()?;
    Ok(Plan { job: PlannedJob { terms, tasks: PlannedTaskCounts { total } }, tasks })
}

fn planned_task(task: &PlannedTask) -> serde_json::Result<TaskOfPlan<'_>> {
    let PlannedTask { name, task_type, priority, commands, parents } = task;
    Ok(TaskOfPlan {
        commands: serde_json::from_str(commands)?,
        name,
        parents,
        priority: *priority,
        status: TaskStatus::Queued,
        task_type,
    })
}

/// A job that nobody can work on.
pub fn starved_job(starved: &services::StarvedJob) -> StarvedJob<'_> {
    let services::StarvedJob { id, name, task_types, runnable_tasks, reason } = starved;
    StarvedJob { _id: *id, name, reason, runnable_tasks: *runnable_tasks, task_types }
}
