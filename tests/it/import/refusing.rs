//! Where nothing is imported: into a database that is in use or not empty, and from what is no dump.

use super::{farm::Farm, import, imports, left_in, look};
use crate::faults::{database_file::other_database, process::Place};

#[tokio::test]
async fn a_running_manager_is_to_be_stopped_first() {
    let place = Place::new();
    Farm::new().dump_to(&place.path("dump"));
    let manager = place.start();
    let before = left_in(&place);
    for wishes in [&[][..], &["--merge"], &["--dry-run"]] {
        let said = import(&place, wishes);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{wishes:?}");
        assert!(
            said.stderr.contains("a Flamenco Manager is running on this database; stop it first"),
            "{}",
            said.stderr
        );
    }
    assert_eq!(left_in(&place), before);
    manager.stop();
}

#[tokio::test]
async fn a_database_with_a_farm_in_it_is_not_overwritten() {
    let place = Place::new();
    Farm::new().dump_to(&place.path("dump"));
    let manager = place.start();
    manager.submit(1).await;
    manager.stop();
    let said = import(&place, &[]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(
        said.stderr.contains("the database is not empty") && said.stderr.contains("--merge"),
        "{}",
        said.stderr
    );
    look(&place.database(), |tx| assert_eq!(tx.count_all_tasks().unwrap(), 1));
}

#[test]
fn what_is_no_database_of_ours_is_named_and_left_as_it_is() {
    for (bytes, complaint) in [
        (b"to do: back up the database\n".to_vec(), "this is no database of Flamenco Manager"),
        (other_database("shopping", b"eggs", b"12"), "it belongs to another program"),
        (other_database("meta", b"schema-version", &[0, 0, 0, 9]), "schema version 9"),
    ] {
        let place = Place::new();
        Farm::new().dump_to(&place.path("dump"));
        std::fs::write(place.database(), &bytes).unwrap();
        for wishes in [&[][..], &["--merge"], &["--dry-run"]] {
            let said = import(&place, wishes);
            assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{complaint}: {}", said.stderr);
            let why = said.stderr.lines().next_back().unwrap();
            let names_it = why.starts_with("flamenco-manager: flamenco-manager.redb: ");
            assert!(names_it && why.contains(complaint), "{complaint}: {}", said.stderr);
        }
        assert_eq!(left_in(&place), ["flamenco-manager.redb"]);
        assert!(std::fs::read(place.database()).unwrap() == bytes, "{complaint}: it was changed");
    }
}

#[tokio::test]
async fn what_a_manager_without_a_farm_remembers_of_itself_stays() {
    let place = Place::new();
    Farm::new().dump_to(&place.path("dump"));
    place.start().stop();
    let made = place.run(&["user", "token", "create", "boss", "--role", "admin"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    imports(&place, &[]);
    let tokens = place.run(&["user", "token", "list"]);
    assert!(tokens.stdout.contains("boss"), "{}{}", tokens.stdout, tokens.stderr);
    look(&place.database(), |tx| assert_eq!(tx.count_all_tasks().unwrap(), 6));
}

#[test]
fn what_is_no_dump_is_said_to_be_none() {
    let place = Place::new();
    let said = import(&place, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("cannot read dump"), "{}", said.stderr);
    std::fs::create_dir(place.path("dump")).unwrap();
    let said = import(&place, &[]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert_eq!(left_in(&place), [""; 0]);
}
