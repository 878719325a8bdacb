//! Automatic backups: when, how many, what becomes of failures; and the self-check at the start.

use std::{
    fs,
    path::{Path, PathBuf},
};

use flamenco_manager::{
    domain::ids::{JobId, TaskId, WorkerId},
    services::at_leisure,
    store::{
        Store, StoreError,
        backup::{Head, verify},
    },
};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::{
    faults::process::{Place, eventually},
    kit::{TestManager, job, task},
};

/// One turn of the loop that looks after the database.
async fn looks_after(m: &TestManager) {
    let services = m.services.clone();
    at_leisure("test", move || services.look_after_database()).await.unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn backups(m: &TestManager) -> PathBuf {
    m.config.database_path.with_file_name("backups")
}

fn head(m: &TestManager, name: &str) -> Head {
    verify(&backups(m).join(name)).unwrap()
}

async fn farm(m: &TestManager) -> Value {
    m.get("/api/farm").await.expect(200).json()
}

#[tokio::test]
async fn a_backup_is_made_every_day_and_the_newest_seven_are_kept() {
    let m = TestManager::start().await;
    assert_eq!(farm(&m).await["newest_backup"], json!(null));
    looks_after(&m).await;
    assert_eq!(names(&backups(&m)), ["manager-20260302T110000Z.backup"]);
    m.submit(&job([task("a"), task("b")])).await;
    m.advance(23.hours());
    looks_after(&m).await;
    assert_eq!(names(&backups(&m)).len(), 1, "it is not time yet");
    m.advance(1.hour());
    looks_after(&m).await;
    let newest = "manager-20260303T110000Z.backup";
    assert_eq!(names(&backups(&m)), ["manager-20260302T110000Z.backup", newest]);
    assert_eq!((head(&m, newest).rows("tasks"), head(&m, newest).made), (2, m.now()));
    let shown = farm(&m).await["newest_backup"].take();
    let file = backups(&m).join(newest);
    let bytes = fs::metadata(&file).unwrap().len();
    assert_eq!(shown, json!({"at": m.now(), "bytes": bytes, "file": file}));
    for _ in 0..8 {
        m.advance(24.hours());
        looks_after(&m).await;
    }
    let kept = names(&backups(&m));
    assert_eq!((kept.len(), kept[0].as_str()), (7, "manager-20260305T110000Z.backup"));
}

#[tokio::test]
async fn how_often_how_many_and_where_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let toml = |interval| {
        let folder = folder.path().display();
        format!("[backup]\ninterval = \"{interval}\"\nkeep = 2\npath = \"{folder}/deep/inside\"")
    };
    let m = TestManager::configured(&toml("90m")).await;
    let inside = folder.path().join("deep/inside");
    fs::create_dir_all(&inside).unwrap();
    // What others put there stays, and what a kill left of a backup does not.
    for name in ["notes.txt", "other-20200101T000000Z.backup"] {
        fs::write(inside.join(name), "mine").unwrap();
    }
    fs::write(inside.join("manager-20260101T000000Z.backup.part"), "half").unwrap();
    for _ in 0..4 {
        looks_after(&m).await;
        m.advance(90.minutes());
    }
    let expected = [
        "manager-20260302T140000Z.backup",
        "manager-20260302T153000Z.backup",
        "notes.txt",
        "other-20200101T000000Z.backup",
    ];
    assert_eq!(names(&inside), expected);
    assert_eq!(names(&backups(&m)), [""; 0]);

    let never = TestManager::configured(&toml("0s")).await;
    looks_after(&never).await;
    assert_eq!(names(&inside), expected);
}

#[tokio::test]
async fn a_backup_that_fails_is_warned_of_and_stops_nothing() {
    let m = TestManager::start().await;
    looks_after(&m).await;
    let (folder, aside) = (backups(&m), m.folder().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "no folder").unwrap();
    m.advance(24.hours());
    let failed = m.now();
    looks_after(&m).await;
    let warning = farm(&m).await["warnings"][0].take();
    assert_eq!((&warning["kind"], &warning["since"]), (&json!("no-backup"), &json!(failed)));
    let message = warning["message"].as_str().unwrap();
    assert!(
        message.starts_with("No backup of the database could be made: ") && message.contains("backups"),
        "{message}"
    );
    m.submit(&job([task("a")])).await;

    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    looks_after(&m).await;
    assert_eq!(farm(&m).await["warnings"][0]["kind"], "no-backup", "it is not tried every minute");
    m.advance(1.hour());
    looks_after(&m).await;
    let farm = farm(&m).await;
    assert!(
        farm["warnings"].as_array().unwrap().iter().all(|warning| warning["kind"] != "no-backup"),
        "{farm}"
    );
    assert_eq!(names(&backups(&m)).len(), 2);
    assert_eq!(farm["newest_backup"]["at"], json!(m.now()));
}

#[tokio::test]
async fn after_a_restart_it_is_known_which_backups_there_are() {
    let mut m = TestManager::start().await;
    looks_after(&m).await;
    m.restart().await;
    m.advance(1.hour());
    looks_after(&m).await;
    assert_eq!(names(&backups(&m)).len(), 1);
    assert_eq!(farm(&m).await["newest_backup"]["at"], "2026-03-02T11:00:00Z");
}

#[tokio::test]
async fn a_contradiction_is_found_at_the_start_and_the_farm_goes_on() {
    let place = Place::new();
    let manager = place.start();
    manager.submit(3).await;
    manager.stop();
    // A failure of which no task knows.
    let store = Store::open(&place.database()).unwrap();
    let (worker, job, task) = ([1; 12], [2; 12], [3; 12]);
    let plant = store.write(jiff::Timestamp::UNIX_EPOCH, move |tx| {
        tx.put_failure(WorkerId(worker), JobId(job), "sleep", TaskId(task))
    });
    let planted: Result<(), StoreError> = plant.await;
    planted.unwrap();
    drop(store);

    let found = "table failures: 1 row instead of 0";
    let said = place.run(&["database", "check"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(1), ""));
    assert!(said.stdout.contains(found), "{}", said.stdout);

    let manager = place.start();
    let warning = eventually("it is warned of", async || {
        let farm = manager.get("/api/farm").await;
        let warnings = farm["warnings"].as_array().unwrap().clone();
        warnings.into_iter().find(|warning| warning["kind"] == "database-contradicts")
    })
    .await;
    assert!(warning["message"].as_str().unwrap().contains(found), "{warning}");
    manager.submit(1).await;
    assert!(manager.stop().contains("the database contradicts itself"));
}
