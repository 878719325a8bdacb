//! Care for the database while the Manager runs: backups, the self-check, its size.

use std::sync::Arc;

use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use warp::{Filter, Reply, reply::Response};

use super::super::{
    Site,
    openapi::{Endpoint, get, post},
    routes::{Answer, endpoint, json, look, with},
};
use crate::{
    domain::database::{Check, Compacted, Size},
    services::{Error, Pieces, Services, at_leisure},
};

const BACKUP: &str = "application/octet-stream";

const LINES: &str = "text/plain; charset=utf-8";

/// Does something with the database that takes long, behind all who want something of the Manager.
async fn slowly<T: Send + 'static>(
    site: &Site,
    work: impl FnOnce(&Services) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let services = Arc::clone(&site.services);
    at_leisure("database", move || work(&services)).await?
}

/// `POST /api/backup`
pub fn backup(site: &Arc<Site>) -> Endpoint {
    let about = post(
        "/api/backup",
        "A backup of the database as it is now, for `flamenco-manager restore`. What is cut off is of no use: look at it with \
         what reads it",
    )
    .deed("make a backup")
    .answers_as(BACKUP)
    .fails(StatusCode::CONFLICT);
    let route = endpoint(warp::path!("api" / "backup").and(warp::post()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            Ok(piecewise(slowly(&site, Services::stream_backup).await?, BACKUP))
        },
    ));
    about.by(route)
}

/// `POST /api/export`
pub fn export(site: &Arc<Site>) -> Endpoint {
    let about = post(
        "/api/export",
        "Everything in the database as it is now, a line of JSON for each thing, with the hashes of secrets. Lines that begin \
         with # say what follows, and the last one is #end, or something is missing",
    )
    .deed("export everything")
    .answers_as(LINES)
    .fails(StatusCode::CONFLICT);
    let route = endpoint(warp::path!("api" / "export").and(warp::post()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            Ok(piecewise(slowly(&site, Services::stream_export).await?, LINES))
        },
    ));
    about.by(route)
}

/// Something long, as it comes.
fn piecewise(pieces: Pieces, kind: &'static str) -> Response {
    let pieces = stream::unfold(pieces, async |mut pieces| pieces.recv().await.map(|piece| (piece, pieces)));
    let mut response = warp::reply::stream(pieces).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// `POST /api/database/check`
pub fn check(site: &Arc<Site>) -> Endpoint {
    let about =
        post("/api/database/check", "Looks whether the database agrees with itself, which takes a while")
            .deed("check the database")
            .answers::<Check>(StatusCode::OK)
            .fails(StatusCode::CONFLICT);
    let route = endpoint(warp::path!("api" / "database" / "check").and(warp::post()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer { Ok(json(&slowly(&site, Services::check_database).await?)) },
    ));
    about.by(route)
}

/// `POST /api/database/compact`
pub fn compact(site: &Arc<Site>) -> Endpoint {
    let about = post(
        "/api/database/compact",
        "Gives the room in the database file that nothing is in back to the disk. Until that is done everybody waits, workers \
         too",
    )
    .deed("compact the database")
    .answers::<Compacted>(StatusCode::OK)
    .fails(StatusCode::CONFLICT);
    let route = endpoint(warp::path!("api" / "database" / "compact").and(warp::post()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let compacted = look(&site, Services::compact_database).await?;
            let Compacted { bytes_before, bytes_after } = compacted;
            tracing::info!(bytes_before, bytes_after, "the database was compacted");
            Ok(json(&compacted))
        },
    ));
    about.by(route)
}

/// `GET /api/database/stats`
pub fn stats(site: &Arc<Site>) -> Endpoint {
    let about =
        get("/api/database/stats", "How large the database is and what it is made of; it takes a while")
            .answers::<Size>(StatusCode::OK)
            .fails(StatusCode::CONFLICT);
    let route = endpoint(warp::path!("api" / "database" / "stats").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer { Ok(json(&slowly(&site, Services::database_size).await?)) },
    ));
    about.by(route)
}
