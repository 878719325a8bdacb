//! `job explain`, `task explain` and `worker explain`: why something is not running.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    Failure,
    client::Client,
    tables::{print, print_json, text},
};

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
        let tasks = format!("{} {} tasks: ", text(ready, "tasks"), text(ready, "task_type"));
        takers(&mut words, &tasks, &ready["workers"]);
    }
    for job in list(explanation, "jobs") {
        let [id, name, tasks, task_type] =
            ["_id", "name", "tasks", "task_type"].map(|field| text(job, field));
        line(&mut words, &format!("{tasks} {task_type} tasks of {name:?} ({id}):"));
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

/// Who could take something, and what keeps the others from it.
fn takers(words: &mut String, what: &str, takers: &Value) {
    let (able, total) = (text(takers, "able"), text(takers, "total"));
    line(words, &format!("{what}{able} of {total} workers get one when they ask"));
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
