//! What is wrong with a request, taken by itself (`server-protocol.md`, sections 1.0 to 1.5 and 1.9).

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    form::{self, text},
    memory::TASK_STATUSES,
    mood::Call,
};

/// Everything that is wrong. `task` is the task in the path.
pub fn faults(request: &Request<Bytes>, call: Call, task: &str) -> Vec<String> {
    let mut faults = head(request, call);
    match call {
        Call::Depsgraph | Call::Task | Call::Keys => {
            if !request.body().is_empty() {
                faults.push("has a body".to_owned());
            }
        }
        Call::Startup | Call::Update => match json(request) {
            Some(body) => fields("the body", &body, NOTIFICATION, &mut faults),
            None => faults.push("is no JSON".to_owned()),
        },
        Call::Push => match json(request) {
            Some(Value::Null) => {}
            Some(Value::Array(updates)) => {
                for (number, update) in updates.iter().enumerate() {
                    fields(&format!("update {number}"), update, UPDATE, &mut faults);
                    faults.extend(index_fault(update).map(|fault| format!("update {number}: {fault}")));
                }
            }
            Some(_) => faults.push("is neither a list nor null".to_owned()),
            None => faults.push("is no JSON".to_owned()),
        },
        Call::Log => log(request, task, &mut faults),
    }
    faults
}

/// The JSON of a body, also of one that is compressed.
pub fn json(request: &Request<Bytes>) -> Option<Value> {
    if is_zipped(request) {
        serde_json::from_slice(&form::unzip(request.body())?).ok()
    } else {
        serde_json::from_slice(request.body()).ok()
    }
}

pub fn is_zipped(request: &Request<Bytes>) -> bool {
    text(request.headers(), "content-encoding") == "gzip"
}

fn head(request: &Request<Bytes>, call: Call) -> Vec<String> {
    let headers = request.headers();
    let has = |name: &str| headers.contains_key(name);
    let accept = text(headers, "accept");
    let posts = request.method() == Method::POST;
    let json = matches!(call, Call::Startup | Call::Update | Call::Push);
    let only = |name: &str, wanted: Call| has(name) && call != wanted;
    let found = [
        (request.uri().query().is_some(), "has a query"),
        (posts && !has("content-length"), "has no Content-Length"),
        (json && text(headers, "content-type") != "application/json", "is not of type application/json"),
        (!accept.is_empty() && accept != "*/*" && accept != "application/json", "accepts what is no JSON"),
        (has("content-encoding") && !(call == Call::Push && is_zipped(request)), "has a Content-Encoding"),
        (only("if-modified-since", Call::Keys), "has an If-Modified-Since"),
        (only("x-flamenco-if-updated-since", Call::Depsgraph), "has an X-Flamenco-If-Updated-Since"),
        (only("if-none-match", Call::Task), "has an If-None-Match"),
    ];
    found.into_iter().filter(|(found, _)| *found).map(|(_, fault)| fault.to_owned()).collect()
}

fn log(request: &Request<Bytes>, task: &str, faults: &mut Vec<String>) {
    let part = match form::only_part(request) {
        Ok(part) => part,
        Err(fault) => return faults.push(fault.to_owned()),
    };
    let name = format!("task-{task}.txt.gz");
    let found = [
        (!part.disposition.starts_with("form-data;"), "is no form-data"),
        (part.parameter("name") != Some("logfile"), "is not called logfile"),
        (part.parameter("filename") != Some(&name), "is not named after its task"),
        (part.content_type != "text/plain+gzip", "is not of type text/plain+gzip"),
        (form::unzip(&part.content).is_none(), "is no gzip"),
    ];
    let found = found.into_iter().filter(|(found, _)| *found);
    faults.extend(found.map(|(_, fault)| format!("the log file {fault}")));
}

/// A field of a document: its name, whether it is always there, what it must be.
struct Field(&'static str, Need, &'static str, fn(&Value) -> bool);

#[derive(PartialEq)]
enum Need {
    Always,
    /// What is empty is left out.
    IfAny,
}
use Need::{Always, IfAny};

const NOTIFICATION: &[Field] = &[
    Field("_meta", Always, "{\"version\": 2}", |value| *value == serde_json::json!({"version": 2})),
    Field("manager_url", Always, "a URL that ends in a slash", |value| {
        let url = value.as_str().unwrap_or_default();
        (url.starts_with("http://") || url.starts_with("https://")) && url.ends_with('/')
    }),
    Field("variables", Always, "a map of variables", |value| {
        value.as_object().is_some_and(|variables| variables.values().all(is_variable))
    }),
    Field("nr_of_workers", Always, "a number", Value::is_u64),
    Field("worker_task_types", Always, "a list of different texts", |value| {
        texts(value).is_some_and(|mut types| {
            let count = types.len();
            types.sort_unstable();
            types.dedup();
            types.len() == count
        })
    }),
];

const UPDATE: &[Field] = &[
    Field("_id", Always, "an ID", |value| value.as_str().is_some_and(is_id)),
    Field("task_id", Always, "an ID", |value| value.as_str().is_some_and(is_id)),
    Field("task_status", IfAny, "a status of a task", |value| {
        value.as_str().is_some_and(|status| TASK_STATUSES.contains(&status))
    }),
    Field("received_on_manager", Always, "a moment in RFC 3339", |value| {
        value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok() && text.as_bytes()[10] == b'T')
    }),
    Field("activity", IfAny, "a text", is_some_text),
    Field("task_progress_percentage", Always, "a whole number", Value::is_i64),
    Field("current_command_idx", Always, "a whole number", Value::is_i64),
    Field("current_command_index", IfAny, "a whole number", Value::is_i64),
    Field("command_progress_percentage", Always, "a whole number", Value::is_i64),
    Field("log_tail", IfAny, "at most 10 lines, each ended", |value| {
        is_some_text(value)
            && value.as_str().is_some_and(|tail| tail.ends_with('\n') && tail.split('\n').count() <= 11)
    }),
    Field("worker", Always, "a text", Value::is_string),
    Field("failed_by_workers", IfAny, "a list of workers", |value| {
        value.as_array().is_some_and(|workers| !workers.is_empty() && workers.iter().all(is_worker))
    }),
    Field("metrics", IfAny, "{\"timing\": …} with numbers", |value| {
        let timing = value.as_object().filter(|metrics| metrics.len() == 1);
        let timing = timing.and_then(|metrics| metrics.get("timing")?.as_object());
        timing.is_some_and(|timing| !timing.is_empty() && timing.values().all(Value::is_number))
    }),
];

fn fields(at: &str, document: &Value, fields: &[Field], faults: &mut Vec<String>) {
    let Some(document) = document.as_object() else {
        return faults.push(format!("{at} is no object"));
    };
    for Field(name, need, what, is_it) in fields {
        match document.get(*name) {
            Some(value) if !is_it(value) => {
                let hint = if *need == IfAny { ", and is left out when empty" } else { "" };
                faults.push(format!("{at}: {name} must be {what}{hint}; it is {value}"));
            }
            None if *need == Always => faults.push(format!("{at}: {name} is missing")),
            _ => {}
        }
    }
    let unknown = document.keys().filter(|key| fields.iter().all(|field| field.0 != *key));
    faults.extend(unknown.map(|key| format!("{at}: nobody knows {key}")));
}

/// Both names of one thing agree.
fn index_fault(update: &Value) -> Option<&'static str> {
    let index = update.get("current_command_index")?;
    (update.get("current_command_idx") != Some(index))
        .then_some("current_command_index is not current_command_idx")
}

fn is_variable(variable: &Value) -> bool {
    let keys = |keys: &[&str], document: &Value| {
        document.as_object().is_some_and(|document| document.keys().all(|key| keys.contains(&key.as_str())))
    };
    keys(&["direction", "values"], variable)
        && matches!(variable["direction"].as_str(), Some("oneway" | "twoway"))
        && variable["values"].as_array().is_some_and(|values| {
            values.iter().all(|value| {
                keys(&["audience", "platform", "platforms", "value"], value)
                    && value["value"].is_string()
                    && value
                        .get("audience")
                        .is_none_or(|audience| matches!(audience.as_str(), Some("all" | "users" | "workers")))
                    && value.get("platform").is_none_or(is_some_text)
                    && value.get("platforms").is_none_or(|list| texts(list).is_some_and(|l| !l.is_empty()))
            })
        })
}

fn is_worker(worker: &Value) -> bool {
    worker.as_object().is_some_and(|fields| fields.len() == 2)
        && worker["id"].as_str().is_some_and(is_id)
        && is_some_text(&worker["identifier"])
}

fn is_some_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// 24 lower-case hex digits.
pub fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}
