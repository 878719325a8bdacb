//! The demo's view of the farm. The one place that knows what the API's answers look like.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

use super::DemoError;
use crate::simulate::Client;

/// A job, as `GET /api/jobs/{id}` shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct JobSeen {
    /// Its name.
    pub name: String,
    /// `queued`, `active`, `completed`, `failed`, …
    pub status: String,
    /// How its tasks are doing.
    pub tasks: TaskCounts,
}

/// How many tasks of a job are in which status.
#[derive(Debug, Clone, Deserialize)]
pub struct TaskCounts {
    /// Status → number of tasks. A status without tasks may be left out.
    pub by_status: BTreeMap<String, u64>,
    /// All tasks.
    pub total: u64,
}

impl JobSeen {
    /// Whether nothing more will happen to it.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "canceled")
    }

    /// The number of its tasks in `status`.
    pub fn tasks_in(&self, status: &str) -> u64 {
        self.tasks.by_status.get(status).copied().unwrap_or(0)
    }
}

/// A task, as `GET /api/jobs/{id}/tasks` shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct TaskSeen {
    /// Its ID.
    #[serde(rename = "_id")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: String,
    /// The worker that has it or had it last.
    #[serde(default)]
    pub worker_id: Option<String>,
    #[serde(default)]
    failed_by_workers: Option<Vec<IgnoredAny>>,
}

impl TaskSeen {
    /// How many workers failed it.
    pub fn failures(&self) -> usize {
        self.failed_by_workers.as_ref().map_or(0, Vec::len)
    }

    /// How many of these failures were followed by another attempt: all, unless the task was given
    /// up after the last.
    pub fn retries(&self) -> usize {
        self.failures().saturating_sub(usize::from(self.status == "failed"))
    }
}

/// A worker, as `GET /as-json` shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct WorkerSeen {
    /// Its ID.
    #[serde(rename = "_id")]
    pub id: String,
    /// Its name.
    pub nickname: String,
    /// Its status.
    pub status: String,
    /// What it is no longer trusted with.
    #[serde(default)]
    pub blacklist: Vec<Blacklisting>,
}

/// A blacklist line of a worker.
#[derive(Debug, Clone, Deserialize)]
pub struct Blacklisting {
    /// The type of task that it is no longer given, in one job.
    pub task_type: String,
}

/// A job that nobody can work on, as `GET /api/farm` shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Starved {
    /// The job's name.
    pub name: String,
    /// Why it starves, for people.
    pub reason: String,
}

/// The farm at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The jobs of the tour.
    pub jobs: Vec<JobSeen>,
    /// All their tasks.
    pub tasks: Vec<TaskSeen>,
    /// All workers.
    pub workers: Vec<WorkerSeen>,
    /// Jobs that nobody can work on.
    pub starved: Vec<Starved>,
}

/// A Manager's API.
pub(super) struct Farm(Client);

impl Farm {
    pub(super) fn at(manager_url: &str) -> Result<Self, DemoError> {
        Ok(Self(Client::new(manager_url)?))
    }

    /// Submits a job. Returns its ID.
    pub(super) async fn submit(&mut self, job: &Value) -> Result<String, DemoError> {
        #[derive(Deserialize)]
        struct Submitted {
            #[serde(rename = "_id")]
            id: String,
        }
        let body = job.to_string().into();
        let submitted: Submitted = self.call(Method::POST, "/api/jobs", Some(body)).await?;
        Ok(submitted.id)
    }

    /// Looks at the jobs with these IDs and at everybody who works.
    pub(super) async fn look(&mut self, jobs: &[String]) -> Result<Snapshot, DemoError> {
        #[derive(Deserialize)]
        struct Tasks {
            tasks: Vec<TaskSeen>,
        }
        #[derive(Deserialize)]
        struct Workers {
            workers: Vec<WorkerSeen>,
        }
        #[derive(Deserialize)]
        struct Counts {
            starved_jobs: Vec<Starved>,
        }
        let mut seen = Snapshot::default();
        for id in jobs {
            let Tasks { tasks } = self.get(&format!("/api/jobs/{id}/tasks?limit=1000")).await?;
            seen.tasks.extend(tasks);
            // After its tasks: a job that has ended is shown with the end of its last task.
            seen.jobs.push(self.get(&format!("/api/jobs/{id}")).await?);
        }
        Workers { workers: seen.workers } = self.get("/as-json").await?;
        Counts { starved_jobs: seen.starved } = self.get("/api/farm").await?;
        Ok(seen)
    }

    async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, DemoError> {
        self.call(Method::GET, path, None).await
    }

    async fn call<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<T, DemoError> {
        let call = format!("{method} {path}");
        let (status, body) = self.0.request(method, path, None, body).await?;
        if !status.is_success() {
            return Err(DemoError::Refused {
                call,
                status,
                body: String::from_utf8_lossy(&body).into_owned(),
            });
        }
        serde_json::from_slice(&body).map_err(|source| DemoError::Answer { call, source })
    }
}
