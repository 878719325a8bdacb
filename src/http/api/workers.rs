//! Workers: listed and shown, tagged, and what people ask of them.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site,
        body::{self, BodyError},
        documents,
        error::ApiError,
        routes::{Answer, Route, endpoint, json, look, with},
        worker::presence::no_content,
    },
    id,
    listing::{ListParameters, cursor},
    parameters,
};
use crate::domain::{
    ids::WorkerId,
    listing::{Choice, WorkerQuery},
    tags::Tags,
    worker::WorkerStatus,
};

/// `GET /api/workers`: by nickname, if nothing else is asked for; all of them, unless a limit is given.
pub fn list(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "workers").and(warp::get()).and(with(site)).and(parameters()).then(
        async |site: Arc<Site>, how: Result<ListParameters, ApiError>| -> Answer {
            let query: WorkerQuery = how?.query(usize::MAX)?;
            let sort = query.order.by.name();
            let page = look(&site, move |services| services.list_workers(&query)).await?;
            let workers = page.entries.iter().map(documents::worker).collect();
            let next = page.next.map(|place| cursor(sort, &place));
            Ok(json(&documents::WorkerList { next, total: page.total, workers }))
        },
    ))
}

/// `GET /api/workers/{id}`
pub fn show(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("api" / "workers" / String)
            .and(warp::get())
            .and(with(site))
            .then(async |worker: String, site: Arc<Site>| -> Answer { answer(&site, id(&worker)?) }),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusWish {
    status: WorkerStatus,
    /// When its task has ended.
    #[serde(default)]
    lazy: bool,
}

/// `POST /api/workers/{id}/status`: `{"status": "asleep", "lazy": true}`.
pub fn request_status(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("api" / "workers" / String / "status")
            .and(warp::post())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |worker: String, site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let worker = id(&worker)?;
                let StatusWish { status, lazy } = body::object(&body?).map_err(|error| {
                    ApiError::bad_request(format!("this cannot be asked of a worker: {error}"))
                })?;
                site.services.request_status(worker, status, lazy).await?;
                answer(&site, worker)
            }),
    )
}

/// `POST /api/workers/{id}/ack-timeout`: somebody has seen that it timed out.
pub fn acknowledge_timeout(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "workers" / String / "ack-timeout").and(warp::post()).and(with(site)).then(
        async |worker: String, site: Arc<Site>| -> Answer {
            let worker = id(&worker)?;
            site.services.acknowledge_timeout(worker).await?;
            answer(&site, worker)
        },
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkerChange {
    tags: Tags,
}

/// `PATCH /api/workers/{id}`: `{"tags": ["gpu"]}`, in place of those that it had.
pub fn change(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("api" / "workers" / String)
            .and(warp::patch())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |worker: String, site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let worker = id(&worker)?;
                let WorkerChange { tags } = body::object(&body?).map_err(|error| {
                    ApiError::bad_request(format!("this is no change of a worker: {error}"))
                })?;
                site.services.set_worker_tags(worker, tags).await?;
                answer(&site, worker)
            }),
    )
}

/// `DELETE /api/workers/{id}`: it is forgotten, and its tasks go back to the queue.
pub fn forget(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "workers" / String).and(warp::delete()).and(with(site)).then(
        async |worker: String, site: Arc<Site>| -> Answer {
            site.services.forget_worker(id(&worker)?).await?;
            Ok(no_content())
        },
    ))
}

/// The worker as it is now.
fn answer(site: &Site, worker: WorkerId) -> Answer {
    Ok(json(&documents::worker(&site.services.worker(worker)?)))
}
