//! The Flamenco Server as the Manager sees it: one method is one HTTP call of `server-protocol.md`, sections 1.1 to
//! 1.5, 1.9 and 1.10. When to call, how often to try again and what to do with the answers is decided elsewhere.

mod answer;
mod call;
mod credentials;
mod documents;
mod link;
mod log_file;
mod push;
mod tasks;
#[cfg(test)]
mod tests;
mod vouching;

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use http::{
    HeaderValue, Method, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, IF_NONE_MATCH, LAST_MODIFIED},
};
use jiff::Timestamp;
use tokio::{
    net::{UdpSocket, lookup_host},
    sync::Semaphore,
};
use ureq::SendBody;

use answer::Answer;
pub use answer::CallError;
use call::Line;
pub use documents::{Batch, Notification, PushAnswer};
pub use link::{Limits, Link};
use log_file::LogBody;
use push::Pusher;
pub use tasks::{Download, TaskAnswer};
use vouching::Vouching;

use crate::domain::{ids::TaskId, server_task::ServerTask};

/// How many re-checks of tasks are under way at once; more wait for their turn.
const RECHECKS: usize = 16;

/// The largest answer but for a download, in bytes.
const LARGEST_ANSWER: u64 = 64 << 20;

/// The largest download, in bytes. Without a past it has every task of every running job.
const LARGEST_DOWNLOAD: u64 = 1 << 30;

/// The largest download of public keys, in bytes: room for hundreds.
const LARGEST_KEYS: u64 = 64 << 10;

/// Asks for what was updated since, in the words of an earlier answer.
const IF_UPDATED_SINCE: &str = "X-Flamenco-If-Updated-Since";
const LAST_UPDATED: &str = "X-Flamenco-Last-Updated";

/// Why the Server is told about the Manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The Manager has started.
    Startup,
    /// Something about it has changed.
    Update,
}

/// The Flamenco Server.
///
/// A call whose future is dropped goes on until it is answered or its time is up, and its answer is lost: the Server
/// may have acted on it, as with any call that breaks off.
pub struct Server {
    manager_id: String,
    limits: Limits,
    calls: Line,
    transfers: Line,
    rechecks: Line,
    recheck_turns: Arc<Semaphore>,
    pusher: Pusher,
    vouching: Vouching,
}

impl Server {
    /// Connects to nothing yet.
    pub fn new(link: &Link, limits: Limits) -> Self {
        let calls = Line::new(link, limits.call, &limits);
        let batches = format!("/api/flamenco/managers/{}/task-update-batch", link.manager_id);
        Self {
            manager_id: link.manager_id.clone(),
            transfers: Line::new(link, limits.transfer, &limits),
            rechecks: Line::new(link, limits.recheck, &limits),
            recheck_turns: Arc::new(Semaphore::new(RECHECKS)),
            pusher: Pusher::new(calls.clone(), batches),
            vouching: Vouching::new(link),
            calls,
            limits,
        }
    }

    /// Tells the Server about the Manager (section 1.1).
    pub async fn notify(&self, occasion: Occasion, document: &Notification) -> Result<(), CallError> {
        let occasion = match occasion {
            Occasion::Startup => "startup",
            Occasion::Update => "update",
        };
        let path = self.manager_path(occasion);
        let request = self.calls.request(Method::POST, &path).header(CONTENT_TYPE, "application/json");
        let json = document.to_json().expect("texts and numbers can always be written as JSON");
        let line = self.calls.clone();
        let answer =
            on_a_thread(&self.calls, move || line.call(request, json.as_slice(), LARGEST_ANSWER)).await?;
        if (200..300).contains(&answer.status) { Ok(()) } else { Err(answer.refusal()) }
    }

    /// Asks for tasks that are new or changed since an earlier download, which said what to give as `since`;
    /// without it, for all tasks that are to be done (section 1.2).
    pub async fn download(&self, since: Option<&str>) -> Result<Download, CallError> {
        let mut request = self.transfers.request(Method::GET, &self.manager_path("depsgraph"));
        if let Some(since) = since.and_then(|since| HeaderValue::from_str(since).ok()) {
            request = request.header(IF_UPDATED_SINCE, since);
        }
        let line = self.transfers.clone();
        on_a_thread(&self.transfers, move || {
            let answer = line.call(request, (), LARGEST_DOWNLOAD)?;
            match answer.status {
                200 => read_download(&answer),
                204 | 304 => Ok(Download::Nothing),
                _ => Err(answer.refusal()),
            }
        })
        .await
    }

    /// Asks for one task, if the Server's version is another than `etag` (section 1.3).
    ///
    /// Only the Server itself can say that the task is gone: a 404 that does not look like one of its own may come
    /// from a proxy before it, and is an error like any other.
    pub async fn task(&self, id: TaskId, etag: &str) -> Result<TaskAnswer, CallError> {
        let mut request = self.rechecks.request(Method::GET, &format!("/api/flamenco/tasks/{id}"));
        // Without quotes, as the Server's own documents have it. One that cannot be a header is as good as none.
        if let Some(etag) = HeaderValue::from_str(etag).ok().filter(|etag| !etag.is_empty()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let late = |why: &str| {
            self.rechecks.unreachable(&format!("GET {}/api/flamenco/tasks/{id}", self.rechecks.origin()), why)
        };
        let line = self.rechecks.clone();
        let turns = Arc::clone(&self.recheck_turns);
        let recheck = async {
            let turn = turns.acquire_owned().await.map_err(|_| late("the Manager stops"))?;
            on_a_thread(&self.rechecks, move || {
                // Held until the thread is free, which may be later than anybody waits for it.
                let _turn = turn;
                read_task_answer(id, line.call(request, (), LARGEST_ANSWER)?)
            })
            .await
        };
        let in_time = tokio::time::timeout(self.limits.recheck, recheck).await;
        in_time.unwrap_or_else(|_| Err(late("it took too long")))
    }

    /// Tells the Server what happened to tasks (section 1.4).
    pub async fn push(&self, batch: Batch) -> Result<PushAnswer, CallError> {
        let pusher = self.pusher.clone();
        on_a_thread(&self.calls, move || {
            let answer = pusher.push(&batch.into_json())?;
            if answer.status != 200 {
                return Err(answer.refusal());
            }
            documents::read_push_answer(&answer.body).map_err(|error| not_understood(&answer, &error))
        })
        .await
    }

    /// Sends the log of a task: `log` is gzip and has `length` bytes (section 1.5). [`CallError::Refused`] with status 404
    /// is the Server's word for a task that it does not know.
    pub async fn upload_log(
        &self,
        task: TaskId,
        log: impl Read + Send + 'static,
        length: u64,
    ) -> Result<(), CallError> {
        let path = self.manager_path(&format!("attach-task-log/{task}"));
        let request = self.transfers.request(Method::POST, &path);
        let line = self.transfers.clone();
        on_a_thread(&self.transfers, move || {
            let body = LogBody::new(task, log, length);
            // The length keeps ureq from sending it in chunks, which not every Server understands.
            let request =
                request.header(CONTENT_TYPE, &body.content_type).header(CONTENT_LENGTH, body.length);
            let answer = line.call(request, SendBody::from_owned_reader(body.reader), LARGEST_ANSWER)?;
            match answer.status {
                200 | 201 => Ok(()),
                _ => Err(answer.refusal()),
            }
        })
        .await
    }

    /// The Server's public keys in PEM, and what it calls the time of their last change, unless that is `modified`
    /// (section 1.9).
    pub async fn public_keys(&self, modified: Option<&str>) -> Result<Option<(String, String)>, CallError> {
        let modified = modified.filter(|modified| HeaderValue::from_str(modified).is_ok());
        let request = self.vouching.keys(modified);
        let line = self.calls.clone();
        on_a_thread(&self.calls, move || {
            let answer = line.call(request, (), LARGEST_KEYS)?;
            match answer.status {
                200 => {
                    let modified = answer.header(LAST_MODIFIED.as_str()).unwrap_or_default().to_owned();
                    Ok(Some((String::from_utf8_lossy(&answer.body).into_owned(), modified)))
                }
                304 => Ok(None),
                _ => Err(answer.refusal()),
            }
        })
        .await
    }

    /// Where a browser that is logged in at the Server gets its word about its user (section 1.9).
    pub fn token_url(&self, now: Timestamp) -> String {
        self.vouching.token_url(now)
    }

    /// Where a browser logs in at the Server, to come back to `page` then (section 1.9).
    pub fn login_url(&self, page: &str) -> String {
        self.vouching.login_url(page)
    }

    /// The page about a task, for browsers (section 1.10).
    pub fn task_page(&self, id: TaskId) -> String {
        format!("{}/flamenco/tasks/{id}", self.calls.origin())
    }

    /// The address from which this machine reaches the Server, and at which the Server's users may reach this machine.
    pub async fn own_address(&self) -> Option<IpAddr> {
        tokio::time::timeout(self.limits.connect, address_towards(self.calls.origin())).await.ok().flatten()
    }

    /// Breaks off all calls; later ones fail at once. Looking up the host and connecting go on, but no longer than
    /// [`Limits::connect`] for each.
    pub fn hang_up(&self) {
        self.recheck_turns.close();
        for line in [&self.calls, &self.transfers, &self.rechecks] {
            line.hang_up();
        }
    }

    fn manager_path(&self, end: &str) -> String {
        format!("/api/flamenco/managers/{}/{end}", self.manager_id)
    }
}

/// Runs a blocking call where it keeps nobody waiting.
async fn on_a_thread<T: Send + 'static>(
    line: &Line,
    call: impl FnOnce() -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    let done = tokio::task::spawn_blocking(call).await;
    done.unwrap_or_else(|broken| {
        Err(line.unreachable(line.origin(), &format!("the call was given up: {broken}")))
    })
}

fn not_understood(answer: &Answer, error: &serde_json::Error) -> CallError {
    answer.trouble(&format!("the answer cannot be understood: {error}"))
}

fn read_download(answer: &Answer) -> Result<Download, CallError> {
    let tasks = tasks::read_depsgraph(&answer.body).map_err(|error| not_understood(answer, &error))?;
    let Some(tasks) = tasks else { return Ok(Download::Nothing) };
    let last_updated = answer
        .header(LAST_UPDATED)
        .filter(|text| !text.is_empty())
        .map(|text| tasks::next_since(text, answer.header(DATE.as_str())));
    Ok(Download::Tasks { tasks, last_updated })
}

fn read_task_answer(asked: TaskId, answer: Answer) -> Result<TaskAnswer, CallError> {
    match answer.status {
        200 => {
            let text = str::from_utf8(&answer.body)
                .map_err(|error| answer.trouble(&format!("the answer is no text: {error}")))?;
            let task: ServerTask = tasks::read_task(text).map_err(|error| not_understood(&answer, &error))?;
            if task.id != asked {
                return Err(answer.trouble(&format!("the answer is about task {}", task.id)));
            }
            Ok(TaskAnswer::Changed(Box::new(task)))
        }
        304 => Ok(TaskAnswer::Unchanged),
        404 | 410 if answer.is_error_of_the_server() => Ok(TaskAnswer::Gone),
        _ => Err(answer.refusal()),
    }
}

/// The address of this machine that the system takes for what goes to `origin`. Nothing is sent: a UDP socket that is
/// connected has only chosen its way.
async fn address_towards(origin: &str) -> Option<IpAddr> {
    let uri: Uri = origin.parse().ok()?;
    let usual_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let server = format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(usual_port));
    for address in lookup_host(server).await.ok()? {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let Ok(socket) = UdpSocket::bind((any, 0)).await else { continue };
        if socket.connect(address).await.is_ok()
            && let Ok(own) = socket.local_addr()
        {
            return Some(own.ip());
        }
    }
    None
}
