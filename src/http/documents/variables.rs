//! Variables.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::variables::ListedValue;

/// The values of variables.
#[derive(Serialize, JsonSchema)]
pub struct VariableList<'a> {
    /// By name and platform.
    pub variables: Vec<ListedValue<'a>>,
}
