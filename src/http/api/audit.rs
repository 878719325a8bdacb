//! What people did, for those who may see it.

use std::sync::Arc;

use http::StatusCode;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        error::ApiError,
        openapi::{Endpoint, get},
        routes::{Answer, endpoint, json, look, with},
    },
    listing::{PAGE, PageParameters, cursor},
    parameters,
};

/// What the list goes by; there is no other order.
const ORDER: &str = "when";

/// `GET /api/audit`
pub fn list(site: &Arc<Site>) -> Endpoint {
    let about =
        get("/api/audit", "What people did, the newest first: who, when, what, from where, and how it ended")
            .query::<PageParameters>()
            .answers::<documents::Audit>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "audit").and(warp::get()).and(with(site)).and(parameters()).then(
            async |site: Arc<Site>, page: Result<PageParameters, ApiError>| -> Answer {
                let window = page?.window(ORDER, PAGE)?;
                let page = look(&site, move |services| services.deeds(&window)).await?;
                let entries = page.entries.iter().map(documents::deed).collect();
                let next = page.next.map(|place| cursor(ORDER, &place));
                Ok(json(&documents::Audit { entries, next, total: page.total }))
            },
        ));
    about.by(route)
}
