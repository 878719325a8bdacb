//! Archives of `mongodump`, by `common/archive/spec.md` of the MongoDB tools.

use std::collections::BTreeMap;

use bson::{Document, doc};

use super::{binary, metadata};

/// How an archive begins.
pub const MAGIC: [u8; 4] = [0x6d, 0xe2, 0x99, 0x81];

/// How its list and its blocks end.
pub const TERMINATOR: [u8; 4] = [0xff; 4];

/// An archive that is being written.
pub struct Archive {
    pub bytes: Vec<u8>,
    sums: BTreeMap<(String, String), Checksum>,
}

impl Archive {
    /// Begins with the list of databases and collections.
    pub fn begin(names: &[(&str, &str)]) -> Self {
        let mut archive = Self { bytes: MAGIC.to_vec(), sums: BTreeMap::new() };
        archive.put(&doc! {
            "concurrent_collections": 4, "version": "0.1", "server_version": "4.0.3", "tool_version": "r4.0.3"
        });
        for (database, collection) in names {
            let metadata = metadata(database, collection);
            archive.put(&doc! { "db": database, "collection": collection, "metadata": metadata, "size": 0 });
        }
        archive.bytes.extend(TERMINATOR);
        archive
    }

    /// A block with documents.
    pub fn block(&mut self, database: &str, collection: &str, documents: &[Document]) {
        self.put(&doc! { "db": database, "collection": collection, "EOF": false, "CRC": 0_i64 });
        let documents = binary::stream(documents);
        self.sum(database, collection).add(&documents);
        self.bytes.extend(documents);
        self.bytes.extend(TERMINATOR);
    }

    /// The end of a collection.
    pub fn end(&mut self, database: &str, collection: &str) {
        let sum = self.sum(database, collection).of_all().cast_signed();
        self.put(&doc! { "db": database, "collection": collection, "EOF": true, "CRC": sum });
        self.bytes.extend(TERMINATOR);
    }

    fn put(&mut self, document: &Document) {
        self.bytes.extend(binary::document(document));
    }

    fn sum(&mut self, database: &str, collection: &str) -> &mut Checksum {
        self.sums.entry((database.to_owned(), collection.to_owned())).or_default()
    }
}

/// CRC-64 with the polynomial of ECMA-182, bit by bit and reflected, as Go's `hash/crc64` has it.
pub struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(u64::MAX)
    }
}

impl Checksum {
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u64::from(*byte);
            for _ in 0..8 {
                self.0 = if self.0 & 1 == 1 { self.0 >> 1 ^ 0xc96c_5795_d787_0f42 } else { self.0 >> 1 };
            }
        }
    }

    pub fn of_all(&self) -> u64 {
        !self.0
    }
}
