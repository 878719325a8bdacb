//! Access tokens for people and scripts.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site,
        audit::Made,
        body::{self, BodyError},
        documents,
        error::ApiError,
        openapi::{Endpoint, delete, get, post},
        routes::{Answer, endpoint, json, look, with},
        worker::presence::no_content,
    },
    created, id,
};
use crate::{
    domain::{ids::TokenId, people::Role},
    services::Services,
};

/// `GET /api/tokens`
pub fn list(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/tokens", "The access tokens, by name, but for the tokens themselves")
        .answers::<documents::TokenList>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "tokens").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let tokens = look(&site, Services::tokens).await?;
            Ok(json(&documents::TokenList { tokens: tokens.into_iter().map(documents::token).collect() }))
        },
    ));
    about.by(route)
}

/// A token that somebody wants.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TokenWish {
    /// What whoever uses it is called. No other token has this name.
    name: String,
    /// What whoever uses it may do.
    role: Role,
}

/// `POST /api/tokens`: `{"name": "ada", "role": "viewer"}`
pub fn create(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/tokens", "Makes an access token, and tells it this once")
        .deed("create an access token")
        .body::<TokenWish>()
        .answers::<documents::NewToken>(StatusCode::CREATED)
        .fails(StatusCode::CONFLICT);
    let route = endpoint(
        warp::path!("api" / "tokens").and(warp::post()).and(with(site)).and(body::bytes(body::SMALL)).then(
            async |site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let TokenWish { name, role } = body::object(&body?).map_err(|error| {
                    ApiError::bad_request(format!("no token can be made of this: {error}"))
                })?;
                let (about, token) = site.services.create_token(&name, role).await?;
                let made = Made(about.id.to_string());
                let mut answer =
                    created(json(&documents::NewToken { about: documents::token(about), token }));
                answer.extensions_mut().insert(made);
                Ok(answer)
            },
        ),
    );
    about.by(route)
}

/// `DELETE /api/tokens/{id}`
pub fn revoke(site: &Arc<Site>) -> Endpoint {
    let about =
        delete("/api/tokens/{id}", "Revokes an access token; whoever is logged in with it is logged out")
            .deed("revoke an access token")
            .path::<TokenId>("id")
            .answers::<()>(StatusCode::NO_CONTENT);
    let route = endpoint(warp::path!("api" / "tokens" / String).and(warp::delete()).and(with(site)).then(
        async |token: String, site: Arc<Site>| -> Answer {
            site.services.revoke_token(id(&token)?).await?;
            Ok(no_content())
        },
    ));
    about.by(route)
}
