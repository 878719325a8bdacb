//! Web pages of others may not use a visitor's browser to command the farm: a job is a command that runs on the workers.

use http::{HeaderValue, Method};
use warp::{Filter, Reply, reject};

use super::{error::ApiError, routes::Route};

/// Answers requests that would change something and come from a page of another site. Browsers always say in `Origin`
/// whose page it is; scripts, and workers, send no such header.
pub fn refusal() -> Route {
    warp::method()
        .and(warp::header::value("origin"))
        .and(warp::header::optional::<String>("host"))
        .and_then(async |method: Method, origin: HeaderValue, host: Option<String>| {
            if method.is_safe() || is_own_page(origin.to_str().unwrap_or_default(), host.as_deref()) {
                return Err(reject::not_found());
            }
            tracing::warn!(?origin, "a web page of another site tried to command this Manager");
            Ok(ApiError::forbidden("web pages of other sites may not command this Manager").into_response())
        })
        .map(Reply::into_response)
        .boxed()
}

/// Is the page of this origin served by the host that was asked?
fn is_own_page(origin: &str, host: Option<&str>) -> bool {
    let page_host = origin.split_once("://").map(|(_, host)| host);
    page_host.zip(host).is_some_and(|(page, asked)| page.eq_ignore_ascii_case(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_the_host_that_was_asked_is_our_own() {
        assert!(is_own_page("http://farm:8080", Some("farm:8080")));
        assert!(is_own_page("https://Farm.example", Some("farm.example")));
        for origin in ["http://evil.example", "http://farm:81", "null", "", "farm:8080"] {
            assert!(!is_own_page(origin, Some("farm:8080")), "{origin}");
        }
        assert!(!is_own_page("http://farm:8080", None));
    }
}
