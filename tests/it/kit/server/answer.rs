//! Answers, in the forms that the Server gives them.

use bytes::Bytes;
use http::{HeaderName, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::memory::http_date;

pub type Answer = Response<Bytes>;

/// As Python writes a moment: microseconds, or none at all.
pub fn iso(at: Timestamp) -> String {
    let fraction = if at.subsec_microsecond() == 0 && at.subsec_millisecond() == 0 { "" } else { "%.6f" };
    at.strftime(&format!("%Y-%m-%dT%H:%M:%S{fraction}+00:00")).to_string()
}

pub fn status(status: u16) -> Answer {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

pub fn ok(body: &impl Serialize) -> Answer {
    with_body(200, "application/json", serde_json::to_vec(body).unwrap())
}

/// A body of some type.
pub fn with_body(code: u16, kind: &str, body: impl Into<Bytes>) -> Answer {
    let mut answer = status(code);
    *answer.body_mut() = body.into();
    set(&mut answer, "Content-Type", kind);
    answer
}

/// An error, in the form that its status has.
pub fn error(code: u16) -> Answer {
    let body = match code {
        403 | 404 | 412 | 500 => json!({"_status": "ERR", "_code": code, "_message": "no"}),
        400 | 401 | 405 | 409 | 422 => json!({"_status": "ERR", "_error": {"code": code, "message": "no"}}),
        _ => return with_body(code, "text/html", "<html><title>no</title></html>"),
    };
    with_body(code, "application/json", body.to_string())
}

pub fn set(answer: &mut Answer, name: &'static str, value: &str) {
    answer.headers_mut().insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
}

/// Every answer says when it was given.
pub fn date(answer: &mut Answer, now: Timestamp) {
    set(answer, "Date", &http_date(now));
}
