//! A worker under the test's thumb: it says what the test wants, and hides nothing of the answers.

use bytes::Bytes;
use headers::{Authorization, Header};
use http::Method;
use serde_json::{Value, json};

use super::door::{Answer, Door};

/// A registered worker.
#[derive(Clone)]
pub struct TestWorker {
    pub id: String,
    pub secret: String,
    door: Door,
}

impl TestWorker {
    pub fn new(door: Door, id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned(), door }
    }

    /// The same worker, who has forgotten its secret.
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    pub async fn call(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let mut values = Vec::new();
        Authorization::basic(&self.id, &self.secret).encode(&mut values);
        let authorization = values[0].to_str().unwrap().to_owned();
        self.door.call(method, path, &[("authorization", &authorization)], body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Posts nothing, as workers often do.
    pub async fn post(&self, path: &str) -> Answer {
        self.call(Method::POST, path, Bytes::new()).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body.to_string()).await
    }

    pub async fn sign_on(&self) {
        self.post_json("/sign-on", &json!({})).await.expect(204);
    }

    pub async fn sign_off(&self) {
        self.post("/sign-off").await.expect(204);
    }

    /// Asks for a task, whatever comes.
    pub async fn ask(&self) -> Answer {
        self.post("/task").await
    }

    /// Asks for a task and gets this one.
    pub async fn takes(&self, task: &str) {
        assert_eq!(self.ask().await.expect(200).json()["_id"], task);
    }

    /// Asks for a task and gets none.
    pub async fn gets_nothing(&self) {
        assert_eq!(self.ask().await.expect(204).text(), "");
    }

    pub async fn update(&self, task: &str, update: &Value) -> Answer {
        self.post_json(&format!("/tasks/{task}/update"), update).await
    }

    /// Reports on a task, and is heard.
    pub async fn reports(&self, task: &str, update: &Value) {
        assert_eq!(self.update(task, update).await.expect(204).text(), "");
    }

    /// Reports a task as it ended.
    pub async fn ends(&self, task: &str, status: &str) {
        self.reports(task, &json!({ "task_status": status, "activity": format!("Task {status}") })).await;
    }

    /// Gets a task and fails it.
    pub async fn takes_and_fails(&self, task: &str) {
        self.takes(task).await;
        self.ends(task, "failed").await;
    }

    /// Gets a task and completes it.
    pub async fn takes_and_completes(&self, task: &str) {
        self.takes(task).await;
        self.ends(task, "completed").await;
    }

    pub async fn may_i_run(&self, task: &str) -> Answer {
        self.get(&format!("/may-i-run/{task}")).await
    }

    pub async fn gives_back(&self, task: &str) {
        self.post(&format!("/tasks/{task}/return")).await.expect(204);
    }

    pub async fn acknowledges(&self, status: &str) {
        self.post(&format!("/ack-status-change/{status}")).await.expect(204);
    }
}
