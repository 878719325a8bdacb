//! How the statuses of jobs and tasks act on each other at the Server (`server-protocol.md`, sections 2.3 to 2.5).

use jiff::Timestamp;
use serde_json::json;

use super::memory::{Etag, Memory, TASK_STATUSES};

impl Memory {
    /// A job gets a status, and with it whatever follows.
    pub fn set_job_status(&mut self, job: &str, status: &'static str, now: Timestamp) {
        let mut next = Some(status);
        while let Some(status) = next {
            let before = std::mem::replace(&mut self.jobs.get_mut(job).unwrap().status, status);
            next = self.after_job_status(job, before, status, now);
        }
    }

    /// What a new status of a job does to its tasks; the status that the job gets thereupon.
    fn after_job_status(
        &mut self,
        job: &str,
        before: &str,
        status: &str,
        now: Timestamp,
    ) -> Option<&'static str> {
        match status {
            "cancel-requested" | "fail-requested" | "failed" => {
                let asked = self.cancel_tasks(job, status, now);
                match status {
                    "cancel-requested" if !asked => Some("canceled"),
                    "fail-requested" if !asked => Some("failed"),
                    _ => None,
                }
            }
            "requeued" if before == "under-construction" => None,
            "requeued" => {
                let spared = |status: &str| status == "completed" && before != "completed";
                for task in
                    self.tasks_of(job, |status| !spared(status) && !matches!(status, "cancel-requested"))
                {
                    self.requeue(&task, now);
                }
                Some("queued")
            }
            "queued" if self.all_completed(job) => Some("completed"),
            _ => None,
        }
    }

    /// Whether the Manager has to confirm any of it.
    fn cancel_tasks(&mut self, job: &str, why: &str, now: Timestamp) -> bool {
        for task in self.tasks_of(job, |status| status == "queued") {
            self.put(&task, "canceled");
            self.touch(&task, now, Etag::Status);
        }
        let held = |status: &str| matches!(status, "active" | "claimed-by-manager" | "soft-failed");
        let asked = self.tasks_of(job, held);
        for task in &asked {
            self.put(task, "cancel-requested");
            self.touch(task, now, Etag::Status);
        }
        for task in self.tasks_of(job, |status| matches!(status, "cancel-requested" | "canceled")) {
            let more = &mut self.tasks.get_mut(&task).unwrap().more;
            more.entry("activity").or_insert_with(|| json!(format!("the job is {why}")));
        }
        !asked.is_empty()
    }

    fn requeue(&mut self, task: &str, now: Timestamp) {
        self.put(task, "queued");
        self.touch(task, now, Etag::Status).more.remove("failed_by_workers");
    }

    fn all_completed(&self, job: &str) -> bool {
        let job = &self.jobs[job];
        job.count("completed") == job.size()
    }

    /// A task has got a status: what becomes of its job?
    pub fn after_task_status(&mut self, task: &str, became: &str, now: Timestamp) {
        let id = self.tasks[task].job.clone();
        let job = &self.jobs[&id];
        let next = match (became, job.status) {
            ("queued", "completed") => Some("queued"),
            ("claimed-by-manager", "active") if job.count("active") == 0 => Some("queued"),
            ("active" | "soft-failed", "active" | "fail-requested" | "cancel-requested") => None,
            ("completed", _) if self.all_completed(&id) => Some("completed"),
            ("failed", _) if job.count("failed") * 10 >= job.size() => Some("failed"),
            ("active" | "soft-failed", _) | ("completed" | "failed", "queued") => Some("active"),
            ("canceled", "cancel-requested") if job.count("cancel-requested") == 0 => Some("canceled"),
            ("canceled", "fail-requested") if job.count("cancel-requested") == 0 => Some("failed"),
            _ => None,
        };
        if let Some(status) = next {
            self.set_job_status(&id, status, now);
        }
    }

    /// A person gives a task a status.
    pub fn set_task_status(&mut self, task: &str, status: &'static str, now: Timestamp) {
        let before = self.put(task, status);
        let record = self.touch(task, now, Etag::Status);
        if status == "queued" && before != "queued" {
            record.more.remove("failed_by_workers");
        }
        self.after_task_status(task, status, now);
    }

    /// A person requeues a task, and with it all that come behind.
    pub fn requeue_with_successors(&mut self, task: &str, now: Timestamp) {
        let mut all = vec![task.to_owned()];
        let mut next = 0;
        while let Some(parent) = all.get(next).cloned() {
            let children = self.tasks.iter().filter(|(_, child)| child.parents.contains(&parent));
            let new: Vec<_> = children.map(|(id, _)| id).filter(|id| !all.contains(id)).cloned().collect();
            all.extend(new);
            next += 1;
        }
        for task in &all {
            self.put(task, "queued");
            self.touch(task, now, Etag::Status);
        }
        self.after_task_status(task, "queued", now);
    }

    /// Which status a task gets when a Manager reports this one (`determine_new_task_status`).
    pub fn accepted_status(&self, task: &str, reported: &str) -> Option<&'static str> {
        let current = self.tasks[task].status;
        let reported = *TASK_STATUSES.iter().find(|status| **status == reported)?;
        let late = current == "cancel-requested" && !matches!(reported, "canceled" | "failed" | "completed");
        (reported != current && !late).then_some(reported)
    }
}
