//! The fake Server is itself: it answers what `server-protocol.md` says, and notices what it should.

mod exchange;
mod faults;
mod life;
mod moods;

use std::{error::Error, io::Write};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use headers::{Authorization, Header};
use http::Method;
use serde_json::{Value, json};

use super::{FakeServer, MANAGER, SECRET};
use crate::kit::{Answer, door::Door};

/// A Manager that does just what the test says.
struct Client {
    door: Door,
    authorization: String,
}

impl Client {
    fn of(server: &FakeServer) -> Self {
        let mut values = Vec::new();
        Authorization::basic(SECRET, "").encode(&mut values);
        let authorization = values[0].to_str().unwrap().to_owned();
        Self { door: Door::without_contract(server.port.address), authorization }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Box<dyn Error>> {
        let mut all = vec![("authorization", self.authorization.as_str())];
        all.extend(headers);
        self.door.try_call(method, &format!("/api/flamenco/{path}"), &all, body).await
    }

    async fn download(&self, since: Option<&str>) -> Answer {
        let headers: Vec<_> = since.map(|since| ("X-Flamenco-If-Updated-Since", since)).into_iter().collect();
        self.call(Method::GET, &format!("managers/{MANAGER}/depsgraph"), &headers, "").await.unwrap()
    }

    async fn task(&self, task: &str, etag: &str) -> Answer {
        self.call(Method::GET, &format!("tasks/{task}"), &[("If-None-Match", etag)], "").await.unwrap()
    }

    /// Posts JSON to one of the Manager's addresses.
    async fn try_post(&self, place: &str, body: &Value) -> Result<Answer, Box<dyn Error>> {
        let json = [("content-type", "application/json")];
        self.call(Method::POST, &format!("managers/{MANAGER}/{place}"), &json, body.to_string()).await
    }

    async fn post(&self, place: &str, body: &Value) -> Answer {
        self.try_post(place, body).await.unwrap()
    }

    async fn push(&self, updates: &[Value]) -> Answer {
        self.post("task-update-batch", &json!(updates)).await
    }

    async fn push_zipped(&self, updates: &[Value]) -> Answer {
        let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
        let body = zipped(&json!(updates).to_string());
        let path = format!("managers/{MANAGER}/task-update-batch");
        self.call(Method::POST, &path, &headers, body).await.unwrap()
    }

    async fn upload(&self, task: &str, form: Vec<u8>) -> Answer {
        let kind = [("content-type", "multipart/form-data; boundary=edge")];
        let path = format!("managers/{MANAGER}/attach-task-log/{task}");
        self.call(Method::POST, &path, &kind, form).await.unwrap()
    }
}

/// An update that says the least that can be said.
fn update(number: u32, task: &str) -> Value {
    json!({
        "_id": format!("{number:024x}"), "task_id": task, "received_on_manager": "2026-03-02T12:00:00.5+01:00",
        "task_progress_percentage": 0, "current_command_idx": 0, "command_progress_percentage": 0, "worker": "",
    })
}

fn log_form(file: &str, log: &str) -> Vec<u8> {
    let head = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"logfile\"; filename=\"{file}\"\r\n\
         Content-Type: text/plain+gzip\r\n\r\n"
    );
    [head.as_bytes(), &zipped(log), b"\r\n--edge--\r\n"].concat()
}

fn zipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
