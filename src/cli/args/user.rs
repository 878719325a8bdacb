//! `user`: who may use the pages and the API.

use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::domain::people::Role;

const USER_HELP: &str = "\
Examples:
  flamenco-manager user token create anna --role admin      for a person
  flamenco-manager user token create monitor --role viewer  for a script that only looks
  flamenco-manager user login-link                          for somebody who lost their token";

/// What to do about people.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(after_help = USER_HELP)]
pub enum UserCommand {
    /// Make, list and revoke access tokens, for people and for scripts
    #[command(subcommand)]
    Token(TokenCommand),

    /// Print a link with which somebody can log in, for an hour
    ///
    /// It needs a running Manager. The link alone is on stdout.
    LoginLink {
        /// What whoever has it may do
        #[arg(long, default_value_t = Role::Admin, value_parser = role())]
        role: Role,
    },
}

/// What to do about access tokens.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TokenCommand {
    /// Make an access token and print it, this once, alone on stdout
    Create {
        /// What whoever uses it is called, in the audit for instance
        name: String,

        /// What whoever uses it may do: viewer (look at everything) or admin (do everything)
        #[arg(long, value_parser = role())]
        role: Role,
    },

    /// List the access tokens, but for the tokens themselves
    List,

    /// Revoke an access token; whoever is logged in with it is logged out
    Revoke {
        /// Its name or its ID
        #[arg(value_name = "NAME|ID")]
        token: String,
    },
}

/// Reads a role; shells complete it.
fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str)).try_map(|role| role.parse::<Role>())
}
