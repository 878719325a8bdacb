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
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
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

/// An access token, but for the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Its ID.
    pub id: TokenId,
    /// What whoever uses it is called. No other token has this name.
    pub name: String,
    /// What it lets somebody do.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, to within a minute or two.
    pub last_used: Option<Timestamp>,
}

/// Somebody who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The access token with which they logged in; nothing: it was a log-in link.
    pub token: Option<TokenId>,
    /// When they have to log in anew.
    pub until: Timestamp,
}

impl Session {
    /// Who that is.
    pub fn person(&self) -> Person {
        let by = self.token.map_or(Credential::Link, Credential::Token);
        Person { name: self.name.clone(), role: self.role, by, until: Some(self.until) }
    }
}

/// The longest name of an access token, in characters.
const LONGEST_NAME: usize = 64;

/// Checks the name of an access token.
pub fn check_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(format!(
            "the name of an access token has 1 to {LONGEST_NAME} characters that can be seen"
        ));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_may_do_what_a_viewer_may_and_more() {
        assert!(Role::Admin > Role::Viewer);
    }

    #[test]
    fn a_name_can_be_seen_and_is_not_too_long() {
        assert_eq!(check_name(" Zoë's laptop "), Ok("Zoë's laptop".to_owned()));
        for bad in ["", "  ", "a\nb", &"x".repeat(LONGEST_NAME + 1)] {
            check_name(bad).unwrap_err();
        }
    }

    #[test]
    fn a_role_is_known_by_its_name_alone() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for text in ["", "Admin", "root"] {
            assert_eq!(text.parse::<Role>(), Err(UnknownRole));
        }
    }
}
