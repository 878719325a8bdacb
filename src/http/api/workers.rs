//! Workers: listed, shown and tagged.

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
    },
    id, page_size, parameters,
};
use crate::{
    domain::{ids::WorkerId, tags::Tags},
    services::Services,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkersPage {
    /// The last worker of the page before.
    after: Option<WorkerId>,
    limit: Option<usize>,
}

/// `GET /api/workers`: by nickname; all of them, unless a limit is given.
pub fn list(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "workers").and(warp::get()).and(with(site)).and(parameters()).then(
        async |site: Arc<Site>, page: Result<WorkersPage, ApiError>| -> Answer {
            let WorkersPage { after, limit } = page?;
            let limit = limit.map_or(Ok(usize::MAX), |limit| page_size(Some(limit)))?;
            let all = look(&site, Services::workers).await?;
            let start = after.and_then(|after| all.iter().position(|view| view.worker.id == after));
            let page: Vec<_> = all.iter().skip(start.map_or(0, |start| start + 1)).take(limit).collect();
            let next = page.last().map(|view| view.worker.id).filter(|_| page.len() == limit);
            let workers = page.into_iter().map(documents::worker).collect();
            Ok(json(&documents::WorkerList { next, total: all.len(), workers }))
        },
    ))
}

/// `GET /api/workers/{id}`
pub fn show(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "workers" / String).and(warp::get()).and(with(site)).then(
        async |worker: String, site: Arc<Site>| -> Answer {
            Ok(json(&documents::worker(&site.services.worker(id(&worker)?)?)))
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
                Ok(json(&documents::worker(&site.services.worker(worker)?)))
            }),
    )
}
