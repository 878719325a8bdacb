//! Dumps as `mongodump` and `mongoexport` make them, written by the published descriptions of their formats and by no library:
//! what is read back from them has not come through the same code twice. (`dumps/bytes.rs` holds the bytes against the descriptions.)

pub mod archive;
pub mod binary;
pub mod json;

use std::{fmt::Write as _, fs, io::Write as _, path::Path};

use bson::Document;
use flate2::{Compression, write::GzEncoder};

pub use archive::Archive;
pub use json::{Dialect, Layout};

/// A database as it was before it was dumped.
#[derive(Debug, Clone)]
pub struct Database {
    pub name: String,
    pub collections: Vec<(String, Vec<Document>)>,
}

/// Is what is written compressed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zip {
    Plain,
    Gzip,
}

impl Zip {
    /// The bytes as they lie in the file.
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    fn write(self, path: &Path, bytes: &[u8]) {
        let mut path = path.as_os_str().to_owned();
        if self == Self::Gzip {
            path.push(".gz");
        }
        fs::write(path, self.pack(bytes)).unwrap();
    }
}

impl Database {
    pub fn new(name: &str, collections: &[(&str, &[Document])]) -> Self {
        let collections =
            collections.iter().map(|(name, of_it)| ((*name).to_owned(), of_it.to_vec())).collect();
        Self { name: name.to_owned(), collections }
    }

    /// `mongodump --out FOLDER`: a folder of the database in it, with two files for each collection.
    pub fn dump_to(&self, folder: &Path, zip: Zip) {
        let folder = folder.join(&self.name);
        fs::create_dir_all(&folder).unwrap();
        for (collection, documents) in &self.collections {
            let stem = file_stem(collection);
            zip.write(&folder.join(format!("{stem}.bson")), &binary::stream(documents));
            zip.write(
                &folder.join(format!("{stem}.metadata.json")),
                metadata(&self.name, collection).as_bytes(),
            );
        }
    }

    /// `mongodump --archive`, with all documents of a collection in one block, as it does for small ones.
    pub fn archive(&self) -> Vec<u8> {
        let names: Vec<_> = self.collections.iter().map(|(name, _)| (&*self.name, &**name)).collect();
        let mut archive = Archive::begin(&names);
        for (collection, documents) in &self.collections {
            if !documents.is_empty() {
                archive.block(&self.name, collection, documents);
            }
            archive.end(&self.name, collection);
        }
        archive.bytes
    }

    /// `mongoexport --out COLLECTION.json`, once for each collection.
    pub fn export_to(&self, folder: &Path, dialect: Dialect, layout: Layout, zip: Zip) {
        fs::create_dir_all(folder).unwrap();
        for (collection, documents) in &self.collections {
            let text = json::export(documents, dialect, layout);
            zip.write(&folder.join(format!("{collection}.json")), text.as_bytes());
        }
    }
}

/// What a dump says of a collection besides its documents.
pub fn metadata(database: &str, collection: &str) -> String {
    let name = serde_json::to_string(collection).unwrap();
    let namespace = serde_json::to_string(&format!("{database}.{collection}")).unwrap();
    format!(
        r#"{{"options":{{}},"indexes":[{{"v":{{"$numberInt":"2"}},"key":{{"_id":{{"$numberInt":"1"}}}},"name":"_id_","ns":{namespace}}}],"uuid":"00000000000000000000000000000000","collectionName":{name},"type":"collection"}}"#
    )
}

/// What the files of a collection are called, without their ends: as in the query of an URL, and not too long.
pub fn file_stem(collection: &str) -> String {
    let mut escaped = String::new();
    for byte in collection.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            _ => write!(escaped, "%{byte:02X}").unwrap(),
        }
    }
    if escaped.len() > 238 {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let sum =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, collection.as_bytes());
        escaped.truncate(208);
        escaped.push_str("%24");
        escaped.push_str(&URL_SAFE_NO_PAD.encode(sum));
    }
    escaped
}
