//! Tasks: shown, with their logs, cancelled and requeued.

use std::sync::Arc;

use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        error::ApiError,
        logs,
        routes::{Answer, Route, endpoint, json, with},
    },
    id, parameters,
};
use crate::domain::ids::TaskId;

/// `GET /api/tasks/{id}`
pub fn show(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "tasks" / String).and(warp::get()).and(with(site)).then(
        async |task: String, site: Arc<Site>| -> Answer {
            let view = site.services.task(id(&task)?)?;
            Ok(json(&documents::task(&view).map_err(|error| ApiError::internal(&error))?))
        },
    ))
}

/// `POST /api/tasks/{id}/cancel`
pub fn cancel(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "tasks" / String / "cancel").and(warp::post()).and(with(site)).then(
        async |task: String, site: Arc<Site>| -> Answer {
            let task: TaskId = id(&task)?;
            site.services.cancel_task(task).await?;
            let view = site.services.task(task)?;
            Ok(json(&documents::task(&view).map_err(|error| ApiError::internal(&error))?))
        },
    ))
}

/// `POST /api/tasks/{id}/requeue`: it is done again, and all that come behind it.
pub fn requeue(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "tasks" / String / "requeue").and(warp::post()).and(with(site)).then(
        async |task: String, site: Arc<Site>| -> Answer {
            let task: TaskId = id(&task)?;
            site.services.requeue_task(task).await?;
            let view = site.services.task(task)?;
            Ok(json(&documents::task(&view).map_err(|error| ApiError::internal(&error))?))
        },
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogPart {
    /// As many lines from the end.
    tail: Option<usize>,
}

/// `GET /api/tasks/{id}/log`: whole, or the last lines, always as text.
pub fn log(site: &Arc<Site>) -> Route {
    endpoint(
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
    )
}
