//! The endpoints that workers call (`interface.md`, section 3; `worker-protocol.md`).

pub mod presence;
pub mod tasks;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{
    body::{self, BodyError},
    error::ApiError,
};
use crate::domain::update::replace_lone_surrogates;

/// Reads a JSON body. Fields that nobody knows are passed over.
fn from_json<T: DeserializeOwned>(body: Result<Bytes, BodyError>) -> Result<T, ApiError> {
    let bytes = body?;
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|error| ApiError::bad_request(format!("the body is not UTF-8: {error}")))?;
    body::object(replace_lone_surrogates(text).as_bytes())
        .map_err(|error| ApiError::bad_request(format!("the body cannot be used: {error}")))
}
