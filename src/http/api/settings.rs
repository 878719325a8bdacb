//! The settings of the Manager: what `manager.toml` says, and what holds where it says nothing.

use std::sync::Arc;

use http::StatusCode;
use warp::Filter;

use super::super::{
    Site, documents,
    openapi::{Endpoint, get},
    routes::{Answer, endpoint, json, with},
};

/// `GET /api/settings`
pub fn list(site: &Arc<Site>) -> Endpoint {
    let about = get(
        "/api/settings",
        "Every key of the configuration, with its value in force and where it comes from",
    )
    .answers::<documents::Settings>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "settings").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let (file, settings) = &site.settings;
            Ok(json(&documents::Settings { file: file.as_deref(), settings }))
        },
    ));
    about.by(route)
}
