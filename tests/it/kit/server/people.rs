//! What people do on the Server's pages (`server-protocol.md`, sections 2.3 to 2.6).

use std::{collections::HashMap, sync::Arc};

use flamenco_manager::clock::Clock;
use serde_json::{Map, Value, json};

use super::{
    FakeServer,
    memory::{Etag, JOB_STATUSES, JobRecord, MANAGER, Memory, OTHER_MANAGER, TASK_STATUSES, TaskRecord},
};
use crate::kit::{Job, jobs};

impl FakeServer {
    /// Takes in a job, in the form in which a Manager takes it: `server.submit(&job([task("a"), task("b")]))`.
    pub fn submit(&self, submission: &Value) -> Job {
        let tasks = submission["tasks"].as_array().unwrap();
        let names: Vec<_> = tasks.iter().map(|task| task["name"].as_str().unwrap()).collect();
        let job = self.add_job(submission, &names);
        let mut state = self.state();
        for task in tasks {
            let record = state.memory.tasks.get_mut(&job[task["name"].as_str().unwrap()]).unwrap();
            task["task_type"].as_str().unwrap().clone_into(&mut record.task_type);
            record.priority = task["priority"].as_i64().unwrap_or(50);
            record.commands = Arc::new(task["commands"].clone());
            let parents = task["parents"].as_array().into_iter().flatten();
            record.parents = parents.map(|parent| job[parent.as_str().unwrap()].to_owned()).collect();
        }
        drop(state);
        job
    }

    /// Takes in a job of so many tasks, called `0`, `1` and so on.
    pub fn crowd(&self, count: usize) -> Job {
        let names: Vec<_> = (0..count).map(|number| number.to_string()).collect();
        self.add_job(&jobs::job([]), &names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// From now on a job is another Manager's.
    pub fn gives_away(&self, job: &Job) {
        let now = self.clock.now();
        let memory = &mut self.state().memory;
        memory.jobs.get_mut(&job.id).unwrap().manager = OTHER_MANAGER;
        for task in memory.tasks_of(&job.id, |_| true) {
            memory.touch(&task, now, Etag::Whole);
        }
    }

    fn add_job(&self, submission: &Value, names: &[&str]) -> Job {
        let now = self.clock.now();
        let sleep = jobs::task("");
        let commands = Arc::new(sleep["commands"].clone());
        let memory = &mut self.state().memory;
        let id = memory.new_id(now);
        let priority = submission["priority"].as_i64().unwrap_or(50);
        let job_type = submission["job_type"].as_str().unwrap_or("sleep").to_owned();
        let job = JobRecord { manager: MANAGER, status: "queued", priority, job_type, counts: [].into() };
        memory.jobs.insert(id.clone(), job);
        let mut tasks = HashMap::new();
        for name in names {
            let task = memory.new_id(now);
            let record = TaskRecord {
                job: id.clone(),
                name: (*name).to_owned(),
                status: "queued",
                task_type: "sleep".to_owned(),
                priority: 50,
                job_priority: priority,
                commands: Arc::clone(&commands),
                parents: Vec::new(),
                created: now,
                updated: now,
                etag: memory.new_etag(Etag::Status),
                more: Map::new(),
            };
            memory.add_task(task.clone(), record);
            tasks.insert((*name).to_owned(), task);
        }
        Job { id, tasks }
    }

    pub fn cancel_job(&self, job: &Job) {
        self.set_job_status(job, "cancel-requested");
    }

    /// A person gives a job a status, `requeued` for example.
    #[track_caller]
    pub fn set_job_status(&self, job: &Job, status: &str) {
        let status = known(&JOB_STATUSES, status);
        self.state().memory.set_job_status(&job.id, status, self.clock.now());
    }

    pub fn set_job_priority(&self, job: &Job, priority: i64) {
        let now = self.clock.now();
        let memory = &mut self.state().memory;
        let record = memory.jobs.get_mut(&job.id).unwrap();
        if std::mem::replace(&mut record.priority, priority) == priority {
            return;
        }
        for task in memory.tasks_of(&job.id, |_| true) {
            memory.touch(&task, now, Etag::Edit).job_priority = priority;
        }
    }

    pub fn cancel_task(&self, task: &str) {
        self.set_task_status(task, "cancel-requested");
    }

    /// A person gives a task a status, with what follows for its job.
    #[track_caller]
    pub fn set_task_status(&self, task: &str, status: &str) {
        let status = known(&TASK_STATUSES, status);
        self.state().memory.set_task_status(task, status, self.clock.now());
    }

    /// Requeues a task and all that come behind it.
    pub fn requeue_task(&self, task: &str) {
        self.state().memory.requeue_with_successors(task, self.clock.now());
    }

    /// Edits fields of a task; null removes one. A status has [`set_task_status`](Self::set_task_status).
    pub fn set_task(&self, task: &str, fields: &Value) {
        let now = self.clock.now();
        edit(&mut self.state().memory, task, fields, now);
    }

    /// Forgets a task, as with a job that is archived.
    pub fn delete_task(&self, task: &str) {
        self.state().memory.remove_task(task);
    }

    /// A person wants to see the log of a task.
    pub fn asks_for_log(&self, task: &str) {
        let mut state = self.state();
        let job = state.memory.tasks[task].job.clone();
        state.wanted_logs.insert(task.to_owned(), job);
        state.inspector.wants_log(task);
    }
}

fn edit(memory: &mut Memory, task: &str, fields: &Value, now: jiff::Timestamp) {
    let record = memory.touch(task, now, Etag::Whole);
    for (key, value) in fields.as_object().unwrap() {
        match key.as_str() {
            "name" => value.as_str().unwrap().clone_into(&mut record.name),
            "task_type" => value.as_str().unwrap().clone_into(&mut record.task_type),
            "priority" => record.priority = value.as_i64().unwrap(),
            "job_priority" => record.job_priority = value.as_i64().unwrap(),
            "commands" => record.commands = Arc::new(value.clone()),
            "parents" => record.parents = serde_json::from_value(json!(value)).unwrap(),
            "status" => panic!("a status is set with `set_task_status`"),
            _ if value.is_null() => _ = record.more.remove(key),
            _ => _ = record.more.insert(key.clone(), value.clone()),
        }
    }
}

#[track_caller]
fn known(all: &[&'static str], status: &str) -> &'static str {
    all.iter().find(|known| **known == status).unwrap_or_else(|| panic!("there is no status {status}"))
}
