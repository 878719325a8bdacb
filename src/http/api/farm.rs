//! The farm as a whole, and whether the Manager itself is well.

use std::sync::Arc;

use warp::Filter;

use super::super::{
    Site, VERSION, documents,
    error::ApiError,
    routes::{Answer, Route, endpoint, json, look, with},
};
use crate::services::Services;

/// `GET /api/farm`
pub fn farm(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "farm").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let farm = look(&site, Services::farm).await?;
            let exchange = site.exchange.as_ref().map(|exchange| exchange.state());
            Ok(json(&documents::farm(&farm, exchange.as_ref())))
        },
    ))
}

/// `GET /api/version`
pub fn version() -> Route {
    endpoint(warp::path!("api" / "version").and(warp::get()).then(async || -> Answer {
        Ok(json(&documents::Version { name: "Flamenco Manager", version: VERSION }))
    }))
}

/// `GET /api/health`: 503 with the failing part named, unless all is well.
pub fn health(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "health").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let ailments = site.services.ailments().await;
            if ailments.is_empty() {
                return Ok(json(&documents::Health { status: "ok" }));
            }
            Err(ApiError::unhealthy(ailments.join("; ")))
        },
    ))
}
