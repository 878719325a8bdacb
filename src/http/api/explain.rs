//! Why is this not running?

use std::sync::Arc;

use http::StatusCode;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        openapi::{Endpoint, get},
        routes::{Answer, endpoint, json, look, with},
    },
    id,
};
use crate::domain::ids::{JobId, TaskId, WorkerId};

/// `GET /api/jobs/{id}/explain`
pub fn job(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/jobs/{id}/explain", "Why a job is running, or is not")
        .path::<JobId>("id")
        .answers::<documents::JobExplanation>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "jobs" / String / "explain").and(warp::get()).and(with(site)).then(
            async |job: String, site: Arc<Site>| -> Answer {
                let (job, time_zone) = (id(&job)?, site.time_zone.clone());
                let explained = look(&site, move |services| services.explain_job(job, &time_zone)).await?;
                Ok(json(&documents::job_explanation(&explained)))
            },
        ));
    about.by(route)
}

/// `GET /api/tasks/{id}/explain`
pub fn task(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/tasks/{id}/explain", "Why a task is running, or is not")
        .path::<TaskId>("id")
        .answers::<documents::TaskExplanation>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "tasks" / String / "explain").and(warp::get()).and(with(site)).then(
            async |task: String, site: Arc<Site>| -> Answer {
                let (task, time_zone) = (id(&task)?, site.time_zone.clone());
                let explained = look(&site, move |services| services.explain_task(task, &time_zone)).await?;
                Ok(json(&documents::task_explanation(&explained)))
            },
        ));
    about.by(route)
}

/// `GET /api/workers/{id}/explain`
pub fn worker(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/workers/{id}/explain", "Why a worker has something to do, or has not")
        .path::<WorkerId>("id")
        .answers::<documents::WorkerExplanation>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "workers" / String / "explain").and(warp::get()).and(with(site)).then(
            async |worker: String, site: Arc<Site>| -> Answer {
                let (worker, time_zone) = (id(&worker)?, site.time_zone.clone());
                let explained =
                    look(&site, move |services| services.explain_worker(worker, &time_zone)).await?;
                Ok(json(&documents::worker_explanation(&explained)))
            },
        ));
    about.by(route)
}
