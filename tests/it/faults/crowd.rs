//! Ten thousand idle connections, and clients that do not know how to behave: workers are served all the same.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use flamenco_manager::simulate::worker::Asked;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::process::{BINARY, Place, Running, new_job};

const CROWD: usize = 10_000;
/// File handles that are needed for anything else.
const RESERVE: usize = 500;

/// The most open files that a process here may ask for.
fn hard_limit() -> usize {
    let asked = Command::new("sh").args(["-c", "ulimit -Hn"]).output().unwrap();
    String::from_utf8_lossy(&asked.stdout).trim().parse().unwrap_or(usize::MAX)
}

/// Lets this process have as many open files as it may. Without `prlimit` it stays as it is.
fn raise_own_limit(files: usize) {
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &own, &format!("--nofile={files}:")])
        .stderr(Stdio::null())
        .status();
    if !raised.is_ok_and(|status| status.success()) {
        println!("the limit of open files could not be raised");
    }
}

#[tokio::test]
async fn ten_thousand_idle_connections_do_not_keep_a_worker_waiting() {
    let files = hard_limit().min(CROWD + RESERVE);
    raise_own_limit(files);
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" --json serve"), BINARY]);
    let manager = Running::start(place.at_home(shell));
    manager.submit(2).await;
    let mut worker = manager.worker().await;

    let mut crowd = Vec::new();
    while crowd.len() < CROWD {
        match TcpStream::connect(manager.address()).await {
            Ok(stream) => crowd.push(stream),
            Err(error) => {
                println!("only {} connections can be had here: {error}", crowd.len());
                break;
            }
        }
    }
    assert!(crowd.len() >= CROWD.min(files - RESERVE), "{}", crowd.len());

    let begun = Instant::now();
    assert!(matches!(worker.ask_task().await.unwrap(), Asked::Task(_)));
    let mut newcomer = manager.worker().await;
    assert!(matches!(newcomer.ask_task().await.unwrap(), Asked::Task(_)));
    // Long before the first of the others is hung up on, which is after two minutes.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop(crowd);
    manager.stop();
}

#[tokio::test]
async fn more_connections_than_there_are_files_leave_enough_for_the_logs() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 300; exec \"$0\" --json serve", BINARY]);
    let manager = Running::start(place.at_home(shell));
    manager.submit(1).await;
    let mut worker = manager.worker().await;
    let mut crowd = Vec::new();
    for _ in 0..250 {
        crowd.push(TcpStream::connect(manager.address()).await.unwrap());
    }
    // Its log is a file, too.
    assert!(matches!(worker.ask_task().await.unwrap(), Asked::Task(_)));
    drop(crowd);
    manager.stop();
}

async fn send(manager: &Running, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(manager.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// The status of the answer.
async fn status(stream: &mut TcpStream) -> String {
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8_lossy(&line[9..]).into_owned()
}

#[tokio::test]
async fn clients_that_do_not_know_how_to_behave_disturb_nobody() {
    let place = Place::new();
    let manager = place.start();
    let silent = TcpStream::connect(manager.address()).await.unwrap();
    let half_a_head = send(&manager, "GET /api/version HTTP/1.1\r\nHost: ").await;
    let half_a_body =
        send(&manager, "POST /api/jobs HTTP/1.1\r\nHost: m\r\nContent-Length: 9\r\n\r\n{").await;

    let mut connect =
        send(&manager, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n").await;
    assert_eq!(status(&mut connect).await, "405");
    let mut no_path = send(&manager, "OPTIONS * HTTP/1.1\r\nHost: m\r\n\r\n").await;
    assert_eq!(status(&mut no_path).await, "400");
    let mut no_http = send(&manager, "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n").await;
    assert_eq!(status(&mut no_http).await, "400");

    manager.get("/api/health").await;
    drop((silent, half_a_head, half_a_body));
    assert!(!manager.stop().contains("panicked"));
}

#[tokio::test]
async fn chunked_and_dripping_bodies_are_taken() {
    let place = Place::new();
    let manager = place.start();
    let body = new_job(1).to_string();

    let head = "POST /api/jobs HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut chunked = send(&manager, head).await;
    for piece in body.as_bytes().chunks(7) {
        let chunk = format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece));
        chunked.write_all(chunk.as_bytes()).await.unwrap();
    }
    chunked.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut chunked).await, "201");

    let head = format!("POST /api/jobs HTTP/1.1\r\nHost: m\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut dripping = send(&manager, &head).await;
    dripping.set_nodelay(true).unwrap();
    for byte in body.as_bytes() {
        dripping.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&mut dripping).await, "201");
    assert_eq!(manager.get("/api/jobs").await["total"], 2);
}
