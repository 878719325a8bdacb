//! Dumps of MongoDB: what is written by the descriptions of the formats comes back equal, and nothing bad happens with what is
//! damaged or made to do harm.

mod bytes;
mod damage;
mod hostile;
mod opening;
mod round_trips;
mod understanding;

use std::{fs, path::Path};

use bson::{Document, doc, oid::ObjectId};
use flamenco_manager::import::dump::{self, Damage, Dump, Wish};

use crate::kit::dump::Database;

/// All that is found at a path: documents by their collections, and damage.
fn read(path: &Path, wish: &Wish) -> Found {
    Found::of(Dump::open(path, wish).unwrap())
}

/// All that is found in an archive.
fn read_archive(bytes: &[u8], wish: &Wish) -> Found {
    let bytes = std::io::Cursor::new(bytes.to_vec());
    Found::of(Dump::read_archive("standard input", bytes, wish).unwrap())
}

/// All that is found in a file with these bytes.
fn read_file(name: &str, bytes: &[u8], wish: &Wish) -> Found {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read(&path, wish)
}

#[derive(Debug)]
struct Found {
    documents: Vec<dump::Document>,
    damage: Vec<Damage>,
    left_out: Vec<String>,
}

impl Found {
    fn of(mut dump: Dump) -> Self {
        let (mut documents, mut damage) = (Vec::new(), Vec::new());
        for found in &mut dump {
            match found {
                Ok(document) => documents.push(document),
                Err(of_it) => damage.push(of_it),
            }
        }
        assert!(dump.next().is_none(), "after the end there is more");
        let left_out = dump.left_out().iter().cloned().collect();
        Self { documents, damage, left_out }
    }

    /// The bytes of the documents of a collection, in their order.
    fn of_collection(&self, collection: &str) -> Vec<Vec<u8>> {
        let of_it = self.documents.iter().filter(|document| *document.collection == *collection);
        of_it.map(|document| document.bson.as_bytes().to_vec()).collect()
    }

    /// What is wrong, in words.
    fn reasons(&self) -> Vec<&str> {
        self.damage.iter().map(|damage| damage.reason.as_str()).collect()
    }
}

/// Any database with one of these collections.
fn wish(collections: &[&str]) -> Wish {
    Wish { collections: collections.iter().map(|name| (*name).to_owned()).collect(), database: None }
}

/// A small farm.
fn farm() -> Database {
    let tasks: Vec<_> = (0..5).map(task).collect();
    let workers = [doc! { "_id": id(100), "nickname": "one" }, doc! { "_id": id(101), "nickname": "two" }];
    Database::new(
        "flamenco",
        &[("flamenco_tasks", &tasks), ("flamenco_workers", &workers), ("worker_blacklist", &[])],
    )
}

fn task(number: u8) -> Document {
    doc! {
        "_id": id(number), "name": format!("task-{number}"), "priority": 50,
        "commands": [{ "name": "echo", "settings": { "message": "hello", "deep": { "_id": id(99), "n": 1.5 } } }],
    }
}

fn id(number: u8) -> ObjectId {
    ObjectId::from_bytes([number; 12])
}

/// What is looked for on a farm.
fn our_wish() -> Wish {
    wish(&["flamenco_tasks", "flamenco_workers", "worker_blacklist"])
}
