//! Who may do what.

mod command_line;
mod gate;
mod sessions;
mod tokens;
mod vouching;

use http::Method;
use serde_json::{Value, json};

use crate::kit::{Answer, TestManager};

/// What a Manager is configured with that wants to know who somebody is.
const BY_TOKEN: &str = "[user_authentication]\nmode = \"token\"\n";

/// How a token is shown.
fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Somebody with a token.
struct Caller<'a> {
    m: &'a TestManager,
    bearer: String,
}

impl Caller<'_> {
    async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let headers = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        self.m.door.call(method, path, &headers, body.to_string()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &json!(null)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body).await
    }
}

/// The admin who may read the file beside the database.
fn root(m: &TestManager) -> Caller<'_> {
    Caller { m, bearer: bearer(&m.services.make_local_token()) }
}

/// Somebody with a new access token.
async fn somebody<'a>(m: &'a TestManager, name: &str, role: &str) -> Caller<'a> {
    let made = root(m).post("/api/tokens", &json!({"name": name, "role": role})).await.expect(201).json();
    Caller { m, bearer: bearer(made["token"].as_str().unwrap()) }
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// Calls as a page of the Manager does, by a cookie.
async fn from_page(m: &TestManager, method: Method, path: &str, cookie: &str, body: &Value) -> Answer {
    let headers = [("cookie", cookie), ("origin", "http://manager"), ("content-type", "application/json")];
    m.door.call(method, path, &headers, body.to_string()).await
}
