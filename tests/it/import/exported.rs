//! An export is read back: into an empty database it becomes what it was, line by line.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use flamenco_manager::{
    domain::people::Role,
    export::{
        self, Kind,
        folder::{Filling, Folder},
    },
    import::{Outcome, Plan, export::read, import, progress::Progress, report::Report},
    store::Store,
};
use http::Method;
use jiff::{Timestamp, ToSpan};
use serde_json::json;

use crate::{
    faults::process::Place,
    kit::{Call, FakeServer, Mood, TestManager, behind, job, task, with},
};

/// A Manager below a Server on which something of nearly every kind has happened, and its export in a folder.
async fn exported() -> (TestManager, PathBuf) {
    let server = FakeServer::start();
    let of_server = server.submit(&job([task("x"), task("y")]));
    let m = TestManager::below_with(&server, "blacklist_threshold = 1\njob_fail_percentage = 0").await;
    m.exchanges().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    server.mood(Call::Push, Mood::RefusesUpdate(of_server["x"].to_owned()));
    ada.takes_and_completes(&of_server["x"]).await;
    m.seconds_pass(120).await;
    server.mood(Call::Push, Mood::Fine);
    server.mood(Call::Log, Mood::Answers(500));
    server.asks_for_log(&of_server["y"]);
    m.seconds_pass(20).await;
    server.mood(Call::Push, Mood::HangsUp);
    bob.takes_and_fails(&of_server["y"]).await;
    let more = json!({"metadata": {"by": "Zo\u{eb}\nand others"}, "worker_tags": ["gpu"], "priority": 80});
    let shot = m.submit(&with(job([task("a"), behind("b", &["a"])]), &more)).await;
    m.submit(&with(job([task("z")]), &json!({"depends_on": [shot.id], "start_paused": true}))).await;
    ada.sign_on().await;
    let schedule =
        json!({"schedule_active": true, "days_of_week": "mo fr", "time_start": "22:00", "time_end": "06:00"});
    m.post(&format!("/set-sleep-schedule/{}", bob.id), &schedule).await.expect(204);
    let tags = [("content-type", "application/json")];
    let path = format!("/api/workers/{}", ada.id);
    m.door.call(Method::PATCH, &path, &tags, json!({"tags": ["gpu"]}).to_string()).await.expect(200);
    ada.takes(&shot["a"]).await;
    m.advance(7.seconds());
    ada.reports(&shot["a"], &json!({"activity": "at it", "metrics": {"timing": {"load": 0.1}}})).await;
    m.advance(1.second());
    ada.may_i_run(&shot["a"]).await;
    ada.post_json("/output-produced", &json!({"paths": ["/render/1.png", "C:\\2.png"]})).await.expect(204);
    m.request(&bob, "asleep").await;
    let key = [("idempotency-key", "once"), ("content-type", "application/json")];
    m.door.call(Method::POST, "/api/jobs", &key, job([task("c")]).to_string()).await.expect(201);
    m.services.create_token("ada", Role::Viewer).await.unwrap();
    let folder = m.folder().join("exported");
    let mut filling = Filling::begin(&folder).unwrap();
    m.services.export(&mut filling).unwrap();
    filling.finish().unwrap();
    (m, folder)
}

pub(super) fn imported(folder: &Path, database: &Path, merge: bool) -> Outcome {
    let plan = Plan { database: database.to_owned(), merge, dry_run: false, allow_skips: merge };
    let source = read(Folder::open(folder).unwrap());
    let report = Report::of(&Kind::ALL.map(Kind::name));
    import(&plan, source, report, &Progress::of(None), now(), &Arc::new(AtomicBool::new(false))).unwrap()
}

pub(super) fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// The lines of a kind that a database would be exported as.
fn lines_of(database: &Path) -> Vec<(Kind, String)> {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("again");
    let store = Store::open(database).unwrap();
    let mut filling = Filling::begin(&folder).unwrap();
    let look = store.snapshot(now()).unwrap();
    assert_eq!(look.contradictions().unwrap(), Vec::<String>::new());
    export::write(&look, "3.0.0", &mut filling).unwrap();
    filling.finish().unwrap();
    lines_in(&folder)
}

fn lines_in(folder: &Path) -> Vec<(Kind, String)> {
    Kind::ALL.map(|kind| (kind, fs::read_to_string(folder.join(kind.file())).unwrap())).to_vec()
}

#[tokio::test]
async fn it_becomes_what_it_was() {
    let (m, folder) = exported().await;
    for (kind, lines) in lines_in(&folder) {
        let is_rare = matches!(kind, Kind::Extras | Kind::TasksToAskAbout);
        assert!(is_rare || !lines.is_empty(), "the story has nothing of this kind: {kind:?}");
    }
    let database = m.folder().join("other.redb");
    let mut outcome = imported(&folder, &database, false);
    let skips: Vec<_> = outcome.report.skips().unwrap().map(Result::unwrap).collect();
    assert!(skips.is_empty() && outcome.is_in_place, "{skips:?}");
    for ((kind, before), (_, after)) in lines_in(&folder).into_iter().zip(lines_of(&database)) {
        assert!(before == after, "{kind:?}:\n{before}\n{after}");
    }

    // Nothing in it is newer, and nothing comes twice.
    let again = imported(&folder, &database, true);
    assert!(again.is_in_place && again.report.total().skipped() > 10);
    for ((kind, before), (_, after)) in lines_in(&folder).into_iter().zip(lines_of(&database)) {
        assert!(before == after, "{kind:?}:\n{before}\n{after}");
    }
}

#[tokio::test]
async fn a_farm_moves_by_export_and_import_and_goes_on() {
    let (old, new) = (Place::new(), Place::new());
    let manager = old.start();
    let id = manager.submit(20).await;
    manager.stop();
    let said = old.run(&["export", "farm"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let from = old.path("farm");
    let from = from.to_str().unwrap();

    let said = new.run(&["import", "export", from, "--dry-run"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(!new.database().exists(), "{}", said.stderr);
    let said = new.run(&["import", "export", from]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let manager = new.start();
    assert_eq!(manager.get(&format!("/api/jobs/{id}")).await["tasks"]["total"], 20);
    let refused = new.run(&["import", "export", from]);
    assert!(refused.code == Some(1) && refused.stderr.contains("running"), "{}", refused.stderr);
    manager.stop();
    let refused = new.run(&["import", "export", from]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--merge"), "{}", refused.stderr);

    let jobs = old.path("farm/jobs.jsonl");
    let text = fs::read_to_string(&jobs).unwrap();
    fs::write(&jobs, text.replace("\"run\"", "\"fun\"")).unwrap();
    let damaged = new.run(&["import", "export", from, "--merge"]);
    assert!(damaged.code == Some(1) && damaged.stderr.contains("its sum is another"), "{}", damaged.stderr);
}
