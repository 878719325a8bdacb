//! People and their scripts: who somebody is, and what they may do.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::TokenId;

/// What somebody may do. Whoever may do more stands behind whoever may do less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May look at everything but who may do what, and who did what.
    Viewer,
    /// May do everything.
    Admin,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Viewer, Self::Admin];

    /// Its name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is \"viewer\" or \"admin\"")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Viewer, Self::Admin].into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// How it is found out who uses the pages and the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// By access tokens, and by log-in links.
    Token,
    /// By what the Flamenco Server says of them, and by access tokens.
    Server,
    /// Not at all.
    Nobody,
}

impl Authentication {
    /// Its name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Server => "server",
            Self::Nobody => "none",
        }
    }
}

/// Somebody who uses the pages or the API, or a script that does so for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What they are called: the name of an access token, for instance.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// By what they are known.
    pub by: Credential,
    /// When that ends; `None` is when it is revoked.
    pub until: Option<Timestamp>,
}

/// By what somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// By nothing: anybody may do everything here.
    Nothing,
    /// A log-in link that the Manager printed.
    Link,
    /// An access token.
    Token(TokenId),
    /// The word of the Flamenco Server.
    Server,
    /// They may read the file that the Manager keeps for commands on its machine.
    CommandLine,
}

impl Person {
    /// Whoever comes to a Manager that lets everybody in.
    pub fn anybody() -> Self {
        Self { name: "anybody".to_owned(), role: Role::Admin, by: Credential::Nothing, until: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_may_do_what_a_viewer_may_and_more() {
        assert!(Role::Admin > Role::Viewer);
    }

    #[test]
    fn a_role_is_known_by_its_name_alone() {
        for role in [Role::Viewer, Role::Admin] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for text in ["", "Admin", "root"] {
            assert_eq!(text.parse::<Role>(), Err(UnknownRole));
        }
    }
}
