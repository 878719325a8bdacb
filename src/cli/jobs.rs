//! `job`: jobs are looked at and controlled.

use std::process::ExitCode;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    Failure,
    args::{JobCommand, JobFilter},
    client::Client,
    explain::explain,
    submit::submit,
    tables::{age, list, print, print_json, table, text},
    wait::wait,
};
use crate::{
    clock::{Clock, SystemClock},
    domain::numbers::count,
};

/// As many entries are asked for at a time.
const PAGE: usize = 1000;

pub fn execute(manager: &Client, command: &JobCommand, as_json: bool) -> Result<ExitCode, Failure> {
    match command {
        JobCommand::Submit(submission) => return submit(manager, submission, as_json),
        JobCommand::Wait { id } => return wait(manager, &id.to_string(), as_json),
        JobCommand::List(filter) => {
            let query = query(filter);
            let jobs = all(manager, "/api/jobs", &query, filter.limit, "jobs")?;
            match (as_json, jobs.is_empty()) {
                (true, _) => print_json(&json!({ "jobs": jobs })),
                (false, false) => print(&job_table(&jobs)),
                (false, true) if query.is_empty() => print("There are no jobs."),
                (false, true) => print("There are no such jobs."),
            }
        }
        JobCommand::Show { id } => {
            let job = manager.get(&format!("/api/jobs/{id}"))?;
            let tasks = all(manager, &format!("/api/jobs/{id}/tasks"), &[], None, "tasks")?;
            if as_json {
                print_json(&json!({ "job": job, "tasks": tasks }))
            } else {
                print(&format!(
                    "{}\n\n{}{}",
                    job_table(std::slice::from_ref(&job)),
                    terms(&job),
                    task_table(&tasks)
                ))
            }
        }
        JobCommand::Explain { id } => explain(manager, &format!("/api/jobs/{id}"), as_json),
        JobCommand::Cancel { id } => report(&manager.post(&format!("/api/jobs/{id}/cancel"), &[])?, as_json),
        JobCommand::Pause { id } => report(&manager.post(&format!("/api/jobs/{id}/pause"), &[])?, as_json),
        JobCommand::Resume { id } => report(&manager.post(&format!("/api/jobs/{id}/resume"), &[])?, as_json),
        JobCommand::Requeue { id, failed } => {
            let which = if *failed { "failed" } else { "all" };
            report(&manager.post(&format!("/api/jobs/{id}/requeue?tasks={which}"), &[])?, as_json)
        }
        JobCommand::Priority { id, priority } => {
            let change = json!({ "priority": priority }).to_string();
            report(&manager.patch(&format!("/api/jobs/{id}"), change.as_bytes())?, as_json)
        }
        JobCommand::Delete { id, force } => {
            let deleted = manager.delete(&format!("/api/jobs/{id}?force={force}"))?;
            if as_json { print_json(&deleted) } else { print(&format!("Job {id} was deleted.")) }
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The job after something was done with it.
fn report(job: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json { print_json(job) } else { print(&job_table(std::slice::from_ref(job))) }
}

/// What the Manager is asked to leave out, and how to sort.
fn query(filter: &JobFilter) -> Vec<(&'static str, String)> {
    let JobFilter { status, job_type, text, sort, limit: _ } = filter;
    let any_of = |words: &[String]| (!words.is_empty()).then(|| words.join(","));
    let given = [
        ("status", any_of(status)),
        ("type", any_of(job_type)),
        ("text", text.clone()),
        ("sort", sort.clone()),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The entries of a list, page by page, up to a limit.
fn all(
    manager: &Client,
    path: &str,
    query: &[(&str, String)],
    limit: Option<usize>,
    name: &str,
) -> Result<Vec<Value>, Failure> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    let mut next = None;
    while entries.len() < limit {
        let mut query = query.to_vec();
        query.push(("limit", PAGE.min(limit - entries.len()).to_string()));
        query.extend(next.map(|next| ("after", next)));
        let mut page = manager.get_with(path, &query)?;
        if let Value::Array(more) = page[name].take() {
            entries.extend(more);
        }
        next = page["next"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    Ok(entries)
}

/// The name, which may be long, is the last.
fn job_table(jobs: &[Value]) -> String {
    let now = SystemClock.now();
    let mut table = table(&["ID", "STATUS", "PRIORITY", "DONE", "FAILED", "TIME LEFT", "AGE", "NAME"]);
    for job in jobs {
        let tasks = &job["tasks"];
        let in_status = |status: &str| tasks["by_status"][status].as_u64().unwrap_or(0);
        table.add_row([
            text(job, "_id"),
            text(job, "status"),
            text(job, "priority"),
            format!("{} of {}", in_status("completed"), text(tasks, "total")),
            in_status("failed").to_string(),
            time_left(job),
            age(job, "created", now),
            text(job, "name"),
        ]);
    }
    table.to_string()
}

/// About how long the job may still take, if that is known.
fn time_left(job: &Value) -> String {
    let seconds = job["time_left_seconds"].as_i64();
    seconds.map_or_else(|| "-".into(), |seconds| format!("{:#}", SignedDuration::from_secs(seconds)))
}

/// What the job asks for, a line each; empty when it asks for nothing.
fn terms(job: &Value) -> String {
    let mut lines: Vec<_> = [
        ("depends_on", "Waits until these jobs are completed"),
        ("worker_tags", "Only on workers with a tag of"),
    ]
    .into_iter()
    .map(|(field, what)| (what, list(job, field)))
    .filter(|(_, names)| names != "-")
    .map(|(what, names)| format!("{what}: {names}\n"))
    .collect();
    if let Some(most) = job["max_workers"].as_u64() {
        lines.push(format!("Workers at a time, at most: {most}\n"));
    }
    if !lines.is_empty() {
        lines.push("\n".into());
    }
    lines.concat()
}

/// As many names stand in a field of the table; the last task of a render may wait for thousands.
const NAMES_SHOWN: usize = 3;

/// The tasks that a job would have.
pub fn plan_table(plan: &Value) -> String {
    let tasks = plan["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = |list: &Value, name: &dyn Fn(&Value) -> String| {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let (shown, others) = list.split_at(list.len().min(NAMES_SHOWN));
        let mut names: Vec<_> = shown.iter().map(name).collect();
        if !others.is_empty() {
            names.push(format!("{} more", others.len()));
        }
        names.join(", ")
    };
    let parent = |place: &Value| {
        let place = place.as_u64().and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| tasks.get(place)).map(|task| text(task, "name")).unwrap_or_default()
    };
    let mut table = table(&["TASK", "TYPE", "PRIORITY", "COMMANDS", "WAITS FOR"]);
    for task in tasks {
        table.add_row([
            text(task, "name"),
            text(task, "task_type"),
            text(task, "priority"),
            names(&task["commands"], &|command| text(command, "name")),
            names(&task["parents"], &parent),
        ]);
    }
    format!("{table}\n{}; nothing was submitted.", count(tasks.len(), "task"))
}

fn task_table(tasks: &[Value]) -> String {
    let mut table = table(&["TASK", "NAME", "TYPE", "STATUS", "WORKER", "ACTIVITY"]);
    for task in tasks {
        table.add_row(
            ["_id", "name", "task_type", "status", "worker", "activity"].map(|field| text(task, field)),
        );
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_written_for_people() {
        let shown = |seconds: Value| time_left(&json!({ "time_left_seconds": seconds }));
        assert_eq!(shown(json!(3_725)), "1h 2m 5s");
        assert_eq!(shown(json!(0)), "0s");
        assert_eq!(shown(Value::Null), "-");
    }

    #[test]
    fn only_what_a_job_asks_for_is_shown() {
        assert_eq!(terms(&json!({ "depends_on": [], "max_workers": null, "worker_tags": [] })), "");
        let choosy = json!({ "depends_on": ["a", "b"], "max_workers": 4, "worker_tags": ["gpu"] });
        assert_eq!(
            terms(&choosy),
            "Waits until these jobs are completed: a, b\nOnly on workers with a tag of: gpu\n\
             Workers at a time, at most: 4\n\n"
        );
    }
}
