//! People log in and out, and ask who they are.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use headers::{Cookie, Header};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use warp::{Filter, Reply};

use super::super::{
    Site, VERSION,
    body::{self, BodyError},
    documents,
    error::ApiError,
    gate::{Visitor, visitor_if_any},
    openapi::{Endpoint, delete, get, post},
    routes::{Answer, endpoint, json, with},
    server::Peer,
    worker::presence::no_content,
};
use crate::{
    domain::people::{Person, Role},
    services::Shown,
};

/// The cookie of a session.
pub const COOKIE: &str = "flamenco_session";

/// `GET /api/session`
pub fn show(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/session", "Who asks, and how people log in")
        .answers::<documents::Session>(StatusCode::OK)
        // Whoever sends a token for all to read is told so, here too.
        .fails(StatusCode::FORBIDDEN);
    let route =
        endpoint(warp::path!("api" / "session").and(warp::get()).and(with(site)).and(visitor_if_any()).then(
            async |site: Arc<Site>, visitor: Option<Visitor>| -> Answer {
                let known = visitor.and_then(|visitor| visitor.who.ok());
                let answer = json(&document(&site, known.as_ref().map(|known| &known.person)));
                Ok(warp::reply::with_header(answer, header::CACHE_CONTROL, "no-store").into_response())
            },
        ));
    about.by(route)
}

fn document<'a>(site: &'a Site, person: Option<&Person>) -> documents::Session<'a> {
    documents::Session {
        authentication: site.services.authentication().as_str(),
        person: person.map(documents::session_person),
        manager_name: &site.manager_name,
        version: VERSION,
    }
}

/// With what somebody logs in.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum LogIn {
    /// What stands behind `#/login/` in a log-in link.
    Code(String),
    /// An access token.
    Token(String),
}

/// `POST /api/session`: `{"code": "…"}` or `{"token": "…"}`
pub fn log_in(site: &Arc<Site>) -> Endpoint {
    let about =
        post("/api/session", "Logs in by the code of a log-in link, or by an access token; sets a cookie")
            .deed("log in")
            .body::<LogIn>()
            .answers::<documents::Session>(StatusCode::OK)
            .fails(StatusCode::UNAUTHORIZED)
            .fails(StatusCode::TOO_MANY_REQUESTS);
    let route = endpoint(
        warp::path!("api" / "session")
            .and(warp::post())
            .and(with(site))
            .and(warp::ext::get::<Peer>())
            .and(body::bytes(body::SMALL))
            .then(async |site: Arc<Site>, peer: Peer, body: Result<Bytes, BodyError>| -> Answer {
                // What is wrong with it is not repeated: it may be a secret.
                let shown = match body::object(&body?) {
                    Ok(LogIn::Code(code)) => Shown::Code(code),
                    Ok(LogIn::Token(token)) => Shown::Token(token),
                    Err(_) => {
                        return Err(ApiError::bad_request("to log in send {\"code\": …} or {\"token\": …}"));
                    }
                };
                let from: IpAddr = peer.address.ip();
                let (known, secret) =
                    site.services.log_in(shown, from).await?.map_err(ApiError::unauthenticated)?;
                let stay = known.person.until.map(|until| until.duration_since(site.services.now()));
                let mut answer = json(&document(&site, Some(&known.person)));
                let cookie = cookie(&secret, stay.unwrap_or_default(), peer);
                answer.headers_mut().insert(header::SET_COOKIE, cookie);
                // For the audit: nobody knew them when they asked.
                answer.extensions_mut().insert(known.person);
                Ok(answer)
            }),
    );
    about.by(route)
}

/// `DELETE /api/session`: logs out. Who is not logged in is so already.
pub fn log_out(site: &Arc<Site>) -> Endpoint {
    let about = delete("/api/session", "Logs out").deed("log out").answers::<()>(StatusCode::NO_CONTENT);
    let route = endpoint(
        warp::path!("api" / "session")
            .and(warp::delete())
            .and(with(site))
            .and(warp::ext::get::<Peer>())
            .and(warp::header::headers_cloned())
            .then(async |site: Arc<Site>, peer: Peer, headers: HeaderMap| -> Answer {
                let cookies = Cookie::decode(&mut headers.get_all(header::COOKIE).iter()).ok();
                if let Some(secret) = cookies.as_ref().and_then(|cookies| cookies.get(COOKIE)) {
                    site.services.log_out(secret).await?;
                }
                let forgotten = cookie("", SignedDuration::ZERO, peer);
                Ok(warp::reply::with_header(no_content(), header::SET_COOKIE, forgotten).into_response())
            }),
    );
    about.by(route)
}

/// The cookie, which no script reads and no page of another site makes a browser send.
fn cookie(secret: &str, stay: SignedDuration, peer: Peer) -> HeaderValue {
    let age = stay.as_secs().max(0);
    let secure = if peer.tls { "; Secure" } else { "" };
    let text = format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    HeaderValue::try_from(text).expect("letters, digits and signs that headers may have")
}

/// For whom a log-in link is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LinkWish {
    /// What whoever has it may do.
    role: Role,
}

/// `POST /api/login-links`: `{"role": "admin"}`
pub fn create_link(site: &Arc<Site>) -> Endpoint {
    let about =
        post("/api/login-links", "Makes a link with which people log in for an hour, without a token")
            .deed("make a log-in link")
            .body::<LinkWish>()
            .answers::<documents::Link>(StatusCode::CREATED);
    let route = endpoint(
        warp::path!("api" / "login-links")
            .and(warp::post())
            .and(with(site))
            .and(body::bytes(body::SMALL))
            .then(async |site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let LinkWish { role } = body::object(&body?).map_err(|error| {
                    ApiError::bad_request(format!("no link can be made of this: {error}"))
                })?;
                let link = site.services.create_link(role);
                tracing::info!(%role, until = %link.until, "a log-in link was made");
                Ok(super::created(json(&documents::link(link))))
            }),
    );
    about.by(route)
}
