//! The endpoints that workers call (`interface.md`, section 3; `worker-protocol.md`).

pub mod presence;
pub mod tasks;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{body::BodyError, error::ApiError};
use crate::domain::update::replace_lone_surrogates;

/// Reads a JSON body. Fields that nobody knows are passed over.
fn from_json<T: DeserializeOwned>(body: Result<Bytes, BodyError>) -> Result<T, ApiError> {
    let body = body?;
    let text = std::str::from_utf8(&body);
    let text = text.map_err(|error| ApiError::bad_request(format!("the body is not UTF-8: {error}")))?;
    serde_json::from_str(&replace_lone_surrogates(text))
        .map_err(|error| ApiError::bad_request(format!("the body cannot be used: {error}")))
}
