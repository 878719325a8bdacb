//! Automatic backups: when, how many, what becomes of failures; and the self-check at the start.

use std::{
    fs,
    path::{Path, PathBuf},
};

use flamenco_manager::{
    domain::ids::{JobId, TaskId, WorkerId},
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
    m.services.look_after_database().await.unwrap();
}

fn real_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// The same, without that by which databases of the same name are told apart.
fn names(folder: &Path) -> Vec<String> {
    let without_id = |name: String| match name.split('-').collect::<Vec<_>>()[..] {
        [database, id, time] if id.len() == 8 => format!("{database}-{time}"),
        _ => name,
    };
    real_names(folder).into_iter().map(without_id).collect()
}

/// The file that `names` calls so.
fn file(folder: &Path, name: &str) -> PathBuf {
    let place = names(folder).iter().position(|other| other == name).unwrap();
    folder.join(&real_names(folder)[place])
}

fn backups(m: &TestManager) -> PathBuf {
    m.config.database_path.with_file_name("backups")
}

fn head(m: &TestManager, name: &str) -> Head {
    verify(&file(&backups(m), name)).unwrap()
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
    let file = file(&backups(&m), newest);
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
    for turn in 0..4 {
        looks_after(&m).await;
        if turn == 0 {
            let mut half = file(&inside, "manager-20260302T110000Z.backup").into_os_string();
            half.push(".part");
            fs::write(half, "half").unwrap();
        }
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
async fn backups_of_the_future_go_first_when_the_clock_was_set_back() {
    let m = TestManager::start().await;
    for _ in 0..7 {
        looks_after(&m).await;
        m.advance(24.hours());
    }
    m.advance((-30 * 24).hours());
    looks_after(&m).await;
    let made = "manager-20260207T110000Z.backup";
    let kept = names(&backups(&m));
    assert_eq!(
        (kept.len(), kept[0].as_str(), kept[1].as_str()),
        (7, made, "manager-20260303T110000Z.backup")
    );
    assert_eq!(farm(&m).await["newest_backup"]["at"], json!(m.now()));
    m.advance(1.minute());
    looks_after(&m).await;
    assert_eq!(names(&backups(&m)), kept, "there is one that is new enough");
}

#[tokio::test]
async fn it_is_tried_again_also_when_the_clock_is_set_back_meanwhile() {
    let m = TestManager::start().await;
    fs::write(backups(&m), "no folder").unwrap();
    looks_after(&m).await;
    assert_eq!(farm(&m).await["warnings"][0]["kind"], "no-backup");
    fs::remove_file(backups(&m)).unwrap();
    m.advance((-24).hours());
    looks_after(&m).await;
    assert_eq!(names(&backups(&m)).len(), 1);
}

#[tokio::test]
async fn two_managers_may_have_their_backups_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!("[backup]\nkeep = 1\npath = \"{}\"", folder.path().display());
    let (one, other) = (TestManager::configured(&toml).await, TestManager::configured(&toml).await);
    one.submit(&job([task("a")])).await;
    for _ in 0..2 {
        looks_after(&one).await;
        looks_after(&other).await;
        let mut tasks: Vec<_> = real_names(folder.path())
            .iter()
            .map(|name| verify(&folder.path().join(name)).unwrap().rows("tasks"))
            .collect();
        tasks.sort_unstable();
        assert_eq!(tasks, [0, 1]);
        for m in [&one, &other] {
            m.advance(24.hours());
        }
    }
    let half_of_the_other = folder.path().join("manager-0123abcd-20260302T110000Z.backup.part");
    fs::write(&half_of_the_other, "half").unwrap();
    looks_after(&one).await;
    assert!(half_of_the_other.exists());
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
    let place = Place::configured("[backup]\nkeep = 1");
    let manager = place.start();
    manager.submit(3).await;
    let backups = place.path("backups");
    let made = async |count| {
        eventually("a backup is made", async || {
            let whole = real_names(&backups).into_iter().filter(|name| name.ends_with(".backup"));
            Some(whole.collect::<Vec<_>>()).filter(|names| names.len() == count)
        })
        .await
    };
    let good = made(1).await.remove(0);
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

    // A good one, of some years ago.
    let (stem, _) = good.rsplit_once('-').unwrap();
    fs::rename(backups.join(&good), backups.join(format!("{stem}-20200101T000000Z.backup"))).unwrap();
    let manager = place.start();
    let warning = eventually("it is warned of", async || {
        let farm = manager.get("/api/farm").await;
        let warnings = farm["warnings"].as_array().unwrap().clone();
        warnings.into_iter().find(|warning| warning["kind"] == "database-contradicts")
    })
    .await;
    assert!(warning["message"].as_str().unwrap().contains(found), "{warning}");
    manager.submit(1).await;
    made(2).await;
    assert!(manager.stop().contains("the database contradicts itself"));
}
