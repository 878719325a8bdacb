//! Reading what `mongodump` and `mongoexport` write, with no MongoDB at hand: documents one after another, with the place where
//! each stands, and what is damaged. What the documents mean is not known here.
//!
//! Nothing is believed that a dump says of itself: lengths are only taken as far as there are bytes, documents may be nested so
//! deep and no deeper, and the search for a way on after damage takes time in proportion to what is passed over.

mod archive;
mod bson_file;
mod choice;
mod extended_json;
mod folder;
mod frames;
mod input;
mod json_file;
mod valid;

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bson::RawDocumentBuf;

use self::{
    archive::Archive,
    folder::{CollectionFile, Files, Form},
    input::{Compression, Input},
};
pub use self::{choice::Wish, input::Progress};

/// A document of a dump.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The collection that it is of, without the name of the database.
    pub collection: Arc<str>,
    /// Where it begins.
    pub place: Place,
    /// The document itself. All of it is sound: lengths, types, UTF-8, and how deep it is nested.
    pub bson: RawDocumentBuf,
}

/// Where something stands in a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's path, or "standard input".
    pub file: Arc<str>,
    /// How many bytes stand before it, counted after decompression.
    pub offset: u64,
    /// In a text: on which line it is, counted from 1.
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, line } = self;
        match line {
            Some(line) => write!(f, "{file}, line {line} (byte {offset})"),
            None => write!(f, "{file}, byte {offset}"),
        }
    }
}

/// Something in a dump that is not as it must be. Reading can always go on behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Damage {
    /// Where it begins.
    pub place: Place,
    /// The collection, if it is known which one is damaged.
    pub collection: Option<Arc<str>>,
    /// What is wrong.
    pub reason: String,
    /// How many bytes cannot be read because of it, counted after decompression: behind them reading goes on.
    pub passed_over: u64,
}

/// Why a dump is not read at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or a folder cannot be opened or read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// It is nothing that would be known here.
    #[error(
        "{name} is no dump: give a folder that mongodump or mongoexport wrote, a file with a name in .bson or .json \
         (with .gz if compressed), or an archive (mongodump --archive)"
    )]
    NoDump {
        /// The path, or "standard input".
        name: String,
    },
    /// An archive of a format that is not known.
    #[error("{name} is an archive of version {version}, and only version 0.1 is known")]
    Version {
        /// The path, or "standard input".
        name: String,
        /// What it says.
        version: String,
    },
    /// None of the wished collections is in it.
    #[error("{name} has none of the collections {wished}; it has {there}")]
    NothingWished {
        /// The path, or "standard input".
        name: String,
        /// The names of the collections.
        wished: String,
        /// Those that are in the dump.
        there: String,
    },
    /// Several databases have wished collections.
    #[error("{name} has several databases that could be meant: {there}; choose one with --database NAME")]
    SeveralDatabases {
        /// The path, or "standard input".
        name: String,
        /// The names of the databases.
        there: String,
    },
    /// The chosen database is not in it.
    #[error("{name} has no database {chosen}; it has {there}")]
    NoSuchDatabase {
        /// The path, or "standard input".
        name: String,
        /// The one that was chosen.
        chosen: String,
        /// Those that are in the dump.
        there: String,
    },
    /// Two files are the same collection.
    #[error(
        "{} and {} are both the collection {collection}: move one of them away",
        one.display(),
        other.display()
    )]
    Twice {
        /// Which collection.
        collection: String,
        /// A file.
        one: PathBuf,
        /// Another file.
        other: PathBuf,
    },
}

/// A dump that is being read: an iterator of its documents. Whoever wants nothing of a damaged dump stops at the first
/// [`Damage`]; whoever wants what can be saved goes on.
pub struct Dump {
    documents: Documents,
    collections: BTreeSet<String>,
    progress: Progress,
}

enum Documents {
    Files { files: Files, left_out: BTreeSet<String> },
    Archive(Box<Archive>),
}

impl Dump {
    /// Opens the dump at a path: a folder, a file, or `-` for an archive on standard input.
    pub fn open(path: &Path, wish: &Wish) -> Result<Self, OpenError> {
        if path == Path::new("-") {
            return Self::read_archive("standard input", io::stdin(), wish);
        }
        let about = fs::metadata(path).map_err(unreadable(path))?;
        if about.is_dir() { Self::open_folder(path, wish) } else { Self::open_file(path, wish) }
    }

    /// Reads an archive, compressed or not, from wherever it comes.
    pub fn read_archive(
        name: &str,
        from: impl io::Read + Send + 'static,
        wish: &Wish,
    ) -> Result<Self, OpenError> {
        let progress = Progress::of(None);
        let input = Input::new(name, progress.count(from), Compression::ByContent);
        Self::archive(input, wish, progress)
    }

    fn open_folder(path: &Path, wish: &Wish) -> Result<Self, OpenError> {
        let databases = folder::survey(path)?;
        let name = path.display().to_string();
        let there = databases.iter().map(|(name, files)| (name.as_str(), files.keys().map(String::as_str)));
        let chosen = wish.choose(&name, there)?;
        let mut left_out = BTreeSet::new();
        let mut files = Vec::new();
        let mut collections = BTreeSet::new();
        for (database, of_it) in databases {
            if database == chosen {
                collections.extend(of_it.keys().cloned());
                files.extend(of_it.into_values());
            } else {
                left_out.extend(of_it.into_keys().map(|collection| namespace(&database, &collection)));
            }
        }
        let progress = Progress::of(Some(files.iter().map(|file| file.size).sum()));
        let documents = Documents::Files { files: Files::new(files, progress.clone()), left_out };
        Ok(Self { documents, collections, progress })
    }

    fn open_file(path: &Path, wish: &Wish) -> Result<Self, OpenError> {
        let file = fs::File::open(path).map_err(unreadable(path))?;
        let about = file.metadata().map_err(unreadable(path))?;
        let size = about.is_file().then_some(about.len());
        let progress = Progress::of(size);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((collection, form)) = Form::of(name) else {
            let name = path.display().to_string();
            let input = Input::new(&name, progress.count(file), Compression::ByContent);
            return Self::archive(input, wish, progress);
        };
        // Such a file has one collection, and does not say of which database: so it is the one that is meant.
        let file = CollectionFile {
            collection: folder::true_name(path, &collection, form),
            path: path.to_owned(),
            form,
            size: size.unwrap_or(0),
        };
        let collections = BTreeSet::from([file.collection.clone()]);
        wish.check(&path.display().to_string(), &collections)?;
        let files = Files::new(vec![file], progress.clone());
        let documents = Documents::Files { files, left_out: BTreeSet::new() };
        Ok(Self { documents, collections, progress })
    }

    fn archive(input: Input, wish: &Wish, progress: Progress) -> Result<Self, OpenError> {
        let archive = Archive::open(input, wish)?;
        let collections = archive.announced();
        Ok(Self { documents: Documents::Archive(Box::new(archive)), collections, progress })
    }

    /// The collections that are to be read, as far as the dump says so beforehand: those without documents, too.
    pub fn collections(&self) -> &BTreeSet<String> {
        &self.collections
    }

    /// What is in the dump and not read, because it is of another database: `database.collection`. Of an archive that is
    /// known when all of it was read.
    pub fn left_out(&self) -> &BTreeSet<String> {
        match &self.documents {
            Documents::Files { left_out, .. } => left_out,
            Documents::Archive(archive) => archive.left_out(),
        }
    }

    /// How far it is read; can be looked at from elsewhere meanwhile.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Iterator for Dump {
    type Item = Result<Document, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.documents {
            Documents::Files { files, .. } => files.next(),
            Documents::Archive(archive) => archive.next(),
        }
    }
}

impl fmt::Debug for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dump").field("collections", &self.collections).finish_non_exhaustive()
    }
}

/// What a collection is called when its database must be named. The log of operations belongs to none.
fn namespace(database: &str, collection: &str) -> String {
    if database.is_empty() { collection.to_owned() } else { format!("{database}.{collection}") }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    |reason| OpenError::Unreadable { path, reason }
}
