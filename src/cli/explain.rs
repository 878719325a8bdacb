//! `job explain`, `task explain` and `worker explain`: why something is not running.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    Failure,
    client::Client,
    tables::{print, print_json, text},
};
use crate::domain::numbers::{agree, count};

/// Asks why the thing at this path of the API is as it is.
pub fn explain(manager: &Client, path: &str, as_json: bool) -> Result<(), Failure> {
    let explanation = manager.get(&format!("{path}/explain"))?;
    if as_json { print_json(&explanation) } else { print(&in_words(&explanation)) }
}

fn in_words(explanation: &Value) -> String {
    let mut words = format!("{}: {}", text(explanation, "status"), text(explanation, "answer"));
    // The first of them alone is the answer.
    if let conditions @ [_, _, ..] = list(explanation, "conditions") {
        for condition in conditions {
            line(&mut words, &format!("- {}", text(condition, "message")));
        }
    }
    // Who could take a task that is done, or in hand, is of no interest.
    let is_over = list(explanation, "conditions").iter().any(|condition| condition["code"] == "status");
    if explanation["workers"].is_object() && !is_over {
        takers(&mut words, "", &explanation["workers"]);
    }
    for ready in list(explanation, "ready") {
        let tasks = format!("{}: ", tasks_of_type(ready));
        takers(&mut words, &tasks, &ready["workers"]);
    }
    for job in list(explanation, "jobs") {
        let (id, name) = (text(job, "_id"), text(job, "name"));
        line(&mut words, &format!("{} of {name:?} ({id}):", tasks_of_type(job)));
        match list(job, "conditions") {
            [] => line(&mut words, "  it may have them"),
            conditions => {
                for condition in conditions {
                    line(&mut words, &format!("  it {}", text(condition, "message")));
                }
            }
        }
    }
    words
}

/// "3 blender-render tasks"
fn tasks_of_type(ready: &Value) -> String {
    count(ready["tasks"].as_u64().unwrap_or_default(), &format!("{} task", text(ready, "task_type")))
}

/// Who could take something, and what keeps the others from it.
fn takers(words: &mut String, what: &str, takers: &Value) {
    let [able, total] = ["able", "total"].map(|field| takers[field].as_u64().unwrap_or_default());
    let gets = agree(able, "gets", "get");
    line(words, &format!("{what}{able} of {} {gets} one now", count(total, "worker")));
    for condition in list(takers, "conditions") {
        let workers = list(condition, "workers");
        let mut names: Vec<_> = workers.iter().map(|worker| text(worker, "nickname")).collect();
        let count = condition["count"].as_u64().unwrap_or_default();
        match count.saturating_sub(names.len() as u64) {
            0 => {}
            more => names.push(format!("{more} more")),
        }
        line(words, &format!("  {} {}", names.join(", "), text(condition, "message")));
    }
}

fn list<'a>(document: &'a Value, field: &str) -> &'a [Value] {
    document[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn line(words: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = write!(words, "\n{line}");
}
