//! Backups: all rows of the database at one moment, in a file that tells when it is not whole.
//!
//! ```text
//! 8 bytes    "FlmncoBk"
//! 4 bytes    the version of this format, 1; as all numbers here, with the big end first
//! 4 bytes    the length of the head
//! the head   a JSON document: `program` and `schema`, the versions of the program and of the schema of the database; `made`,
//!            the moment; `tables`, a list of `name` and `rows`
//! a zstd frame of what follows, table by table in the order of the head:
//!     each row: 4 bytes, the length of its key; the key; 4 bytes, the length of its value; the value
//!     the end of a table: 4 bytes of 0xff, and in 8 bytes how many rows there were
//! 32 bytes   the SHA-256 of everything before
//! ```
//!
//! Keys and values are as they are in the database, so a backup can be made and restored by a program that does not know
//! what they mean. Signs of life that are in memory alone are not in it.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Take, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use jiff::Timestamp;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    TableHandle,
};
use serde::{Deserialize, Serialize};
use zstd::{Decoder, Encoder};

use super::{CACHE_BYTES, Contents, DatabaseFile, OpenError, StoreError, schema};
use crate::files::sync_folder_of;

const MAGIC: [u8; 8] = *b"FlmncoBk";
const FORMAT: u32 = 1;

/// Takes a seventh of the time of the usual one, for a file that is hardly larger.
const LEVEL: i32 = 1;

/// A frame that wants more memory than 2 to the power of this was not written here.
const LARGEST_WINDOW: u32 = 24;

/// In place of the length of a key: the table ends.
const END_OF_TABLE: u32 = u32::MAX;

/// No head is longer, and no row has a longer key or value: what claims more is damaged, and gets no memory.
const LONGEST: u32 = 128 << 20;

/// Behind the name of a backup that is being made.
pub const PART: &str = "part";

/// As many bytes are gathered before they are compressed or written.
const PIECE: usize = 256 << 10;

/// As many bytes of rows are restored in one transaction.
const TRANSACTION: usize = 64 << 20;

type Rows<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// A key and its value.
type Row<'a> = (&'a [u8], &'a [u8]);

/// What a backup begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the program that made it; of a database that is too new for that one, of the program that it needs.
    pub program: String,
    /// The version of the schema of the database in it.
    pub schema: u32,
    /// The moment at which the database was like that.
    pub made: Timestamp,
    /// The tables, in their order in the file.
    pub tables: Vec<TableHead>,
}

/// A table in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableHead {
    /// What it is called.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
}

impl Head {
    /// How many rows the table of this name has; none if there is no such table.
    pub fn rows(&self, name: &str) -> u64 {
        self.tables.iter().find(|table| table.name == name).map_or(0, |table| table.rows)
    }
}

/// Why a backup was not made, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be read, or the one that is being made cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written, or not be read at all.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error(
        "this is no backup of Flamenco Manager: `flamenco-manager backup` makes one, and the Manager itself every day"
    )]
    Foreign,
    /// It is of a later program.
    #[error(
        "this backup has format version {0}, which this program does not know; use the version of Flamenco Manager that made it"
    )]
    OtherFormat(u32),
    /// The database in it is of a later program.
    #[error(
        "the database in this backup has schema version {schema}; it needs Flamenco Manager {program} or later, and this is {}",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The version of the schema.
        schema: u32,
        /// The version of the program that made the backup.
        program: String,
    },
    /// Something in it is not as it was written.
    #[error("this backup is damaged or not whole: {0}")]
    Damaged(String),
}

fn damaged(why: impl Into<String>) -> BackupError {
    BackupError::Damaged(why.into())
}

/// Reading a file that should be long enough has failed.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err takes")]
fn unreadable(error: io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        _ => damaged(error.to_string()),
    }
}

/// Writes all that `txn` sees, with the time `made`.
pub(super) fn write(txn: &ReadTransaction, made: Timestamp, out: impl Write) -> Result<Head, BackupError> {
    let head = head(txn, made)?;
    let mut out = Summed { inner: out, sum: Context::new(&SHA256) };
    let json = serde_json::to_vec(&head).map_err(io::Error::from)?;
    out.write_all(&MAGIC)?;
    out.write_all(&FORMAT.to_be_bytes())?;
    out.write_all(&length(&json)?.to_be_bytes())?;
    out.write_all(&json)?;

    let mut frame = Encoder::new(out, LEVEL)?;
    let mut piece = Vec::with_capacity(2 * PIECE);
    for TableHead { name, .. } in &head.tables {
        let table = txn.open_table(Rows::new(name)).map_err(StoreError::from)?;
        let mut rows: u64 = 0;
        for row in table.iter().map_err(StoreError::from)? {
            let (key, value) = row.map_err(StoreError::from)?;
            for bytes in [key.value(), value.value()] {
                piece.extend(length(bytes)?.to_be_bytes());
                piece.extend(bytes);
            }
            rows += 1;
            if piece.len() >= PIECE {
                frame.write_all(&piece)?;
                piece.clear();
            }
        }
        piece.extend(END_OF_TABLE.to_be_bytes());
        piece.extend(rows.to_be_bytes());
    }
    frame.write_all(&piece)?;
    let Summed { inner: mut out, sum } = frame.finish()?;
    out.write_all(sum.finish().as_ref())?;
    out.flush()?;
    Ok(head)
}

fn head(txn: &ReadTransaction, made: Timestamp) -> Result<Head, StoreError> {
    let mut tables = Vec::new();
    for table in txn.list_tables()? {
        let rows = txn.open_untyped_table(table.clone())?.len()?;
        tables.push(TableHead { name: table.name().to_owned(), rows });
    }
    let schema = schema::version_in(txn)?.ok_or_else(|| StoreError::Corrupt("it has no version".into()))?;
    // Of a later version this program knows no more than who made it.
    let later = schema::program_in(txn)?.filter(|_| schema > schema::SCHEMA_VERSION);
    let program = later.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned());
    Ok(Head { program, schema, made, tables })
}

fn length(bytes: &[u8]) -> Result<u32, StoreError> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LONGEST);
    length.ok_or(StoreError::TooLarge { what: "a row of a backup", bytes: bytes.len() })
}

/// A backup that is being made: under another name, until it is whole and was read back. If it is given up it is removed.
pub struct Unfinished {
    path: PathBuf,
    part: PathBuf,
    file: File,
    is_finished: bool,
}

impl Unfinished {
    /// Begins the backup at `path`, which must not be there. Nobody but its owner may read it: it has what workers and
    /// people are known by.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let part = path.with_added_extension(PART);
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&part)?;
        Ok(Self { path: path.to_owned(), part, file, is_finished: false })
    }

    /// Where to write it.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Brings it to the disk, reads it back, and gives it its name, which nothing else may have. Says what is in it.
    pub fn finish(self) -> Result<Head, BackupError> {
        if self.path.try_exists()? {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        self.replace()
    }

    /// The same, in the place of what may have the name.
    pub(super) fn replace(mut self) -> Result<Head, BackupError> {
        self.file.sync_all()?;
        let head = verify(&self.part)?;
        fs::rename(&self.part, &self.path)?;
        self.is_finished = true;
        sync_folder_of(&self.path)?;
        Ok(head)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        if let Err(error) = fs::remove_file(&self.part) {
            tracing::warn!(file = %self.part.display(), %error, "half a backup cannot be removed; it is of no use");
        }
    }
}

/// Makes a backup of the database in a file that no Manager uses, whatever version it has, without changing what is in it.
pub fn of_file(database: &Path, now: Timestamp, out: impl Write) -> Result<Head, OfFileError> {
    let file = DatabaseFile::at(database);
    let open = file.guarded(|| {
        let open = (file.opener)().map_err(|error| file.explain(error))?;
        match file.identify(&open) {
            Ok(Contents::Nothing) => Err(file.foreign("there is nothing in it")),
            Ok(_) | Err(OpenError::Newer { .. }) => Ok(open),
            Err(error) => Err(error),
        }
    })?;
    let txn = open.begin_read().map_err(StoreError::from).map_err(BackupError::from)?;
    Ok(write(&txn, now, out)?)
}

/// Why there is no backup of a file.
#[derive(Debug, thiserror::Error)]
pub enum OfFileError {
    /// It cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The backup was not made.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// Reads the whole file, and says what is in it, if every byte is as it was written.
pub fn verify(path: &Path) -> Result<Head, BackupError> {
    let mut reader = Reader::open(path)?;
    for _ in 0..reader.head.tables.len() {
        while reader.next_row()?.is_some() {}
    }
    reader.finish()
}

/// Makes a database of the backup, in the file `to`, which must not be there. If it fails, what there is of that is of no
/// use.
pub fn restore(backup: &Path, to: &Path) -> Result<Head, BackupError> {
    let mut reader = Reader::open(backup)?;
    let Head { schema, program, tables, .. } = reader.head.clone();
    if schema > schema::SCHEMA_VERSION {
        return Err(BackupError::Newer { schema, program });
    }
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(to);
    let database = database.map_err(|error| StoreError::Storage(redb::Error::from(error).into()))?;
    for TableHead { name, .. } in &tables {
        while restore_some(&mut reader, &database, name)? {}
    }
    let head = reader.finish()?;
    database.close().map_err(|error| StoreError::Storage(redb::Error::from(error).into()))?;
    Ok(head)
}

/// Restores rows of the table in one transaction, and returns whether there are more.
fn restore_some(reader: &mut Reader, database: &Database, name: &str) -> Result<bool, BackupError> {
    let txn = database.begin_write().map_err(StoreError::from)?;
    let mut table = txn.open_table(Rows::new(name)).map_err(StoreError::from)?;
    let mut bytes = 0;
    let mut has_more = true;
    while has_more && bytes < TRANSACTION {
        match reader.next_row()? {
            Some((key, value)) => {
                bytes += key.len() + value.len();
                table.insert(key, value).map_err(StoreError::from)?;
            }
            None => has_more = false,
        }
    }
    drop(table);
    txn.commit().map_err(StoreError::from)?;
    Ok(has_more)
}

/// What is between the file and its zstd frame: all but the sum at the end.
type Summarized = BufReader<Summed<Take<File>>>;

/// Reads a backup from its beginning to its end.
struct Reader {
    head: Head,
    rows: BufReader<Decoder<'static, Summarized>>,
    /// What the file says its sum is.
    sum: [u8; SHA256_OUTPUT_LEN],
    /// How many tables, and how many rows of the next one, were read.
    read: (usize, u64),
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, BackupError> {
        let mut file = File::open(path)?;
        let covered = file.metadata()?.len().saturating_sub(SHA256_OUTPUT_LEN as u64);
        let mut begin = [0; MAGIC.len()];
        if file.read_exact(&mut begin).is_err() || begin != MAGIC {
            return Err(BackupError::Foreign);
        }
        let sum = sum_at(&mut file, covered).map_err(unreadable)?;
        let file = Summed { inner: file.take(covered), sum: Context::new(&SHA256) };
        let mut file = BufReader::with_capacity(PIECE, file);
        file.read_exact(&mut begin).map_err(unreadable)?;
        let format = read_number(&mut file)?;
        if format != FORMAT {
            return Err(BackupError::OtherFormat(format));
        }
        let mut json = Vec::new();
        let length = read_number(&mut file)?;
        read_bytes(&mut file, length, &mut json)?;
        let head: Head = serde_json::from_slice(&json)
            .map_err(|error| damaged(format!("its head cannot be read: {error}")))?;
        let mut frame = Decoder::with_buffer(file)?.single_frame();
        frame.window_log_max(LARGEST_WINDOW)?;
        let rows = BufReader::with_capacity(PIECE, frame);
        Ok(Self { head, rows, sum, read: (0, 0), key: Vec::new(), value: Vec::new() })
    }

    /// The next row; nothing at the end of a table. Behind the last table nobody may ask.
    fn next_row(&mut self) -> Result<Option<Row<'_>>, BackupError> {
        let length = read_number(&mut self.rows)?;
        if length == END_OF_TABLE {
            let (tables, rows) = std::mem::take(&mut self.read);
            self.read.0 = tables + 1;
            let mut counted = [0; 8];
            self.rows.read_exact(&mut counted).map_err(unreadable)?;
            let expected = self.head.tables.get(tables).map(|table| table.rows);
            if rows != u64::from_be_bytes(counted) || Some(rows) != expected {
                return Err(damaged("it has not as many rows as it says"));
            }
            return Ok(None);
        }
        read_bytes(&mut self.rows, length, &mut self.key)?;
        let length = read_number(&mut self.rows)?;
        read_bytes(&mut self.rows, length, &mut self.value)?;
        self.read.1 += 1;
        Ok(Some((&self.key, &self.value)))
    }

    /// Behind the last table: is that the end, and was everything as it was written?
    fn finish(mut self) -> Result<Head, BackupError> {
        let more = io::copy(&mut self.rows, &mut io::sink()).map_err(unreadable)?;
        let mut file = self.rows.into_inner().finish();
        let behind = io::copy(&mut file, &mut io::sink()).map_err(unreadable)?;
        if more + behind > 0 {
            return Err(damaged("there is something behind its end"));
        }
        if file.into_inner().sum.finish().as_ref() != self.sum {
            return Err(damaged("its checksum is wrong"));
        }
        Ok(self.head)
    }
}

/// The sum that stands at `place`, which is the end. The file is at its beginning then.
fn sum_at(file: &mut File, place: u64) -> io::Result<[u8; SHA256_OUTPUT_LEN]> {
    use io::Seek;
    let mut sum = [0; SHA256_OUTPUT_LEN];
    file.seek(io::SeekFrom::Start(place))?;
    file.read_exact(&mut sum)?;
    file.rewind()?;
    Ok(sum)
}

fn read_number(from: &mut impl Read) -> Result<u32, BackupError> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes).map_err(unreadable)?;
    Ok(u32::from_be_bytes(bytes))
}

/// Reads so many bytes. Memory grows with what is there, not with what is claimed.
fn read_bytes(from: &mut impl Read, length: u32, bytes: &mut Vec<u8>) -> Result<(), BackupError> {
    if length > LONGEST {
        return Err(damaged("it has a length that cannot be"));
    }
    bytes.clear();
    let read = from.take(length.into()).read_to_end(bytes).map_err(unreadable)?;
    if read == length as usize { Ok(()) } else { Err(damaged("it ends too early")) }
}

/// Sums up what goes through.
struct Summed<T> {
    inner: T,
    sum: Context,
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.sum.update(&bytes[..read]);
        Ok(read)
    }
}
