//! How much room there is where the Manager writes, and whether that is enough for anything new.

use std::{
    path::{Path, PathBuf},
    sync::PoisonError,
};

use super::Services;
use crate::domain::{disk::Space, warning::Warning};

/// Where the Manager writes.
#[derive(Debug, Clone)]
pub struct Places {
    /// `database_path`
    pub database: PathBuf,
    /// `task_logs_path`
    pub task_logs: PathBuf,
}

/// How much room there was when it was last looked, as far as the system tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disks {
    /// Where the database is.
    pub database: Option<Space>,
    /// Where the task logs are.
    pub task_logs: Option<Space>,
    /// Whether that is the same file system.
    pub is_one: bool,
}

/// There is too little room on a disk for anything new.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the disk with {contents} has too little room: {space}; make room there, or lower min_free_space in the configuration"
)]
pub struct NoRoom {
    contents: &'static str,
    space: Space,
}

impl Disks {
    /// What is on each disk of which something is known, and its room.
    fn by_contents(self) -> impl Iterator<Item = (&'static str, Space)> {
        let Self { database, task_logs, is_one } = self;
        let first = if is_one { "the database and the task logs" } else { "the database" };
        let logs = task_logs.filter(|_| !is_one).map(|space| ("the task logs", space));
        database.map(|space| (first, space)).into_iter().chain(logs)
    }

    /// Is there room for something new on all disks, with so many bytes left free?
    fn room(self, least: u64) -> Result<(), NoRoom> {
        let full = self.by_contents().find(|(_, space)| space.is_full(least));
        full.map_or(Ok(()), |(contents, space)| Err(NoRoom { contents, space }))
    }

    /// What is to be said of them.
    pub(super) fn warnings(self, least: u64) -> impl Iterator<Item = Warning> {
        self.by_contents().filter_map(move |(contents, space)| Warning::disk(contents, space, least))
    }
}

impl Services {
    /// Looks how much room there is. It blocks: a disk may be at the other end of a network.
    pub fn look_at_disks(&self) {
        let Places { database, task_logs } = &self.policy.places;
        let (database, task_logs) = (file_system(database), file_system(task_logs));
        let is_one = match (&database, &task_logs) {
            (Some((one, _)), Some((other, _))) => one == other,
            _ => false,
        };
        let space = |found: Option<(u64, Space)>| found.map(|(_, space)| space);
        self.disks_are(Disks { database: space(database), task_logs: space(task_logs), is_one });
    }

    /// From now on this is how much room there is, until it is looked again.
    pub fn disks_are(&self, disks: Disks) {
        let before =
            std::mem::replace(&mut *self.disks.lock().unwrap_or_else(PoisonError::into_inner), disks);
        let least = self.policy.min_free_space;
        match (before.room(least), disks.room(least)) {
            (Ok(()), Err(no_room)) => tracing::error!("nothing new is taken: {no_room}"),
            (Err(_), Ok(())) => tracing::info!("there is room on the disks again: jobs are taken as ever"),
            _ => {}
        }
    }

    /// Is there room for something new: for jobs, and what else can wait? Workers and what they say never have to.
    pub fn room(&self) -> Result<(), NoRoom> {
        self.disks().room(self.policy.min_free_space)
    }

    /// How much room there was when it was last looked.
    pub fn disks(&self) -> Disks {
        *self.disks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which file system a path is on, or will be on when it is made, and the room there; nothing if it does not tell.
#[cfg(unix)]
pub(super) fn file_system(path: &Path) -> Option<(u64, Space)> {
    let here = Path::new(".");
    let mut folders =
        path.ancestors().map(|folder| if folder.as_os_str().is_empty() { here } else { folder });
    let found = folders.find_map(|folder| rustix::fs::statvfs(folder).ok())?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    // Some file systems, of those that are programs, do not tell.
    (found.f_blocks > 0)
        .then_some((found.f_fsid, Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks) }))
}

/// Nobody is warned on other systems.
#[cfg(not(unix))]
pub(super) fn file_system(_: &Path) -> Option<(u64, Space)> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_where_it_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let here = file_system(folder.path()).unwrap();
        let there = file_system(&folder.path().join("not/there/yet")).unwrap();
        assert_eq!((there.0, there.1.total), (here.0, here.1.total));
        assert!(here.1.total >= here.1.free && here.1.total > 0);
        assert!(file_system(Path::new("not-there-yet")).is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_system_that_does_not_tell_is_not_taken_for_a_full_one() {
        assert_eq!(file_system(Path::new("/proc")), None);
    }
}
