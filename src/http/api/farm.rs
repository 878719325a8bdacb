//! The farm as a whole, and whether the Manager itself is well.

use std::sync::Arc;

use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site, VERSION, documents,
        error::ApiError,
        openapi::{Endpoint, get},
        routes::{Answer, endpoint, json, look, with},
    },
    parameters,
};

/// `GET /api/farm`
pub fn farm(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/farm", "The farm as a whole").answers::<documents::Farm>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "farm").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let (exchange, warnings) = site.exchange_state();
            let farm = look(&site, |services| services.farm(warnings)).await?;
            Ok(json(&documents::farm(&farm, exchange.as_ref())))
        },
    ));
    about.by(route)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Span {
    /// As many hours up to now, 1 to 48; 24 if it is left out.
    hours: Option<u64>,
}

/// `GET /api/farm/history`
pub fn history(site: &Arc<Site>) -> Endpoint {
    let about =
        get("/api/farm/history", "How many tasks were completed, and failed, in each of the last minutes")
            .query::<Span>()
            .answers::<documents::FarmHistory>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "farm" / "history").and(warp::get()).and(with(site)).and(parameters()).then(
            async |site: Arc<Site>, span: Result<Span, ApiError>| -> Answer {
                let hours = span?.hours.unwrap_or(24);
                if !(1..=48).contains(&hours) {
                    return Err(ApiError::bad_request(format!("hours: {hours} is not from 1 to 48")));
                }
                let minutes = look(&site, move |services| services.minutes(hours * 60)).await?;
                Ok(json(&documents::farm_history(&minutes)))
            },
        ),
    );
    about.by(route)
}

/// `GET /api/version`
pub fn version() -> Endpoint {
    let about =
        get("/api/version", "The version of this program").answers::<documents::Version>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "version").and(warp::get()).then(async || -> Answer {
        Ok(json(&documents::Version { name: "Flamenco Manager", version: VERSION }))
    }));
    about.by(route)
}

/// `GET /api/health`
pub fn health(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/health", "Whether the Manager is well; if not, the failing part is named")
        .answers::<documents::Health>(StatusCode::OK)
        .fails(StatusCode::SERVICE_UNAVAILABLE);
    let route = endpoint(warp::path!("api" / "health").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let ailments = site.services.ailments().await;
            if ailments.is_empty() {
                return Ok(json(&documents::Health { status: "ok" }));
            }
            Err(ApiError::unhealthy(ailments.join("; ")))
        },
    ));
    about.by(route)
}
