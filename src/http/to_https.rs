//! People are led from HTTP to HTTPS where that is served; workers, who may not trust the certificate, are left alone. What
//! comes from this machine is not on any network: the command line, a tunnel, a proxy that has HTTPS of its own.

use std::sync::Arc;

use http::{
    HeaderMap, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HOST, LOCATION, VARY},
    uri::{Authority, PathAndQuery},
};
use warp::{
    Filter, Reply,
    filters::path::FullPath,
    reject,
    reply::{Response, with_header, with_status},
};

use super::{Site, error::ApiError, routes::Route, server::Peer};
use crate::domain::people::{Credential, Person};

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// It is answered as it is.
    Here,
    /// It is to be made again at this URL.
    There(String),
    /// It brought a secret that anybody on the way could read. A redirect would teach nobody.
    Refused(String),
}

/// What a request says that matters here.
struct Asked<'a> {
    peer: Peer,
    method: &'a Method,
    /// With the query.
    path: &'a str,
    headers: &'a HeaderMap,
}

/// Answers people, and their programs, who should come by HTTPS. It belongs behind the routes of workers.
pub fn redirect(site: &Arc<Site>) -> Route {
    let https_port = site.https_port;
    warp::method()
        .and(warp::path::full())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::ext::optional::<Person>())
        .and_then(move |method: Method, path: FullPath, query: String, headers: HeaderMap, peer: Peer, person: Option<Person>| async move {
            let Some(port) = https_port else { return Err(reject::not_found()) };
            let question = if query.is_empty() { "" } else { "?" };
            let path = format!("{}{question}{query}", path.as_str());
            let asked = Asked { peer, method: &method, path: &path, headers: &headers };
            match asked.way(port) {
                Way::Here => Err(reject::not_found()),
                Way::There(url) => Ok(redirect_to(&url)),
                Way::Refused(why) => {
                    // Of what lets nobody in there is nothing to say, however often it comes.
                    if let Some(Person { name, .. }) = person.filter(|person| person.by != Credential::Nothing) {
                        tracing::warn!(name, peer = %peer.address, "an access token came over plain HTTP: whoever has read it there can use it");
                    }
                    Ok(ApiError::needs_https(why).into_response())
                }
            }
        })
        .boxed()
}

/// For now only: HTTPS may be switched off again. For the same reason, and because workers use the same host by plain HTTP,
/// there is no `Strict-Transport-Security` anywhere.
fn redirect_to(url: &str) -> Response {
    let answer = with_status(format!("{url}\n"), StatusCode::TEMPORARY_REDIRECT);
    let answer = with_header(answer, LOCATION, url);
    let answer = with_header(answer, CACHE_CONTROL, "no-store");
    with_header(answer, VARY, "Accept").into_response()
}

impl Asked<'_> {
    fn way(&self, https_port: u16) -> Way {
        let is_of_programs = ["/api/health", "/api/version"].contains(&self.path_alone());
        if self.peer.tls || self.peer.address.ip().to_canonical().is_loopback() || is_of_programs {
            return Way::Here;
        }
        let Some(base) = self.base(https_port) else { return Way::Here };
        if self.brings_a_secret() {
            return Way::Refused(format!(
                "over plain HTTP everybody on the way can read this secret: send it to {base}/ instead, and make a new one"
            ));
        }
        let safe = matches!(*self.method, Method::GET | Method::HEAD);
        if safe && self.comes_from_a_browser() {
            Way::There(format!("{base}{}", self.path))
        } else {
            Way::Here
        }
    }

    fn path_alone(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The host as the client calls it, at the port of HTTPS; none that a browser would take for something else.
    fn base(&self, https_port: u16) -> Option<String> {
        let authority: Authority = self.headers.get(HOST)?.to_str().ok()?.parse().ok()?;
        let fits = self.path.starts_with('/')
            && !self.path.starts_with("//")
            && self.path.parse::<PathAndQuery>().is_ok();
        if !fits || authority.as_str().contains('@') {
            return None;
        }
        Some(match https_port {
            443 => format!("https://{}", authority.host()),
            port => format!("https://{}:{port}", authority.host()),
        })
    }

    /// An access token, or whatever somebody logs in with.
    fn brings_a_secret(&self) -> bool {
        let bearer = self.headers.get(AUTHORIZATION).is_some_and(|value| {
            value.as_bytes().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
        });
        bearer || (*self.method == Method::POST && self.path_alone() == "/api/session")
    }

    /// Whether somebody opens it in a browser. Scripts and workers do not ask for HTML by name.
    fn comes_from_a_browser(&self) -> bool {
        let accepted = self.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        accepted.into_iter().any(|value| value.contains("text/html"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

    /// What becomes of a request from another machine.
    fn way(method: &Method, path: &str, headers: &[(&str, &str)]) -> Way {
        from("192.0.2.7:5000", false, method, path, headers)
    }

    fn from(address: &str, tls: bool, method: &Method, path: &str, headers: &[(&str, &str)]) -> Way {
        let peer = Peer { address: address.parse().unwrap(), tls };
        let mut all = HeaderMap::from_iter([(HOST, "farm:8080".parse().unwrap())]);
        for (name, value) in headers {
            all.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        Asked { peer, method, path, headers: &all }.way(8443)
    }

    fn there(url: &str) -> Way {
        Way::There(url.to_owned())
    }

    #[test]
    fn what_a_person_opens_is_redirected_to_the_same_host() {
        let browser = ("accept", BROWSER);
        assert_eq!(way(&Method::GET, "/", &[browser]), there("https://farm:8443/"));
        assert_eq!(
            way(&Method::HEAD, "/logfile/1/2?x=y", &[browser]),
            there("https://farm:8443/logfile/1/2?x=y")
        );
        for (host, base) in [
            ("192.0.2.1:8080", "https://192.0.2.1:8443"),
            ("[2001:db8::1]:8080", "https://[2001:db8::1]:8443"),
            ("farm.example.com", "https://farm.example.com:8443"),
        ] {
            assert_eq!(way(&Method::GET, "/", &[browser, ("host", host)]), there(&format!("{base}/")));
        }
    }

    #[test]
    fn the_usual_port_needs_no_mention() {
        let peer = Peer { address: "192.0.2.7:1".parse().unwrap(), tls: false };
        let headers =
            HeaderMap::from_iter([(HOST, "farm".parse().unwrap()), (ACCEPT, BROWSER.parse().unwrap())]);
        let asked = Asked { peer, method: &Method::GET, path: "/", headers: &headers };
        assert_eq!(asked.way(443), there("https://farm/"));
    }

    #[test]
    fn programs_and_workers_are_left_alone() {
        assert_eq!(way(&Method::GET, "/api/jobs", &[("accept", "*/*")]), Way::Here);
        assert_eq!(way(&Method::GET, "/as-json", &[]), Way::Here);
        assert_eq!(way(&Method::POST, "/api/jobs", &[("accept", BROWSER)]), Way::Here);
        for path in ["/api/health", "/api/version", "/api/health?x"] {
            assert_eq!(way(&Method::GET, path, &[("accept", BROWSER)]), Way::Here, "{path}");
            assert_eq!(way(&Method::GET, path, &[("authorization", "Bearer x")]), Way::Here, "{path}");
        }
    }

    #[test]
    fn this_machine_and_who_is_there_already_are_left_alone() {
        for (address, tls) in [
            ("127.0.0.1:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("192.0.2.7:1", true),
        ] {
            for headers in [("accept", BROWSER), ("authorization", "Bearer secret")] {
                assert_eq!(from(address, tls, &Method::GET, "/", &[headers]), Way::Here, "{address}");
            }
        }
    }

    #[test]
    fn a_secret_that_everybody_could_read_is_refused() {
        for authorization in ["Bearer secret", "bearer secret"] {
            let way =
                way(&Method::GET, "/api/jobs", &[("authorization", authorization), ("accept", BROWSER)]);
            assert!(matches!(&way, Way::Refused(why) if why.contains("https://farm:8443/")), "{way:?}");
        }
        assert!(matches!(way(&Method::POST, "/api/session", &[]), Way::Refused(_)));
        assert_eq!(way(&Method::GET, "/api/session", &[]), Way::Here);
        assert_eq!(way(&Method::GET, "/api/jobs", &[("authorization", "Basic eDp5")]), Way::Here);
    }

    #[test]
    fn nobody_is_led_astray() {
        for host in ["", "me@farm", "farm/evil", "http://x", "a b"] {
            let way = way(&Method::GET, "/", &[("accept", BROWSER), ("host", host)]);
            assert_eq!(way, Way::Here, "{host}");
        }
        assert_eq!(way(&Method::GET, "//evil.example/", &[("accept", BROWSER)]), Way::Here);
    }
}
