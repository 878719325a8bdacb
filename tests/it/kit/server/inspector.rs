//! What is wrong with a request after all that was said before, and the list of everything that was wrong.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

/// Remembers what the Manager should remember.
#[derive(Default)]
pub struct Inspector {
    pub violations: Vec<String>,
    /// The last `X-Flamenco-Last-Updated` that the Manager got.
    pub since: Option<String>,
    /// The etags that the Manager got, per task.
    etags: HashMap<String, Vec<String>>,
    /// Every update ever sent.
    sent: HashMap<String, Value>,
    /// The newest `received_on_manager`, per task.
    newest: HashMap<String, Timestamp>,
    /// The updates that the Manager must send again, per task and in order.
    pending: HashMap<String, Vec<String>>,
    /// The updates of which the Manager was told that they were handled.
    settled: HashSet<String>,
    /// Tasks with updates that were refused or never handled: whether these come again is up to the Manager.
    hopeless: HashSet<String>,
    /// Tasks whose log was wanted at some time.
    logs: HashSet<String>,
}

impl Inspector {
    pub fn complain(&mut self, about: &str, faults: impl IntoIterator<Item = String>) {
        self.violations.extend(faults.into_iter().map(|fault| format!("{about}: {fault}")));
    }

    /// The Manager asks for what has changed since then.
    pub fn asks_since(&self, since: Option<&str>) -> Option<String> {
        let last = self.since.as_deref();
        (since != last).then(|| format!("asks for what is new since {since:?}; the last value was {last:?}"))
    }

    /// The Manager got a task.
    pub fn gives(&mut self, task: &str, etag: &str) {
        let etags = self.etags.entry(task.to_owned()).or_default();
        if etags.last().is_none_or(|last| last != etag) {
            etags.push(etag.to_owned());
        }
    }

    /// The Manager asks whether a task is still what it was.
    pub fn knows(&self, task: &str, etag: &str) -> Option<String> {
        let given = self.etags.get(task).is_some_and(|etags| etags.iter().any(|given| given == etag));
        (!given).then(|| format!("has an If-None-Match that was never this task's etag: {etag:?}"))
    }

    pub fn wants_log(&mut self, task: &str) {
        self.logs.insert(task.to_owned());
    }

    pub fn gets_log(&self, task: &str) -> Option<String> {
        (!self.logs.contains(task)).then(|| "is a log that nobody asked for".to_owned())
    }

    /// Updates arrive, whatever becomes of them.
    pub fn updates_arrive(&mut self, updates: &[Value]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut order: HashMap<&str, Vec<&str>> = HashMap::new();
        for update in updates {
            let (Some(id), Some(task)) = (update["_id"].as_str(), update["task_id"].as_str()) else {
                continue;
            };
            if !self.settled.contains(id) {
                order.entry(task).or_default().push(id);
            }
            match self.sent.get(id) {
                Some(before) if before == update => {}
                Some(before) => faults.push(format!("update {id} was another before: {before}")),
                None => {
                    self.sent.insert(id.to_owned(), update.clone());
                    faults.extend(self.newer(id, task, update));
                }
            }
        }
        for (task, ids) in order {
            let pending = self.pending.entry(task.to_owned()).or_default();
            let same = pending.iter().zip(&ids).all(|(pending, id)| pending == id);
            if !same && !self.hopeless.contains(task) {
                faults.push(format!("of task {task} come {ids:?}; first must come {pending:?}"));
            }
            if !same || ids.len() > pending.len() {
                *pending = ids.into_iter().map(str::to_owned).collect();
            }
        }
        faults
    }

    /// What is said of a task is said in the order in which it happened.
    fn newer(&mut self, id: &str, task: &str, update: &Value) -> Option<String> {
        let received = update["received_on_manager"].as_str()?.parse().ok()?;
        match self.newest.insert(task.to_owned(), received) {
            Some(newest) if newest > received => {
                Some(format!("update {id} was received at {received}, before another of its task: {newest}"))
            }
            _ => None,
        }
    }

    /// The Manager hears which updates were handled.
    pub fn updates_settled(&mut self, updates: &[&str]) {
        for id in updates {
            self.settled.insert((*id).to_owned());
            let task = self.sent.get(*id).and_then(|update| update["task_id"].as_str());
            if let Some(pending) = task.and_then(|task| self.pending.get_mut(task)) {
                pending.retain(|pending| pending != id);
            }
        }
    }

    /// Nothing will come of what is said about this task.
    pub fn gives_up(&mut self, task: &str) {
        self.hopeless.insert(task.to_owned());
    }
}
