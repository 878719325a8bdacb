//! The last rendered image as a file, and the addresses at which Flamenco Manager 2.x shows it.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use headers::{CacheControl, ContentType, ETag, HeaderMapExt, IfNoneMatch, LastModified};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::{Filter, reply::Response};

use super::{
    Site,
    error::ApiError,
    routes::{Answer, endpoint, with},
    scripts::Script,
    sse,
};
use crate::services::Picture;

/// `GET /latest-image.jpg`
pub fn latest(site: &Arc<Site>) -> Script {
    let route = endpoint(
        warp::path!("latest-image.jpg")
            .and(warp::get())
            .and(with(site))
            .and(warp::header::headers_cloned())
            .then(async |site: Arc<Site>, headers: HeaderMap| -> Answer {
                Ok(match site.services.latest_picture() {
                    Some(picture) => file(&picture, &headers),
                    None => no_image().into_text(),
                })
            }),
    );
    Script::get("/latest-image.jpg", route)
}

/// `GET /latest-image`: the page that has taken the place of the one of 2.x.
pub fn page() -> Script {
    let route = endpoint(warp::path!("latest-image").and(warp::get()).then(async || -> Answer {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::FOUND;
        // By its name beside this one, because a proxy may have put both below another path.
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("./#/image"));
        Ok(response)
    }));
    Script::get("/latest-image", route)
}

/// `GET /imagewatch`: an event whenever there is another last image, with the name under which it is to be had.
pub fn watch(site: &Arc<Site>) -> Script {
    let route = endpoint(warp::path!("imagewatch").and(warp::get()).and(with(site)).and(sse::end()).then(
        async |site: Arc<Site>, end: sse::End| -> Answer {
            // Firefox does not count a connection as made before something has come.
            let begin = stream::iter([Bytes::from(sse::event("notification", None, "watching"))]);
            let images = stream::unfold(site.services.watch_pictures(), async |mut pictures| {
                pictures.changed().await.ok()?;
                Some((Bytes::from(sse::event("image", None, "latest-image.jpg")), pictures))
            });
            Ok(sse::answer(begin.chain(images), end))
        },
    ));
    Script::get("/imagewatch", route)
}

/// An image, unless who asks has it already.
pub fn file(picture: &Picture, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", picture.version).parse::<ETag>().ok();
    let known = asked.typed_get::<IfNoneMatch>();
    let is_known = known.zip(tag.as_ref()).is_some_and(|(known, tag)| !known.precondition_passes(tag));
    let mut response =
        if is_known { Response::default() } else { Response::new(picture.jpeg.clone().into()) };
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    if !is_known {
        headers.typed_insert(ContentType::jpeg());
    }
    // It may be kept, and has to be asked for each time all the same.
    headers.typed_insert(CacheControl::new().with_no_cache());
    headers.typed_insert(LastModified::from(SystemTime::from(picture.about.produced)));
    if let Some(tag) = tag {
        headers.typed_insert(tag);
    }
    response
}

/// The answer when there is no image.
pub fn no_image() -> ApiError {
    ApiError::not_found("no image was rendered yet, or none that can be shown")
}
