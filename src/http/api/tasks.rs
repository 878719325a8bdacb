//! Tasks: shown, with their logs, cancelled and requeued.

use std::sync::Arc;

use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        error::ApiError,
        logs,
        openapi::{Endpoint, get, post},
        routes::{Answer, endpoint, json, with},
    },
    id, parameters,
};
use crate::domain::ids::TaskId;

/// `GET /api/tasks/{id}`
pub fn show(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/tasks/{id}", "A task")
        .path::<TaskId>("id")
        .answers::<documents::TaskOfPeople>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "tasks" / String).and(warp::get()).and(with(site)).then(
        async |task: String, site: Arc<Site>| -> Answer {
            let view = site.services.task(id(&task)?)?;
            Ok(json(&documents::task(&view).map_err(|error| ApiError::internal(&error))?))
        },
    ));
    about.by(route)
}

/// `POST /api/tasks/{id}/cancel`
pub fn cancel(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/tasks/{id}/cancel", "Stops a task for good")
        .path::<TaskId>("id")
        .answers::<documents::TaskOfPeople>(StatusCode::OK)
        .fails(StatusCode::CONFLICT);
    let route =
        endpoint(warp::path!("api" / "tasks" / String / "cancel").and(warp::post()).and(with(site)).then(
            async |task: String, site: Arc<Site>| -> Answer {
                let task: TaskId = id(&task)?;
                site.services.cancel_task(task).await?;
                let view = site.services.task(task)?;
                Ok(json(&documents::task(&view).map_err(|error| ApiError::internal(&error))?))
            },
        ));
    about.by(route)
}

/// `POST /api/tasks/{id}/requeue`
pub fn requeue(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/tasks/{id}/requeue", "The task is done again, and all that come behind it")
        .path::<TaskId>("id")
        .answers::<documents::TaskOfPeople>(StatusCode::OK)
        .fails(StatusCode::CONFLICT);
    let route =
        endpoint(warp::path!("api" / "tasks" / String / "requeue").and(warp::post()).and(with(site)).then(
            async |task: String, site: Arc<Site>| -> Answer {
                let task: TaskId = id(&task)?;
                site.services.requeue_task(task).await?;
                let view = site.services.task(task)?;
                Ok(json(&documents::task(&view).map_err(|error| ApiError::internal(&error))?))
            },
        ));
    about.by(route)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogPart {
    /// As many lines from the end.
    tail: Option<usize>,
}

/// `GET /api/tasks/{id}/log`
pub fn log(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/tasks/{id}/log", "The log of a task")
        .path::<TaskId>("id")
        .query::<LogPart>()
        .answers_as("text/plain; charset=utf-8");
    let route = endpoint(
        warp::path!("api" / "tasks" / String / "log")
            .and(warp::get())
            .and(with(site))
            .and(parameters())
            .then(async |task: String, site: Arc<Site>, part: Result<LogPart, ApiError>| -> Answer {
                let (task, LogPart { tail }) = (id(&task)?, part?);
                let log = site.services.log(site.services.job_of_task(task)?, task).await?;
                let log = log.ok_or_else(|| ApiError::not_found(format!("task {task} has no log yet")))?;
                match tail {
                    Some(lines) => logs::tail(log, lines).await,
                    None => Ok(logs::whole_text(log)),
                }
            }),
    );
    about.by(route)
}
