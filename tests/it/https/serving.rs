//! What HTTPS has in common with plain HTTP, and what it has not.

use std::time::{Duration, Instant};

use flamenco_manager::http::server::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Https;
use crate::kit::{SelfSigned, TestManager, Visitor, config_in};

/// Longer than any test should take.
const LONG: Duration = Duration::from_secs(30);
/// Shorter than that, and ample for a handshake on a slow machine.
const HEAD: Duration = Duration::from_secs(2);

async fn start(limits: Limits) -> (Https, Visitor) {
    let https = Https::limited(TestManager::configured("listen_https = ':0'").await, limits).await;
    let visitor = Visitor::trusting(&https.beside("tls-cert.pem"), &https.manager.clock);
    (https, visitor)
}

#[tokio::test]
async fn http_1_is_spoken_and_nothing_else() {
    let (https, visitor) = start(Limits::default()).await;
    let stream = visitor.clone().speaking(&["h2", "http/1.1"]).connect(https.address).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let refused = visitor.speaking(&["h2"]).connect(https.address).await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn clients_that_are_silent_before_or_after_the_handshake_are_closed() {
    let (https, visitor) = start(Limits { head: HEAD, idle: LONG, ..Limits::default() }).await;
    let start = Instant::now();
    let mut silent = TcpStream::connect(https.address).await.unwrap();
    let mut half = TcpStream::connect(https.address).await.unwrap();
    half.write_all(b"\x16\x03\x01").await.unwrap();
    let mut secure = visitor.connect(https.address).await.unwrap();
    secure.write_all(b"GET / HT").await.unwrap();
    for stream in [&mut silent, &mut half] {
        let _ = timeout(LONG, stream.read_to_end(&mut Vec::new())).await.expect("it is closed");
    }
    let _ = timeout(LONG, secure.read_to_end(&mut Vec::new())).await.expect("it is closed");
    assert!(start.elapsed() >= HEAD && start.elapsed() < LONG / 2, "after {:?}", start.elapsed());
    visitor.get(https.address, "/api/version").await.unwrap().expect(200);
}

#[tokio::test]
async fn what_is_no_handshake_harms_nobody() {
    let (https, visitor) = start(Limits::default()).await;
    for nonsense in [&b"GET / HTTP/1.1\r\nHost: m\r\n\r\n"[..], &[0xff; 5000], &[0x16, 3, 1, 0xff, 0xff]] {
        let mut client = TcpStream::connect(https.address).await.unwrap();
        client.write_all(nonsense).await.unwrap();
        client.shutdown().await.unwrap();
        let _ = timeout(LONG, client.read_to_end(&mut Vec::new())).await.expect("it is closed");
    }
    visitor.get(https.address, "/api/version").await.unwrap().expect(200);
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_unfinished_handshakes() {
    let (https, visitor) = start(Limits { drain: LONG * 2, ..Limits::default() }).await;
    let mut idle = visitor.connect(https.address).await.unwrap();
    let _unfinished = TcpStream::connect(https.address).await.unwrap();
    visitor.get(https.address, "/api/version").await.unwrap().expect(200);
    drop(https.stop);
    timeout(LONG, https.serving).await.expect("nothing holds it up").unwrap();
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
    TcpStream::connect(https.address).await.unwrap_err();
}

#[tokio::test]
async fn an_endless_answer_ends_at_the_stop() {
    let (https, visitor) = start(Limits { drain: LONG * 2, ..Limits::default() }).await;
    let mut events = visitor.connect(https.address).await.unwrap();
    events.write_all(b"GET /api/events HTTP/1.1\r\nHost: m\r\n\r\n").await.unwrap();
    let mut begin = [0; 12];
    events.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    drop(https.stop);
    timeout(LONG, https.serving).await.expect("nothing holds it up").unwrap();
}

#[tokio::test]
async fn whoever_logs_in_by_https_gets_a_cookie_that_goes_no_other_way() {
    let toml = "listen_https = ':0'\n[user_authentication]\nmode = 'token'";
    let https = Https::start(TestManager::configured(toml).await).await;
    let visitor = Visitor::trusting(&https.beside("tls-cert.pem"), &https.manager.clock);
    let link = https.manager.services.create_link("viewer".parse().unwrap());
    let shown = serde_json::json!({"code": link.code});
    let answer = visitor.post(https.address, "/api/session", &shown).await.unwrap().expect(200);
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Max-Age=1209600; Secure"), "{cookie}");
}

#[tokio::test]
async fn one_manager_answers_at_both_addresses() {
    use flamenco_manager::{app::App, clock::SystemClock};
    let folder = tempfile::tempdir().unwrap();
    SelfSigned::new().put(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let toml = format!(
        "listen = '127.0.0.1:0'\nlisten_https = '127.0.0.1:0'\nssdp_discovery = false\ntlskey = '{}'\ntlscert = '{}'",
        path("key.pem"),
        path("cert.pem")
    );
    let app = App::start(config_in(&toml, &folder), std::sync::Arc::new(SystemClock)).await.unwrap();
    let address = |url: &str| url.split('/').nth(2).unwrap().parse().unwrap();
    let (http, https) = (address(&app.url()), address(&app.https_url().unwrap()));
    assert!(app.url().starts_with("http://") && http != https);
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(app.run(stop.clone()));

    let certificate = std::fs::read_to_string(path("cert.pem")).unwrap();
    let clock =
        std::sync::Arc::new(flamenco_manager::clock::ManualClock::new(crate::kit::START.parse().unwrap()));
    let visitor = Visitor::trusting(&certificate, &clock);
    let secure = visitor.get(https, "/api/version").await.unwrap().expect(200);
    let plain = plain_get(http).await;
    assert!(plain.contains(secure.text()), "{plain}");
    stop.cancel();
    timeout(LONG, running).await.unwrap().unwrap().unwrap();
    visitor.connect(https).await.unwrap_err();
}

async fn plain_get(address: std::net::SocketAddr) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /api/version HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(LONG, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}
