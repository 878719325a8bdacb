//! What became of an action on many things.

use schemars::JsonSchema;
use serde::Serialize;

/// What became of an action on many things.
#[derive(Serialize, JsonSchema)]
pub struct Outcome<I> {
    /// With these it was done.
    pub done: Vec<I>,
    pub refused: Vec<Refused<I>>,
}

/// What could not be done with one of them, and why: as if it had been tried with this one alone.
#[derive(Serialize, JsonSchema)]
pub struct Refused<I> {
    _id: I,
    /// What programs know the error by.
    code: &'static str,
    /// What is wrong, and what to do.
    message: String,
}

impl<I> Refused<I> {
    /// Why nothing was done with this one.
    pub fn new(id: I, code: &'static str, message: &str) -> Self {
        Self { _id: id, code, message: message.to_owned() }
    }
}
