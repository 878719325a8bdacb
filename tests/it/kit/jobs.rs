//! Jobs to do.

use std::{collections::HashMap, ops::Index};

use serde_json::{Value, json};

/// A submission.
pub fn job(tasks: impl IntoIterator<Item = Value>) -> Value {
    json!({ "name": "shot", "tasks": tasks.into_iter().collect::<Vec<_>>() })
}

/// A task of a submission, for workers that can sleep.
pub fn task(name: &str) -> Value {
    json!({
        "name": name,
        "task_type": "sleep",
        "commands": [{ "name": "sleep", "settings": { "time_in_seconds": 1 } }],
    })
}

/// The same task behind others.
pub fn behind(name: &str, parents: &[&str]) -> Value {
    with(task(name), &json!({ "parents": parents }))
}

/// The same document with other values.
pub fn with(mut document: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        document[key] = value.clone();
    }
    document
}

/// A job that was taken in. Its tasks' IDs are found by their names.
pub struct Job {
    pub id: String,
    pub tasks: HashMap<String, String>,
}

impl Index<&str> for Job {
    type Output = str;

    fn index(&self, name: &str) -> &str {
        &self.tasks[name]
    }
}
