//! An archive of `mongodump`: the documents of many collections in one stream. It begins with a mark and a list of what is in
//! it; then come blocks, each a header that says of which collection it is, its documents, and a mark. Blocks of collections
//! take turns. Each collection ends with a header of its own, which has a checksum of all its documents: if that is missing,
//! the archive was cut short.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use bson::RawDocument;
use crc::{CRC_64_XZ, Crc, Digest, Table};

use super::{
    Damage, Document, OpenError, Place, Wish,
    frames::{self, Broken, Frame, Patience},
    input::Input,
    namespace,
};

/// How an archive begins.
const MAGIC: [u8; 4] = [0x6d, 0xe2, 0x99, 0x81];

/// The only version of the format that there is.
const VERSION: &str = "0.1";

/// The most collections that are kept in mind, so that the headers of an archive cannot fill the memory.
const MOST_COLLECTIONS: usize = 100_000;

/// The checksum that Go calls CRC-64/ECMA.
static CHECKSUM: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// An archive that is being read.
pub(super) struct Archive {
    input: Input,
    wish: Wish,
    /// The database that is read. Unknown if the list is damaged, and none of its collections has come yet.
    database: Option<Arc<str>>,
    collections: BTreeMap<Name, Collection>,
    left_out: BTreeSet<String>,
    at: At,
    /// To be told before reading goes on.
    waiting: VecDeque<Damage>,
    patience: Patience,
}

/// The names of a database and a collection.
type Name = (Arc<str>, Arc<str>);

/// Where in an archive it is.
enum At {
    /// In the list of what is in the archive, which was damaged.
    List,
    /// Between blocks.
    Between,
    /// In the block of a collection.
    Inside(Name),
    /// Behind the header with which a collection ends.
    BehindLast(Name),
    /// All was read.
    End,
}

/// What is known of a collection.
struct Collection {
    sum: Digest<'static, u64, Table<16>>,
    /// Its last header was there.
    has_ended: bool,
    /// Part of it could not be read: its sum cannot be right.
    is_damaged: bool,
    /// Is it in the list only?
    was_seen: bool,
}

impl Default for Collection {
    fn default() -> Self {
        Self { sum: CHECKSUM.digest(), has_ended: false, is_damaged: false, was_seen: false }
    }
}

/// The header of a block.
struct Header {
    name: Name,
    /// The checksum, if it is the last one of its collection.
    last: Option<u64>,
}

impl Archive {
    /// Reads what stands before the first block.
    pub(super) fn open(mut input: Input, wish: &Wish) -> Result<Self, OpenError> {
        if !input.ahead(MAGIC.len()).starts_with(&MAGIC) {
            let name = input.name().to_owned();
            return Err(match input.take_trouble() {
                Some(reason) => {
                    OpenError::Unreadable { path: name.into(), reason: std::io::Error::other(reason) }
                }
                None => OpenError::NoDump { name },
            });
        }
        input.take(MAGIC.len());
        let mut archive = Self {
            input,
            wish: wish.clone(),
            database: None,
            collections: BTreeMap::new(),
            left_out: BTreeSet::new(),
            at: At::List,
            waiting: VecDeque::new(),
            patience: Patience::new(),
        };
        archive.read_list()?;
        Ok(archive)
    }

    /// The collections that are read, by the list.
    pub(super) fn announced(&self) -> BTreeSet<String> {
        let of_database = |(database, _): &&Name| Some(database) == self.database.as_ref();
        self.collections.keys().filter(of_database).map(|(_, collection)| collection.to_string()).collect()
    }

    /// The collections of other databases, as far as they have come.
    pub(super) fn left_out(&self) -> &BTreeSet<String> {
        &self.left_out
    }

    fn read_list(&mut self) -> Result<(), OpenError> {
        let (place, mut is_first) = (self.input.place(), true);
        let broken = loop {
            match frames::next(&mut self.input) {
                Ok(Frame::Document(head)) if is_first => {
                    is_first = false;
                    match head.get_str("version") {
                        Ok(VERSION) => {}
                        version => {
                            let version = version.unwrap_or("none").to_owned();
                            return Err(OpenError::Version { name: self.input.name().to_owned(), version });
                        }
                    }
                }
                Ok(Frame::Document(entry)) => match name_in(&entry) {
                    Ok(_) if self.collections.len() >= MOST_COLLECTIONS => {
                        break Broken::new(format!("it has more than {MOST_COLLECTIONS} collections"));
                    }
                    Ok(name) => _ = self.collections.insert(name, Collection::default()),
                    Err(reason) => break Broken::new(reason),
                },
                Ok(Frame::Terminator) if !is_first => {
                    self.at = At::Between;
                    let there: Vec<_> = self.collections.keys().collect();
                    let there = there.iter().map(|(database, name)| (&**database, [&**name].into_iter()));
                    self.database = Some(self.wish.choose(self.input.name(), there)?.into());
                    return Ok(());
                }
                Ok(Frame::Terminator) => break Broken::new("the list of its collections is missing"),
                Ok(Frame::End) => break Broken::new("cut short: the list of its collections has no end"),
                Err(broken) => break broken,
            }
        };
        self.database = self.wish.database.as_deref().map(Arc::from);
        let damage = self.damaged(place, broken);
        self.waiting.push_back(damage);
        Ok(())
    }

    /// Goes on to where reading can go on, and says what was passed over since the place.
    fn damaged(&mut self, place: Place, broken: Broken) -> Damage {
        let (at, length) = (&mut self.at, broken.length);
        let collection = match at {
            At::Inside(name) | At::BehindLast(name) => Some(name.clone()),
            At::List | At::Between | At::End => None,
        };
        frames::recover(
            &mut self.input,
            length,
            &mut self.patience,
            |input, place, doubt, patience| match at {
                At::List => frames::block_ends(input, place, patience),
                At::Inside(_) => {
                    frames::document_begins(input, place, doubt, patience)
                        || frames::block_ends(input, place, patience)
                }
                At::Between | At::BehindLast(_) | At::End => frames::header_begins(input, place, patience),
            },
        );
        if matches!(at, At::BehindLast(_)) || self.input.ahead(1).is_empty() {
            *at = At::Between;
        }
        if let Some(name) = &collection {
            self.collections.entry(name.clone()).or_default().is_damaged = true;
        }
        let passed_over = self.input.offset() - place.offset;
        let collection = collection.map(|(_, collection)| collection);
        Damage { place, collection, reason: broken.reason, passed_over }
    }

    /// A header has come: of a block, or the last one of a collection.
    fn begin(&mut self, place: &Place, head: &RawDocument) -> Result<Option<Damage>, Broken> {
        let Header { name, last } = header_in(head).map_err(Broken::new)?;
        let is_new = !self.collections.contains_key(&name);
        if is_new && self.collections.len() >= MOST_COLLECTIONS {
            return Err(Broken::new(format!("it has more than {MOST_COLLECTIONS} collections")));
        }
        if self.database.is_none() && self.wish.has(&name.1) {
            self.database = Some(name.0.clone());
        }
        if self.database.as_ref() != Some(&name.0) {
            self.left_out.insert(namespace(&name.0, &name.1));
        }
        let collection = self.collections.entry(name.clone()).or_default();
        collection.was_seen = true;
        if collection.has_ended {
            return Err(Broken::new(format!("the collection {} goes on after its end", name.1)));
        }
        let Some(sum) = last else {
            self.at = At::Inside(name);
            return Ok(None);
        };
        collection.has_ended = true;
        let is_right = collection.is_damaged || collection.sum.clone().finalize() == sum;
        let damage = (!is_right).then(|| Damage {
            place: place.clone(),
            collection: Some(name.1.clone()),
            reason: format!("the checksum of the collection {} is wrong: it is not what was dumped", name.1),
            passed_over: 0,
        });
        self.at = At::BehindLast(name);
        Ok(damage)
    }

    /// All was read: which collections are not there to their ends?
    fn finish(&mut self) {
        self.at = At::End;
        let place = self.input.place();
        let wished = |name: &Name| Some(&name.0) == self.database.as_ref() && self.wish.has(&name.1);
        for (name, collection) in &self.collections {
            // What is only in the list may be a view, which has no documents.
            if !collection.has_ended && (collection.was_seen || wished(name)) {
                self.waiting.push_back(Damage {
                    place: place.clone(),
                    collection: Some(name.1.clone()),
                    reason: format!("cut short: the end of the collection {} is missing", name.1),
                    passed_over: 0,
                });
            }
        }
    }

    /// A document of the collection whose block it is; none if that is not read.
    fn document(&mut self, name: &Name, place: Place, bson: bson::RawDocumentBuf) -> Option<Document> {
        let collection = self.collections.get_mut(name)?;
        collection.sum.update(bson.as_bytes());
        let is_wanted = self.database.as_ref() == Some(&name.0);
        is_wanted.then(|| Document { collection: name.1.clone(), place, bson })
    }
}

impl Iterator for Archive {
    type Item = Result<Document, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(damage) = self.waiting.pop_front() {
                return Some(Err(damage));
            }
            if let At::End = self.at {
                return None;
            }
            let place = self.input.place();
            let broken = match (frames::next(&mut self.input), &self.at) {
                (Ok(Frame::Document(bson)), At::Inside(name)) => {
                    let name = name.clone();
                    if let Some(document) = self.document(&name, place, bson) {
                        return Some(Ok(document));
                    }
                    continue;
                }
                (Ok(Frame::Document(head)), At::Between) => match self.begin(&place, &head) {
                    Ok(damage) => {
                        self.waiting.extend(damage);
                        continue;
                    }
                    Err(broken) => broken,
                },
                (Ok(Frame::Terminator), At::List | At::Inside(_) | At::BehindLast(_)) => {
                    self.at = At::Between;
                    continue;
                }
                (Ok(Frame::End), At::Between | At::End | At::List) => {
                    self.finish();
                    continue;
                }
                (Ok(Frame::Document(_)), At::BehindLast(_) | At::List | At::End) => {
                    Broken::new("a document stands where the mark of an end should")
                }
                (Ok(Frame::Terminator), At::Between | At::End) => {
                    Broken::new("the mark of an end stands where a block should begin")
                }
                (Ok(Frame::End), At::Inside(_) | At::BehindLast(_)) => {
                    Broken::new("cut short in the middle of a block")
                }
                (Err(broken), _) => broken,
            };
            return Some(Err(self.damaged(place, broken)));
        }
    }
}

fn name_in(document: &RawDocument) -> Result<Name, String> {
    let text = |field| document.get_str(field).map_err(|_| format!("a header does not say its {field}"));
    Ok((text("db")?.into(), text("collection")?.into()))
}

fn header_in(document: &RawDocument) -> Result<Header, String> {
    let name = name_in(document)?;
    let is_last = document.get_bool("EOF").map_err(|_| "a header does not say whether it is the last one")?;
    let sum = document.get_i64("CRC").map_err(|_| "a header has no checksum")?;
    Ok(Header { name, last: is_last.then_some(sum.cast_unsigned()) })
}
