//! `GET /`: what a person sees in a browser, from the files in `assets/`.

use http::header;
use rust_embed::{EmbeddedFile, RustEmbed};
use warp::{Filter, Reply};

use super::routes::{Answer, Route, endpoint};

#[derive(RustEmbed)]
#[folder = "assets/page"]
struct Page;

/// `GET /` and the files that the page is made of. An address without a file is none of its business, whatever
/// the method: another route may know better what is wrong.
pub fn page() -> Route {
    let name = warp::path::end().map(|| "index.html".to_owned()).or(warp::path!(String)).unify();
    let file = name.and_then(async |name: String| match Page::get(&name) {
        Some(file) => Ok((name, file)),
        None => Err(warp::reject::not_found()),
    });
    endpoint(file.and(warp::get()).then(async |(name, file): (String, EmbeddedFile)| -> Answer {
        let response = warp::reply::Response::new(file.data.into_owned().into());
        let response = warp::reply::with_header(response, header::CONTENT_TYPE, kind(&name));
        let response = warp::reply::with_header(response, header::CACHE_CONTROL, "no-cache");
        let policy = "default-src 'self'; frame-ancestors 'none'";
        Ok(warp::reply::with_header(response, header::CONTENT_SECURITY_POLICY, policy).into_response())
    }))
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_knows_what_each_file_is() {
        for file in Page::iter() {
            assert_ne!(kind(&file), "application/octet-stream", "{file}");
        }
    }

    #[test]
    fn the_page_names_all_its_files_and_nothing_that_its_policy_forbids() {
        let page = Page::get("index.html").unwrap();
        let page = std::str::from_utf8(&page.data).unwrap();
        for file in Page::iter().filter(|file| file != "index.html") {
            assert!(page.contains(&format!("\"{file}\"")), "{file}");
        }
        for forbidden in ["style=", "<style", "onclick", "<script>", "http://", "https://"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
