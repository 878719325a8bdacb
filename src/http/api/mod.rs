//! The API for people and scripts (`interface.md`, section 5).

pub mod actions;
pub mod audit;
pub mod blacklist;
pub mod database;
pub mod events;
pub mod explain;
pub mod farm;
pub mod grid;
pub mod image;
pub mod jobs;
mod listing;
pub mod session;
pub mod settings;
pub mod tasks;
pub mod tokens;
pub mod upkeep;
pub mod variables;
pub mod workers;

use std::{convert::Infallible, str::FromStr};

use http::StatusCode;
use serde::de::DeserializeOwned;
use warp::{Filter, Reply, reply::Response};

use super::error::ApiError;

/// Takes the parameters behind the question mark. Unknown and wrong ones are an error that names them.
fn parameters<T: DeserializeOwned + Send + 'static>()
-> impl Filter<Extract = (Result<T, ApiError>,), Error = Infallible> + Clone + Send + Sync {
    warp::any().and(warp::query::raw().or(warp::any().map(String::new)).unify()).map(|text: String| {
        serde_urlencoded::from_str(&text).map_err(|error| ApiError::bad_request(format!("{text:?}: {error}")))
    })
}

/// An ID in the path.
fn id<T: FromStr>(text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| super::worker::tasks::malformed_id(text))
}

fn created(response: impl Reply) -> Response {
    warp::reply::with_status(response, StatusCode::CREATED).into_response()
}
