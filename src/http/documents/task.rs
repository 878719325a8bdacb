//! Tasks, for workers and for people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        job::{Job, JobState},
        task::{self, TaskStatus},
        task_history::{self, Entry, What},
        variables::{Audience, Variables, tidy_settings},
    },
    services::TaskView,
};

/// A task.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Task", bound = "")]
pub struct Task<'a, C> {
    _id: TaskId,
    /// The job that it is part of.
    job: JobId,
    /// What people call it.
    name: &'a str,
    status: TaskStatus,
    /// Importance within the job; higher goes first.
    priority: i32,
    /// Importance of the job among jobs.
    job_priority: i32,
    /// What kind of job it is part of.
    job_type: &'a str,
    /// What a worker must support to be given it.
    task_type: &'a str,
    /// What the worker does, one after the other.
    #[schemars(with = "Vec<Command>")]
    commands: C,
    /// The tasks that have to be completed first.
    parents: &'a [TaskId],
    /// What is going on with it, in words.
    activity: &'a str,
    /// The worker that it was last given to, as people know it; empty if it was never given to any.
    worker: &'a str,
    worker_id: Option<WorkerId>,
    /// The workers that failed it.
    failed_by_workers: Vec<FailedBy<'a>>,
    /// When its worker was last heard of.
    last_worker_ping: Option<Timestamp>,
    last_updated: Timestamp,
    metrics: Metrics<'a>,
    /// What the task had where it was imported from, and the Manager has no use for. Left out where there is nothing, and in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    extra: Option<&'a RawValue>,
}

/// A task as people see it, with its commands as they are stored.
pub type TaskOfPeople<'a> = Task<'a, &'a RawValue>;

/// A command of a task. One that a Flamenco Server sent is shown as it came, whatever else it has.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["name"], "additionalProperties" = true))]
pub struct Command {
    /// Which command.
    pub name: String,
    /// Its settings.
    #[serde(default)]
    pub settings: Value,
}

/// What a worker on a platform is given to do.
#[derive(Serialize, JsonSchema)]
pub struct Commands {
    /// `linux`, `windows`, `darwin`, …
    pub platform: String,
    /// One after the other, with the values of variables in their settings.
    pub commands: Vec<Command>,
}

/// A worker that failed a task.
#[derive(Serialize, JsonSchema)]
struct FailedBy<'a> {
    id: WorkerId,
    /// How people know it.
    identifier: &'a str,
}

/// What was measured while a task was done.
#[derive(Serialize, JsonSchema)]
struct Metrics<'a> {
    /// Seconds, by what they were spent on.
    timing: &'a BTreeMap<String, f64>,
}

/// A page of the tasks of a job.
#[derive(Serialize, JsonSchema)]
pub struct TaskList<'a> {
    /// In the order in which they were submitted, if no other was asked for.
    pub tasks: Vec<TaskOfPeople<'a>>,
    /// How many tasks of the job the filters let through, on all pages.
    pub total: u64,
    /// What to give as `after` to get the next page; nothing when this is the last.
    pub next: Option<String>,
}

/// The commands in a JSON text as a worker on this platform needs them: variables replaced, whole numbers as integers,
/// settings always an object (`worker-protocol.md`, sections 0.11, 0.12 and 4).
pub fn commands_of_worker(
    variables: &Variables,
    commands: &str,
    platform: &str,
) -> serde_json::Result<Vec<Command>> {
    let mut commands: Vec<Command> = serde_json::from_str(commands)?;
    for command in &mut commands {
        let settings = tidy_settings(command.settings.take());
        command.settings = variables.replace(settings, Audience::Workers, platform);
    }
    Ok(commands)
}

/// All tasks of a job in brief.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it is written piece by piece, and this says what comes of that")]
pub struct Grid<'a> {
    /// In the order of their IDs.
    tasks: Vec<Cell<'a>>,
}

/// A task in brief.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TaskInBrief")]
pub struct Cell<'a> {
    _id: TaskId,
    /// What people call it.
    name: &'a str,
    status: TaskStatus,
    /// What a worker must support to be given it.
    task_type: &'a str,
    /// The worker that it was last given to.
    worker_id: Option<WorkerId>,
    /// The tasks that have to be completed first: indexes into this list.
    parents: Vec<usize>,
}

/// A task in brief, with the places of its parents in the list of tasks.
pub fn cell(task: &task::Task, parents: Vec<usize>) -> Cell<'_> {
    let task::Task { id, name, status, task_type, worker_id, .. } = task;
    Cell { _id: *id, name, status: *status, task_type, worker_id: *worker_id, parents }
}

/// What has become of a task: the latest of it, the oldest first.
#[derive(Serialize, JsonSchema)]
pub struct TaskHistory<'a> {
    history: Vec<HistoryEntry<'a>>,
    /// How many older entries have been forgotten.
    left_out: u64,
}

/// Something that has become of a task.
#[derive(Serialize, JsonSchema)]
struct HistoryEntry<'a> {
    when: Timestamp,
    what: What,
    /// The worker that has it or had it just before.
    worker_id: Option<WorkerId>,
    /// Its address and nickname at that time.
    worker: Option<&'a str>,
    /// What was said of it; empty where that says no more.
    why: &'a str,
}

/// What has become of a task.
pub fn task_history(history: &task_history::TaskHistory) -> TaskHistory<'_> {
    TaskHistory { history: history.entries.iter().map(history_entry).collect(), left_out: history.forgotten }
}

fn history_entry(Entry { at, what, worker, why }: &Entry) -> HistoryEntry<'_> {
    HistoryEntry {
        when: *at,
        what: *what,
        worker_id: worker.as_ref().map(|(id, _)| *id),
        worker: worker.as_ref().map(|(_, worker)| worker.as_str()),
        why,
    }
}

/// A task with these commands, as JSON text.
pub fn task_text<C: Serialize>(
    task: &task::Task,
    job: &Job,
    state: &JobState,
    commands: C,
) -> serde_json::Result<String> {
    serde_json::to_string(&with_commands(task, job, state, commands))
}

fn with_commands<'a, C>(task: &'a task::Task, job: &'a Job, state: &JobState, commands: C) -> Task<'a, C> {
    Task {
        _id: task.id,
        job: task.job,
        name: &task.name,
        status: task.status,
        priority: task.priority,
        job_priority: state.priority,
        job_type: &job.job_type,
        task_type: &task.task_type,
        commands,
        parents: &task.parents,
        activity: &task.activity,
        worker: &task.worker,
        worker_id: task.worker_id,
        failed_by_workers: task
            .failed_by
            .iter()
            .map(|by| FailedBy { id: by.id, identifier: &by.identifier })
            .collect(),
        last_worker_ping: task.last_worker_ping,
        last_updated: task.last_updated,
        metrics: Metrics { timing: &task.timing },
        extra: None,
    }
}

/// A task as people see it, with its commands as they are stored: variables stand for themselves.
pub fn task(view: &TaskView) -> serde_json::Result<TaskOfPeople<'_>> {
    let commands = serde_json::from_str(&view.commands)?;
    let extra = view.extra.as_deref().map(serde_json::from_str).transpose()?;
    Ok(Task { extra, ..with_commands(&view.task, &view.job, &view.job_state, commands) })
}
