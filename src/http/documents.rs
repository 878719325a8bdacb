//! The documents that go out, as workers, people and scripts know them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    domain::{
        job::{Job, JobState, JobStatus},
        sleep::SleepScheduleWire,
        task::{Task, TaskStatus},
        task_update::SetAside,
        worker::Worker,
    },
    exchange::{self, Conversation, Failure, Topic},
    services::{BlacklistEntry, Farm, Plan, PlannedTask, ServerQueues, StarvedJob, TaskView, WorkerView},
};

#[derive(Serialize)]
struct TaskDocument<'a, C> {
    _id: String,
    job: String,
    name: &'a str,
    status: &'static str,
    priority: i32,
    job_priority: i32,
    job_type: &'a str,
    task_type: &'a str,
    commands: C,
    parents: Vec<String>,
    activity: &'a str,
    worker: &'a str,
    worker_id: Option<String>,
    failed_by_workers: Vec<FailedByDocument<'a>>,
    last_worker_ping: Option<String>,
    last_updated: String,
    metrics: Metrics<'a>,
}

#[derive(Serialize)]
struct FailedByDocument<'a> {
    id: String,
    identifier: &'a str,
}

#[derive(Serialize)]
struct Metrics<'a> {
    timing: &'a BTreeMap<String, f64>,
}

/// A task with these commands, as JSON text.
pub fn task_text<C: Serialize>(
    task: &Task,
    job: &Job,
    state: &JobState,
    commands: C,
) -> serde_json::Result<String> {
    serde_json::to_string(&TaskDocument {
        _id: task.id.to_string(),
        job: task.job.to_string(),
        name: &task.name,
        status: task.status.as_str(),
        priority: task.priority,
        job_priority: state.priority,
        job_type: &job.job_type,
        task_type: &task.task_type,
        commands,
        parents: task.parents.iter().map(ToString::to_string).collect(),
        activity: &task.activity,
        worker: &task.worker,
        worker_id: task.worker_id.map(|id| id.to_string()),
        failed_by_workers: task
            .failed_by
            .iter()
            .map(|by| FailedByDocument { id: by.id.to_string(), identifier: &by.identifier })
            .collect(),
        last_worker_ping: task.last_worker_ping.map(|ping| ping.to_string()),
        last_updated: task.last_updated.to_string(),
        metrics: Metrics { timing: &task.timing },
    })
}

/// A task as people see it, with its commands as they are stored: variables stand for themselves.
pub fn task(view: &TaskView) -> serde_json::Result<Box<RawValue>> {
    let commands: &RawValue = serde_json::from_str(&view.commands)?;
    RawValue::from_string(task_text(&view.task, &view.job, &view.job_state, commands)?)
}

/// A job.
pub fn job(job: &Job, state: &JobState) -> Value {
    let Job { id, name, job_type, settings, metadata, created, of_server: _ } = job;
    let by_status: BTreeMap<_, _> = TaskStatus::ALL
        .into_iter()
        .map(|status| (status.as_str(), state.tally.count(status)))
        .filter(|(_, count)| *count > 0)
        .collect();
    json!({
        "_id": id,
        "name": name,
        "job_type": job_type,
        "priority": state.priority,
        "status": state.status().as_str(),
        // What was stored as an object is one.
        "settings": serde_json::from_str(settings).unwrap_or(Value::Null),
        "metadata": serde_json::from_str(metadata).unwrap_or(Value::Null),
        "created": created.to_string(),
        "updated": state.updated.to_string(),
        "tasks": { "total": state.tally.total(), "runnable": state.tally.ready, "by_status": by_status },
    })
}

/// What would become of a submission: the job without an ID, and its tasks; parents are places in the list of tasks.
pub fn plan(plan: &Plan) -> serde_json::Result<Value> {
    let Plan { job, priority, start_paused, tasks } = plan;
    let tasks = tasks.iter().map(planned_task).collect::<serde_json::Result<Vec<Value>>>()?;
    Ok(json!({
        "job": {
            "name": job.name,
            "job_type": job.job_type,
            "priority": priority,
            "status": if *start_paused { JobStatus::Paused } else { JobStatus::Queued }.as_str(),
            "settings": serde_json::from_str::<Value>(&job.settings)?,
            "metadata": serde_json::from_str::<Value>(&job.metadata)?,
            "tasks": { "total": tasks.len() },
        },
        "tasks": tasks,
    }))
}

fn planned_task(task: &PlannedTask) -> serde_json::Result<Value> {
    let PlannedTask { name, task_type, priority, commands, parents } = task;
    Ok(json!({
        "name": name,
        "task_type": task_type,
        "priority": priority,
        "status": TaskStatus::Queued.as_str(),
        "commands": serde_json::from_str::<Value>(commands)?,
        "parents": parents,
    }))
}

/// A worker that has just registered.
pub fn new_worker(worker: &Worker) -> Value {
    let last_activity = worker.registered;
    let view =
        WorkerView { worker: worker.clone(), last_activity, current_task: None, blacklist: Vec::new() };
    self::worker(&view)
}

/// A worker. Never its secret.
pub fn worker(view: &WorkerView) -> Value {
    let WorkerView { worker, last_activity, current_task, blacklist } = view;
    json!({
        "_id": worker.id,
        "nickname": worker.nickname,
        "address": worker.address,
        "status": worker.status,
        "platform": worker.platform,
        "software": worker.software,
        "supported_task_types": worker.supported_task_types,
        "current_task": worker.current_task,
        "current_task_status": current_task.as_ref().map(|task| task.status.as_str()),
        "current_task_updated": current_task.as_ref().map(|task| task.last_updated.to_string()),
        "current_job": current_task.as_ref().map(|task| task.job),
        "last_activity": last_activity.to_string(),
        "registered": worker.registered.to_string(),
        "status_requested": worker.requested.map_or("", |request| request.status.as_str()),
        "lazy_status_request": worker.requested.is_some_and(|request| request.lazy),
        "sleep_schedule": SleepScheduleWire::from(worker.sleep_schedule),
        "blacklist": blacklist.iter().map(blacklist_line).collect::<Vec<_>>(),
    })
}

/// A line of the blacklist.
fn blacklist_line(entry: &BlacklistEntry) -> Value {
    json!({
        "_created": entry.created.to_string(),
        "worker_id": entry.worker,
        "job_id": entry.job,
        "task_type": entry.task_type,
    })
}

/// A job that nobody can work on.
pub fn starved_job(starved: &StarvedJob) -> Value {
    let StarvedJob { id, name, task_types, runnable_tasks, reason } = starved;
    json!({
        "_id": id,
        "name": name,
        "task_types": task_types,
        "runnable_tasks": runnable_tasks,
        "reason": reason,
    })
}

/// The farm as a whole.
pub fn farm(farm: &Farm, exchange: Option<&exchange::State>) -> Value {
    let Farm { jobs, tasks, workers, queues, uptime, starved_jobs } = farm;
    json!({
        "jobs": jobs,
        "tasks": tasks,
        "workers": workers,
        "queues": queues_for_server(queues),
        "exchange": exchange.map(exchange_state),
        "uptime_seconds": uptime.as_secs_f64(),
        "starved_jobs": starved_jobs.iter().map(starved_job).collect::<Vec<_>>(),
    })
}

/// What waits for the Server, and since when.
fn queues_for_server(queues: &ServerQueues) -> Value {
    let ServerQueues {
        updates,
        oldest_update,
        set_aside,
        last_set_aside,
        wanted_logs,
        oldest_wanted_log,
        ask_again,
    } = queues;
    json!({
        "task_updates": updates,
        "task_updates_since": time(*oldest_update),
        "wanted_logs": wanted_logs,
        "wanted_logs_since": time(*oldest_wanted_log),
        "tasks_to_ask_about": ask_again,
        "task_updates_set_aside": set_aside,
        "last_set_aside": last_set_aside.as_ref().map(|SetAside { update, reason, at }| {
            json!({ "task": update.task, "at": at.to_string(), "reason": reason })
        }),
    })
}

/// How the exchange with the Server goes.
fn exchange_state(state: &exchange::State) -> Value {
    let conversations = Topic::ALL.into_iter().zip(&state.conversations);
    json!({
        "standstill": state.standstill.as_ref().map(|(failure, until)| {
            json!({ "since": failure.at.to_string(), "until": until.to_string(), "reason": failure.what })
        }),
        "conversations": conversations
            .map(|(topic, conversation)| (topic.as_str().to_owned(), self::conversation(conversation)))
            .collect::<Map<_, _>>(),
    })
}

fn conversation(conversation: &Conversation) -> Value {
    let Conversation { last_success, last_failure, failures, next_try } = conversation;
    json!({
        "last_success": time(*last_success),
        "last_error": last_failure.as_ref().map(|Failure { at, what }| {
            json!({ "at": at.to_string(), "message": what })
        }),
        "failures_in_a_row": failures,
        "next_try": time(*next_try),
    })
}

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}
