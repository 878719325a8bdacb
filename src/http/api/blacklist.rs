//! The blacklist: which workers get no more tasks of which type of which job.

use std::sync::Arc;

use http::StatusCode;
use percent_encoding::percent_decode_str;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        error::ApiError,
        openapi::{Endpoint, delete, get},
        routes::{Answer, endpoint, json, look, with},
        worker::presence::no_content,
    },
    id,
    listing::{PAGE, PageParameters, cursor},
    parameters,
};
use crate::domain::ids::{JobId, WorkerId};

/// What the list goes by; there is no other order.
const ORDER: &str = "worker";

/// `GET /api/blacklist`: by worker, job and task type.
pub fn list(site: &Arc<Site>) -> Endpoint {
    let about =
        get("/api/blacklist", "Which workers get no more tasks of which type of which job, by worker")
            .query::<PageParameters>()
            .answers::<documents::Blacklist>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "blacklist").and(warp::get()).and(with(site)).and(parameters()).then(
            async |site: Arc<Site>, page: Result<PageParameters, ApiError>| -> Answer {
                let window = page?.window(ORDER, PAGE)?;
                let page = look(&site, move |services| services.blacklist(&window)).await?;
                let blacklist = page.entries.iter().map(documents::named_blacklist_line).collect();
                let next = page.next.map(|place| cursor(ORDER, &place));
                Ok(json(&documents::Blacklist { blacklist, next, total: page.total }))
            },
        ));
    about.by(route)
}

/// `DELETE /api/blacklist/{worker}/{job}/{type}`: the worker is trusted again.
pub fn forget(site: &Arc<Site>) -> Endpoint {
    let about = delete("/api/blacklist/{worker}/{job}/{task_type}", "A worker is trusted again")
        .deed("trust worker again")
        .path::<WorkerId>("worker")
        .path::<JobId>("job")
        .path::<String>("task_type")
        .answers::<()>(StatusCode::NO_CONTENT);
    let route = endpoint(
        warp::path!("api" / "blacklist" / String / String / String).and(warp::delete()).and(with(site)).then(
            async |worker: String, job: String, task_type: String, site: Arc<Site>| -> Answer {
                let (worker, job): (WorkerId, JobId) = (id(&worker)?, id(&job)?);
                let task_type = percent_decode_str(&task_type).decode_utf8_lossy().into_owned();
                if site.services.forget_blacklist_line(worker, job, task_type.clone()).await? {
                    return Ok(no_content());
                }
                Err(ApiError::not_found(format!(
                    "worker {worker} is not blacklisted for tasks of type {task_type:?} of job {job}"
                )))
            },
        ),
    );
    about.by(route)
}
