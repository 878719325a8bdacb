//! A key of the configuration, as people see it.

use schemars::JsonSchema;
use serde::Serialize;

/// A key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// The key, with its section: `intervals.startup_grace`.
    pub key: String,
    /// The value in force, as it is or would be written in the file; null for a secret.
    pub value: Option<String>,
    /// Whether the file says so.
    pub source: Source,
    /// The line of the file, from 1.
    pub line: Option<usize>,
    /// Whether the value is kept from everybody.
    pub secret: bool,
    /// What it is for.
    pub meaning: String,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The file.
    File,
}
