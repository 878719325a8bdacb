//! What is worth a line of its own between two looks at the farm.

use std::collections::{BTreeMap, BTreeSet};

use super::farm::{Snapshot, TaskSeen};

/// What has been told already.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Task ID → the failures that were told.
    failures: BTreeMap<String, usize>,
    /// Everything that is told once.
    told: BTreeSet<String>,
}

impl News {
    /// The lines that `now` adds to what has been told.
    pub(super) fn since_last(&mut self, now: &Snapshot) -> Vec<String> {
        let mut lines: Vec<String> = now.tasks.iter().filter_map(|task| self.failure(task)).collect();
        let blacklisted = now.workers.iter().flat_map(|worker| {
            let line = |type_: &str| format!("{} fails too much: blacklisted for {type_}.", worker.nickname);
            worker.blacklist.iter().map(move |entry| line(&entry.task_type))
        });
        let starved = now.starved.iter().map(|job| format!("{:?} is starved: {}", job.name, job.reason));
        let ended = now
            .jobs
            .iter()
            .filter(|job| job.has_ended())
            .map(|job| format!("{:?} {}.", job.name, job.status));
        let once = blacklisted.chain(starved).chain(ended);
        lines.extend(once.filter(|line| self.told.insert(line.clone())));
        lines
    }

    fn failure(&mut self, task: &TaskSeen) -> Option<String> {
        let told = self.failures.entry(task.id.clone()).or_default();
        if task.failures() <= *told {
            return None;
        }
        *told = task.failures();
        let name = &task.name;
        Some(match (task.status.as_str(), *told) {
            ("failed", 1) => format!("{name:?} failed and was given up."),
            ("failed", times) => format!("{name:?} failed on {times} workers and was given up."),
            (_, 1) => format!("{name:?} failed; another worker will try."),
            (_, times) => format!("{name:?} failed on {times} workers; another will try."),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn snapshot(tasks: Value, workers: Value) -> Snapshot {
        Snapshot {
            tasks: serde_json::from_value(tasks).unwrap(),
            workers: serde_json::from_value(workers).unwrap(),
            ..Snapshot::default()
        }
    }

    #[test]
    fn each_failure_and_each_blacklisting_is_told_once() {
        let mut news = News::default();
        let good = json!({ "_id": "w1", "nickname": "anna", "status": "awake" });
        let clumsy = json!({
            "_id": "w2", "nickname": "clumsy", "status": "awake", "blacklist": [{ "task_type": "render" }],
        });
        let task = |status: &str, failed_by: &[&str]| json!([{ "_id": "t1", "name": "Frame", "status": status, "failed_by_workers": failed_by }]);
        assert!(news.since_last(&snapshot(task("active", &[]), json!([good]))).is_empty());
        let trouble = snapshot(task("soft-failed", &["w2"]), json!([good, clumsy]));
        let lines =
            ["\"Frame\" failed; another worker will try.", "clumsy fails too much: blacklisted for render."];
        assert_eq!(news.since_last(&trouble), lines);
        assert!(news.since_last(&trouble).is_empty());
        let end = snapshot(task("failed", &["w2", "w1"]), json!([]));
        assert_eq!(news.since_last(&end), ["\"Frame\" failed on 2 workers and was given up."]);
    }
}
