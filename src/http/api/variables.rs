//! Variables, as those who submit jobs and write settings need to know them.

use std::sync::Arc;

use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        error::ApiError,
        openapi::{Endpoint, get},
        routes::{Answer, endpoint, json, with},
    },
    parameters,
};
use crate::domain::variables::Audience;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only what holds there.
    platform: Option<String>,
    /// Only what these read: their own value, or else the one for everybody.
    audience: Option<Audience>,
}

/// `GET /api/variables`: a line for each value; with a platform and an audience, one for each variable.
pub fn list(site: &Arc<Site>) -> Endpoint {
    let about = get(
        "/api/variables",
        "The values of variables; with a platform and an audience, one for each variable",
    )
    .query::<Wanted>()
    .answers::<documents::VariableList>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "variables").and(warp::get()).and(with(site)).and(parameters()).then(
            async |site: Arc<Site>, wanted: Result<Wanted, ApiError>| -> Answer {
                let Wanted { platform, audience } = wanted?;
                let variables = site.services.variables().list(platform.as_deref(), audience);
                Ok(json(&documents::VariableList { variables }))
            },
        ));
    about.by(route)
}
