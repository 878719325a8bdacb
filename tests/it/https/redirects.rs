//! Who is led from HTTP to HTTPS. All connections of a test come from this machine, so the peer is made up here.

use std::sync::Arc;

use flamenco_manager::{
    app,
    http::{
        on_panic, routes,
        server::{Limits, Listener, Peer, serve},
    },
};
use http::Request;
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::kit::{self, Door, TestManager};

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");

/// What somebody on another machine is told by a Manager that serves HTTPS, or does not.
async fn answer(m: &TestManager, https: bool, line: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let (method, path) = line.split_once(' ').unwrap();
    let mut site = app::site(&m.config, &m.services, None);
    site.https_port = https.then_some(8443);
    let routes = routes(&Arc::new(site));
    let from_elsewhere = service_fn(move |mut request: Request<Incoming>| {
        let peer = Peer { address: "192.0.2.7:5000".parse().unwrap(), tls: false };
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = Door::without_contract(port.local_addr().unwrap());
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(serve(vec![Listener::http(port)], from_elsewhere, on_panic, Limits::default(), stop));
    let answer = door.call(method.parse().unwrap(), path, headers, "").await;
    let location = answer.header("location").to_owned();
    (answer.status.as_u16(), if location.is_empty() { answer.text().to_owned() } else { location })
}

#[tokio::test]
async fn people_are_led_to_https_where_it_is_served() {
    let m = TestManager::start().await;
    for path in ["/", "/api/jobs", "/as-json?x=y", "/nothing"] {
        let line = format!("GET {path}");
        let told = answer(&m, true, &line, &[BROWSER]).await;
        assert_eq!(told, (307, format!("https://manager:8443{path}")));
        assert_ne!(answer(&m, false, &line, &[BROWSER]).await.0, 307, "{path}");
        assert_ne!(answer(&m, true, &line, &[]).await.0, 307, "{path}");
    }
}

#[tokio::test]
async fn workers_are_left_alone_whatever_they_say() {
    let m = TestManager::start().await;
    for line in [
        "POST /task",
        "POST /sign-on",
        "POST /sign-off",
        "GET /status-change",
        "POST /ack-status-change/awake",
        "GET /may-i-run/5c7d0000000000000000aaaa",
        "POST /tasks/5c7d0000000000000000aaaa/update",
        "POST /tasks/5c7d0000000000000000aaaa/return",
        "POST /output-produced",
        "POST /register-worker",
    ] {
        let headers = [BROWSER, ("authorization", "Bearer a-registration-token")];
        let (with, without) =
            (answer(&m, true, line, &headers).await, answer(&m, false, line, &headers).await);
        assert_eq!(with, without, "{line}");
        assert!(!with.1.contains("https"), "{line}: {with:?}");
    }
    for line in ["GET /api/health", "GET /api/version"] {
        assert_eq!(answer(&m, true, line, &[BROWSER]).await.0, 200, "{line}");
    }
}

#[tokio::test]
async fn a_token_that_came_in_the_open_is_refused_with_the_reason() {
    let m = TestManager::start().await;
    for line in ["GET /api/jobs", "POST /api/jobs", "GET /metrics", "POST /api/session"] {
        let (status, body) = answer(&m, true, line, &[("authorization", "Bearer secret")]).await;
        assert_eq!(status, 403, "{line}");
        assert!(body.contains("needs-https") && body.contains("https://manager:8443/"), "{body}");
    }
    assert_eq!(answer(&m, false, "GET /api/jobs", &[("authorization", "Bearer secret")]).await.0, 200);
}

#[tokio::test]
async fn whose_token_came_in_the_open_is_in_the_log_and_what_is_none_is_not() {
    let log = kit::Listener::start();
    let m = TestManager::configured("[user_authentication]\nmode = 'token'").await;
    let ada = m.services.create_token("ada", "viewer".parse().unwrap()).await.unwrap().1;
    for token in ["flamenco_wrong", &ada] {
        let bearer = format!("Bearer {token}");
        let (status, _) = answer(&m, true, "GET /api/jobs", &[("authorization", &bearer)]).await;
        assert_eq!(status, 403);
    }
    let lines = log.lines(Level::WARN);
    assert!(
        matches!(&lines[..], [one] if one.contains("plain HTTP") && one.contains("\"ada\"")),
        "{lines:?}"
    );
    assert!(!lines[0].contains(&ada), "{lines:?}");
}

#[tokio::test]
async fn the_document_of_the_api_says_where_that_can_be() {
    let m = TestManager::start().await;
    let document = m.get("/api/openapi.json").await.expect(200).json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address = path.replace(['{', '}'], "");
        for (method, said) in methods.as_object().unwrap() {
            let line = format!("{} {address}", method.to_uppercase());
            let (status, _) = answer(&m, true, &line, &[("authorization", "Bearer secret")]).await;
            let is_refused = status == 403;
            assert_eq!(is_refused, !["/api/health", "/api/version"].contains(&path.as_str()), "{line}");
            assert!(!is_refused || said["responses"]["403"].is_object(), "{line}");
        }
    }
}
