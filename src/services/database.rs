//! Care for the database: the self-check, its backups, what it is made of, and how it is made smaller. What takes long is done one
//! thing at a time.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::{
    Error, Services,
    disks::file_system,
    leisure::{Pieces, at_leisure, stream},
};
use crate::{
    domain::{
        backup::{has_room, is_due, is_worth_a_try, made_at, name, order, too_many},
        database::{Check, Compacted, Size},
        warning::Warning,
    },
    export::{self, ExportError},
    store::{
        StoreError,
        backup::{BackupError, PART, Unfinished},
    },
};

/// The setting under which is kept by what the automatic backups of this database are told from those of others.
const BACKUPS_ID: &str = "backups-id";

/// What an export says of the program that made it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `[backup]`: automatic backups.
#[derive(Debug, Clone)]
pub struct BackupPolicy {
    /// Where they are.
    pub folder: PathBuf,
    /// How often one is made; nothing: never.
    pub every: Option<SignedDuration>,
    /// How many are kept.
    pub keep: usize,
}

/// A backup that was made automatically, and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeBackup {
    /// Of which moment it is.
    pub at: Timestamp,
    /// The file.
    pub file: PathBuf,
    /// How large it is.
    pub bytes: u64,
}

/// What is known about the database and its backups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// The newest backup in the folder of the automatic ones.
    pub newest_backup: Option<MadeBackup>,
    /// What is wrong with them.
    backup_trouble: Option<BackupTrouble>,
    /// When the database was last checked, and what was wrong with it.
    checked: Option<(Timestamp, Option<String>)>,
}

/// Backups fail.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BackupTrouble {
    /// Since when.
    since: Timestamp,
    /// When one was last tried.
    tried: Timestamp,
    /// Why that failed.
    why: String,
}

/// What this file is about, as part of [`Services`].
#[derive(Default)]
pub(super) struct Care {
    turns: Arc<Turns>,
    condition: Mutex<Condition>,
    /// Is the database being compacted?
    compacting: watch::Sender<bool>,
}

impl Care {
    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So long somebody waits for what takes long, of which one thing is done at a time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Who may do something that takes long.
#[derive(Default)]
struct Turns {
    is_taken: Mutex<bool>,
    given_back: Condvar,
}

/// One has it until it is dropped.
struct Turn(Arc<Turns>);

impl Turns {
    fn take(self: &Arc<Self>) -> Result<Turn, Error> {
        let is_taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.given_back.wait_timeout_while(is_taken, PATIENCE, |is_taken| *is_taken);
        let (mut is_taken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *is_taken, true) { Err(Error::Busy) } else { Ok(Turn(Arc::clone(self))) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.is_taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given_back.notify_one();
    }
}

/// The database is being compacted until this is dropped.
struct Compacting<'a>(&'a watch::Sender<bool>);

impl<'a> Compacting<'a> {
    fn begin(told: &'a watch::Sender<bool>) -> Self {
        told.send_replace(true);
        Self(told)
    }
}

impl Drop for Compacting<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

impl Services {
    /// What is known about the database and its backups.
    pub fn condition(&self) -> Condition {
        self.care.condition().clone()
    }

    /// Checks the database if that was not done since the start, and makes a backup if it is time for one. It takes long; what
    /// goes wrong becomes a warning.
    pub async fn look_after_database(self: &Arc<Self>) -> Result<(), Error> {
        let stem = self.backup_stem().await?;
        let own = Arc::clone(self);
        at_leisure("database", move || own.check_and_back_up(&stem)).await
    }

    fn check_and_back_up(&self, stem: &str) {
        let Ok(_turn) = self.care.turns.take() else { return };
        if self.condition().checked.is_none() {
            // What is found is in the log, and warned of.
            let _ = self.check();
        }
        if let Some(every) = self.policy.backups.every {
            self.look_after_backups(stem, every);
        }
    }

    /// What the names of the automatic backups of this database begin with. Other databases may have theirs in the same
    /// folder, and have the same name.
    async fn backup_stem(&self) -> Result<String, Error> {
        let known: Option<String> =
            self.store.read(self.now(), |tx| Ok::<_, Error>(tx.setting(BACKUPS_ID)?))?;
        let id = match known {
            Some(id) => id,
            None => self.setting(BACKUPS_ID, new_id).await?,
        };
        let name = self.policy.places.database.file_stem().unwrap_or_default();
        Ok(format!("{}-{id}", name.to_string_lossy()))
    }

    /// Looks where the database contradicts itself. It takes long.
    pub fn check_database(&self) -> Result<Check, Error> {
        let _turn = self.care.turns.take()?;
        self.check()
    }

    fn check(&self) -> Result<Check, Error> {
        let now = self.now();
        let found = self.store.snapshot(now).and_then(|tx| tx.contradictions()).map(Check::new);
        let trouble = match &found {
            Err(error) if error.is_closed() => return Ok(found?),
            Err(error) => Some(error.to_string()),
            Ok(found) => found.trouble(),
        };
        if let Some(trouble) = &trouble {
            tracing::error!(
                trouble,
                "the database contradicts itself: see `flamenco-manager database check`"
            );
        } else {
            tracing::info!("the database was checked and is in order");
        }
        self.care.condition().checked = Some((now, trouble));
        Ok(found?)
    }

    /// Sees to it that there is a backup that is new enough; after a failure only now and then.
    fn look_after_backups(&self, stem: &str, every: SignedDuration) {
        let now = self.now();
        let trouble = self.care.condition().backup_trouble.clone();
        if trouble.as_ref().is_some_and(|trouble| !is_worth_a_try(trouble.tried, every, now)) {
            return;
        }
        let trouble = match self.back_up_if_due(stem, every, now) {
            Ok(()) => None,
            Err(BackupError::Store(error)) if error.is_closed() => return,
            Err(error) => {
                tracing::error!(%error, "no backup of the database could be made");
                let since = trouble.map_or(now, |trouble| trouble.since);
                Some(BackupTrouble { since, tried: now, why: error.to_string() })
            }
        };
        self.care.condition().backup_trouble = trouble;
    }

    /// Makes an automatic backup if it is time for one, and removes the oldest if there are too many. As long as the database
    /// is known to contradict itself none is removed: the oldest may be the only ones that are good.
    fn back_up_if_due(&self, stem: &str, every: SignedDuration, now: Timestamp) -> Result<(), BackupError> {
        let there = self.backups(stem)?;
        let newest = there.iter().max_by_key(|backup| order(backup.at, now)).cloned();
        self.care.condition().newest_backup.clone_from(&newest);
        if !is_due(newest.as_ref().map(|backup| backup.at), every, now) {
            return Ok(());
        }
        let backup = self.back_up(self.backup_at(stem, now), now, newest.map_or(0, |backup| backup.bytes))?;
        tracing::info!(file = %backup.file.display(), bytes = backup.bytes, "a backup of the database was made");
        let mut condition = self.care.condition();
        condition.newest_backup = Some(backup);
        let is_in_order = condition.contradiction().is_none();
        drop(condition);
        if is_in_order {
            let made = there.iter().map(|backup| backup.at).chain([now]).collect();
            for backup in too_many(made, self.policy.backups.keep, now) {
                remove(&self.backup_at(stem, backup));
            }
        }
        Ok(())
    }

    /// Makes a backup in this file and reads it back; `usual` is how large the last one was.
    fn back_up(&self, file: PathBuf, at: Timestamp, usual: u64) -> Result<MadeBackup, BackupError> {
        let folder = &self.policy.backups.folder;
        fs::create_dir_all(folder).map_err(|error| self.in_backups(&error))?;
        self.has_room_for_backup(usual)?;
        let mut unfinished = Unfinished::begin(&file).map_err(|error| self.in_backups(&error))?;
        let to = Checked { to: unfinished.file(), unchecked: 0, check: || self.has_room_for_backup(0) };
        self.store.snapshot(at)?.back_up(to)?;
        unfinished.finish()?;
        let bytes = fs::metadata(&file)?.len();
        Ok(MadeBackup { at, file, bytes })
    }

    /// Is there room for so many bytes, and for the farm?
    fn has_room_for_backup(&self, bytes: u64) -> io::Result<()> {
        let BackupPolicy { folder, .. } = &self.policy.backups;
        let Some((_, space)) = file_system(folder) else { return Ok(()) };
        if has_room(space, bytes, self.policy.min_free_space) {
            return Ok(());
        }
        let why = format!("there is too little room on the disk with {}: {space}", folder.display());
        Err(io::Error::new(io::ErrorKind::StorageFull, why))
    }

    /// The automatic backups that are there. What was cut off by a kill is removed.
    fn backups(&self, stem: &str) -> io::Result<Vec<MadeBackup>> {
        let mut backups = Vec::new();
        let entries = match fs::read_dir(&self.policy.backups.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(backups),
            entries => entries.map_err(|error| self.in_backups(&error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| self.in_backups(&error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(at) = made_at(stem, name) {
                let bytes = entry.metadata().map_or(0, |file| file.len());
                backups.push(MadeBackup { at, file: entry.path(), bytes });
            } else if Path::new(name).extension() == Some(OsStr::new(PART))
                && made_at(stem, &name[..name.len() - PART.len() - 1]).is_some()
            {
                remove(&entry.path());
            }
        }
        Ok(backups)
    }

    /// What went wrong in the folder of the backups, with its name.
    fn in_backups(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.policy.backups.folder.display()))
    }

    fn backup_at(&self, stem: &str, at: Timestamp) -> PathBuf {
        self.policy.backups.folder.join(name(stem, at))
    }

    /// A backup of the database as it is now, piece by piece. One that is not whole ends with an error. It may take a moment
    /// until it begins.
    pub fn stream_backup(&self) -> Result<Pieces, Error> {
        let turn = self.care.turns.take()?;
        let look = self.store.snapshot(self.now())?;
        stream("backup", move |to| {
            let _turn = turn;
            look.back_up(to).map(drop)
        })
    }

    /// Everything in the database as it is now, for other programs, piece by piece. What is not whole ends with an error.
    /// It may take a moment until it begins.
    pub fn stream_export(&self) -> Result<Pieces, Error> {
        let turn = self.care.turns.take()?;
        let look = self.store.snapshot(self.now())?;
        stream("export", move |to| {
            let _turn = turn;
            export::write(&look, VERSION, to)
        })
    }

    /// The same, written at once: for a database that no Manager runs on.
    pub fn export(&self, to: impl Write) -> Result<(), ExportError> {
        export::write(&self.store.snapshot(self.now())?, VERSION, to)
    }

    /// How large the database is, and what it is made of. It takes long.
    pub fn database_size(&self) -> Result<Size, Error> {
        let _turn = self.care.turns.take()?;
        let tables = self.store.snapshot(self.now())?.table_sizes()?;
        Ok(Size::new(self.store.file_size(), tables))
    }

    /// Gives the room in the file that nothing is in back to the disk. Until that is done everybody waits.
    pub fn compact_database(&self) -> Result<Compacted, Error> {
        let _turn = self.care.turns.take()?;
        let _told = Compacting::begin(&self.care.compacting);
        match self.store.compact() {
            Err(StoreError::Busy) => Err(Error::Busy),
            compacted => Ok(compacted?),
        }
    }

    /// Waits until the database is being compacted: while that goes on, nothing else can be waited for.
    pub async fn compaction(&self) {
        // It lives as long as these services, so there is no error.
        let _ = self.care.compacting.subscribe().wait_for(|is_so| *is_so).await;
    }

    /// Does the file have on the disk what was written there? It is for a database that no Manager runs on.
    pub fn file_is_intact(&self) -> Result<bool, Error> {
        Ok(self.store.is_intact()?)
    }
}

impl Condition {
    /// What of it somebody should know.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Warning> {
        let contradiction = self.contradiction().map(|(at, found)| Warning::database_contradicts(at, found));
        let newest = self.newest_backup.as_ref().map(|backup| backup.at);
        let backups = self.backup_trouble.as_ref();
        let backups = backups.map(|BackupTrouble { since, why, .. }| Warning::no_backup(*since, why, newest));
        contradiction.into_iter().chain(backups)
    }

    /// When the last self-check was, and what it found, if that is anything.
    fn contradiction(&self) -> Option<(Timestamp, &str)> {
        let (at, found) = self.checked.as_ref()?;
        Some((*at, found.as_deref()?))
    }
}

fn new_id() -> String {
    let mut id = uuid::Uuid::new_v4().simple().to_string();
    id.truncate(8);
    id
}

/// As many bytes are written between two checks.
const UNCHECKED: usize = 16 << 20;

/// Writes as long as a check, made now and then, is passed.
struct Checked<W, C> {
    to: W,
    check: C,
    unchecked: usize,
}

impl<W: Write, C: FnMut() -> io::Result<()>> Write for Checked<W, C> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unchecked >= UNCHECKED {
            (self.check)()?;
            self.unchecked = 0;
        }
        let written = self.to.write(bytes)?;
        self.unchecked += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        tracing::warn!(file = %file.display(), %error, "an old backup cannot be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_checked_now_and_then() {
        let mut checks = 0;
        let check = || {
            checks += 1;
            if checks < 3 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        };
        let mut checked = Checked { to: io::sink(), check, unchecked: 0 };
        let piece = vec![0; 1 << 20];
        let written = (0..100).take_while(|_| checked.write_all(&piece).is_ok()).count();
        assert_eq!(written, 3 * UNCHECKED / piece.len());
    }
}
