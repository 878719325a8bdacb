//! Workers prove who they are, with HTTP Basic authentication.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use headers::{Authorization, Header, authorization::Basic};
use http::HeaderValue;
use warp::{Filter, Rejection};

use super::{
    Site,
    body::{self, BodyError, BodyLimits},
    error::ApiError,
};
use crate::domain::ids::WorkerId;

/// The worker that calls, or the answer that whoever calls deserves.
pub type Caller = Result<WorkerId, ApiError>;

/// Takes who calls. It never rejects: what the answer is to a stranger is up to the route.
pub fn caller(
    site: &Arc<Site>,
) -> impl Filter<Extract = (Caller,), Error = Infallible> + Clone + Send + Sync + use<> {
    let site = Arc::clone(site);
    let authorization = warp::header::value("authorization").map(Some);
    authorization.or(warp::any().map(|| None)).unify().then(move |value: Option<HeaderValue>| {
        let site = Arc::clone(&site);
        async move { authenticate(&site, value.as_ref()).await }
    })
}

/// Takes who calls, and a body of at most `max` bytes. A stranger's body is read only as far as it is small: the
/// memory for large ones is for workers, who may not be kept waiting for it.
pub fn caller_with_body(
    site: &Arc<Site>,
    max: u64,
) -> impl Filter<Extract = (Caller, Result<Bytes, BodyError>), Error = Rejection> + Clone + Send + Sync + use<>
{
    caller(site)
        .and(body::content_length())
        .and(warp::body::stream())
        .then(move |caller: Caller, length: Option<u64>, stream| async move {
            let max = if caller.is_ok() { max } else { max.min(body::SMALL) };
            let body = body::read_limited(stream, length, BodyLimits::of(max)).await;
            (caller, body)
        })
        .untuple_one()
}

async fn authenticate(site: &Site, authorization: Option<&HeaderValue>) -> Caller {
    let Ok(Authorization(basic)) = Authorization::<Basic>::decode(&mut authorization.into_iter()) else {
        return Err(ApiError::unauthorized());
    };
    let Ok(id) = basic.username().parse() else { return Err(ApiError::unauthorized()) };
    if site.services.authenticate(id, basic.password()).await? {
        Ok(id)
    } else {
        tracing::warn!(worker = %id, "a worker with unknown ID or wrong secret was turned away");
        Err(ApiError::unauthorized())
    }
}
