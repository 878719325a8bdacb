//! The end of the tour in numbers.

use std::{fmt, time::Duration};

use super::{farm::Snapshot, sample::FILM};
use crate::domain::numbers::{agree, count};

/// How a job of the tour ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOutcome {
    /// Its name.
    pub name: String,
    /// Its last status.
    pub status: String,
    /// Its tasks.
    pub tasks: u64,
    /// Those that were completed.
    pub completed: u64,
    /// Those that failed for good.
    pub failed: u64,
}

/// What happened on the tour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The sample jobs.
    pub jobs: Vec<JobOutcome>,
    /// How often a worker failed a task: the lengths of `failed_by_workers`, added up.
    pub failures: usize,
    /// How many of these failures were followed by another attempt.
    pub retries: usize,
    /// Nickname and task type of each blacklisting.
    pub blacklisted: Vec<(String, String)>,
    /// From the first submission to the last sign-off.
    pub took: Duration,
}

impl Summary {
    pub(super) fn of(end: &Snapshot, took: Duration) -> Self {
        let jobs = end.jobs.iter().map(|job| JobOutcome {
            name: job.name.clone(),
            status: job.status.clone(),
            tasks: job.tasks.total,
            completed: job.tasks_in("completed"),
            failed: job.tasks_in("failed"),
        });
        let blacklisted = end.workers.iter().flat_map(|worker| {
            worker.blacklist.iter().map(|entry| (worker.nickname.clone(), entry.task_type.clone()))
        });
        Self {
            jobs: jobs.collect(),
            failures: end.tasks.iter().map(super::TaskSeen::failures).sum(),
            retries: end.tasks.iter().map(super::TaskSeen::retries).sum(),
            blacklisted: blacklisted.collect(),
            took,
        }
    }

    /// Whether the tour ended as it is meant to: the film is done, the broken shot was given up, and
    /// the clumsy worker alone was blacklisted.
    pub fn went_as_planned(&self) -> bool {
        let planned = |job: &JobOutcome| {
            if job.name == FILM {
                job.completed == job.tasks
            } else {
                job.status == "failed" && job.failed == 1
            }
        };
        self.jobs.iter().all(planned)
            && self.blacklisted.iter().all(|(nickname, _)| nickname == "clumsy")
            && !self.blacklisted.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The tour took {:.1} seconds.", self.took.as_secs_f64())?;
        for job in &self.jobs {
            let JobOutcome { name, status, tasks, completed, failed } = job;
            let unfinished = tasks.saturating_sub(completed + failed);
            write!(
                f,
                "  {name:<12} {status}: {}, {completed} completed, {failed} failed for good",
                count(*tasks, "task")
            )?;
            match unfinished {
                0 => writeln!(f)?,
                number => writeln!(f, ", {number} never to run")?,
            }
        }
        writeln!(
            f,
            "  Failures     {}, of which {} {} retried on another worker",
            self.failures,
            self.retries,
            agree(self.retries, "was", "were")
        )?;
        let blacklisted: Vec<String> = self
            .blacklisted
            .iter()
            .map(|(nickname, task_type)| format!("{nickname} for {task_type}"))
            .collect();
        let blacklisted = if blacklisted.is_empty() { "nobody".to_owned() } else { blacklisted.join(", ") };
        write!(f, "  Blacklisted  {blacklisted}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn end() -> Snapshot {
        let job = |name: &str, status: &str, by_status| json!({ "_id": "j", "name": name, "status": status, "tasks": { "by_status": by_status, "total": 2 } });
        let jobs = json!([
            job(FILM, "completed", json!({ "completed": 2 })),
            job("Broken shot", "failed", json!({ "failed": 1, "queued": 1 })),
        ]);
        let tasks = json!([
            { "_id": "1", "name": "a", "status": "completed", "failed_by_workers": ["x"], "worker_id": "y" },
            { "_id": "2", "name": "b", "status": "completed", "failed_by_workers": null },
            { "_id": "3", "name": "c", "status": "failed", "failed_by_workers": ["x", "y", "z"] },
            { "_id": "4", "name": "d", "status": "queued" },
        ]);
        let workers = json!([
            { "_id": "x", "nickname": "clumsy", "status": "awake", "blacklist": [{ "task_type": "render" }] },
        ]);
        Snapshot {
            jobs: serde_json::from_value(jobs).unwrap(),
            tasks: serde_json::from_value(tasks).unwrap(),
            workers: serde_json::from_value(workers).unwrap(),
            starved: Vec::new(),
        }
    }

    #[test]
    fn the_last_failure_of_a_task_that_was_given_up_is_no_retry() {
        let summary = Summary::of(&end(), Duration::from_millis(1500));
        insta::assert_snapshot!(summary, @r#"
        The tour took 1.5 seconds.
          Sample film  completed: 2 tasks, 2 completed, 0 failed for good
          Broken shot  failed: 2 tasks, 0 completed, 1 failed for good, 1 never to run
          Failures     4, of which 3 were retried on another worker
          Blacklisted  clumsy for render
        "#);
        assert!(summary.went_as_planned());
    }

    #[test]
    fn a_film_with_a_failed_task_or_a_good_worker_on_the_blacklist_was_not_planned() {
        let good = Summary::of(&end(), Duration::ZERO);
        let mut bad = good.clone();
        bad.jobs[0].completed -= 1;
        assert!(!bad.went_as_planned());
        let mut bad = good.clone();
        bad.blacklisted.push(("anna".to_owned(), "render".to_owned()));
        assert!(!bad.went_as_planned());
        let mut bad = good;
        bad.blacklisted.clear();
        assert!(!bad.went_as_planned());
    }
}
