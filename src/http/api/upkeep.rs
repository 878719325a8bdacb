//! Clearing away, on behalf of the commands `cleanslate` and `purgequeue`.

use std::sync::Arc;

use http::StatusCode;
use warp::Filter;

use super::super::{
    Site, documents,
    openapi::{Endpoint, delete},
    routes::{Answer, endpoint, json, with},
};

/// `DELETE /api/tasks`
pub fn erase_tasks(site: &Arc<Site>) -> Endpoint {
    let about = delete("/api/tasks", "Erases all tasks and jobs")
        .deed("erase all tasks")
        .answers::<documents::Erased>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "tasks").and(warp::delete()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let erased = site.services.erase_tasks().await?;
            tracing::warn!(erased, "all tasks were erased");
            Ok(json(&documents::Erased { erased }))
        },
    ));
    about.by(route)
}

/// `DELETE /api/task-update-queue`
pub fn purge_updates(site: &Arc<Site>) -> Endpoint {
    let about = delete("/api/task-update-queue", "Erases what the Flamenco Server has not heard")
        .deed("erase queued task updates")
        .answers::<documents::Erased>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "task-update-queue").and(warp::delete()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let erased = site.services.purge_updates().await?;
            tracing::warn!(erased, "the queue of task updates was erased");
            Ok(json(&documents::Erased { erased }))
        },
    ));
    about.by(route)
}
