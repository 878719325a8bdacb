//! Clearing away, on behalf of the commands `cleanslate` and `purgequeue`.

use std::sync::Arc;

use warp::Filter;

use super::super::{
    Site, documents,
    routes::{Answer, Route, endpoint, json, with},
};

/// `DELETE /api/tasks`: erases all tasks and jobs.
pub fn erase_tasks(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "tasks").and(warp::delete()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let erased = site.services.erase_tasks().await?;
            tracing::warn!(erased, "all tasks were erased");
            Ok(json(&documents::Erased { erased }))
        },
    ))
}

/// `DELETE /api/task-update-queue`: erases what the Server has not heard.
pub fn purge_updates(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "task-update-queue").and(warp::delete()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let erased = site.services.purge_updates().await?;
            tracing::warn!(erased, "the queue of task updates was erased");
            Ok(json(&documents::Erased { erased }))
        },
    ))
}
