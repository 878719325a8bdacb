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
    leisure::{Pieces, stream},
};
use crate::{
    domain::{
        backup::{has_room, is_due, made_at, name, next_try, too_many},
        database::{Check, Compacted, Size},
        warning::Warning,
    },
    export::{self, ExportError},
    store::{
        StoreError,
        backup::{BackupError, PART, Unfinished},
    },
};

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
    /// Since when they have failed, and why the last one did.
    backup_trouble: Option<(Timestamp, String)>,
    /// Not before then the next one is tried.
    next_backup: Option<Timestamp>,
    /// When the database was last checked, and what was wrong with it.
    checked: Option<(Timestamp, Option<String>)>,
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
    pub fn look_after_database(&self) {
        let Ok(_turn) = self.care.turns.take() else { return };
        if self.condition().checked.is_none() {
            // What is found is in the log, and warned of.
            let _ = self.check();
        }
        self.back_up_if_due();
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

    /// Makes an automatic backup if it is time for one, and removes the oldest if there are too many.
    fn back_up_if_due(&self) {
        let BackupPolicy { every, keep, .. } = &self.policy.backups;
        let Some(every) = *every else { return };
        let now = self.now();
        let there = self.backups();
        let newest = there.iter().max_by_key(|backup| backup.at).cloned();
        let mut condition = self.care.condition();
        condition.newest_backup.clone_from(&newest);
        let waits = condition.next_backup.is_some_and(|then| now < then);
        drop(condition);
        let made: Vec<_> = there.iter().map(|backup| backup.at).collect();
        if waits || !is_due(&made, every, now) {
            return;
        }
        match self.back_up(now, newest.map(|backup| backup.bytes)) {
            Ok(backup) => {
                tracing::info!(file = %backup.file.display(), bytes = backup.bytes, "a backup of the database was made");
                let mut condition = self.care.condition();
                let newest_backup = Some(backup.clone());
                *condition =
                    Condition { newest_backup, backup_trouble: None, next_backup: None, ..condition.clone() };
            }
            Err(BackupError::Store(error)) if error.is_closed() => return,
            Err(error) => {
                tracing::error!(%error, "no backup of the database could be made");
                let mut condition = self.care.condition();
                let since = condition.backup_trouble.as_ref().map_or(now, |(since, _)| *since);
                condition.backup_trouble = Some((since, error.to_string()));
                condition.next_backup = Some(next_try(every, now));
                return;
            }
        }
        for backup in too_many(made.into_iter().chain([now]).collect(), *keep) {
            remove(&self.backup_at(backup));
        }
    }

    /// Makes a backup and reads it back; `usual` is how large the last one was.
    fn back_up(&self, now: Timestamp, usual: Option<u64>) -> Result<MadeBackup, BackupError> {
        let folder = &self.policy.backups.folder;
        let in_folder =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(in_folder)?;
        let bytes = usual.unwrap_or_else(|| self.store.file_size());
        let least_free = self.policy.min_free_space;
        if let Some((_, space)) =
            file_system(folder).filter(|(_, space)| !has_room(*space, bytes, least_free))
        {
            let why = format!("there is too little room on the disk with {}: {space}", folder.display());
            return Err(io::Error::new(io::ErrorKind::StorageFull, why).into());
        }
        let file = self.backup_at(now);
        let mut unfinished = Unfinished::begin(&file).map_err(in_folder)?;
        self.store.snapshot(now)?.back_up(unfinished.file())?;
        unfinished.finish()?;
        let bytes = fs::metadata(&file)?.len();
        Ok(MadeBackup { at: now, file, bytes })
    }

    /// The automatic backups that are there. What was cut off by a kill is removed.
    fn backups(&self) -> Vec<MadeBackup> {
        let BackupPolicy { folder, .. } = &self.policy.backups;
        // There may be none yet; if it cannot be read, making a backup says so.
        let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let mut backups = Vec::new();
        for entry in entries {
            let (name, stem) = (entry.file_name(), self.backup_stem());
            let Some(name) = name.to_str() else { continue };
            if let Some(at) = made_at(&stem, name) {
                let bytes = entry.metadata().map_or(0, |file| file.len());
                backups.push(MadeBackup { at, file: entry.path(), bytes });
            } else if Path::new(name).extension() == Some(OsStr::new(PART))
                && made_at(&stem, &name[..name.len() - PART.len() - 1]).is_some()
            {
                remove(&entry.path());
            }
        }
        backups
    }

    fn backup_at(&self, at: Timestamp) -> PathBuf {
        self.policy.backups.folder.join(name(&self.backup_stem(), at))
    }

    /// What the names of the backups of this database begin with.
    fn backup_stem(&self) -> String {
        let stem = self.policy.places.database.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
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
        let contradictions = self.checked.as_ref().and_then(|(at, trouble)| {
            trouble.as_ref().map(|trouble| Warning::database_contradicts(*at, trouble))
        });
        let newest = self.newest_backup.as_ref().map(|backup| backup.at);
        let backups =
            self.backup_trouble.as_ref().map(|(since, why)| Warning::no_backup(*since, why, newest));
        contradictions.into_iter().chain(backups)
    }
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        tracing::warn!(file = %file.display(), %error, "an old backup cannot be removed");
    }
}
