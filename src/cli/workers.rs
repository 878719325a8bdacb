//! `worker list` and `worker show`.

use serde_json::{Value, json};

use super::{
    Failure,
    args::WorkerCommand,
    client::Client,
    tables::{list, print, print_json, table, text},
};

pub fn execute(manager: &Client, command: &WorkerCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        WorkerCommand::List => {
            let workers = manager.get("/api/workers")?["workers"].take();
            if as_json {
                return print_json(&json!({ "workers": workers }));
            }
            print(&worker_table(workers.as_array().map(Vec::as_slice).unwrap_or_default()))
        }
        WorkerCommand::Show { id } => {
            let worker = manager.get(&format!("/api/workers/{id}"))?;
            if as_json { print_json(&worker) } else { print(&details(&worker)) }
        }
    }
}

fn worker_table(workers: &[Value]) -> String {
    if workers.is_empty() {
        return "There are no workers yet. Start one with manager_url set to the address of this Manager."
            .into();
    }
    let mut table = table(&["ID", "NICKNAME", "STATUS", "ASKED TO BE", "TASK", "LAST SEEN", "ADDRESS"]);
    let fields =
        ["_id", "nickname", "status", "status_requested", "current_task", "last_activity", "address"];
    for worker in workers {
        table.add_row(fields.map(|field| text(worker, field)));
    }
    table.to_string()
}

fn details(worker: &Value) -> String {
    let mut table = table(&["", ""]);
    table.set_header(Vec::<String>::new());
    let row = |table: &mut comfy_table::Table, name: &str, value: String| {
        table.add_row([name, &value]);
    };
    for (name, field) in [
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
    ] {
        row(&mut table, name, text(worker, field));
    }
    row(&mut table, "Task types", list(worker, "supported_task_types"));
    row(&mut table, "Tags", list(worker, "tags"));
    row(&mut table, "Sleep schedule", sleep_schedule(&worker["sleep_schedule"]));
    for line in worker["blacklist"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let text = format!(
            "{} of job {}, since {}",
            text(line, "task_type"),
            text(line, "job_id"),
            text(line, "_created")
        );
        row(&mut table, "Blacklisted for", text);
    }
    // There is no heading, but a line for it.
    table.to_string().trim_start().to_owned()
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
