//! The database: one redb file, one writer, and everything that is acknowledged is on disk.
//!
//! Nobody else names redb. Nobody but a table's own file writes its indices.
#![allow(clippy::disallowed_types, reason = "this is the module that may name redb's database")]

mod all;
mod audit;
pub mod backup;
mod blacklist;
mod bulk;
mod check;
mod codec;
mod dependencies;
mod events;
mod extras;
mod failures;
pub mod heartbeats;
mod jobs;
mod keys;
mod migrations;
mod minutes;
pub mod new_file;
mod people;
mod ready;
mod recent_tasks;
mod records;
mod schema;
mod server_wishes;
mod settings;
mod submissions;
mod task_history;
mod tasks;
mod touched;
mod tx;
mod updates;
mod upkeep;
mod workers;
mod writer;

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use jiff::Timestamp;
use redb::{Database, DatabaseError, ReadableDatabase, StorageError};

use self::{
    backup::{BackupError, Unfinished},
    heartbeats::Heartbeats,
    schema::SCHEMA_VERSION,
    touched::Watch,
    writer::Writer,
};
pub use self::{
    blacklist::BlacklistEntry,
    bulk::Settled,
    extras::ExtraOf,
    people::SecretDigest,
    ready::ReadyGroup,
    server_wishes::LogRequest,
    touched::{Set, Touched},
    tx::{ReadTx, Rows, Tx, WriteTx},
    updates::Queued,
};

/// How much of the file is kept in memory. Farms of a million tasks have to fit into 200 MB in all.
const CACHE_BYTES: usize = 48 << 20;

/// The name of the thread on which a file is opened. A panic there means that the file is damaged: it becomes
/// an error, and nobody has to read of it otherwise.
pub const OPENING: &str = "opening the database";

/// Something went wrong with the database itself.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read or written.
    #[error("the database cannot be read or written")]
    Storage(#[source] Arc<redb::Error>),
    /// The file holds something that this program did not write.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// Something is too large for one record. Callers have limits of their own; this one keeps what is on disk readable.
    #[error("{what} of {bytes} bytes is too large to be stored")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// How large it would be.
        bytes: usize,
    },
    /// A change had to be given up because of a mistake in the program.
    #[error("a change of the database was given up: {0}")]
    Panicked(String),
    /// The Manager is stopping.
    #[error("the database is closed")]
    Closed,
    /// Something goes on that needs the database as it is.
    #[error("the database is being looked at; try again when that is done")]
    Busy,
}

impl StoreError {
    /// Was the database closed meanwhile?
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Storage(error) => matches!(**error, redb::Error::DatabaseClosed),
            other => matches!(other, Self::Closed),
        }
    }

    /// Did reading or writing the file itself fail? Then nothing works until it is opened anew.
    fn is_io(&self) -> bool {
        use redb::Error::{DatabaseClosed, Io, LockPoisoned, PreviousIo};
        let Self::Storage(error) = self else { return false };
        matches!(**error, Io(_) | PreviousIo | DatabaseClosed | LockPoisoned(_))
    }

    /// redb itself gave up in the middle of its work.
    fn gave_up(why: String) -> Self {
        Self::Storage(Arc::new(redb::Error::Io(std::io::Error::other(why))))
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Storage(Arc::new(error.into()))
            }
        })*
    };
}
from_redb!(redb::Error, StorageError, redb::TableError, redb::TransactionError, redb::CommitError);

/// Why a database file was not opened. Such a file is never changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{path}: the database is in use by another Flamenco Manager; stop that one first, or set another `database_path`"
    )]
    InUse {
        /// The file.
        path: String,
    },
    /// It is something else, or damaged.
    #[error(
        "{path}: this is no database of Flamenco Manager, or it is damaged ({reason}); it was left as it is. Restore a backup, or set another `database_path`"
    )]
    Foreign {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It was written by a later version.
    #[error(
        "{path}: the database has schema version {found}, written by {program}; this is Flamenco Manager {}, which knows \
         schema versions up to {SCHEMA_VERSION}: use {program}, or restore a backup from before",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The file.
        path: String,
        /// The version of the schema in the file.
        found: u32,
        /// The program that is needed, with its version.
        program: String,
    },
    /// It was written by an earlier version, and there is no backup of it as it is.
    #[error(
        "{path}: the database has schema version {found}, and before it becomes one of version {SCHEMA_VERSION} a backup is \
         made, which failed: {reason}; the database was left as it is. Make room on the disk, or the folder writable"
    )]
    NotBackedUp {
        /// The file.
        path: String,
        /// The version of the schema in the file.
        found: u32,
        /// What went wrong.
        reason: BackupError,
    },
    /// The operating system says no.
    #[error("{path}: the database cannot be opened: {reason}; {}", advice(reason.kind()))]
    Io {
        /// The file.
        path: String,
        /// What it says.
        reason: std::io::Error,
    },
}

/// What to do when a file cannot be opened.
fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "make the folder, or set another `database_path`",
        ErrorKind::PermissionDenied => {
            "do this as the user who runs the Manager, who has to be able to write the file and its folder"
        }
        ErrorKind::StorageFull => "make room on the disk",
        _ => "check that the folder can be written and that the disk is not full",
    }
}

/// Opens the database: the first time, and again after reading or writing it has failed.
type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// The database.
pub struct Store {
    file: Arc<DatabaseFile>,
    writer: Mutex<Option<Writer>>,
}

/// The open file, which can be opened anew.
struct DatabaseFile {
    path: String,
    opener: Opener,
    /// Where a backup is put before the file becomes one of this version.
    backups_beside: Option<PathBuf>,
    open: RwLock<Option<Database>>,
    /// What is newer than the file, as far as signs of life go.
    heartbeats: Arc<Heartbeats>,
    watch: Watch,
}

/// What an open database holds.
enum Contents {
    Nothing,
    /// Ours, of this earlier version of the schema.
    Older(u32),
    Ours,
}

impl Store {
    /// Opens the database at `path`, or makes it. One of an earlier version becomes one of this version; a backup of what
    /// it was is made beside it first.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = DatabaseFile { backups_beside: Some(path.to_owned()), ..DatabaseFile::at(path) };
        file.look_at(path)?;
        Self::start(file)
    }

    /// The same for a copy, of which there is no need to make a backup.
    pub fn open_copy(path: &Path) -> Result<Self, OpenError> {
        let file = DatabaseFile::at(path);
        file.look_at(path)?;
        Self::start(file)
    }

    /// Opens a database that `opener` brings; `name` stands for it in messages.
    pub fn open_with(name: &str, opener: Opener) -> Result<Self, OpenError> {
        Self::start(DatabaseFile::new(name.to_owned(), opener))
    }

    fn start(file: DatabaseFile) -> Result<Self, OpenError> {
        let file = Arc::new(file);
        file.reopen(true)?;
        let writer = Writer::start(Arc::clone(&file)).map_err(|error| file.io_error(error))?;
        Ok(Self { file, writer: Mutex::new(Some(writer)) })
    }

    /// A database in memory, for tests.
    pub fn in_memory() -> Result<Self, OpenError> {
        let opener = || Database::builder().create_with_backend(redb::backends::InMemoryBackend::new());
        Self::open_with("memory", Box::new(opener))
    }

    /// Runs `act` on the database as it is now.
    pub fn read<T, E: From<StoreError>>(
        &self,
        now: Timestamp,
        act: impl FnOnce(&ReadTx) -> Result<T, E>,
    ) -> Result<T, E> {
        let open = self.file.open.read().unwrap_or_else(PoisonError::into_inner);
        let database = open.as_ref().ok_or(StoreError::Closed)?;
        let txn = database.begin_read().map_err(StoreError::from)?;
        act(&ReadTx::open(txn, now, Arc::clone(&self.file.heartbeats)))
    }

    /// A look at the database as it is now, for work that takes long: nobody waits for its end. When the database is closed,
    /// or opened anew, the look ends with an error. While it lasts the file grows with what is changed.
    pub fn snapshot(&self, now: Timestamp) -> Result<ReadTx, StoreError> {
        let open = self.file.open.read().unwrap_or_else(PoisonError::into_inner);
        let txn = open.as_ref().ok_or(StoreError::Closed)?.begin_read()?;
        Ok(ReadTx::open(txn, now, Arc::clone(&self.file.heartbeats)))
    }

    /// Changes the database: `act` happens whole or, when it returns an error, not at all. The answer comes
    /// when the change is on disk.
    ///
    /// Changes that wait together are written together, in the order in which they were asked for. `act` may
    /// be run more than once; only its last run counts.
    pub async fn write<T, E, A>(&self, now: Timestamp, act: A) -> Result<T, E>
    where
        A: FnMut(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let answer = {
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.as_ref().ok_or(StoreError::Closed)?.submit(now, act)?
        };
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Signs of life, which are too frequent to be transactions.
    pub fn heartbeats(&self) -> &Heartbeats {
        &self.file.heartbeats
    }

    /// From now on [`Store::touched`] tells what was changed.
    pub fn watch(&self) {
        self.file.watch.begin();
    }

    /// Ends that.
    pub fn stop_watching(&self) {
        self.file.watch.end();
    }

    /// What was changed since the last time somebody asked; nothing if nothing was written at all.
    pub fn touched(&self) -> Option<Touched> {
        self.file.watch.take()
    }

    /// Finishes the changes that wait and closes the file. Whatever comes later is told that the database is
    /// closed.
    pub fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            writer.finish();
        }
        drop(self.file.open.write().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl DatabaseFile {
    fn new(path: String, opener: Opener) -> Self {
        let (open, backups_beside) = (RwLock::new(None), None);
        Self { path, opener, backups_beside, open, heartbeats: Arc::default(), watch: Watch::default() }
    }

    /// The file at `path`, which is made when it is opened, if it is not there.
    fn at(path: &Path) -> Self {
        let (name, path) = (path.display().to_string(), PathBuf::from(path));
        Self::new(name, Box::new(move || Database::builder().set_cache_size(CACHE_BYTES).create(&path)))
    }

    /// Refuses what is not ours before redb opens it for good and, as it always does, writes to it.
    fn look_at(&self, path: &Path) -> Result<(), OpenError> {
        if std::fs::metadata(path).map_or(true, |file| file.len() == 0) {
            return Ok(());
        }
        self.guarded(|| match Database::builder().set_cache_size(0).open_read_only(path) {
            Ok(database) => self.identify(&database).map(drop),
            // It was not closed in good order. Only opening it for good can mend that.
            Err(DatabaseError::RepairAborted) => Ok(()),
            Err(error) => Err(self.explain(error)),
        })
    }

    /// Opens the file, after closing it if it was open, and makes sure that it is ours. Only if it `may_be_new` it may be
    /// empty: one that was in use is so when its disk is gone, and the farm must not begin anew.
    fn reopen(&self, may_be_new: bool) -> Result<(), OpenError> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let old = open.take();
        let opened = self.guarded(move || {
            drop(old);
            let database = (self.opener)().map_err(|error| self.explain(error))?;
            match self.identify(&database)? {
                Contents::Ours => {}
                Contents::Older(version) => self.modernise(&database, version)?,
                Contents::Nothing if !may_be_new => return Err(self.foreign("all that was in it is gone")),
                Contents::Nothing => {
                    self.create_all(&database).map_err(|error| self.explain_store(error))?;
                    tracing::info!(database = self.path, "a new database was made");
                }
            }
            Ok(database)
        });
        *open = Some(opened?);
        Ok(())
    }

    /// redb panics on some damaged files.
    fn guarded<T: Send>(&self, open: impl FnOnce() -> Result<T, OpenError> + Send) -> Result<T, OpenError> {
        std::thread::scope(|scope| {
            let opening = std::thread::Builder::new().name(OPENING.into()).spawn_scoped(scope, open);
            let opening = opening.map_err(|error| self.io_error(error))?;
            opening.join().unwrap_or_else(|_| Err(self.foreign("it cannot be understood")))
        })
    }

    /// Is it a database of ours, or a new one? It is an error if it is of another program or of a later version.
    fn identify(&self, database: &impl ReadableDatabase) -> Result<Contents, OpenError> {
        let read = || -> Result<_, StoreError> {
            let txn = database.begin_read()?;
            let is_empty = txn.list_tables()?.next().is_none();
            Ok((is_empty, schema::version_in(&txn)?, schema::program_in(&txn)?))
        };
        match read().map_err(|error| self.explain_store(error))? {
            (true, ..) => Ok(Contents::Nothing),
            (_, None, _) => Err(self.foreign("it belongs to another program")),
            (_, Some(SCHEMA_VERSION), _) => Ok(Contents::Ours),
            (_, Some(version), _) if version < migrations::FIRST => {
                Err(self.foreign("its version cannot be read"))
            }
            (_, Some(version), _) if version < SCHEMA_VERSION => Ok(Contents::Older(version)),
            (_, Some(found), program) => {
                let program = program.map_or("a later Flamenco Manager".into(), |version| {
                    format!("Flamenco Manager {version}")
                });
                Err(OpenError::Newer { path: self.path.clone(), found, program })
            }
        }
    }

    /// Makes a file of an earlier version one of this version.
    fn modernise(&self, database: &Database, version: u32) -> Result<(), OpenError> {
        if let Some(path) = &self.backups_beside {
            let backup = back_up_first(database, path).map_err(|reason| OpenError::NotBackedUp {
                path: self.path.clone(),
                found: version,
                reason,
            })?;
            tracing::info!(backup = %backup.display(), "a backup of the database was made, of its earlier version");
        }
        migrations::migrate(database, version).map_err(|error| self.explain_store(error))?;
        tracing::info!(
            database = self.path,
            from = version,
            to = SCHEMA_VERSION,
            "the database is of this version now"
        );
        Ok(())
    }

    /// Makes all tables.
    fn create_all(&self, database: &Database) -> Result<(), StoreError> {
        let txn = database.begin_write()?;
        drop(WriteTx::open(&txn, Arc::clone(&self.heartbeats))?);
        schema::stamp(&txn)?;
        Ok(txn.commit()?)
    }

    /// Does something with the database that needs it alone. Whoever wants to read or write waits.
    fn alone<T>(&self, act: impl FnOnce(&mut Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        act(open.as_mut().ok_or(StoreError::Closed)?).map_err(|error| match error {
            redb::Error::TransactionInProgress => StoreError::Busy,
            error => error.into(),
        })
    }

    fn explain_store(&self, error: StoreError) -> OpenError {
        match error {
            StoreError::Storage(error) => match &*error {
                // It is behind an `Arc`, as it may be told to many.
                redb::Error::Io(error) => {
                    self.explain_io(std::io::Error::new(error.kind(), error.to_string()))
                }
                other => self.foreign(&other.to_string()),
            },
            other => self.foreign(&other.to_string()),
        }
    }

    fn explain(&self, error: DatabaseError) -> OpenError {
        match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: self.path.clone() },
            DatabaseError::Storage(StorageError::Io(error)) => self.explain_io(error),
            other => self.foreign(&other.to_string()),
        }
    }

    /// Is it the disk, or what is on it?
    fn explain_io(&self, error: std::io::Error) -> OpenError {
        match error.kind() {
            ErrorKind::InvalidData => self.foreign(&error.to_string()),
            ErrorKind::UnexpectedEof => self.foreign("it is too short"),
            _ => self.io_error(error),
        }
    }

    fn foreign(&self, reason: &str) -> OpenError {
        OpenError::Foreign { path: self.path.clone(), reason: reason.to_owned() }
    }

    fn io_error(&self, reason: std::io::Error) -> OpenError {
        OpenError::Io { path: self.path.clone(), reason }
    }
}

/// Makes a backup of a database that is about to become one of this version, beside it; returns its path.
fn back_up_first(database: &Database, path: &Path) -> Result<PathBuf, BackupError> {
    // As far as the disk knows what time it is: here nobody else is asked.
    let now = Timestamp::try_from(std::fs::metadata(path)?.modified()?).unwrap_or_default();
    let backup = path.with_added_extension(format!("before-schema-{SCHEMA_VERSION}.backup"));
    let txn = database.begin_read().map_err(StoreError::from)?;
    let mut unfinished = Unfinished::begin(&backup)?;
    backup::write(&txn, now, unfinished.file())?;
    unfinished.replace()?;
    Ok(backup)
}

#[cfg(test)]
mod tests;
