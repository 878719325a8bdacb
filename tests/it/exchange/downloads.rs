//! Tasks come from the Server: when they are asked for, and what becomes of them (`server-protocol.md`, section 1.2).

use std::{cell::Cell, collections::HashSet};

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Call, FakeServer, Job, Mood, TestManager, TestWorker, behind, job, task, with};

/// What each download asked for: what was updated since then.
fn asked_since(server: &FakeServer) -> Vec<Option<String>> {
    let downloads = server.requests().into_iter().filter(|asked| asked.call == Call::Depsgraph);
    let since = downloads.map(|asked| asked.headers.get("x-flamenco-if-updated-since").cloned());
    since.map(|since| since.map(|text| text.to_str().unwrap().to_owned())).collect()
}

/// A Server with a job of these tasks, and a Manager that has taken them in.
async fn taken_in(tasks: impl IntoIterator<Item = Value>) -> (FakeServer, TestManager, Job) {
    let server = FakeServer::start();
    let shot = server.submit(&job(tasks));
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    (server, m, shot)
}

/// One turn of the download, when its time has come.
async fn download_in_time(m: &TestManager) {
    m.advance(10.minutes());
    m.exchange().download().await.unwrap();
}

/// How many tasks the Server has yet to be asked about once more.
async fn to_ask_about(m: &TestManager) -> Value {
    m.get("/api/farm").await.expect(200).json()["queues"]["tasks_to_ask_about"].take()
}

#[tokio::test]
async fn tasks_are_fetched_at_the_start_and_then_every_ten_minutes() {
    let (server, m, _) = taken_in([task("a")]).await;
    assert_eq!(m.count_tasks().await, 1);
    m.advance(1.second());
    server.submit(&job([task("b")]));
    m.advance(598.seconds());
    m.exchanges().await;
    assert_eq!(server.count(Call::Depsgraph), 1);
    m.advance(1.second());
    m.exchanges().await;
    assert_eq!(m.count_tasks().await, 2);
    m.exchanges().await;
    assert_eq!(server.count(Call::Depsgraph), 2);
}

#[tokio::test]
async fn a_kick_fetches_tasks_and_tells_what_there_is_at_once() {
    let (server, m, _) = taken_in([task("a")]).await;
    m.advance(1.second());
    server.submit(&job([task("b")]));
    m.get("/kick").await.expect(200);
    m.exchanges().await;
    assert_eq!(m.count_tasks().await, 2);
    assert_eq!(server.count(Call::Push), 2);
}

#[tokio::test]
async fn what_was_asked_for_by_a_kick_is_fetched_when_the_server_is_well_again() {
    let (server, m, _) = taken_in([task("a")]).await;
    m.advance(1.second());
    server.submit(&job([task("b")]));
    server.mood_for(Call::Depsgraph, 1, Mood::Answers(500));
    m.get("/kick").await.expect(200);
    m.exchanges().await;
    assert_eq!((m.count_tasks().await, server.count(Call::Depsgraph)), (1, 2));
    m.advance(2.seconds());
    m.exchanges().await;
    assert_eq!(m.count_tasks().await, 2);
}

#[tokio::test]
async fn an_idle_worker_fetches_tasks_but_not_within_ten_seconds() {
    let (server, m, _) = taken_in([]).await;
    let ada = m.sleeper("ada").await;
    m.advance(9.seconds());
    let shot = server.submit(&job([task("a")]));
    ada.gets_nothing().await;
    m.exchanges().await;
    assert_eq!(server.count(Call::Depsgraph), 1);
    m.advance(1.second());
    ada.gets_nothing().await;
    m.exchanges().await;
    assert_eq!(server.count(Call::Depsgraph), 2);
    ada.takes(&shot["a"]).await;
}

#[tokio::test]
async fn without_a_throttle_every_idle_worker_fetches_tasks() {
    let server = FakeServer::start();
    let m = TestManager::below_with(&server, "download_task_recheck_throttle = \"0s\"").await;
    let ada = m.sleeper("ada").await;
    m.exchanges().await;
    for downloads in 2..4 {
        ada.gets_nothing().await;
        m.exchanges().await;
        assert_eq!(server.count(Call::Depsgraph), downloads);
    }
    m.exchanges().await;
    assert_eq!(server.count(Call::Depsgraph), 3, "nobody is idle");
}

#[tokio::test]
async fn idle_workers_can_be_kept_from_fetching_tasks() {
    let server = FakeServer::start();
    let m = TestManager::below_with(&server, "download_task_recheck_throttle = \"-1s\"").await;
    let ada = m.sleeper("ada").await;
    m.exchanges().await;
    m.advance(599.seconds());
    ada.gets_nothing().await;
    m.exchanges().await;
    assert_eq!(server.count(Call::Depsgraph), 1);
    m.advance(1.second());
    m.exchanges().await;
    assert_eq!(server.count(Call::Depsgraph), 2);
}

#[tokio::test]
async fn only_what_is_new_is_asked_for_and_that_survives_a_restart() {
    let (server, mut m, _) = taken_in([task("a")]).await;
    m.restart().await;
    m.exchanges().await;
    // Nothing was new, and what was said before holds.
    download_in_time(&m).await;
    let start = Some("2026-03-02T11:00:00+00:00".to_owned());
    assert_eq!(asked_since(&server), [None, start.clone(), start]);
}

#[tokio::test]
async fn after_a_clean_slate_all_tasks_come_anew() {
    let (server, m, shot) = taken_in([task("a")]).await;
    m.services.erase_tasks().await.unwrap();
    server.expects_since(None);
    download_in_time(&m).await;
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
}

#[tokio::test]
async fn a_clean_slate_during_a_download_makes_all_tasks_come_anew() {
    let (server, m, shot) = taken_in([task("a")]).await;
    m.advance(10.minutes());
    server.submit(&job([task("b")]));
    server.mood_for(Call::Depsgraph, 1, Mood::Hangs);
    let clean_slate = async {
        server.arrived(Call::Depsgraph, 2).await;
        m.services.erase_tasks().await.unwrap();
        server.release();
    };
    let (downloaded, ()) = tokio::join!(m.exchange().download(), clean_slate);
    downloaded.unwrap();
    server.expects_since(None);
    m.advance(1.minute());
    m.exchange().download().await.unwrap();
    assert_eq!(m.count_tasks().await, 2);
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
}

#[tokio::test]
async fn a_clean_slate_while_the_first_tasks_are_taken_in_makes_all_come_anew() {
    let server = FakeServer::start();
    let parents: Vec<_> = (0..600).map(|number| format!("p{number}")).collect();
    let children = parents.iter().map(|parent| behind(&format!("c{parent}"), &[parent]));
    let shot = server.submit(&job(parents.iter().map(|parent| task(parent)).chain(children)));
    let m = TestManager::below(&server).await;
    let clean_slate = async {
        while m.count_tasks().await == 0 {}
        m.services.erase_tasks().await.unwrap();
    };
    let (downloaded, ()) = tokio::join!(m.exchange().download(), clean_slate);
    downloaded.unwrap();
    // A child whose parent was erased would look as if it could run.
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    server.expects_since(None);
    m.advance(1.minute());
    m.exchange().download().await.unwrap();
    assert_eq!(m.count_tasks().await, 1200);
    ada.takes(&shot["p0"]).await;
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_or_breaks_off_changes_nothing() {
    let server = FakeServer::start();
    server.submit(&job([task("a"), task("b")]));
    let m = TestManager::below(&server).await;
    for mood in [Mood::Nonsense, Mood::HalfAnAnswer, Mood::Answers(502), Mood::ProxyPage, Mood::HangsUp] {
        server.mood_for(Call::Depsgraph, 1, mood);
        m.exchange().download().await.unwrap();
        assert_eq!(m.count_tasks().await, 0);
        m.advance(1.minute());
    }
    m.exchange().download().await.unwrap();
    assert_eq!(m.count_tasks().await, 2);
    assert_eq!(asked_since(&server), vec![None; 6]);
}

#[tokio::test]
async fn what_changes_at_the_server_changes_here() {
    let (server, m, shot) = taken_in([task("a"), behind("b", &["a"])]).await;
    let failed_by = json!([{"id": "5c7d00000000000000000003", "identifier": "zoe"}]);
    server.set_task(&shot["b"], &json!({"failed_by_workers": failed_by}));
    m.advance(1.second());
    server.set_task(&shot["b"], &json!({"activity": "odd"}));
    download_in_time(&m).await;
    assert_eq!(m.task(&shot["b"]).await["failed_by_workers"], failed_by);
    m.advance(1.second());
    let commands = json!([{"name": "echo", "settings": {"message": "new"}}]);
    server.set_task(
        &shot["b"],
        &json!({
            "name": "bee", "priority": 77, "commands": commands, "task_type": "echo", "parents": [],
            "failed_by_workers": null, "activity": null,
        }),
    );
    download_in_time(&m).await;
    let b = m.task(&shot["b"]).await;
    let expected = json!({
        "name": "bee", "priority": 77, "commands": commands, "task_type": "echo", "parents": [],
        "failed_by_workers": [], "activity": "",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(b[key], *value, "{key}");
    }
    // Its parent is none of its business any more.
    m.worker("eve", &["echo"]).await.takes(&shot["b"]).await;
}

#[tokio::test]
async fn a_job_that_becomes_urgent_at_the_server_is_done_first() {
    let (server, m, _) = taken_in([task("a")]).await;
    m.advance(1.second());
    let urgent = server.submit(&job([task("u")]));
    m.get("/kick").await.expect(200);
    m.exchanges().await;
    m.advance(1.second());
    server.set_job_priority(&urgent, 90);
    download_in_time(&m).await;
    m.sleeper("ada").await.takes(&urgent["u"]).await;
}

#[tokio::test]
async fn a_task_in_the_hands_of_a_worker_stays_as_it_is_until_it_is_let_go() {
    let (server, m, shot) = taken_in([task("a")]).await;
    let ada = m.sleeper("ada").await;
    ada.takes(&shot["a"]).await;
    m.advance(1.second());
    server.set_task(&shot["a"], &json!({"priority": 90}));
    download_in_time(&m).await;
    m.exchanges().await;
    let a = m.task(&shot["a"]).await;
    assert_eq!((&a["status"], &a["priority"]), (&json!("active"), &json!(50)));
    ada.gives_back(&shot["a"]).await;
    m.exchange().ask_again().await.unwrap();
    assert_eq!(to_ask_about(&m).await, 1, "the Server has yet to hear that it was given back");
    m.advance(5.seconds());
    m.exchanges().await;
    let a = m.task(&shot["a"]).await;
    assert_eq!((&a["status"], &a["priority"]), (&json!("claimed-by-manager"), &json!(90)));
    assert_eq!(to_ask_about(&m).await, 0);
    assert_eq!(server.count(Call::Depsgraph), 2, "it was asked for by itself");
}

#[tokio::test]
async fn what_the_server_has_not_heard_is_not_undone_and_a_requeue_comes_later_by_itself() {
    let (server, m, shot) = taken_in([task("a")]).await;
    let ada = m.sleeper("ada").await;
    ada.takes_and_completes(&shot["a"]).await;
    m.advance(10.seconds());
    m.exchange().push().await.unwrap();
    assert_eq!(server.status(&shot["a"]), "completed");
    ada.reports(&shot["a"], &json!({"log": "a late line"})).await;
    m.advance(1.second());
    server.requeue_task(&shot["a"]);
    download_in_time(&m).await;
    assert_eq!(m.status(&shot["a"]).await, "completed");
    m.exchanges().await;
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
    assert_eq!(server.count(Call::Depsgraph), 2);
    ada.takes_and_completes(&shot["a"]).await;
}

#[tokio::test]
async fn an_older_view_does_not_undo_what_happened_while_it_was_on_its_way() {
    let (server, m, shot) = taken_in([task("a"), task("b")]).await;
    let ada = m.sleeper("ada").await;
    m.advance(10.minutes());
    for name in ["a", "b"] {
        server.set_task(&shot[name], &json!({"priority": 90}));
    }
    server.mood_for(Call::Depsgraph, 1, Mood::AnswersLate);
    let meanwhile = async {
        server.arrived(Call::Depsgraph, 2).await;
        m.advance(1.second());
        ada.takes_and_completes(&shot["a"]).await;
        m.exchange().push().await.unwrap();
        server.release();
    };
    let (downloaded, ()) = tokio::join!(m.exchange().download(), meanwhile);
    downloaded.unwrap();
    assert_eq!(server.status(&shot["a"]), "completed");
    assert_eq!(m.statuses(&shot).await, ["completed", "claimed-by-manager"]);
    m.exchanges().await;
    assert_eq!(m.statuses(&shot).await, ["completed", "claimed-by-manager"]);
    assert_eq!(to_ask_about(&m).await, 0);
}

#[tokio::test]
async fn a_task_that_is_over_here_stays_so_when_the_server_forgets_it() {
    let (server, m, shot) = taken_in([task("a")]).await;
    let ada = m.sleeper("ada").await;
    ada.takes(&shot["a"]).await;
    m.advance(1.second());
    server.set_task(&shot["a"], &json!({"priority": 90}));
    download_in_time(&m).await;
    ada.ends(&shot["a"], "completed").await;
    m.exchange().push().await.unwrap();
    server.delete_task(&shot["a"]);
    m.exchange().ask_again().await.unwrap();
    assert_eq!(m.status(&shot["a"]).await, "completed");
    assert_eq!(to_ask_about(&m).await, 0);
}

#[tokio::test]
async fn a_task_that_the_server_thinks_active_and_nobody_has_goes_back_to_the_queue() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    server.set_task_status(&shot["a"], "active");
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    assert_eq!(m.status(&shot["a"]).await, "claimed-by-manager");
    m.advance(10.seconds());
    m.exchanges().await;
    assert_eq!(server.status(&shot["a"]), "claimed-by-manager");
    m.sleeper("ada").await.takes(&shot["a"]).await;
}

/// Asks for a task and completes it. Returns its ID, if there was one.
async fn does_one(worker: &TestWorker) -> Option<String> {
    let answer = worker.ask().await;
    if answer.status == 204 {
        return None;
    }
    let id = answer.expect(200).json()["_id"].as_str().unwrap().to_owned();
    worker.ends(&id, "completed").await;
    Some(id)
}

#[tokio::test]
async fn no_child_is_handed_out_before_its_parent_while_both_are_taken_in() {
    let server = FakeServer::start();
    // The Server lists the children first, and more than are taken in at once.
    let parents: Vec<_> = (0..600).map(|number| format!("p{number}")).collect();
    let children: Vec<_> = parents.iter().map(|parent| behind(&format!("c{parent}"), &[parent])).collect();
    let shot = server.submit(&job(children.into_iter().chain(parents.iter().map(|parent| task(parent)))));
    let m = TestManager::below_with(&server, "download_task_recheck_throttle = \"-1s\"").await;
    let ada = m.sleeper("ada").await;
    let names: std::collections::HashMap<_, _> =
        shot.tasks.iter().map(|(name, id)| (id.as_str(), name.as_str())).collect();
    let over = Cell::new(false);
    let download = async {
        m.exchange().download().await.unwrap();
        over.set(true);
    };
    let work = async {
        let mut done = HashSet::new();
        while !over.get() || done.len() < 100 {
            let Some(id) = does_one(&ada).await else { continue };
            let name = names[id.as_str()].to_owned();
            if let Some(parent) = name.strip_prefix('c') {
                assert!(done.contains(parent), "{name} came before its parent");
            }
            done.insert(name);
        }
    };
    tokio::join!(download, work);
}

#[tokio::test]
async fn numbers_in_settings_are_what_the_server_wrote() {
    let settings = json!({"whole": 24, "point": 24.0, "broken": 23.976, "huge": 9_007_199_254_740_993_u64});
    let commands = json!([{"name": "sleep", "settings": settings}]);
    let (_server, m, shot) = taken_in([with(task("a"), &json!({"commands": commands}))]).await;
    let kept = m.get(&format!("/api/tasks/{}", &shot["a"])).await.expect(200);
    for number in ["\"whole\":24,", "\"point\":24.0", "\"broken\":23.976", "\"huge\":9007199254740993"] {
        let text = kept.text().replace(['}', ' '], ",");
        assert!(text.contains(number), "{number} is not in {text}");
    }
    // Workers want whole numbers as such.
    let sent = m.sleeper("ada").await.ask().await.expect(200).json();
    let sent = &sent["commands"][0]["settings"];
    assert_eq!(*sent, json!({"whole": 24, "point": 24, "broken": 23.976, "huge": 9_007_199_254_740_993_u64}));
}

#[tokio::test]
async fn a_clock_that_runs_ahead_loses_no_task() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    // It has a clock of its own.
    let m = TestManager::configured(&server.toml()).await;
    m.exchanges().await;
    m.advance(1.hour());
    let ada = m.sleeper("ada").await;
    ada.takes(&shot["a"]).await;
    ada.gives_back(&shot["a"]).await;
    m.exchange().push().await.unwrap();
    // The Server now has a task that was updated in an hour.
    download_in_time(&m).await;
    assert_eq!(asked_since(&server).len(), 2);
    server.clock.advance(1.second());
    let more = server.submit(&job([task("b")]));
    server.expects_since(Some("2026-03-02T11:00:00+00:00"));
    download_in_time(&m).await;
    assert_eq!(m.status(&more["b"]).await, "claimed-by-manager");
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_task_as_it_was() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a")]));
    let m = TestManager::configured(&server.toml()).await;
    m.exchanges().await;
    m.advance(-1.hour());
    server.clock.advance(1.second());
    server.set_task(&shot["a"], &json!({"priority": 90}));
    m.get("/kick").await.expect(200);
    m.exchanges().await;
    assert_eq!(m.task(&shot["a"]).await["priority"], 90);
}

#[tokio::test]
async fn a_hundred_thousand_tasks_of_one_type_keep_no_worker_waiting_for_another() {
    const CROWD: u64 = 100_000;
    let server = FakeServer::start();
    server.crowd(usize::try_from(CROWD).unwrap());
    let video = |number| with(task(&format!("v{number}")), &json!({"task_type": "video"}));
    let few = server.submit(&job((0..10).map(video)));
    let m = TestManager::below(&server).await;
    let ada = m.sleeper("ada").await;
    let vera = m.worker("vera", &["video"]).await;
    let over = Cell::new(false);
    let download = async {
        m.exchange().download().await.unwrap();
        over.set(true);
    };
    let work = async {
        let mut done = HashSet::new();
        while done.len() < few.tasks.len() {
            done.extend(does_one(&vera).await);
        }
        let mut others = 0;
        while others < 20 {
            others += usize::from(does_one(&ada).await.is_some());
        }
        assert!(!over.get(), "the download is over already");
        assert!(m.count_tasks().await < CROWD);
    };
    tokio::join!(download, work);
    assert_eq!(m.count_tasks().await, CROWD + 10);
    assert_eq!(m.exchange().state().conversations.map(|it| it.failures), [0; 6]);
}
