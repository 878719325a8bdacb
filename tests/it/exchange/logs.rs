//! The Server gets the logs that it wants (`server-protocol.md`, section 1.5).

use std::{fs, io::Write, path::PathBuf};

use flamenco_manager::exchange::Topic;
use flate2::{Compression, write::GzEncoder};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Call, FakeServer, Job, Mood, TestManager, job, task};

const NONE: &str = "Flamenco Manager has no log of this task.\n";

/// A Server with a job of two tasks, and a Manager that has taken them in; `a` was done and has a log.
async fn done() -> (FakeServer, TestManager, Job) {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a"), task("b")]));
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    let ada = m.sleeper("ada").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "first\nlast\n", "task_status": "completed"})).await;
    (server, m, shot)
}

/// One turn of everything, later: the Server says what it wants, and gets it.
async fn exchange_later(m: &TestManager) {
    m.advance(1.minute());
    m.exchanges().await;
}

async fn wanted(m: &TestManager) -> Value {
    m.get("/api/farm").await.expect(200).json()["queues"]["wanted_logs"].take()
}

/// Where the log of a task is.
fn log_file(m: &TestManager, shot: &Job, task: &str) -> PathBuf {
    let folder = m.config.task_logs_path.join(format!("job-{}", &shot.id[..4])).join(&shot.id);
    fs::create_dir_all(&folder).unwrap();
    folder.join(format!("task-{task}.txt"))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_log_that_the_server_asks_for_is_sent_once() {
    let (server, m, shot) = done().await;
    server.asks_for_log(&shot["a"]);
    exchange_later(&m).await;
    let log = server.log(&shot["a"]).unwrap();
    assert!(log.ends_with("first\nlast\n"), "{log}");
    assert_eq!(wanted(&m).await, 0);
    exchange_later(&m).await;
    assert_eq!(server.count(Call::Log), 1);
}

#[tokio::test]
async fn a_log_is_sent_again_as_it_is_by_then_when_the_server_asks_again() {
    let (server, m, shot) = done().await;
    let ada = m.sleeper("bob").await;
    ada.takes(&shot["b"]).await;
    ada.reports(&shot["b"], &json!({"log": "one\n"})).await;
    server.asks_for_log(&shot["b"]);
    exchange_later(&m).await;
    assert!(server.log(&shot["b"]).unwrap().ends_with("one\n"));
    ada.reports(&shot["b"], &json!({"log": "two\n"})).await;
    server.asks_for_log(&shot["b"]);
    exchange_later(&m).await;
    assert!(server.log(&shot["b"]).unwrap().ends_with("one\ntwo\n"));
}

#[tokio::test]
async fn of_a_task_without_a_log_the_server_gets_a_file_that_says_so() {
    let (server, m, shot) = done().await;
    server.asks_for_log(&shot["b"]);
    exchange_later(&m).await;
    assert_eq!(server.log(&shot["b"]).unwrap(), NONE);
    assert_eq!(wanted(&m).await, 0);
}

#[tokio::test]
async fn a_log_that_is_compressed_already_is_sent_as_it_is() {
    let (server, m, shot) = done().await;
    let path = log_file(&m, &shot, &shot["b"]).with_extension("txt.gz");
    fs::write(path, gzip(b"from long ago\n")).unwrap();
    server.asks_for_log(&shot["b"]);
    exchange_later(&m).await;
    assert_eq!(server.log(&shot["b"]).unwrap(), "from long ago\n");
}

#[tokio::test]
async fn a_huge_log_arrives_whole() {
    let (server, m, shot) = done().await;
    let numbers = (0..600_000_u64).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let text = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join("\n");
    assert!(text.len() > 10 << 20);
    fs::write(log_file(&m, &shot, &shot["b"]), &text).unwrap();
    server.asks_for_log(&shot["b"]);
    exchange_later(&m).await;
    assert!(server.log(&shot["b"]).unwrap() == text, "it is another text");
}

#[tokio::test]
async fn a_wish_is_not_forgotten_while_the_server_is_away_and_the_manager_starts_anew() {
    let (server, mut m, shot) = done().await;
    server.asks_for_log(&shot["a"]);
    m.advance(1.minute());
    m.exchange().push().await.unwrap();
    server.goes_down().await;
    m.exchange().send_logs().await.unwrap();
    m.restart().await;
    m.exchanges().await;
    assert_eq!(wanted(&m).await, 1);
    server.comes_back();
    // The Server would ask again; this is the Manager's own memory.
    m.advance(1.minute());
    m.exchange().send_logs().await.unwrap();
    assert!(server.log(&shot["a"]).is_some());
    assert_eq!(wanted(&m).await, 0);
}

#[tokio::test]
async fn the_log_of_a_task_that_the_server_no_longer_knows_is_not_offered_again() {
    let (server, m, shot) = done().await;
    server.asks_for_log(&shot["a"]);
    m.advance(1.minute());
    m.exchange().push().await.unwrap();
    server.delete_task(&shot["a"]);
    m.exchange().send_logs().await.unwrap();
    assert_eq!(wanted(&m).await, 0);
    exchange_later(&m).await;
    assert_eq!(server.count(Call::Log), 1);
}

#[tokio::test]
async fn a_log_that_is_refused_keeps_no_other_waiting_and_is_offered_again() {
    let (server, m, shot) = done().await;
    for name in ["a", "b"] {
        server.asks_for_log(&shot[name]);
    }
    m.advance(1.minute());
    m.exchange().push().await.unwrap();
    server.mood_for(Call::Log, 1, Mood::Answers(400));
    m.advance(1.second());
    m.exchange().send_logs().await.unwrap();
    assert_eq!(server.count(Call::Log), 1);
    assert_eq!(wanted(&m).await, 2);
    // The other is the first to go now.
    server.mood_for(Call::Log, 1, Mood::Fine);
    server.mood_for(Call::Log, 1, Mood::Answers(400));
    m.advance(1.minute());
    m.exchange().send_logs().await.unwrap();
    assert_eq!((server.log(&shot["a"]), server.log(&shot["b"]).as_deref()), (None, Some(NONE)));
    m.advance(1.minute());
    m.exchange().send_logs().await.unwrap();
    assert!(server.log(&shot["a"]).is_some());
    assert_eq!(wanted(&m).await, 0);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_keeps_no_other_waiting() {
    let (server, m, shot) = done().await;
    // Where the log should be there is a folder.
    fs::remove_file(log_file(&m, &shot, &shot["a"])).unwrap();
    fs::create_dir(log_file(&m, &shot, &shot["a"])).unwrap();
    for name in ["a", "b"] {
        server.asks_for_log(&shot[name]);
    }
    m.advance(1.minute());
    m.exchange().push().await.unwrap();
    m.advance(1.second());
    m.exchange().send_logs().await.unwrap();
    m.advance(2.seconds());
    m.exchange().send_logs().await.unwrap();
    let failures = m.exchange().state().conversations[Topic::LogUpload as usize].clone();
    let path = log_file(&m, &shot, &shot["a"]).display().to_string();
    assert!(failures.last_failure.unwrap().what.contains(&path), "it says which log");
    assert_eq!(server.log(&shot["b"]).unwrap(), NONE);
    assert_eq!(wanted(&m).await, 1);
    fs::remove_dir(log_file(&m, &shot, &shot["a"])).unwrap();
    m.advance(1.minute());
    m.exchange().send_logs().await.unwrap();
    assert_eq!(server.log(&shot["a"]).unwrap(), NONE);
}
