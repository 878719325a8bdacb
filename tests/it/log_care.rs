//! Task logs are compressed when nothing is added to them any more, and removed when they are old; whoever reads them does
//! not notice, and nothing that is said later is lost.

use std::{
    fs::{self, File},
    io::Read,
    path::PathBuf,
};

use flamenco_manager::{domain::disk::Space, services::Disks};
use flate2::read::GzDecoder;
use jiff::{Span, ToSpan};
use serde_json::json;

use crate::kit::{FakeServer, Job, TestManager, TestWorker, job, task};

async fn with_task(toml: &str) -> (TestManager, TestWorker, Job) {
    let m = TestManager::configured(toml).await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    (m, ada, shot)
}

fn folder(m: &TestManager, shot: &Job) -> PathBuf {
    m.config.task_logs_path.join(format!("job-{}/{}", &shot.id[..4], shot.id))
}

fn path(m: &TestManager, shot: &Job, end: &str) -> PathBuf {
    folder(m, shot).join(format!("task-{}.txt{end}", &shot["a"]))
}

/// What the names of the log files of a job end in.
fn ends(m: &TestManager, shot: &Job) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder(m, shot)) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut ends: Vec<_> = names.map(|name| name.split_once(".txt").unwrap().1.to_owned()).collect();
    ends.sort();
    ends
}

/// Waits until everything is written that was noted so far.
async fn settle(m: &TestManager, shot: &Job) {
    m.services.log(shot.id.parse().unwrap(), shot["a"].parse().unwrap()).await.unwrap();
}

/// Files are as old as the real clock says, which is not the Manager's: from here on they are as old as this.
async fn logs_are(m: &TestManager, shot: &Job, age: Span) {
    settle(m, shot).await;
    let then = m.now() - age;
    for end in ends(m, shot) {
        File::options().append(true).open(path(m, shot, &end)).unwrap().set_modified(then.into()).unwrap();
    }
}

/// A whole round of the loop that looks after task logs.
async fn go_round(m: &TestManager) {
    m.advance(5.minutes());
    while !m.services.look_after_logs().await.unwrap() {}
}

fn unpacked(path: PathBuf) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

async fn follow(m: &TestManager, shot: &Job, query: &str) -> String {
    let path = format!("/api/tasks/{}/log?follow=true{query}", &shot["a"]);
    let mut events = m.door.listen(&path, None).await;
    let mut text = String::new();
    loop {
        let event = events.next().await.unwrap();
        match event.name.as_str() {
            "log" => text += &(event.data + "\n"),
            "end" => return text,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn the_log_of_an_ended_task_is_compressed_and_read_like_any_other() {
    let (m, ada, shot) = with_task("").await;
    ada.takes(&shot["a"]).await;
    let line = |number: usize| format!("line {number}\n");
    let lines: String = (0..2000).map(line).collect();
    ada.reports(&shot["a"], &json!({"log": lines})).await;
    logs_are(&m, &shot, 1.hour()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [""], "the worker is at it");
    ada.ends(&shot["a"], "completed").await;
    logs_are(&m, &shot, 0.seconds()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [""], "it was quiet for five minutes, and not for longer");
    let whole = m.log(&shot["a"]).await;
    m.advance(1.second());
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [".gz"]);

    assert_eq!(unpacked(path(&m, &shot, ".gz")), whole);
    assert_eq!(m.log(&shot["a"]).await, whole);
    let part = async |query: &str| m.get(&format!("/api/tasks/{}/log?{query}", &shot["a"])).await.expect(200);
    assert_eq!(part("tail=2").await.text(), "line 1998\nline 1999\n");
    assert_eq!(part("download=true").await.text(), whole);
    assert_eq!(part("search=line+1234").await.json()["matches"][0]["text"], "line 1234");
    assert_eq!(follow(&m, &shot, "").await, whole);
    assert_eq!(follow(&m, &shot, "&tail=1").await, "line 1999\n");
    let attached = m.get(&format!("/logfile/{}/{}", shot.id, &shot["a"])).await.expect(200);
    assert_eq!(attached.header("content-type"), "application/gzip");
}

#[tokio::test]
async fn what_is_said_after_that_comes_behind_what_was_there() {
    let (m, ada, shot) = with_task("").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "one\n", "task_status": "completed"})).await;
    logs_are(&m, &shot, 1.hour()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [".gz"]);
    ada.reports(&shot["a"], &json!({"log": "two\n"})).await;
    assert_eq!(ends(&m, &shot), [""]);
    assert!(m.log(&shot["a"]).await.ends_with("one\ntwo\n"));
    logs_are(&m, &shot, 1.hour()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [".gz"]);
    assert!(unpacked(path(&m, &shot, ".gz")).ends_with("one\ntwo\n"));
}

#[tokio::test]
async fn a_task_that_is_done_again_has_a_log_of_its_own_beside_the_compressed_one() {
    let (m, ada, shot) = with_task("").await;
    for run in ["first\n", "second\n", "third\n"] {
        ada.takes(&shot["a"]).await;
        ada.reports(&shot["a"], &json!({"log": run, "task_status": "completed"})).await;
        logs_are(&m, &shot, 1.hour()).await;
        go_round(&m).await;
        if run != "third\n" {
            m.post(&format!("/api/tasks/{}/requeue", &shot["a"]), &json!(null)).await.expect(200);
        }
    }
    assert_eq!(ends(&m, &shot), [".1.gz", ".2.gz", ".gz"]);
    for (end, run) in [(".gz", "third\n"), (".1.gz", "second\n"), (".2.gz", "first\n")] {
        assert!(unpacked(path(&m, &shot, end)).ends_with(run), "{end}");
    }
    let mut events = m.door.listen(&format!("/api/tasks/{}/log?follow=true", &shot["a"]), Some("0-0")).await;
    for run in ["first", "second", "third"] {
        assert!(events.next_named("log").await.data.ends_with(run));
    }
}

#[tokio::test]
async fn the_log_of_a_try_that_failed_is_compressed_while_another_worker_is_at_it() {
    let (m, ada, shot) = with_task("").await;
    let bob = m.sleeper("bob").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "it breaks\n"})).await;
    ada.ends(&shot["a"], "failed").await;
    bob.takes(&shot["a"]).await;
    logs_are(&m, &shot, 1.hour()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), ["", ".1.gz"]);
}

#[tokio::test]
async fn the_server_gets_a_compressed_log_as_it_is() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    let ada = m.sleeper("ada").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "all of it\n", "task_status": "completed"})).await;
    logs_are(&m, &shot, 1.hour()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [".gz"]);
    server.asks_for_log(&shot["a"]);
    m.exchanges().await;
    m.advance(1.minute());
    m.exchanges().await;
    assert!(server.log(&shot["a"]).unwrap().ends_with("all of it\n"));
}

#[tokio::test]
async fn what_a_crash_has_left_is_cleared_away_and_costs_nothing() {
    let (m, ada, shot) = with_task("").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "all of it\n", "task_status": "completed"})).await;
    let whole = m.log(&shot["a"]).await;
    fs::write(path(&m, &shot, ".x1y2z3.part"), "half of").unwrap();
    fs::write(path(&m, &shot, ".gz"), "not even gzip").unwrap();
    logs_are(&m, &shot, 1.hour()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [".gz"]);
    assert_eq!(m.log(&shot["a"]).await, whole);
}

#[tokio::test]
async fn a_log_is_compressed_only_if_there_is_room_for_it() {
    let (m, ada, shot) = with_task("").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "x\n".repeat(1000), "task_status": "completed"})).await;
    logs_are(&m, &shot, 1.hour()).await;
    let room = |free| {
        m.services.disks_are(Disks { task_logs: Some(Space { free, total: 1 << 40 }), ..Disks::default() });
    };
    room(3_000);
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [""]);
    // That is less than `min_free_space`, but it makes room.
    room(10_000);
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [".gz"]);
}

#[tokio::test]
async fn old_logs_are_removed_if_that_is_wanted_unless_a_worker_is_at_it() {
    let (m, ada, shot) = with_task("task_log_max_age = \"7d\"").await;
    let bob = m.sleeper("bob").await;
    ada.takes_and_fails(&shot["a"]).await;
    bob.takes(&shot["a"]).await;
    logs_are(&m, &shot, (7 * 24 * 60 - 5).minutes()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), ["", ".1.gz"]);
    m.advance(1.second());
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [""], "bob may have nothing to say for a week");
    bob.ends(&shot["a"], "completed").await;
    go_round(&m).await;
    assert!(!m.config.task_logs_path.join(format!("job-{}", &shot.id[..4])).exists());
    m.get(&format!("/api/tasks/{}/log", &shot["a"])).await.expect(404);
    m.post(&format!("/api/tasks/{}/requeue", &shot["a"]), &json!(null)).await.expect(200);
    ada.takes(&shot["a"]).await;
    assert_eq!(m.log(&shot["a"]).await.lines().count(), 1);
}

#[tokio::test]
async fn logs_stay_if_nothing_is_said_also_of_tasks_that_nobody_knows() {
    let (m, ada, shot) = with_task("").await;
    ada.takes_and_completes(&shot["a"]).await;
    m.services.erase_tasks().await.unwrap();
    logs_are(&m, &shot, 100_000.hours()).await;
    go_round(&m).await;
    assert_eq!(ends(&m, &shot), [".gz"]);
}

#[tokio::test]
async fn a_large_log_is_compressed_over_many_turns_and_the_farm_goes_on_meanwhile() {
    let (m, ada, shot) = with_task("").await;
    ada.takes_and_completes(&shot["a"]).await;
    settle(&m, &shot).await;
    let line = "a line of text that is like many others\n";
    fs::write(path(&m, &shot, ""), line.repeat(3_000_000)).unwrap();
    logs_are(&m, &shot, 1.hour()).await;
    m.advance(5.minutes());
    let mut turns = 0;
    while !m.services.look_after_logs().await.unwrap() {
        turns += 1;
        assert!(ends(&m, &shot).len() <= 2, "the log and what is made of it");
        assert!(m.log(&shot["a"]).await.len() == 3_000_000 * line.len());
    }
    assert!(turns > 0, "all of it in one turn");
    assert_eq!(ends(&m, &shot), [".gz"]);
    assert!(m.log(&shot["a"]).await.len() == 3_000_000 * line.len());
}
