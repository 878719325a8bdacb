//! Workers come and go, and change status.

use std::sync::Arc;

use bytes::Bytes;
use headers::{Authorization, Header, authorization::Bearer};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use warp::{Filter, Reply, reply::Response};

use super::{
    super::{
        Site,
        authentication::{Caller, caller, caller_with_body},
        body::{self, BodyError},
        documents,
        error::ApiError,
        registration_token,
        routes::{Answer, Route, endpoint, with},
        server::Peer,
    },
    from_json,
};
use crate::services::{Registration, SignOn};

#[derive(Deserialize)]
struct RegistrationBody {
    secret: String,
    platform: String,
    #[serde(default)]
    supported_task_types: Vec<String>,
    #[serde(default)]
    nickname: String,
}

#[derive(Deserialize)]
struct SignOnBody {
    supported_task_types: Option<Vec<String>>,
    nickname: Option<String>,
}

/// `POST /register-worker`
pub fn register(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("register-worker")
            .and(warp::post())
            .and(with(site))
            .and(warp::header::headers_cloned())
            .and(warp::ext::get::<Peer>())
            .and(body::bytes(body::ORDINARY))
            .then(async |site: Arc<Site>, headers: HeaderMap, peer: Peer, body| -> Answer {
                may_register(&site, &headers).inspect_err(|error| {
                    tracing::warn!(
                        address = address(peer),
                        error = error.message(),
                        "a worker was not registered"
                    );
                })?;
                let RegistrationBody { secret, platform, supported_task_types, nickname } = from_json(body)?;
                if secret.is_empty() {
                    return Err(ApiError::bad_request("secret: it is empty"));
                }
                let (address, software) = (address(peer), software(&headers));
                let registration =
                    Registration { secret, platform, supported_task_types, nickname, address, software };
                let worker = site.services.register(registration).await?;
                Ok(warp::reply::json(&documents::new_worker(&worker)).into_response())
            }),
    )
}

fn may_register(site: &Site, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(secret) = &site.registration_secret else { return Ok(()) };
    let values = &mut headers.get_all(Authorization::<Bearer>::name()).iter();
    let reason = match Authorization::<Bearer>::decode(values) {
        Ok(Authorization(bearer))
            if registration_token::is_valid(bearer.token(), secret, site.services.now()) =>
        {
            return Ok(());
        }
        Ok(_) => {
            "the token of this worker is not valid: its worker_registration_secret differs from the Manager's, or \
             their clocks do"
        }
        Err(_) => {
            "this Manager takes only workers that know its registration secret: set worker_registration_secret in \
             the configuration of the worker"
        }
    };
    Err(ApiError::forbidden(reason))
}

/// `POST /sign-on`
pub fn sign_on(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("sign-on")
            .and(warp::post())
            .and(with(site))
            .and(warp::header::headers_cloned())
            .and(warp::ext::get::<Peer>())
            .and(caller_with_body(site, body::ORDINARY))
            .then(
                async |site: Arc<Site>,
                       headers: HeaderMap,
                       peer: Peer,
                       caller: Caller,
                       body: Result<Bytes, BodyError>|
                       -> Answer {
                    let worker = caller?;
                    let SignOnBody { supported_task_types, nickname } = from_json(body)?;
                    let (address, software) = (address(peer), software(&headers));
                    let sign_on = SignOn { supported_task_types, nickname, address, software };
                    site.services.sign_on(worker, sign_on).await?;
                    Ok(no_content())
                },
            ),
    )
}

/// `POST /sign-off`
pub fn sign_off(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("sign-off").and(warp::post()).and(with(site)).and(caller(site)).then(
        async |site: Arc<Site>, caller: Caller| -> Answer {
            site.services.sign_off(caller?).await?;
            Ok(no_content())
        },
    ))
}

/// `GET /status-change`
pub fn status_change(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("status-change").and(warp::get()).and(with(site)).and(caller(site)).then(
        async |site: Arc<Site>, caller: Caller| -> Answer {
            Ok(match site.services.status_change(caller?)? {
                Some(status) => warp::reply::json(&json!({"status_requested": status})).into_response(),
                None => no_content(),
            })
        },
    ))
}

/// `POST /ack-status-change/{status}`
pub fn acknowledge_status(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("ack-status-change" / String).and(warp::post()).and(with(site)).and(caller(site)).then(
            async |status: String, site: Arc<Site>, caller: Caller| -> Answer {
                site.services.acknowledge_status(caller?, &status).await?;
                Ok(no_content())
            },
        ),
    )
}

/// The answer that says no more than that all is well.
pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn address(peer: Peer) -> String {
    peer.address.ip().to_canonical().to_string()
}

fn software(headers: &HeaderMap) -> String {
    let agent = headers.get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.unwrap_or_default().to_owned()
}
