//! Tasks: shown, with their logs, cancelled and requeued.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        error::ApiError,
        follow, logs,
        openapi::{Endpoint, get, post},
        routes::{Answer, endpoint, json, with},
        sse,
    },
    id, parameters,
};
use crate::{
    domain::{ids::TaskId, task::Task},
    services::{Place, TaskView},
};

/// `GET /api/tasks/{id}`
pub fn show(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/tasks/{id}", "A task")
        .path::<TaskId>("id")
        .answers::<documents::TaskOfPeople>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "tasks" / String)
            .and(warp::get())
            .and(with(site))
            .then(async |task: String, site: Arc<Site>| -> Answer { answer(&site, id(&task)?) }),
    );
    about.by(route)
}

/// `POST /api/tasks/{id}/cancel`
pub fn cancel(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/tasks/{id}/cancel", "Stops a task for good")
        .deed("cancel task")
        .path::<TaskId>("id")
        .answers::<documents::TaskOfPeople>(StatusCode::OK)
        .fails(StatusCode::CONFLICT);
    let route =
        endpoint(warp::path!("api" / "tasks" / String / "cancel").and(warp::post()).and(with(site)).then(
            async |task: String, site: Arc<Site>| -> Answer {
                let task: TaskId = id(&task)?;
                site.services.cancel_task(task).await?;
                answer(&site, task)
            },
        ));
    about.by(route)
}

/// `POST /api/tasks/{id}/requeue`
pub fn requeue(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/tasks/{id}/requeue", "The task is done again, and all that come behind it")
        .deed("requeue task")
        .path::<TaskId>("id")
        .answers::<documents::TaskOfPeople>(StatusCode::OK)
        .fails(StatusCode::CONFLICT);
    let route =
        endpoint(warp::path!("api" / "tasks" / String / "requeue").and(warp::post()).and(with(site)).then(
            async |task: String, site: Arc<Site>| -> Answer {
                let task: TaskId = id(&task)?;
                site.services.requeue_task(task).await?;
                answer(&site, task)
            },
        ));
    about.by(route)
}

/// `GET /api/tasks/{id}/history`
pub fn history(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/tasks/{id}/history", "What has become of a task: who had it, and how that ended")
        .path::<TaskId>("id")
        .answers::<documents::TaskHistory>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "tasks" / String / "history").and(warp::get()).and(with(site)).then(
            async |task: String, site: Arc<Site>| -> Answer {
                let history = site.services.task_history(id(&task)?)?;
                Ok(json(&documents::task_history(&history)))
            },
        ));
    about.by(route)
}

/// The task as it is now.
fn answer(site: &Site, task: TaskId) -> Answer {
    let view = site.services.task(task)?;
    Ok(json(&documents::task(&view).map_err(|error| ApiError::internal(&error))?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForPlatform {
    /// For workers on this platform: `linux`, `windows`, `darwin`, …; if nothing is said, on that of the worker that has or
    /// had the task, or else on that of the Manager.
    platform: Option<String>,
}

/// `GET /api/tasks/{id}/commands`
pub fn commands(site: &Arc<Site>) -> Endpoint {
    let about =
        get("/api/tasks/{id}/commands", "What a worker is given to do: commands with variables replaced")
            .path::<TaskId>("id")
            .query::<ForPlatform>()
            .answers::<documents::Commands>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "tasks" / String / "commands")
            .and(warp::get())
            .and(with(site))
            .and(parameters())
            .then(async |task: String, site: Arc<Site>, how: Result<ForPlatform, ApiError>| -> Answer {
                let (task, ForPlatform { platform }) = (id(&task)?, how?);
                let TaskView { task, commands, .. } = site.services.task(task)?;
                let platform = platform.map_or_else(|| site.services.platform_of(&task), Ok)?;
                let commands = documents::commands_of_worker(site.services.variables(), &commands, &platform)
                    .map_err(|error| ApiError::internal(&error))?;
                Ok(json(&documents::Commands { platform, commands }))
            }),
    );
    about.by(route)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogPart {
    /// As many lines from the end.
    tail: Option<usize>,
    /// As events, with what is added.
    #[serde(default)]
    follow: bool,
    /// Only the lines with this text, whether in capitals or not, as JSON.
    search: Option<String>,
    /// As a file to be kept, under a name that says which job and task it is of.
    #[serde(default)]
    download: bool,
}

/// The longest text that is searched for, in bytes.
const LONGEST_SEARCH: usize = 1000;

/// What is wanted of a log.
enum Wanted {
    Whole,
    File,
    Tail(usize),
    Follow(Option<usize>),
    Lines(String),
}

impl TryFrom<LogPart> for Wanted {
    type Error = ApiError;

    fn try_from(LogPart { tail, follow, search, download }: LogPart) -> Result<Self, ApiError> {
        match (search, download, follow, tail) {
            (None, false, false, None) => Ok(Self::Whole),
            (None, true, false, None) => Ok(Self::File),
            (None, false, false, Some(lines)) => Ok(Self::Tail(lines)),
            (None, false, true, tail) => Ok(Self::Follow(tail)),
            (Some(text), false, false, None) if (1..=LONGEST_SEARCH).contains(&text.len()) => {
                Ok(Self::Lines(text))
            }
            (Some(_), false, false, None) => {
                Err(ApiError::bad_request(format!("search: use a text of 1 to {LONGEST_SEARCH} bytes")))
            }
            _ => Err(ApiError::bad_request("use `search` and `download` by themselves")),
        }
    }
}

/// `GET /api/tasks/{id}/log`
pub fn log(site: &Arc<Site>) -> Endpoint {
    let about = get(
        "/api/tasks/{id}/log",
        "The log of a task: as text, with `follow` as events until the task has ended, with `search` what is found in it",
    )
    .path::<TaskId>("id")
    .query::<LogPart>()
    .header("Last-Event-ID", "The `id` of the last event that was heard of the log: it goes on from there")
    .answers_as("text/plain; charset=utf-8")
    .answers_as("text/event-stream")
    .answers::<documents::LogMatches>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "tasks" / String / "log")
            .and(warp::get())
            .and(with(site))
            .and(parameters())
            .and(warp::header::headers_cloned())
            .and(sse::end())
            .then(
                async |task: String,
                       site: Arc<Site>,
                       part: Result<LogPart, ApiError>,
                       headers: HeaderMap,
                       stop|
                       -> Answer {
                    let (task, wanted) = (id(&task)?, Wanted::try_from(part?)?);
                    let Task { job, name, .. } = site.services.bare_task(task)?;
                    if let Wanted::Follow(tail) = wanted {
                        let place = match last_event(&headers)? {
                            Some(place) => place,
                            None => site.services.place_in_log(job, task, tail).await?,
                        };
                        return Ok(sse::answer(follow::events(&site.services, job, task, place), stop));
                    }
                    let log = site.services.log(job, task).await?;
                    let log =
                        log.ok_or_else(|| ApiError::not_found(format!("task {task} has no log yet")))?;
                    match wanted {
                        Wanted::Tail(lines) => logs::tail(log, lines).await,
                        Wanted::Lines(text) => logs::search(log, text).await,
                        Wanted::File => {
                            let (job, _) = site.services.job(job)?;
                            Ok(logs::file(log, &[&job.name, &name, &task.to_string()]))
                        }
                        Wanted::Whole | Wanted::Follow(_) => Ok(logs::whole_text(log)),
                    }
                },
            ),
    );
    about.by(route)
}

/// The place up to which somebody has followed a log before.
fn last_event(headers: &HeaderMap) -> Result<Option<Place>, ApiError> {
    let Some(last) = headers.get("last-event-id") else { return Ok(None) };
    let place = last.to_str().ok().and_then(|last| last.parse().ok());
    let place =
        place.ok_or_else(|| ApiError::bad_request("Last-Event-ID is no place in a log; leave it out"));
    place.map(Some)
}
