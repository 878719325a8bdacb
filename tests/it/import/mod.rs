//! Farms that move in: the real binary reads dumps of our own making into a database, and a Manager goes on with it.

mod config;
mod exported;
mod farm;
mod flamenco3;
mod forms;
mod interrupting;
mod merging;
mod moving;
mod refusing;
mod reporting;
mod round_trip;

use std::path::Path;

use flamenco_manager::store::{ReadTx, Store};
use jiff::Timestamp;
use serde_json::Value;

use crate::faults::{
    commands::json,
    process::{Place, Said},
};

/// Imports the dump in the folder `dump`, with these wishes; returns what the program said.
fn import(place: &Place, wishes: &[&str]) -> Said {
    place.run(&[&["--json", "import", "mongodb", "dump"], wishes].concat())
}

/// The same, which has to work; returns the report.
fn imports(place: &Place, wishes: &[&str]) -> Value {
    let said = import(place, wishes);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    json(&said.stdout)
}

/// Looks into a database that nobody uses. It has to agree with itself.
fn look<T>(path: &Path, look: impl FnOnce(&ReadTx) -> T) -> T {
    let store = Store::open(path).unwrap();
    store
        .read(Timestamp::UNIX_EPOCH, |tx| {
            assert_eq!(tx.contradictions()?, Vec::<String>::new());
            Ok::<_, flamenco_manager::store::StoreError>(look(tx))
        })
        .unwrap()
}

/// What is in the folder of a place, but for what the test put there and the backups that a Manager makes by itself.
fn left_in(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path(".")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter(|name| !["manager.toml", "dump", "backups"].contains(&name.as_str())).collect();
    names.sort();
    names
}
