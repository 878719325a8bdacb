//! SIGTERM and SIGINT: requests in hand are finished, new ones are refused, and nothing is lost.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::Method;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::process::{Place, Running, eventually, new_job};

/// A submission of which all but the last byte is sent; and that byte.
async fn half_a_submission(manager: &Running) -> (TcpStream, u8) {
    let body = new_job(3).to_string().into_bytes();
    let mut stream = TcpStream::connect(manager.address()).await.unwrap();
    let head = format!("POST /api/jobs HTTP/1.1\r\nHost: manager\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() - 1]).await.unwrap();
    // Whatever is sent later is answered later: now the Manager has the head.
    manager.get("/api/version").await;
    (stream, body[body.len() - 1])
}

async fn refuses_connections(manager: &Running) {
    eventually("new connections are refused", async || {
        let error = TcpStream::connect(manager.address()).await.err()?;
        (error.kind() == ErrorKind::ConnectionRefused).then_some(())
    })
    .await;
}

/// Can the file be opened as it is, or did its last user leave it half written?
#[expect(clippy::disallowed_types, reason = "only redb itself tells whether it repairs")]
fn needs_repair(place: &Place) -> bool {
    let repaired = Arc::new(AtomicBool::new(false));
    let witness = Arc::clone(&repaired);
    let mut builder = redb::Database::builder();
    builder.set_repair_callback(move |_| witness.store(true, Ordering::Relaxed));
    drop::<redb::Database>(builder.open(place.database()).unwrap());
    repaired.load(Ordering::Relaxed)
}

async fn a_signal_ends_it_in_good_order(signal: &str) {
    let place = Place::new();
    let mut manager = place.start();
    let before = manager.submit(2).await;
    let (mut stream, last) = half_a_submission(&manager).await;

    manager.signal(signal);
    refuses_connections(&manager).await;
    stream.write_all(&[last]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(manager.wait().code(), Some(0), "{}", manager.log());
    assert!(manager.log().contains("Flamenco Manager has stopped"));

    assert!(!needs_repair(&place));
    let job: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let manager = place.start();
    for id in [before.as_str(), job["_id"].as_str().unwrap()] {
        manager.get(&format!("/api/jobs/{id}")).await;
    }
    manager.stop();
}

#[tokio::test]
async fn sigterm_ends_it_after_the_requests_in_hand() {
    a_signal_ends_it_in_good_order("TERM").await;
}

#[tokio::test]
async fn sigint_ends_it_after_the_requests_in_hand() {
    a_signal_ends_it_in_good_order("INT").await;
}

#[tokio::test]
async fn after_a_kill_the_file_is_repaired_at_the_next_start() {
    let place = Place::new();
    let manager = place.start();
    manager.submit(1).await;
    manager.kill();
    assert!(needs_repair(&place), "else the tests above would prove nothing");
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_the_stop_for_ever() {
    let place = Place::new();
    let mut manager = place.start();
    let id = manager.submit(1).await;
    let (_stream, _never_sent) = half_a_submission(&manager).await;
    let _silent = TcpStream::connect(manager.address()).await.unwrap();

    manager.signal("TERM");
    assert_eq!(manager.wait().code(), Some(0), "{}", manager.log());
    assert!(manager.log().contains("were cut off"), "{}", manager.log());

    assert!(!needs_repair(&place));
    let manager = place.start();
    assert_eq!(manager.call(Method::GET, &format!("/api/jobs/{id}"), None).await.0, 200);
}
