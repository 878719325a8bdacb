//! Who uses the pages and the API.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{
        ids::TokenId,
        people::{AccessToken, Person, Role},
    },
    services::LoginLink,
};

/// Who asks, and what a page has to know before anybody logs in.
#[derive(Serialize, JsonSchema)]
pub struct Session<'a> {
    /// How the Manager finds out who somebody is: `token`, `server` or `none`.
    pub authentication: &'static str,
    /// Nothing: somebody has to log in.
    pub person: Option<SessionPerson>,
    pub manager_name: &'a str,
    pub version: &'static str,
}

/// Somebody who is known.
#[derive(Serialize, JsonSchema)]
pub struct SessionPerson {
    name: String,
    role: Role,
    /// When they have to log in anew, if ever.
    until: Option<Timestamp>,
}

/// Somebody who is known.
pub fn session_person(person: &Person) -> SessionPerson {
    SessionPerson { name: person.name.clone(), role: person.role, until: person.until }
}

/// All access tokens, by name.
#[derive(Serialize, JsonSchema)]
pub struct TokenList {
    pub tokens: Vec<Token>,
}

/// An access token, but for the token itself.
#[derive(Serialize, JsonSchema)]
pub struct Token {
    _id: TokenId,
    name: String,
    role: Role,
    created: Timestamp,
    /// To within a minute or two.
    last_used: Option<Timestamp>,
}

/// An access token that was just made.
#[derive(Serialize, JsonSchema)]
pub struct NewToken {
    #[serde(flatten)]
    pub about: Token,
    /// The token itself. It is told this once.
    pub token: String,
}

/// An access token.
pub fn token(token: AccessToken) -> Token {
    let AccessToken { id, name, role, created, last_used } = token;
    Token { _id: id, name, role, created, last_used }
}

/// A log-in link.
#[derive(Serialize, JsonSchema)]
pub struct Link {
    /// What stands behind `#/login/` in the address of the page.
    code: String,
    role: Role,
    /// When it ends.
    until: Timestamp,
    /// For so many log-ins it is valid.
    uses: u8,
}

/// A log-in link.
pub fn link(link: LoginLink) -> Link {
    let LoginLink { code, role, until, uses } = link;
    Link { code, role, until, uses }
}

/// Where a browser gets the word of the Flamenco Server about its user.
#[derive(Serialize, JsonSchema)]
pub struct TokenUrls {
    /// To be fetched with the Server's cookies; the answer is the bare token.
    #[serde(rename = "tokenURL")]
    pub token_url: String,
    /// Where to go when that is refused with 403.
    #[serde(rename = "loginURL")]
    pub login_url: String,
}
