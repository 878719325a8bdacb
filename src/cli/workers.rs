//! `worker`: workers are looked at, sent to sleep, woken, forgotten and given tags.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    Failure,
    args::{WorkerCommand, WorkerName},
    client::{CallError, Client},
    complain,
    crew::Crew,
    explain::explain,
    tables::{age, fields, list, print, print_json, table, text},
};
use crate::{
    clock::{Clock, SystemClock},
    domain::ids::WorkerId,
};

pub fn execute(manager: &Client, command: &WorkerCommand, as_json: bool) -> Result<ExitCode, Failure> {
    match command {
        WorkerCommand::List { status } => {
            let query = (!status.is_empty()).then(|| ("status", status.join(",")));
            let workers = manager.get_with("/api/workers", query.as_slice())?["workers"].take();
            let workers = workers.as_array().map(Vec::as_slice).unwrap_or_default();
            if workers.is_empty() && !status.is_empty() && !as_json {
                print("There are no such workers.")?;
            } else {
                show(workers, as_json)?;
            }
        }
        WorkerCommand::Show { worker } => {
            let id = resolve(manager, worker)?;
            show_one(&manager.get(&format!("/api/workers/{id}"))?, as_json)?;
        }
        WorkerCommand::Explain { worker } => {
            explain(manager, &format!("/api/workers/{}", resolve(manager, worker)?), as_json)?;
        }
        WorkerCommand::Sleep { workers, lazy } => return ask(manager, workers, "asleep", *lazy, as_json),
        WorkerCommand::Wake { workers } => return ask(manager, workers, "awake", false, as_json),
        WorkerCommand::Shutdown { workers, lazy } => {
            return ask(manager, workers, "shutdown", *lazy, as_json);
        }
        WorkerCommand::Forget { workers } => return forget(manager, workers, as_json),
        WorkerCommand::Tags { worker, tags, none: _ } => {
            let id = resolve(manager, worker)?;
            let change = json!({ "tags": tags }).to_string();
            show_one(&manager.patch(&format!("/api/workers/{id}"), change.as_bytes())?, as_json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks workers to be in another status.
fn ask(
    manager: &Client,
    workers: &[WorkerName],
    status: &str,
    lazy: bool,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let request = json!({ "status": status, "lazy": lazy }).to_string();
    let (asked, code) =
        each(manager, workers, |id| manager.post(&format!("/api/workers/{id}/status"), request.as_bytes()))?;
    let workers: Vec<_> = asked.into_iter().map(|(_, worker)| worker).collect();
    if as_json || !workers.is_empty() {
        show(&workers, as_json)?;
    }
    Ok(code)
}

fn forget(manager: &Client, workers: &[WorkerName], as_json: bool) -> Result<ExitCode, Failure> {
    let (forgotten, code) = each(manager, workers, |id| manager.delete(&format!("/api/workers/{id}")))?;
    let ids: Vec<_> = forgotten.iter().map(|(id, _)| id).collect();
    if as_json {
        print_json(&json!({ "forgotten": ids }))?;
    } else {
        ids.iter().try_for_each(|id| print(&format!("Worker {id} was forgotten.")))?;
    }
    Ok(code)
}

/// Does something with each worker, even if it cannot be done with others: those are named on stderr. Returns with which it
/// was done and what the Manager said, and the exit code.
fn each(
    manager: &Client,
    names: &[WorkerName],
    act: impl Fn(WorkerId) -> Result<Value, CallError>,
) -> Result<(Vec<(WorkerId, Value)>, ExitCode), Failure> {
    let crew = Crew::of(manager, names)?;
    let mut done = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for name in names {
        let (why, hopeless) = match crew.find(name).map(|id| (id, act(id))) {
            Ok((id, Ok(answer))) => {
                done.push((id, answer));
                continue;
            }
            // The next one would not be reached either.
            Ok((_, Err(error @ CallError::Unreachable { .. }))) => (error.to_string(), true),
            Ok((_, Err(error))) => (format!("{name}: {error}"), false),
            Err(Failure(why)) => (why, false),
        };
        complain(&why);
        code = ExitCode::FAILURE;
        if hopeless {
            break;
        }
    }
    Ok((done, code))
}

/// The one worker who is called so.
fn resolve(manager: &Client, name: &WorkerName) -> Result<WorkerId, Failure> {
    Crew::of(manager, std::slice::from_ref(name))?.find(name)
}

fn show(workers: &[Value], as_json: bool) -> Result<(), Failure> {
    if as_json { print_json(&json!({ "workers": workers })) } else { print(&worker_table(workers)) }
}

fn show_one(worker: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json { print_json(worker) } else { print(&details(worker)) }
}

fn worker_table(workers: &[Value]) -> String {
    if workers.is_empty() {
        return "There are no workers yet. Start one with manager_url set to the address of this Manager."
            .into();
    }
    let now = SystemClock.now();
    let mut table = table(&["ID", "NICKNAME", "STATUS", "LAST SEEN", "TASK"]);
    for worker in workers {
        table.add_row([
            text(worker, "_id"),
            text(worker, "nickname"),
            status(worker),
            age(worker, "last_activity", now),
            text(worker, "current_task"),
        ]);
    }
    table.to_string()
}

/// How it is, and how it is to be.
fn status(worker: &Value) -> String {
    let status = text(worker, "status");
    match worker["status_requested"].as_str().unwrap_or_default() {
        "" => status,
        _ => format!("{status}, to be {}", text(worker, "status_requested")),
    }
}

fn details(worker: &Value) -> String {
    let known = [
        ("ID", "_id"),
        ("Nickname", "nickname"),
        ("Status", "status"),
        ("Asked to be", "status_requested"),
        ("Address", "address"),
        ("Platform", "platform"),
        ("Software", "software"),
        ("Last seen", "last_activity"),
        ("Registered", "registered"),
        ("Current task", "current_task"),
        ("Its status", "current_task_status"),
    ];
    let known = known.map(|(name, field)| (name, text(worker, field)));
    let more = [
        ("Task types", list(worker, "supported_task_types")),
        ("Tags", list(worker, "tags")),
        ("Sleep schedule", sleep_schedule(&worker["sleep_schedule"])),
    ];
    let blacklist = worker["blacklist"].as_array().map(Vec::as_slice).unwrap_or_default();
    let blacklist = blacklist.iter().map(|line| {
        let [task_type, job, created] = ["task_type", "job_id", "_created"].map(|field| text(line, field));
        ("Blacklisted for", format!("{task_type} of job {job}, since {created}"))
    });
    fields(known.into_iter().chain(more).chain(blacklist))
}

fn sleep_schedule(schedule: &Value) -> String {
    if schedule["schedule_active"] != true {
        return "-".into();
    }
    let or = |field: &str, default: &str| {
        let text = text(schedule, field);
        if text == "-" { default.to_owned() } else { text }
    };
    format!(
        "asleep {} to {}, {}",
        or("time_start", "00:00"),
        or("time_end", "24:00"),
        or("days_of_week", "every day")
    )
}
