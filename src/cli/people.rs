//! `user`: who may use the pages and the API. Through the running Manager if there is one, else on the file itself.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Failure,
    args::{On, TokenCommand, UserCommand},
    client::Client,
    erase::block_on,
    tables::{age, print, print_json, table, text},
};
use crate::{
    app::{self, StartError},
    clock::{Clock, SystemClock},
    config::Config,
    domain::{
        numbers::count,
        people::{AccessToken, Authentication, Role},
    },
    services::Services,
    store::OpenError,
};

/// Where access tokens are.
enum Place {
    /// In a database that no Manager has open.
    File(Box<Services>),
    /// At a running Manager.
    Manager(Client),
}

/// Does what is to be done about people.
pub fn execute(on: &On<UserCommand>, config: &Config, as_json: bool) -> Result<(), Failure> {
    let manager = || Client::new(on.manager.as_ref(), on.token_file.as_deref(), config);
    match &on.command {
        UserCommand::LoginLink { role } => login_link(&manager()?, *role, as_json),
        UserCommand::Token(command) => {
            let place =
                if on.manager.is_some() { Place::Manager(manager()?) } else { here(config, manager)? };
            tokens(&place, command, as_json)?;
            if config.user_authentication() == Authentication::Nobody && on.manager.is_none() {
                eprintln!("note: [user_authentication] mode = \"none\" lets everybody in, without any token");
            }
            Ok(())
        }
    }
}

fn here(config: &Config, manager: impl FnOnce() -> Result<Client, Failure>) -> Result<Place, Failure> {
    match app::services(config, Arc::new(SystemClock)) {
        Ok(services) => Ok(Place::File(Box::new(services))),
        Err(StartError::Store(OpenError::InUse { .. })) => Ok(Place::Manager(manager()?)),
        Err(error) => Err(Failure::of(&error)),
    }
}

fn login_link(manager: &Client, role: Role, as_json: bool) -> Result<(), Failure> {
    let link = manager.post("/api/login-links", json!({ "role": role }).to_string().as_bytes())?;
    let url = format!("{}#/login/{}", manager.url(), link["code"].as_str().unwrap_or_default());
    if as_json {
        return print_json(
            &json!({ "url": url, "role": role, "until": link["until"], "uses": link["uses"] }),
        );
    }
    print(&url)?;
    eprintln!(
        "Open this address to log in as {role}. It is valid until {}, for {}; from another machine, put in the \
         name of this one.",
        text(&link, "until"),
        count(link["uses"].as_u64().unwrap_or_default(), "log-in")
    );
    Ok(())
}

fn tokens(place: &Place, command: &TokenCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        TokenCommand::Create { name, role } => {
            let made = place.create(name, *role)?;
            if as_json {
                return print_json(&made);
            }
            print(made["token"].as_str().unwrap_or_default())?;
            eprintln!(
                "This is the access token of {} ({role}). Keep it: it is not shown again. Programs send it as \
                 \"Authorization: Bearer TOKEN\"; this one takes it from FLAMENCO_MANAGER_TOKEN.",
                text(&made, "name")
            );
            Ok(())
        }
        TokenCommand::List => {
            let tokens = place.list()?;
            if as_json { print_json(&json!({ "tokens": tokens })) } else { print(&shown(&tokens)) }
        }
        TokenCommand::Revoke { token } => {
            let tokens = place.list()?;
            let meant =
                tokens.iter().find(|other| other["name"] == token.as_str() || other["_id"] == token.as_str());
            let id = meant.and_then(|meant| meant["_id"].as_str()).ok_or_else(|| {
                Failure::new(format!(
                    "no access token has the name or the ID {token:?}; `flamenco-manager user token list` shows all"
                ))
            })?;
            place.revoke(id)
        }
    }
}

fn shown(tokens: &[Value]) -> String {
    if tokens.is_empty() {
        return "There are no access tokens.".to_owned();
    }
    let mut table = table(&["ID", "NAME", "ROLE", "CREATED", "LAST USED"]);
    let now = SystemClock.now();
    for token in tokens {
        let ago = |field| since(token, field, now);
        table.add_row([
            text(token, "_id"),
            text(token, "name"),
            text(token, "role"),
            ago("created"),
            ago("last_used"),
        ]);
    }
    table.to_string()
}

fn since(token: &Value, field: &str, now: Timestamp) -> String {
    match age(token, field, now).as_str() {
        "-" => "never".to_owned(),
        age => format!("{age} ago"),
    }
}

impl Place {
    fn create(&self, name: &str, role: Role) -> Result<Value, Failure> {
        match self {
            Self::Manager(manager) => {
                let wish = json!({ "name": name, "role": role });
                Ok(manager.post("/api/tokens", wish.to_string().as_bytes())?)
            }
            Self::File(services) => {
                let (about, secret) = block_on(async {
                    let made = services.create_token(name, role).await?;
                    let target = services.what_is(&made.0.id.to_string())?;
                    services.remember_command("create an access token", &target).await;
                    Ok(made)
                })?;
                let mut made = document(&about);
                made["token"] = secret.into();
                Ok(made)
            }
        }
    }

    fn list(&self) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Manager(manager) => {
                Ok(manager.get("/api/tokens")?["tokens"].as_array().cloned().unwrap_or_default())
            }
            Self::File(services) => {
                let tokens = services.tokens().map_err(|error| Failure::of(&error))?;
                Ok(tokens.iter().map(document).collect())
            }
        }
    }

    fn revoke(&self, id: &str) -> Result<(), Failure> {
        match self {
            Self::Manager(manager) => {
                manager.delete(&format!("/api/tokens/{id}")).map(drop).map_err(Failure::from)
            }
            Self::File(services) => {
                let token = id.parse().map_err(|error| Failure::of(&error))?;
                block_on(async {
                    let target = services.what_is(id)?;
                    services.revoke_token(token).await?;
                    services.remember_command("revoke an access token", &target).await;
                    Ok(())
                })
            }
        }
    }
}

fn document(token: &AccessToken) -> Value {
    let AccessToken { id, name, role, created, last_used } = token;
    json!({ "_id": id, "name": name, "role": role, "created": created, "last_used": last_used })
}
