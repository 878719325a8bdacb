//! The last rendered image, and what is known about it.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site, documents,
        error::ApiError,
        latest_image::{file, no_image},
        openapi::{Endpoint, get},
        routes::{Answer, endpoint, json, look, with},
    },
    id, parameters,
};
use crate::domain::ids::JobId;

/// `GET /api/image`
pub fn latest(site: &Arc<Site>) -> Endpoint {
    let about =
        get("/api/image", "The last rendered image of the farm; it is to be had at `/latest-image.jpg`")
            .answers::<documents::LatestImage>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "image").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let picture = site.services.latest_picture();
            let view = picture.map(|picture| site.services.view_of(picture)).transpose()?;
            let refused = site.services.refused_picture();
            let folders = site.services.picture_folders();
            Ok(json(&documents::latest_image(view.as_ref(), folders, refused.as_ref())))
        },
    ));
    about.by(route)
}

/// `GET /api/jobs/{id}/image`
pub fn of_job(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/jobs/{id}/image", "The last rendered image of a job")
        .path::<JobId>("id")
        .answers::<documents::ImageOfJob>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "jobs" / String / "image").and(warp::get()).and(with(site)).then(
            async |job: String, site: Arc<Site>| -> Answer {
                let job = id(&job)?;
                let view = look(&site, move |services| {
                    services.picture_of(job)?.map(|picture| services.view_of(picture)).transpose()
                });
                Ok(json(&documents::image_of_job(view.await?.as_ref())))
            },
        ));
    about.by(route)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Version {
    /// Makes another address for another image, so that browsers show it; what is sent is always the last one.
    #[expect(dead_code, reason = "it is there to be different")]
    version: Option<String>,
}

/// `GET /api/jobs/{id}/image.jpg`
pub fn file_of_job(site: &Arc<Site>) -> Endpoint {
    let about =
        get("/api/jobs/{id}/image.jpg", "The last rendered image of a job, at most 1920 x 1080 pixels")
            .path::<JobId>("id")
            .query::<Version>()
            .header("If-None-Match", "The `ETag` of the image that is known already")
            .answers_as("image/jpeg")
            .answers::<()>(StatusCode::NOT_MODIFIED);
    let route = endpoint(
        warp::path!("api" / "jobs" / String / "image.jpg")
            .and(warp::get())
            .and(with(site))
            .and(parameters())
            .and(warp::header::headers_cloned())
            .then(
                async |job: String,
                       site: Arc<Site>,
                       version: Result<Version, ApiError>,
                       headers: HeaderMap|
                       -> Answer {
                    let (job, Version { .. }) = (id(&job)?, version?);
                    let picture = look(&site, move |services| services.picture_of(job)).await?;
                    Ok(file(&*picture.ok_or_else(no_image)?, &headers))
                },
            ),
    );
    about.by(route)
}
