//! The configuration.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::setting::Setting;

/// The configuration.
#[derive(Serialize, JsonSchema)]
pub struct Settings<'a> {
    /// The file; null when there is none, and everything is as it is by default.
    pub file: Option<&'a str>,
    /// In the order of `manager.toml.example`.
    pub settings: &'a [Setting],
}
