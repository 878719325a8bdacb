//! `task`: tasks are looked at, with their logs, cancelled and requeued.

use std::{
    io::{self, BufRead},
    process::ExitCode,
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{
    Failure,
    args::TaskCommand,
    client::Client,
    events::{Event, EventReader},
    explain::explain,
    outage::Outage,
    tables::{fields, list, print, print_json, print_log, text},
};
use crate::domain::ids::TaskId;

/// Between two connections.
const PAUSE: Duration = Duration::from_secs(1);

pub fn execute(manager: &Client, command: &TaskCommand, as_json: bool) -> Result<ExitCode, Failure> {
    match command {
        TaskCommand::Show { id } => report(&manager.get(&format!("/api/tasks/{id}"))?, as_json),
        TaskCommand::Explain { id } => explain(manager, &format!("/api/tasks/{id}"), as_json),
        TaskCommand::Cancel { id } => {
            report(&manager.post(&format!("/api/tasks/{id}/cancel"), &[])?, as_json)
        }
        TaskCommand::Requeue { id } => {
            report(&manager.post(&format!("/api/tasks/{id}/requeue"), &[])?, as_json)
        }
        TaskCommand::Log { id, tail, follow: false } => log(manager, *id, *tail),
        TaskCommand::Log { id, tail, follow: true } => follow(manager, *id, *tail),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn report(task: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json { print_json(task) } else { print(&details(task)) }
}

fn details(task: &Value) -> String {
    let known = [
        ("ID", "_id"),
        ("Name", "name"),
        ("Job", "job"),
        ("Status", "status"),
        ("Type", "task_type"),
        ("Priority", "priority"),
        ("Worker", "worker"),
        ("Its ID", "worker_id"),
        ("Activity", "activity"),
        ("Last ping", "last_worker_ping"),
        ("Last update", "last_updated"),
    ];
    let known = known.map(|(name, field)| (name, text(task, field)));
    let parents = ("Waits for", list(task, "parents"));
    let each = |field: &str| task[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let failures = each("failed_by_workers").iter();
    let failures =
        failures.map(|by| ("Failed by", format!("{} ({})", text(by, "identifier"), text(by, "id"))));
    let commands = each("commands").iter();
    let commands = commands
        .map(|command| ("Command", format!("{} {}", text(command, "name"), text(command, "settings"))));
    fields(known.into_iter().chain([parents]).chain(failures).chain(commands))
}

/// Prints a log, or the end of it.
fn log(manager: &Client, id: TaskId, tail: Option<usize>) -> Result<(), Failure> {
    let tail = tail.map(|lines| format!("?tail={lines}")).unwrap_or_default();
    let mut log = manager.stream(&format!("/api/tasks/{id}/log{tail}"), None)?;
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line)? > 0 {
        if !is_read(print_log(&line))? {
            break;
        }
        line.clear();
    }
    Ok(())
}

/// Prints a log and what is added to it, until the task has ended. A connection that breaks is made anew.
fn follow(manager: &Client, id: TaskId, tail: Option<usize>) -> Result<(), Failure> {
    let tail = tail.map(|lines| format!("&tail={lines}")).unwrap_or_default();
    let path = format!("/api/tasks/{id}/log?follow=true{tail}");
    let mut reader = EventReader::default();
    let mut outage = Outage::default();
    loop {
        match manager.stream(&path, reader.last_id()) {
            Ok(mut stream) => {
                outage.is_over();
                reader.reconnected();
                if pass_on(&mut stream, &mut reader)? == Passed::Enough {
                    return Ok(());
                }
            }
            Err(error) => {
                if let Some(news) = outage.goes_on(error)? {
                    eprintln!("{news}");
                }
            }
        }
        thread::sleep(PAUSE);
    }
}

/// What came of a connection.
#[derive(PartialEq)]
enum Passed {
    /// The task has ended, or nobody reads on.
    Enough,
    /// The connection has ended.
    NotAll,
}

/// Prints what comes, for as long as something comes.
fn pass_on(stream: &mut impl BufRead, reader: &mut EventReader) -> Result<Passed, Failure> {
    let mut line = Vec::new();
    // An error ends a connection just as its end does.
    while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let event = reader.line(&String::from_utf8_lossy(&line));
        line.clear();
        match event {
            Some(Event { name, mut data }) if name == "log" => {
                data.push('\n');
                if !is_read(print_log(data.as_bytes()))? {
                    return Ok(Passed::Enough);
                }
            }
            Some(Event { name, .. }) if name == "restart" => {
                eprintln!("The task was begun anew; here is the log of this run.");
            }
            Some(Event { name, data }) if name == "end" => {
                eprintln!("{}", end(&serde_json::from_str(&data).unwrap_or_default()));
                return Ok(Passed::Enough);
            }
            _ => {}
        }
    }
    Ok(Passed::NotAll)
}

/// How a task came to its end.
fn end(task: &Value) -> String {
    if task["deleted"] == true {
        return "The task was deleted.".into();
    }
    format!("The task is {}.", text(task, "status"))
}

/// Whether somebody reads what is printed. That nobody does, as with `| head`, is no failure.
fn is_read(printed: io::Result<()>) -> Result<bool, Failure> {
    match printed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}
