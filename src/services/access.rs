//! Who uses the pages and the API.

use super::Services;
use crate::domain::people::{Authentication, Person};

/// By what somebody wants to be known.
#[derive(Debug, Clone, Copy)]
pub enum Presented<'a> {
    /// By nothing.
    Nothing,
    /// By a token that was sent with the request.
    Bearer(&'a str),
}

/// Why nobody knows who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// They bring nothing to be known by.
    Nobody,
    /// What they bring is not valid, or no longer.
    Unknown,
}

impl Services {
    /// How it is found out who somebody is.
    pub fn authentication(&self) -> Authentication {
        self.policy.authentication
    }

    /// Who it is that brings this along.
    pub fn identify(&self, presented: Presented) -> Result<Person, Stranger> {
        if self.policy.authentication == Authentication::Nobody {
            return Ok(Person::anybody());
        }
        match presented {
            Presented::Nothing => Err(Stranger::Nobody),
            Presented::Bearer(_) => Err(Stranger::Unknown),
        }
    }
}
