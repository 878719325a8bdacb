//! Fills the Manager through `POST /api/jobs` and keeps count of what is queued.

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use flamenco_manager::simulate::Client;
use http::Method;
use serde_json::Value;

use super::{Outcome, load::TASK_TYPE};

/// The size of a submission: some 3 MB of JSON.
const TASKS_PER_JOB: u64 = 10_000;

/// Storing a large job may take a while.
const SUBMISSION_MAY_TAKE: Duration = Duration::from_mins(2);

/// The queue of a Manager, as far as it was filled here.
pub struct Feeder {
    client: Client,
    jobs: u64,
    queued: u64,
}

impl Feeder {
    pub fn new(port: u16) -> Outcome<Self> {
        let client = Client::new(&format!("http://127.0.0.1:{port}"))?.with_time_limit(SUBMISSION_MAY_TAKE);
        Ok(Self { client, jobs: 0, queued: 0 })
    }

    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// Notes that so many tasks left the queue.
    pub fn consumed(&mut self, tasks: u64) {
        self.queued = self.queued.saturating_sub(tasks);
    }

    /// Submits jobs until `target` tasks are queued.
    pub async fn top_up(&mut self, target: u64) -> Outcome<()> {
        while self.queued < target {
            let tasks = (target - self.queued).min(TASKS_PER_JOB);
            self.submit(50, tasks, render_command).await?;
            self.queued += tasks;
        }
        Ok(())
    }

    /// Submits one job that is not counted. Its commands are short, so that very many fit into one request. Returns its
    /// ID.
    pub async fn submit_large(&mut self, priority: i64, tasks: u64) -> Outcome<String> {
        let echo = |body: &mut String, _| body.push_str(r#"{"name":"echo","settings":{"message":"x"}}"#);
        self.submit(priority, tasks, echo).await
    }

    /// Does something with a job.
    pub async fn post(&mut self, job: &str, action: &str) -> Outcome<()> {
        self.call(Method::POST, &format!("{job}/{action}"), None).await.map(|_| ())
    }

    /// A call that has to succeed. Returns what it is answered with.
    pub async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Outcome<Value> {
        let answer = self.answer(method, path, body).await?;
        if answer.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&answer)?) }
    }

    /// The same, for whoever does not read the answer.
    pub async fn answer(&mut self, method: Method, path: &str, body: Option<Value>) -> Outcome<Bytes> {
        let body = body.map(|body| body.to_string().into());
        let (status, answer) = self.client.request(method.clone(), path, None, body).await?;
        if !status.is_success() {
            return Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(answer)
    }

    async fn submit(
        &mut self,
        priority: i64,
        tasks: u64,
        write_command: impl Fn(&mut String, u64),
    ) -> Outcome<String> {
        let mut body = format!(r#"{{"name":"job {}","priority":{priority},"tasks":["#, self.jobs);
        self.jobs += 1;
        for number in 0..tasks {
            let comma = if number == 0 { "" } else { "," };
            write!(body, r#"{comma}{{"name":"f{number}","task_type":"{TASK_TYPE}","commands":["#)?;
            write_command(&mut body, number);
            body.push_str("]}");
        }
        body.push_str("]}");
        let (status, answer) =
            self.client.request(Method::POST, "/api/jobs", None, Some(body.into())).await?;
        if status.is_success() {
            let job: Value = serde_json::from_slice(&answer)?;
            return Ok(job["_id"].as_str().ok_or("a job without ID")?.to_owned());
        }
        Err(format!("a job of {tasks} tasks: {status} {}", String::from_utf8_lossy(&answer)).into())
    }
}

/// A command as the job compilers of Flamenco make it.
fn render_command(body: &mut String, number: u64) {
    let (first, last) = (number * 5 + 1, number * 5 + 5);
    // Writing to a String cannot fail.
    let _ = write!(
        body,
        r#"{{"name":"blender_render","settings":{{"blender_cmd":"{{blender}}","filepath":"{{render}}/film/shots/042/042-lighting.blend","format":"OPEN_EXR","frames":"{first}..{last}","render_output":"{{render}}/film/frames/042/######"}}}}"#
    );
}
