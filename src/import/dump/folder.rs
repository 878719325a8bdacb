//! The files of a dump in a folder: which of them are which collections, and their documents one after another.
//!
//! `mongodump` makes a folder for each database, with `COLLECTION.bson` and `COLLECTION.metadata.json` in it. `mongoexport`
//! makes one file, which people call `COLLECTION.json`. Either may be compressed, and is called `….gz` then.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    vec,
};

use percent_encoding::percent_decode_str;

use super::{
    Damage, Document, OpenError, Place,
    bson_file::BsonFile,
    input::{Compression, Input, Progress},
    json_file::JsonFile,
    unreadable,
};

/// What is in a file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// Extended JSON rather than BSON.
    is_json: bool,
    compression: Compression,
}

impl Form {
    /// The collection and the form of a file of this name, if it is one of documents.
    pub(super) fn of(file_name: &str) -> Option<(String, Self)> {
        let (name, compression) = match file_name.strip_suffix(".gz") {
            Some(name) => (name, Compression::Gzip),
            None => (file_name, Compression::None),
        };
        if let Some(escaped) = name.strip_suffix(".bson") {
            return Some((unescaped(escaped), Self { is_json: false, compression }));
        }
        let name = name.strip_suffix(".json")?;
        let is_about_others = name.ends_with(".metadata") || name == "prelude";
        (!is_about_others).then(|| (name.to_owned(), Self { is_json: true, compression }))
    }
}

/// A file with the documents of one collection.
#[derive(Debug)]
pub(super) struct CollectionFile {
    pub(super) collection: String,
    pub(super) path: PathBuf,
    pub(super) form: Form,
    /// In bytes, as it lies there.
    pub(super) size: u64,
}

impl CollectionFile {
    fn open(&self, progress: &Progress) -> Result<Box<dyn Iterator<Item = Found> + Send>, Damage> {
        let name = self.path.display().to_string();
        let file = File::open(&self.path).map_err(|error| Damage {
            place: Place { file: name.as_str().into(), offset: 0, line: None },
            collection: Some(self.collection.as_str().into()),
            reason: format!("it cannot be opened: {error}"),
            passed_over: self.size,
        })?;
        let input = Input::new(&name, progress.count(file), self.form.compression);
        Ok(if self.form.is_json {
            Box::new(JsonFile::new(input, &self.collection))
        } else {
            Box::new(BsonFile::new(input, &self.collection))
        })
    }
}

type Found = Result<Document, Damage>;

/// The documents of several files.
pub(super) struct Files {
    waiting: vec::IntoIter<CollectionFile>,
    open: Option<Box<dyn Iterator<Item = Found> + Send>>,
    progress: Progress,
}

impl Files {
    pub(super) fn new(files: Vec<CollectionFile>, progress: Progress) -> Self {
        Self { waiting: files.into_iter(), open: None, progress }
    }
}

impl Iterator for Files {
    type Item = Found;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.open.as_mut().and_then(Iterator::next) {
                return Some(found);
            }
            match self.waiting.next()?.open(&self.progress) {
                Ok(file) => self.open = Some(file),
                Err(damage) => return Some(Err(damage)),
            }
        }
    }
}

/// The files of a database by their collections.
type Collections = BTreeMap<String, CollectionFile>;

/// The databases of a dump by their names. The folder may be that of the whole dump or that of a database.
pub(super) fn survey(folder: &Path) -> Result<BTreeMap<String, Collections>, OpenError> {
    let whole = folder.canonicalize().map_err(unreadable(folder))?;
    let mut databases = BTreeMap::new();
    add_files(folder, databases.entry(name_of(&whole).into_owned()).or_default())?;
    for path in sorted(folder)?.into_iter().filter(|path| path.is_dir()) {
        add_files(&path, databases.entry(name_of(&path).into_owned()).or_default())?;
    }
    databases.retain(|_, collections| !collections.is_empty());
    if databases.is_empty() {
        return Err(OpenError::NoDump { name: folder.display().to_string() });
    }
    Ok(databases)
}

fn add_files(folder: &Path, collections: &mut Collections) -> Result<(), OpenError> {
    for path in sorted(folder)? {
        let Some((collection, form)) = Form::of(&name_of(&path)) else { continue };
        let about = fs::metadata(&path).map_err(unreadable(&path))?;
        if !about.is_file() {
            continue;
        }
        let collection = true_name(&path, &collection, form);
        if let Some(other) = collections.remove(&collection) {
            return Err(OpenError::Twice { collection, one: other.path, other: path });
        }
        let size = about.len();
        collections.insert(collection.clone(), CollectionFile { collection, path, form, size });
    }
    Ok(())
}

fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let entries = fs::read_dir(folder).map_err(unreadable(folder))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(unreadable(folder))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The name of a collection may be too long for a file's name. `mongodump` cuts it off then, puts a checksum behind it, and
/// writes the whole of it into the file of metadata.
pub(super) fn true_name(path: &Path, name_of_file: &str, form: Form) -> String {
    /// So many characters of a name are kept when it is cut off.
    const KEPT: usize = 208;
    let file_name = name_of(path);
    let is_cut_off = !form.is_json && file_name.get(KEPT..).is_some_and(|rest| rest.starts_with("%24"));
    let whole = is_cut_off.then(|| name_in_metadata(path, &file_name, form)).flatten();
    whole.unwrap_or_else(|| name_of_file.to_owned())
}

fn name_in_metadata(path: &Path, file_name: &str, form: Form) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        collection_name: String,
    }
    /// No metadata are as large as this, in bytes.
    const LARGEST: u64 = 16 << 20;
    let (stem, end) = file_name.rsplit_once(".bson")?;
    let metadata = File::open(path.with_file_name(format!("{stem}.metadata.json{end}"))).ok()?;
    let mut input = Input::new("", metadata.take(LARGEST), form.compression);
    let bytes = input.ahead(usize::try_from(LARGEST).ok()?);
    serde_json::from_slice::<Metadata>(bytes).ok().map(|metadata| metadata.collection_name)
}

/// Names are escaped in names of files as they are in the query of an URL.
fn unescaped(name: &str) -> String {
    percent_decode_str(&name.replace('+', " ")).decode_utf8_lossy().into_owned()
}
