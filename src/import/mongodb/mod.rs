//! The documents of Flamenco Manager 2.x, in the Manager's own terms: every shape that one of its versions has written.
//!
//! What a document says and the Manager has no use for is kept with it. A document is taken whole or refused; nothing in it is
//! guessed that decides who does what.

mod commands;
mod fields;
mod server;
mod task;
mod worker;

use std::sync::Arc;

use bson::RawDocument;
use jiff::Timestamp;

use self::fields::fields;
use super::{
    Found, Refusal,
    dump::{Damage, Document, Dump},
    loader::Item,
};
use crate::domain::numbers::count;

/// The collections of Flamenco Manager 2.x.
pub const COLLECTIONS: [&str; 5] =
    ["flamenco_tasks", "flamenco_workers", "worker_blacklist", "task_update_queue", "settings"];

/// For what sort of Manager a dump is read.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// Whether it has a Flamenco Server, as it had in 2.x. Otherwise jobs are its own.
    pub has_server: bool,
    /// When it is read.
    pub now: Timestamp,
}

impl Reader {
    /// All that is found in a dump. With `salvage` what is damaged is skipped; otherwise it is the end.
    pub fn read(self, dump: Dump, salvage: bool) -> impl Iterator<Item = Result<Found, String>> + Send {
        Reading { reader: self, salvage, bytes_read: dump.progress(), dump, left_out: None }
    }

    /// What a document of one of the collections is.
    pub fn understand(self, collection: &str, document: &RawDocument) -> Result<Item, Refusal> {
        let item = match collection {
            "flamenco_tasks" => task::task(document, self),
            "flamenco_workers" => worker::worker(document, self),
            "worker_blacklist" => worker::blacklist_line(document),
            "task_update_queue" => server::update(document, self),
            "settings" => server::settings(document, self),
            _ => return Err(Refusal::NotOurs),
        };
        item.map_err(Refusal::Because)
    }
}

/// A dump that is being read.
struct Reading {
    reader: Reader,
    salvage: bool,
    dump: Dump,
    bytes_read: super::dump::Progress,
    /// When the dump has been read: what it has that was not.
    left_out: Option<std::vec::IntoIter<String>>,
}

impl Iterator for Reading {
    type Item = Result<Found, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(left_out) = &mut self.left_out {
            let collection = left_out.next()?;
            return Some(Ok(self.found(collection.into(), String::new(), Err(Refusal::NotRead))));
        }
        match self.dump.next() {
            Some(Ok(document)) => Some(Ok(self.document(&document))),
            Some(Err(damage)) if self.salvage => Some(Ok(self.damage(&damage))),
            Some(Err(damage)) => Some(Err(format!(
                "{damage}; nothing was imported. --salvage takes what can be read of a damaged dump"
            ))),
            None => {
                let left_out: Vec<_> = self.dump.left_out().iter().cloned().collect();
                self.left_out = Some(left_out.into_iter());
                self.next()
            }
        }
    }
}

impl Reading {
    fn found(&self, collection: Arc<str>, id: String, what: Result<Item, Refusal>) -> Found {
        Found { collection, id, what, bytes_read: self.bytes_read.read() }
    }

    fn document(&self, Document { collection, place, bson }: &Document) -> Found {
        let what = self.reader.understand(collection, bson);
        // The others are called by the IDs of their items.
        let id = match what {
            Ok(_) => String::new(),
            Err(_) => name_of(bson).unwrap_or_else(|| place.to_string()),
        };
        self.found(Arc::clone(collection), id, what)
    }

    fn damage(&self, Damage { place, collection, reason, passed_over }: &Damage) -> Found {
        let collection = collection.as_deref().unwrap_or("(unknown)").into();
        let reason = format!("damaged: {reason}; {} passed over", count(*passed_over, "byte"));
        self.found(collection, place.to_string(), Err(Refusal::Because(reason)))
    }
}

/// What a document is called in a report: its ID, whatever that is.
fn name_of(document: &RawDocument) -> Option<String> {
    let id = fields(document).find_map(|field| field.ok().filter(|field| field.name == "_id"))?;
    match id.id() {
        Ok(id) => Some(crate::domain::ids::TaskId(id).to_string()),
        Err(_) => Some(id.as_extra().ok()?.to_string()),
    }
}

#[cfg(test)]
mod tests;
