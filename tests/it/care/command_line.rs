//! `backup`, `restore` and `database`, by the real binary: beside a running Manager and without one.

use std::{fs, path::Path};

use flamenco_manager::store::backup::verify;
use http::Method;

use crate::faults::{
    commands::{at_a_known_port, fails, json, succeeds},
    process::{Place, eventually},
};

/// How many tasks the Manager of this place has.
async fn tasks(place: &Place) -> u64 {
    let manager = place.start();
    let tasks = manager.get("/as-json").await["nr_of_tasks"].as_u64().unwrap();
    manager.stop();
    tasks
}

fn with_end(place: &Place, middle: &str) -> Vec<String> {
    let names =
        fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(middle)).collect()
}

#[tokio::test]
async fn a_farm_is_backed_up_while_it_runs_and_comes_back_as_it_was() {
    let place = at_a_known_port();
    let manager = place.start();
    manager.submit(5).await;
    let said = succeeds(&place, &["backup", "a.backup"]);
    assert!(
        said.starts_with("a.backup: the farm as of 20") && said.contains("with 1 job, 5 tasks and 0 workers"),
        "{said}"
    );
    assert_eq!(verify(&place.path("a.backup")).unwrap().rows("tasks"), 5);
    let again = fails(&place, &["backup", "a.backup"]);
    assert_eq!(again, "flamenco-manager: a.backup: this file is there already; give another name\n");
    manager.submit(7).await;
    let (_, deeds) = manager.call(Method::GET, "/api/audit?limit=2", None).await;
    assert_eq!(deeds["entries"][1]["action"], "make a backup");

    let refused = fails(&place, &["restore", "a.backup", "--yes"]);
    assert!(refused.contains("a Manager is running on this database; stop it before"), "{refused}");
    manager.stop();

    let asked = place.run(&["restore", "a.backup"]);
    assert_eq!((asked.code, asked.stderr.as_str()), (Some(1), "flamenco-manager: nothing was restored\n"));
    assert_eq!(tasks(&place).await, 12);
    let said = succeeds(&place, &["restore", "a.backup", "--yes"]);
    let kept = with_end(&place, ".before-restore-");
    assert!(kept.len() == 1 && said.contains(&kept[0]), "{kept:?} {said}");
    assert_eq!(tasks(&place).await, 5);
    let deeds = json(&succeeds(&place, &["--json", "backup", "b.backup"]));
    assert_eq!(deeds["head"]["schema"], 2);

    // What was replaced can be put back.
    fs::rename(place.path(&kept[0]), place.database()).unwrap();
    assert_eq!(tasks(&place).await, 12);
}

#[tokio::test]
async fn a_farm_comes_back_where_there_is_none() {
    let (place, other) = (Place::new(), Place::new());
    place.start().submit(3).await;
    eventually("the file is free", async || {
        (place.run(&["backup", "a.backup"]).code == Some(0)).then_some(())
    })
    .await;
    fs::copy(place.path("a.backup"), other.path("a.backup")).unwrap();
    let said = succeeds(&other, &["restore", "a.backup"]);
    assert!(said.contains("flamenco-manager.redb is this backup now."), "{said}");
    assert_eq!(tasks(&other).await, 3);
}

#[test]
fn what_is_no_whole_backup_is_refused_and_nothing_replaced() {
    let place = Place::new();
    place.start().stop();
    succeeds(&place, &["backup", "a.backup"]);
    let whole = fs::read(place.path("a.backup")).unwrap();
    let before = fs::read(place.database()).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    for (what, bytes, complaint) in [
        ("cut off", &whole[..whole.len() / 2], "bad.backup: this backup is damaged or not whole: "),
        ("damaged", damaged.as_slice(), "bad.backup: this backup is damaged or not whole: "),
        ("something else", b"dear diary".as_slice(), "bad.backup: this is no backup of Flamenco Manager"),
        ("a database", before.as_slice(), "bad.backup: this is no backup of Flamenco Manager"),
    ] {
        fs::write(place.path("bad.backup"), bytes).unwrap();
        let said = fails(&place, &["restore", "bad.backup", "--yes"]);
        assert!(said.contains(complaint), "{what}: {said}");
        assert!(fs::read(place.database()).unwrap() == before, "{what}");
    }
    assert_eq!(with_end(&place, ".redb."), [""; 0]);
    let said = fails(&place, &["restore", "nowhere.backup", "--yes"]);
    assert!(said.contains("nowhere.backup: ") && said.matches("os error").count() == 1, "{said}");
}

#[test]
fn a_file_of_the_first_version_becomes_one_of_today_and_can_go_back() {
    let place = Place::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-1.redb");
    fs::copy(fixture, place.database()).unwrap();
    // A backup leaves it as it is.
    succeeds(&place, &["backup", "old.backup"]);
    assert_eq!(verify(&place.path("old.backup")).unwrap().schema, 1);
    place.start().stop();
    let made = with_end(&place, ".before-schema-2.");
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(verify(&place.path(&made[0])).unwrap().schema, 1);
    for backup in [made[0].as_str(), "old.backup"] {
        succeeds(&place, &["restore", backup, "--yes"]);
        let said = json(&succeeds(&place, &["--json", "database", "check"]));
        assert_eq!(said["contradictions"], json("[]"));
    }
    assert_eq!(with_end(&place, ".before-schema-2.").len(), 1, "of what was restored there is a backup");
}

#[tokio::test]
async fn the_database_is_looked_at_beside_a_running_manager_and_without_one() {
    let place = at_a_known_port();
    assert!(
        fails(&place, &["database", "stats"])
            .contains("there is no database, so there is nothing to look at")
    );
    assert!(fails(&place, &["backup", "x"]).contains("there is no database, so there is nothing to back up"));
    let manager = place.start();
    manager.submit(20).await;
    let look = || {
        assert_eq!(succeeds(&place, &["database", "check"]), "The database is in order.\n");
        let size = json(&succeeds(&place, &["--json", "database", "stats"]));
        assert!(
            size["tables"]
                .as_array()
                .unwrap()
                .iter()
                .any(|table| table["name"] == "tasks" && table["rows"] == 20)
        );
        assert!(succeeds(&place, &["database", "stats"]).contains("bytes in the file"));
        let compacted = json(&succeeds(&place, &["--json", "database", "compact"]));
        assert!(compacted["bytes_after"].as_u64().unwrap() <= fs::metadata(place.database()).unwrap().len());
    };
    look();
    manager.stop();
    look();
    assert_eq!(tasks(&place).await, 20);
}
