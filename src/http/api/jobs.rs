//! Jobs: submitted, listed, shown.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use warp::Filter;

use super::{
    super::{
        Site,
        body::{self, BodyError},
        documents,
        error::ApiError,
        routes::{Answer, Route, endpoint, json, look, with},
    },
    created, id, page_size, parameters,
};
use crate::{
    domain::ids::{JobId, TaskId},
    services::NewJob,
};

/// `POST /api/jobs`
pub fn submit(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("api" / "jobs")
            .and(warp::post())
            .and(with(site))
            .and(parameters())
            .and(body::bytes(SUBMISSION))
            .then(
                async |site: Arc<Site>,
                       none: Result<NoParameters, ApiError>,
                       body: Result<Bytes, BodyError>|
                       -> Answer {
                    let NoParameters {} = none?;
                    let body = body?;
                    let new: serde_json::Result<NewJob> =
                        body::digest(body.len(), move || body::object(&body)).await?;
                    let new =
                        new.map_err(|error| ApiError::bad_request(format!("this is no job: {error}")))?;
                    let id = site.services.submit_job(new).await?;
                    let (job, state) = site.services.job(id)?;
                    Ok(created(warp::reply::json(&documents::job(&job, &state))))
                },
            ),
    )
}

/// The largest submission, in bytes: as many tasks as are allowed, with commands of ordinary size.
const SUBMISSION: u64 = 128 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobsPage {
    /// The last job of the page before.
    before: Option<JobId>,
    limit: Option<usize>,
}

/// `GET /api/jobs`: the newest first.
pub fn list(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "jobs").and(warp::get()).and(with(site)).and(parameters()).then(
        async |site: Arc<Site>, page: Result<JobsPage, ApiError>| -> Answer {
            let JobsPage { before, limit } = page?;
            let limit = page_size(limit)?;
            let (jobs, total) =
                look(&site, move |services| Ok((services.jobs(before, limit)?, services.count_jobs()?)))
                    .await?;
            let next = jobs.last().map(|(job, _)| job.id).filter(|_| jobs.len() == limit);
            let jobs: Vec<_> = jobs.iter().map(|(job, state)| documents::job(job, state)).collect();
            Ok(json(&json!({"jobs": jobs, "total": total, "next": next})))
        },
    ))
}

/// `GET /api/jobs/{id}`
pub fn show(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "jobs" / String).and(warp::get()).and(with(site)).then(
        async |job: String, site: Arc<Site>| -> Answer {
            let (job, state) = site.services.job(id(&job)?)?;
            Ok(json(&documents::job(&job, &state)))
        },
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TasksPage {
    /// The last task of the page before.
    after: Option<TaskId>,
    limit: Option<usize>,
}

/// `GET /api/jobs/{id}/tasks`: in the order in which they were submitted.
pub fn tasks(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("api" / "jobs" / String / "tasks")
            .and(warp::get())
            .and(with(site))
            .and(parameters())
            .then(async |job: String, site: Arc<Site>, page: Result<TasksPage, ApiError>| -> Answer {
                let TasksPage { after, limit } = page?;
                let (job, limit) = (id(&job)?, page_size(limit)?);
                let tasks = look(&site, move |services| services.tasks_of_job(job, after, limit)).await?;
                let (_, state) = site.services.job(job)?;
                let next = tasks.last().map(|view| view.task.id).filter(|_| tasks.len() == limit);
                let tasks: Result<Vec<_>, _> = tasks.iter().map(documents::task).collect();
                let tasks = tasks.map_err(|error| ApiError::internal(&error))?;
                let total = state.tally.total();
                Ok(json(&TaskList { tasks, total, next }))
            }),
    )
}

#[derive(serde::Serialize)]
struct TaskList {
    tasks: Vec<Box<serde_json::value::RawValue>>,
    total: u64,
    next: Option<TaskId>,
}
