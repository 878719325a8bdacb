//! One HTTP call to the Flamenco Server: the connection and the time limits. What is said in it, and what the answer
//! means, is the affair of the other files.

use std::{
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use http::{Method, Uri, header::AUTHORIZATION, request::Builder};
use ureq::{
    Agent, AsSendBody, Timeout,
    tls::{RootCerts, TlsConfig},
};

use super::{
    Limits, Link,
    answer::{Answer, CallError},
    credentials::Credentials,
};

/// How the Server is told who calls.
const USER_AGENT: &str = concat!("flamenco-manager/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection is kept. It is less than most web servers do, so that few calls meet one that the
/// other end is just closing.
const IDLE: Duration = Duration::from_secs(10);

/// A way to the Server on which all calls have the same time limit. It keeps its own connections; clones share them.
///
/// There is one for each time limit because a limit that is set for a single call makes ureq read the system's
/// certificates anew for each connection.
#[derive(Clone)]
pub(super) struct Line {
    agent: Agent,
    /// Scheme, host and port.
    origin: Arc<str>,
    credentials: Arc<Credentials>,
}

impl Line {
    /// The way to the Server, on which a whole call may take `whole`.
    pub fn new(link: &Link, whole: Duration, limits: &Limits) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let mut settings = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(USER_AGENT)
            // With an `Accept` header the Server may choose another format.
            .accept("")
            .tls_config(tls.build())
            .max_idle_age(IDLE)
            .max_idle_connections_per_host(super::RECHECKS)
            .max_idle_connections(super::RECHECKS)
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_per_read(Some(limits.silence))
            .timeout_per_write(Some(limits.silence))
            .timeout_global(Some(whole));
        let origin = origin(&link.url);
        // As other programs do: a proxy in the environment is for what is not on this machine.
        if is_this_machine(origin) {
            settings = settings.proxy(None);
        }
        Self {
            agent: settings.build().into(),
            origin: origin.into(),
            credentials: Arc::new(Credentials::new(&link.manager_secret)),
        }
    }

    /// Scheme, host and port of the Server, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A request with the Manager's credentials. `path` begins with a slash: an absolute reference, which drops any
    /// path in the Server's URL (`server-protocol.md`, section 1.0).
    pub fn request(&self, method: Method, path: &str) -> Builder {
        Builder::new()
            .method(method)
            .uri(format!("{}{path}", self.origin))
            .header(AUTHORIZATION, self.credentials.header.clone())
    }

    /// Makes a call and waits for the whole answer, whatever its status; `largest` is how many bytes it may have
    /// when decompressed. Blocks the thread.
    pub fn call(&self, request: Builder, body: impl AsSendBody, largest: u64) -> Result<Answer, CallError> {
        let method = request.method_ref().cloned().unwrap_or_default();
        let call = format!("{method} {}", request.uri_ref().cloned().unwrap_or_default());
        let result = request
            .body(body)
            .map_err(ureq::Error::from)
            .and_then(|request| self.agent.run(request))
            .map_err(|error| self.unreachable(&call, &reason(&error)));
        let (head, mut body) = result?.into_parts();
        let mut answer = Answer {
            call,
            status: head.status.as_u16(),
            headers: head.headers,
            body: Vec::new(),
            credentials: Arc::clone(&self.credentials),
        };
        // The limit that ureq offers counts what comes over the wire, and a little of that can become very much.
        let read = body.as_reader().take(largest + 1).read_to_end(&mut answer.body);
        match read.map_err(ureq::Error::from) {
            Ok(length) if length as u64 > largest => {
                Err(answer.trouble(&format!("the answer has more than {largest} bytes")))
            }
            Ok(_) => Ok(answer),
            Err(ureq::Error::Decompress(_, error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Err(answer.trouble(&format!("the answer cannot be decompressed: {error}")))
            }
            Err(error) => Err(self.unreachable(&answer.call, &reason(&error))),
        }
    }

    /// There was no answer.
    pub fn unreachable(&self, call: &str, reason: &str) -> CallError {
        CallError::Unreachable { call: call.to_owned(), reason: self.credentials.plain(reason) }
    }

    /// Breaks off all calls on this line; later ones fail at once. Only finding the host and connecting go on, for
    /// as long as they may take.
    pub fn hang_up(&self) {
        self.agent.clone().shutdown();
    }
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

fn is_this_machine(origin: &str) -> bool {
    let uri: Uri = origin.parse().unwrap_or_default();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What ureq says, in plain words.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(Timeout::Resolve) => "its host name could not be looked up in time".to_owned(),
        ureq::Error::Timeout(Timeout::Connect) => "it could not be connected to in time".to_owned(),
        ureq::Error::Timeout(_) => "it took too long".to_owned(),
        ureq::Error::HostNotFound => "its host name is not known".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_a_url_has_no_path() {
        for (url, expected) in [
            ("https://flamenco.example.com/", "https://flamenco.example.com"),
            ("http://[::1]:8080/sub/path/", "http://[::1]:8080"),
            ("http://server", "http://server"),
        ] {
            assert_eq!(origin(url), expected);
        }
    }

    #[test]
    fn only_loopback_addresses_are_on_this_machine() {
        for here in ["http://localhost:80", "http://127.0.0.3", "https://[::1]:443"] {
            assert!(is_this_machine(here), "{here}");
        }
        for elsewhere in ["http://flamenco.example.com", "http://10.0.0.1:80", "nonsense://"] {
            assert!(!is_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
