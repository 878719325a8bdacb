//! What every error looks like.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::compile::Problem;

/// Why a request was not carried out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorDocument<'a> {
    error: Details<'a>,
}

/// What is wrong.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorDetails")]
struct Details<'a> {
    /// What kind of error it is, for programs.
    code: &'a str,
    /// What is wrong and what to do, for people.
    message: &'a str,
    /// What is wrong with which setting of a job.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [Problem],
}

/// An error.
pub fn error<'a>(code: &'a str, message: &'a str, problems: &'a [Problem]) -> ErrorDocument<'a> {
    ErrorDocument { error: Details { code, message, problems } }
}
