//! What the fake Server answers (`server-protocol.md`, sections 1.0 to 1.5 and 1.9).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use headers::{Authorization, Header};
use http::{HeaderMap, Method, Request, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, error, iso, ok, set, status},
    check::{self, is_id},
    form::{self, text},
    inspector::Inspector,
    memory::{Document, Etag, MANAGER, Memory},
    mood::{Call, Mood, Moods},
    vouching::Keys,
};

/// What the Manager shows to be let in.
pub const SECRET: &str = "SRVbetweenus";

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Asked {
    pub call: Call,
    pub path: String,
    pub headers: HeaderMap,
    /// By the Server's clock.
    pub at: Timestamp,
    /// Which status it was answered with, if it was.
    pub status: Option<u16>,
}

/// A request with what it is for.
pub struct Errand {
    pub request: Request<Bytes>,
    pub call: Call,
    manager: String,
    task: String,
}

impl Errand {
    /// Nothing, if the path leads nowhere.
    pub fn new(request: Request<Bytes>) -> Option<Self> {
        let path = request.uri().path().to_owned();
        let steps: Vec<_> = path.strip_prefix("/api/flamenco/")?.split('/').collect();
        let (call, manager, task) = match steps[..] {
            ["managers", manager, "startup"] => (Call::Startup, manager, ""),
            ["managers", manager, "update"] => (Call::Update, manager, ""),
            ["managers", manager, "depsgraph"] => (Call::Depsgraph, manager, ""),
            ["managers", manager, "task-update-batch"] => (Call::Push, manager, ""),
            ["managers", manager, "attach-task-log", task] => (Call::Log, manager, task),
            ["tasks", task] => (Call::Task, MANAGER, task),
            ["jwt", "public-keys"] => (Call::Keys, MANAGER, ""),
            _ => return None,
        };
        let reads = matches!(call, Call::Depsgraph | Call::Task | Call::Keys);
        if request.method() != if reads { Method::GET } else { Method::POST } {
            return None;
        }
        Some(Self { request, call, manager: manager.to_owned(), task: task.to_owned() })
    }
}

#[derive(Default)]
pub struct State {
    pub memory: Memory,
    pub moods: Moods,
    pub keys: Keys,
    pub inspector: Inspector,
    pub asked: Vec<Asked>,
    pub notifications: Vec<Value>,
    pub updates: Vec<Value>,
    pub logs: BTreeMap<String, String>,
    /// By task, with its job.
    pub wanted_logs: BTreeMap<String, String>,
    pub takes_gzip: bool,
    pub violations_are_expected: bool,
}

impl State {
    /// A request has come in: it is noted, checked, and meets the Server in some mood.
    pub fn arrives(&mut self, errand: &Errand, now: Timestamp) -> (usize, Mood) {
        let (call, request) = (errand.call, &errand.request);
        let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
        let mut faults = check::faults(request, call, &errand.task);
        if call == Call::Keys {
            let shows = headers.contains_key("authorization");
            faults.extend(shows.then(|| "shows a secret that nobody asked for".to_owned()));
        } else if !is_let_in(&headers) {
            faults.push("does not show the Manager's secret".to_owned());
        }
        if errand.manager != MANAGER {
            faults.push("speaks for another Manager".to_owned());
        }
        match call {
            Call::Depsgraph => {
                let since = headers.get("x-flamenco-if-updated-since").map(|since| since.to_str().unwrap());
                faults.extend(self.inspector.asks_since(since));
            }
            Call::Task => faults.extend(self.inspector.knows(&errand.task, unquoted_etag(&headers))),
            Call::Push => {
                if let Some(Value::Array(updates)) = check::json(request) {
                    faults.extend(self.inspector.updates_arrive(&updates));
                }
            }
            Call::Log => faults.extend(self.inspector.gets_log(&errand.task)),
            Call::Startup | Call::Update | Call::Keys => {}
        }
        self.inspector.complain(&format!("{} {path}", request.method()), faults);
        self.asked.push(Asked { call, path, headers, at: now, status: None });
        (self.asked.len() - 1, self.moods.next(call))
    }

    /// Does what is asked for.
    pub fn handle(&mut self, errand: &Errand, mood: &Mood, now: Timestamp) -> Answer {
        if errand.call != Call::Keys && !is_let_in(errand.request.headers()) {
            return error(403);
        }
        let ids = [&errand.manager, if errand.task.is_empty() { &errand.manager } else { &errand.task }];
        if !ids.iter().all(|id| is_id(id)) {
            return error(400);
        }
        if errand.manager != MANAGER {
            return error(404);
        }
        match errand.call {
            Call::Startup | Call::Update => self.notification(&errand.request),
            Call::Depsgraph => self.depsgraph(errand.request.headers(), mood.delivers()),
            Call::Task => self.task(&errand.task, errand.request.headers(), mood.delivers()),
            Call::Push => self.push(&errand.request, mood, now),
            Call::Log => self.log(&errand.task, &errand.request),
            Call::Keys => self.keys.answer(errand.request.headers()),
        }
    }

    fn notification(&mut self, request: &Request<Bytes>) -> Answer {
        let Some(Value::Object(body)) = check::json(request) else { return error(400) };
        if !["manager_url", "variables", "nr_of_workers"].iter().all(|key| body.contains_key(*key)) {
            return error(400);
        }
        self.notifications.push(Value::Object(body));
        status(204)
    }

    fn depsgraph(&mut self, headers: &HeaderMap, delivered: bool) -> Answer {
        let since = headers.get("x-flamenco-if-updated-since").map(|since| since.to_str().unwrap());
        let Ok(since) = since.map(str::parse::<Timestamp>).transpose() else { return error(500) };
        let runs = |status| matches!(status, "queued" | "active" | "cancel-requested" | "soft-failed");
        let jobs = self.memory.jobs.iter().filter(|(_, job)| job.manager == MANAGER && runs(job.status));
        let jobs: BTreeSet<String> = jobs.map(|(id, _)| id.clone()).collect();
        if jobs.is_empty() {
            return status(204);
        }
        let found = self.memory.tasks.iter().filter(|(_, task)| {
            let waits = matches!(task.status, "queued" | "claimed-by-manager" | "soft-failed");
            let runs = matches!(task.status, "active" | "cancel-requested");
            since.map_or(waits || runs, |since| waits && task.updated > since) && jobs.contains(&task.job)
        });
        let found: Vec<String> = found.map(|(id, _)| id.clone()).collect();
        if found.is_empty() {
            return if since.is_some() { status(304) } else { ok(&json!({"depsgraph": []})) };
        }
        for id in &found {
            if self.memory.tasks[id].status == "queued" {
                self.memory.put(id, "claimed-by-manager");
                self.memory.tasks.get_mut(id).unwrap().more.remove("log_file");
            }
        }
        let updated = found.iter().map(|id| self.memory.tasks[id].updated).max().unwrap();
        let updated = iso(updated);
        if delivered {
            self.inspector.since = Some(updated.clone());
            for id in &found {
                self.inspector.gives(id, &self.memory.tasks[id].etag);
            }
        }
        let depsgraph = found.iter().map(|id| self.memory.document(id).unwrap()).collect();
        let mut answer = ok(&Depsgraph { depsgraph });
        set(&mut answer, "X-Flamenco-Last-Updated", &updated);
        set(&mut answer, "X-Flamenco-Last-Updated-Format", "ISO-8601");
        answer
    }

    fn task(&mut self, id: &str, headers: &HeaderMap, delivered: bool) -> Answer {
        let Some(document) = self.memory.document(id) else { return error(404) };
        let etag = &document.task.etag;
        let mut answer = if unquoted_etag(headers) == etag {
            status(304)
        } else if self.memory.manager_of(document.task) == MANAGER {
            if delivered {
                self.inspector.gives(id, etag);
            }
            ok(&document)
        } else {
            return error(403);
        };
        set(&mut answer, "ETag", &format!("\"{etag}\""));
        answer
    }

    fn push(&mut self, request: &Request<Bytes>, mood: &Mood, now: Timestamp) -> Answer {
        if check::is_zipped(request) && !self.takes_gzip {
            return error(400);
        }
        let updates = match check::json(request) {
            Some(Value::Array(updates)) => updates,
            Some(Value::Null) => Vec::new(),
            _ => return error(400),
        };
        if let Mood::TakesNoUpdates(status) = mood
            && !updates.is_empty()
        {
            return error(*status);
        }
        let wanted_logs = self.wanted_logs.iter().map(|(task, job)| json!({"job": job, "task": task}));
        let wanted_logs: Vec<_> = wanted_logs.collect();
        let (mut handled, mut modified) = (Vec::new(), 0);
        for (number, update) in updates.iter().enumerate() {
            let (id, task) = match [&update["_id"], &update["task_id"]].map(Value::as_str) {
                [Some(id), Some(task)] if is_id(id) && is_id(task) => (id, task),
                [Some(_), Some(task)] => {
                    self.inspector.gives_up(task);
                    return error(400);
                }
                _ => return error(500),
            };
            let wanted = match mood {
                Mood::HandlesHalf => number % 2 == 0,
                Mood::HandlesOnly(wanted) => wanted(update),
                Mood::RefusesUpdate(refused) if refused == task => {
                    self.inspector.gives_up(task);
                    return error(400);
                }
                _ => true,
            };
            let known = self.memory.tasks.get(task).map(|task| self.memory.manager_of(task) == MANAGER);
            if known == Some(false) {
                self.inspector.gives_up(task);
            }
            if !wanted || known == Some(false) {
                continue;
            }
            handled.push(id);
            self.updates.push(update.clone());
            if known.is_some() {
                modified += 1;
                self.apply(task, update, now);
            }
        }
        let mut answer = json!({"modified_count": modified, "handled_update_ids": handled});
        let cancelled = self.memory.to_be_cancelled();
        if !cancelled.is_empty() {
            answer["cancel_task_ids"] = json!(cancelled);
        }
        if !wanted_logs.is_empty() {
            answer["upload_task_file_queue"] = json!(wanted_logs);
        }
        if mood.delivers() {
            self.inspector.updates_settled(&handled);
        }
        ok(&answer)
    }

    /// An update of a task of this Manager.
    fn apply(&mut self, id: &str, update: &Value, now: Timestamp) {
        let received = update["received_on_manager"].as_str().and_then(|text| text.parse().ok());
        let status = update["task_status"].as_str().and_then(|it| self.memory.accepted_status(id, it));
        let more = &mut self.memory.touch(id, received.unwrap_or(now), Etag::Edit).more;
        for key in ["task_progress_percentage", "current_command_index", "command_progress_percentage"] {
            more.insert(key.to_owned(), update.get(key).cloned().unwrap_or(json!(0)));
        }
        for (from, to) in [("activity", "activity"), ("log_tail", "log"), ("worker", "worker")] {
            if let Some(text) = update[from].as_str().filter(|text| !text.is_empty()) {
                more.insert(to.to_owned(), json!(text));
            }
        }
        if let Some(workers) = update.get("failed_by_workers") {
            more.insert("failed_by_workers".to_owned(), workers.clone());
        }
        if let Some(timing) = update["metrics"]["timing"].as_object().filter(|timing| !timing.is_empty()) {
            more.insert("metrics".to_owned(), json!({"timing": timing}));
        }
        if let Some(status) = status {
            self.memory.put(id, status);
            self.memory.after_task_status(id, status, now);
        }
    }

    fn log(&mut self, id: &str, request: &Request<Bytes>) -> Answer {
        let Ok(part) = form::only_part(request) else { return error(400) };
        let named = part.parameter("filename").and_then(|name| name.strip_suffix(".gz")).is_some();
        if part.parameter("name") != Some("logfile") || !named {
            return error(400);
        }
        self.wanted_logs.remove(id);
        let task = self.memory.tasks.get_mut(id);
        let Some(task) = task.filter(|task| self.memory.jobs[&task.job].manager == MANAGER) else {
            return error(404);
        };
        let file = format!("flamenco-task-logs/job-{}/task-{id}.log.gz", task.job);
        task.more.insert("log_file".to_owned(), json!({"backend": "local", "file_path": file}));
        let log = form::unzip(&part.content).unwrap_or_default();
        let old = self.logs.insert(id.to_owned(), String::from_utf8_lossy(&log).into_owned());
        let mut answer = ok(&json!({"_message": "ok"}));
        *answer.status_mut() = if old.is_none() { StatusCode::CREATED } else { StatusCode::OK };
        set(&mut answer, "Location", &format!("/flamenco/shots/tasks/{id}.log.gz"));
        answer
    }
}

#[derive(Serialize)]
struct Depsgraph<'a> {
    depsgraph: Vec<Document<'a>>,
}

fn is_let_in(headers: &HeaderMap) -> bool {
    let mut wanted = Vec::new();
    Authorization::basic(SECRET, "").encode(&mut wanted);
    headers.get("authorization") == wanted.first()
}

fn unquoted_etag(headers: &HeaderMap) -> &str {
    text(headers, "if-none-match").trim_start_matches("W/").trim_matches('"')
}
