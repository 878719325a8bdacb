//! Workers: listed and shown.

use std::sync::Arc;

use serde_json::json;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        routes::{Answer, Route, endpoint, json, look, with},
    },
    id,
};
use crate::services::Services;

/// `GET /api/workers`: all of them, by nickname.
pub fn list(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "workers").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let workers = look(&site, Services::workers).await?;
            let workers: Vec<_> = workers.iter().map(documents::worker).collect();
            Ok(json(&json!({"total": workers.len(), "workers": workers})))
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
