//! A database file that cannot be used: a clear error that names it, and not a byte of it changed.

use std::fs;

use super::process::Place;

/// A database of ours.
fn our_database() -> Vec<u8> {
    let place = Place::new();
    place.start().stop();
    fs::read(place.database()).unwrap()
}

/// A page of redb that says it is one, and then is none.
fn half_a_database() -> Vec<u8> {
    let whole = our_database();
    whole[..whole.len() / 2].to_vec()
}

/// A database of ours in which a piece was overwritten.
fn damaged_database(place: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = our_database();
    bytes[place].fill(0xa5);
    bytes
}

/// A database of another program, or of ours in another version, that has this in its table `name`.
#[expect(clippy::disallowed_types, reason = "another program's database is made here")]
pub fn other_database(name: &str, key: &[u8], value: &[u8]) -> Vec<u8> {
    let place = Place::new();
    let database = redb::Database::create(place.database()).unwrap();
    let txn = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&[u8], &[u8]>::new(name);
    txn.open_table(table).unwrap().insert(key, value).unwrap();
    txn.commit().unwrap();
    drop(database);
    fs::read(place.database()).unwrap()
}

#[test]
fn a_file_that_is_no_database_of_ours_is_named_and_left_as_it_is() {
    let not_ours = "this is no database of Flamenco Manager, or it is damaged";
    let sqlite = [b"SQLite format 3\0".as_slice(), &[0x10; 8192]].concat();
    let short_header = b"redb\x1a\x0a\xa9\x0d\x0a".to_vec();
    let long_header = [short_header.as_slice(), &[0xff; 9000]].concat();
    for (what, bytes, complaint) in [
        ("a text", b"to do: back up the database\n".to_vec(), not_ours),
        ("an SQLite database", sqlite, not_ours),
        ("a header and nothing else", short_header, not_ours),
        ("a header and nonsense", long_header, not_ours),
        ("half a database", half_a_database(), not_ours),
        ("a database with a damaged header", damaged_database(9..320), not_ours),
        (
            "another program's database",
            other_database("shopping", b"eggs", b"12"),
            "it belongs to another program",
        ),
        ("a later version", other_database("meta", b"schema-version", &[0, 0, 0, 9]), "schema version 9"),
        (
            "a version that is none",
            other_database("meta", b"schema-version", b"x"),
            "its version cannot be read",
        ),
    ] {
        let place = Place::new();
        fs::write(place.database(), &bytes).unwrap();
        let file = "flamenco-manager.redb: ";
        for command in [["--quiet", "serve"], ["cleanslate", "--yes"]] {
            let said = place.run(&command);
            assert_eq!(said.code, Some(1), "{what}: {}", said.stderr);
            let why = said.stderr.strip_prefix("flamenco-manager: ").unwrap_or_default();
            assert!(why.starts_with(file) && why.contains(complaint), "{what}: {}", said.stderr);
            assert_eq!(why.lines().count(), 1, "{what}: {}", said.stderr);
        }
        let said = place.run(&["check"]);
        assert_eq!((said.code, said.stderr.as_str()), (Some(1), ""), "{what}");
        assert!(said.stdout.contains(&format!("BAD  database: {file}")), "{what}: {}", said.stdout);
        assert!(fs::read(place.database()).unwrap() == bytes, "{what} was changed");
    }
}

#[test]
fn a_file_with_a_damaged_page_is_never_a_reason_to_panic_in_public() {
    for page in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
        let place = Place::new();
        let mut bytes = our_database();
        // How many there are hangs on what the Manager got to before it was stopped.
        let pages = bytes.chunks_exact_mut(4096);
        let count = pages.len();
        pages.into_iter().nth(page % count).unwrap().fill(0xa5);
        fs::write(place.database(), bytes).unwrap();
        let said = place.run(&["check"]);
        assert!(!said.stderr.contains("panicked"), "page {page}: {}", said.stderr);
        assert!(said.code.is_some_and(|code| code <= 1), "page {page}: {:?}", said.code);
    }
}

#[test]
fn an_empty_file_becomes_a_database() {
    let place = Place::new();
    fs::write(place.database(), b"").unwrap();
    place.start().stop();
    assert_eq!(place.run(&["check"]).code, Some(0));
}

#[test]
fn a_folder_in_the_place_of_the_file_is_named() {
    let place = Place::new();
    fs::create_dir(place.database()).unwrap();
    let said = place.run(&["--quiet", "serve"]);
    assert_eq!(said.code, Some(1));
    let expected = "flamenco-manager: flamenco-manager.redb: the database cannot be opened: ";
    assert!(said.stderr.starts_with(expected) && said.stderr.lines().count() == 1, "{}", said.stderr);
}

#[test]
fn a_file_in_a_folder_that_is_not_there_is_named() {
    let place = Place::configured("database_path = \"nowhere/farm.redb\"");
    let said = place.run(&["--quiet", "serve"]);
    assert_eq!(said.code, Some(1));
    let expected = "flamenco-manager: nowhere/farm.redb: the database cannot be opened: ";
    assert!(said.stderr.starts_with(expected), "{}", said.stderr);
    assert!(place.run(&["check"]).stdout.contains("the folder nowhere is not there; make it"));
}

#[test]
fn a_second_manager_on_the_same_file_is_told_so() {
    let place = Place::new();
    let first = place.start();
    let said = place.run(&["--quiet", "serve"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.stderr,
        "flamenco-manager: flamenco-manager.redb: the database is in use by another Flamenco Manager; stop that one \
         first, or set another `database_path`\n"
    );
    assert!(place.run(&["check"]).stdout.contains("is in use by a running Manager"));
    first.stop();
}

#[test]
fn a_port_in_use_is_named() {
    let first = Place::new();
    let first = first.start();
    let address = first.address().to_string();
    let said = Place::listening(&address, "").run(&["--quiet", "serve"]);
    assert_eq!(said.code, Some(1));
    let expected = format!("flamenco-manager: cannot listen on {address}: ");
    assert!(said.stderr.starts_with(&expected) && said.stderr.lines().count() == 1, "{}", said.stderr);
}
