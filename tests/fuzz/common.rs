//! What the targets share. The reader of dumps is taken as it stands in the source: it names nothing else of the Manager, so that
//! the fuzzer is built in a minute.

#[path = "../../src/import/dump/mod.rs"]
#[allow(dead_code, reason = "a target uses a part of it")]
pub mod dump;

use std::{fs, path::PathBuf};

use dump::{Dump, Wish};

/// Reads the bytes as a file of this name, to the end, and as if to be saved what can be. Returns how many bytes were accounted
/// for: those of documents, and those that were passed over.
pub fn read_file(name: &str, bytes: &[u8]) -> u64 {
    let folder = PathBuf::from(format!("/dev/shm/flamenco-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder of shared memory is there");
    let path = folder.join(name);
    fs::write(&path, bytes).expect("there is room");
    let accounted = read(Dump::open(&path, &wish()).expect("its name is enough"));
    fs::remove_dir_all(folder).expect("it is ours");
    accounted
}

/// The database that the targets play with has one collection.
pub fn wish() -> Wish {
    Wish { collections: vec!["c".to_owned()], database: None }
}

/// Reads a dump to its end.
pub fn read(dump: Dump) -> u64 {
    let mut accounted = 0;
    for found in dump {
        match found {
            Ok(document) => {
                // It is sound to its last value.
                bson::Document::try_from(&document.bson).expect("what was found to be sound can be read");
                accounted += document.bson.as_bytes().len() as u64;
            }
            Err(damage) => {
                assert!(!damage.to_string().is_empty());
                accounted += damage.passed_over;
            }
        }
    }
    accounted
}
