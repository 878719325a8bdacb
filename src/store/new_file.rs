//! A file that is to take the place of the database: it is made beside it and put in place in one step. Until then nobody
//! sees it, and nobody else can use the place; whatever goes wrong, what was there stays.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use redb::Database;

use super::{Contents, DatabaseFile, OpenError, back_up_first};
use crate::files::sync_folder_of;

/// A file that is to take the place of the database. Unless it is put there it is removed again; what a process that was
/// killed left of one, the next one removes.
pub struct NewFile {
    place: PathBuf,
    path: PathBuf,
    /// What is in the place, open, so that no Manager uses it meanwhile; nothing if it is so damaged that none could.
    held: Option<Database>,
    /// Was there nothing before, so that what holds the place is nothing but that?
    is_first: bool,
    is_in_place: bool,
}

impl NewFile {
    /// Takes hold of `place`, so that no Manager can start there or run there, and makes room for the new file, which is
    /// not made. It is an error if a Manager runs.
    pub fn beside(place: &Path) -> Result<Self, OpenError> {
        let is_first = fs::metadata(place).map_or(true, |file| file.len() == 0);
        let file = DatabaseFile::at(place);
        let held = match file.guarded(|| (file.opener)().map_err(|error| file.explain(error))) {
            Ok(database) => Some(database),
            Err(OpenError::Foreign { .. }) => None,
            Err(error) => return Err(error),
        };
        // It is there now. Where it is called by a link the link stays, and what it leads to is replaced.
        let place = fs::canonicalize(place).map_err(|error| file.io_error(error))?;
        let path = place.with_added_extension("new");
        let new = Self { place, path, held, is_first, is_in_place: false };
        new.remove().map_err(|error| file.io_error(error))?;
        Ok(new)
    }

    /// The same, if what is in the place is to be added to: a database of ours, or nothing. It is an error if anything else is
    /// there, which is not touched.
    pub fn beside_ours(place: &Path) -> Result<Self, OpenError> {
        let file = DatabaseFile::at(place);
        file.look_at(place)?;
        let new = Self::beside(place)?;
        // What was not closed in good order can only be judged now.
        let held = new.held.as_ref().ok_or_else(|| file.foreign("it cannot be understood"))?;
        file.identify(held)?;
        Ok(new)
    }

    /// Where to write it. It has to be closed, and on disk, before it is put in place.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Is there nothing in the place that it is to take?
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// Makes it a copy of what is in the place now.
    pub fn copy_what_is_there(&self) -> io::Result<()> {
        fs::copy(&self.place, &self.path).map(drop)
    }

    /// Puts it in place, with the owner and the mode of what was there, which is then called `kept`, or is no more. If that was
    /// of an earlier version there is a backup of it, as there is when it is opened. At any moment there is either the old
    /// or the new, whole. Back after this, it is on disk. Where nothing was there, root makes it for the owner of the folder.
    pub fn put_in_place(mut self, kept: Option<&Path>) -> io::Result<()> {
        let new = fs::File::open(&self.path)?;
        if self.is_first {
            let folder =
                self.place.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            // Others cannot give files away, and need not.
            let _ = own_as(&fs::metadata(folder)?, &self.path);
        } else {
            inherit(&fs::metadata(&self.place)?, &self.path)?;
            match kept {
                // Not every file system has a second name for a file.
                Some(kept) => {
                    fs::hard_link(&self.place, kept).or_else(|_| fs::copy(&self.place, kept).map(drop))?;
                }
                None => self.back_up_what_is_older()?,
            }
        }
        new.sync_all()?;
        fs::rename(&self.path, &self.place)?;
        self.is_in_place = true;
        sync_folder_of(&self.place)
    }

    fn back_up_what_is_older(&self) -> io::Result<()> {
        let Some(held) = &self.held else { return Ok(()) };
        if let Ok(Contents::Older(_)) = DatabaseFile::at(&self.place).identify(held) {
            back_up_first(held, &self.place).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.is_in_place {
            return;
        }
        if let Err(error) = self.remove() {
            tracing::warn!(file = %self.path.display(), %error, "an unfinished file cannot be removed; it is of no use");
        }
        if self.is_first {
            // An empty database is as good as none. It goes while it is held: no Manager has begun to use it.
            let _ = fs::remove_file(&self.place);
        }
    }
}

/// Gives the file the owner and the mode of another: whoever could use that can use it.
fn inherit(from: &fs::Metadata, path: &Path) -> io::Result<()> {
    own_as(from, path).map_err(|error| {
        let why = format!("it cannot be given its owner: {error}; do this as that user, or as root");
        io::Error::new(error.kind(), why)
    })?;
    fs::set_permissions(path, from.permissions())
}

/// Gives the file the owner of another.
#[cfg(unix)]
fn own_as(from: &fs::Metadata, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let now = fs::metadata(path)?;
    if (now.uid(), now.gid()) == (from.uid(), from.gid()) {
        return Ok(());
    }
    chown(path, Some(from.uid()), Some(from.gid()))
}

/// Elsewhere it has the owner that the folder gives it.
#[cfg(not(unix))]
fn own_as(_: &fs::Metadata, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreError};

    const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

    /// A database that can be told from others.
    fn write(path: &Path, who: &str) {
        let store = Store::open(path).unwrap();
        let who = who.to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let named = store.write(NOW, move |tx| tx.put_setting("who", &who));
        runtime.block_on(named).unwrap();
    }

    fn who(path: &Path) -> Option<String> {
        Store::open(path).unwrap().read::<_, StoreError>(NOW, |tx| tx.setting("who")).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_takes_the_place_and_the_old_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (place, kept) = (folder.path().join("farm.redb"), folder.path().join("kept"));
        write(&place, "old");
        let new = NewFile::beside(&place).unwrap();
        assert!(!new.is_first());
        write(new.path(), "new");
        new.put_in_place(Some(&kept)).unwrap();
        assert_eq!((who(&place).as_deref(), who(&kept).as_deref()), (Some("new"), Some("old")));
        assert_eq!(names(folder.path()), ["farm.redb", "kept"]);
    }

    #[test]
    fn one_that_is_given_up_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("farm.redb");
        let new = NewFile::beside(&place).unwrap();
        assert!(new.is_first());
        write(new.path(), "new");
        drop(new);
        assert_eq!(names(folder.path()), [""; 0]);
        write(&place, "old");
        let new = NewFile::beside(&place).unwrap();
        write(new.path(), "new");
        drop(new);
        assert_eq!((who(&place).as_deref(), names(folder.path())), (Some("old"), vec!["farm.redb".into()]));
    }

    #[test]
    fn nobody_else_has_the_place_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("farm.redb");
        for what in ["nothing", "something"] {
            let new = NewFile::beside(&place).unwrap();
            assert!(matches!(Store::open(&place), Err(OpenError::InUse { .. })), "beside {what}");
            assert!(matches!(NewFile::beside(&place), Err(OpenError::InUse { .. })), "beside {what}");
            write(new.path(), what);
            new.put_in_place(None).unwrap();
            assert_eq!(who(&place).as_deref(), Some(what));
        }
        let _running = Store::open(&place).unwrap();
        assert!(matches!(NewFile::beside(&place), Err(OpenError::InUse { .. })));
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_a_damaged_database_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("farm.redb");
        fs::write(&place, "this is no database").unwrap();
        fs::write(place.with_added_extension("new"), "half of one").unwrap();
        let new = NewFile::beside(&place).unwrap();
        write(new.path(), "new");
        new.put_in_place(Some(&folder.path().join("kept"))).unwrap();
        assert_eq!(who(&place).as_deref(), Some("new"));
        assert_eq!(fs::read_to_string(folder.path().join("kept")).unwrap(), "this is no database");
    }

    #[test]
    fn it_begins_with_what_is_there_if_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("farm.redb");
        write(&place, "old");
        let new = NewFile::beside(&place).unwrap();
        new.copy_what_is_there().unwrap();
        assert_eq!(who(new.path()).as_deref(), Some("old"));
        new.put_in_place(None).unwrap();
        assert_eq!(who(&place).as_deref(), Some("old"));
    }

    #[test]
    fn of_an_earlier_version_there_is_a_backup() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("farm.redb");
        fs::copy("tests/fixtures/schema-1.redb", &place).unwrap();
        let new = NewFile::beside(&place).unwrap();
        new.copy_what_is_there().unwrap();
        Store::open_copy(new.path()).unwrap().close();
        new.put_in_place(None).unwrap();
        let [database, backup] = &names(folder.path())[..] else { panic!("{:?}", names(folder.path())) };
        assert!(database == "farm.redb" && backup.starts_with("farm.redb.before-schema-"), "{backup}");
        assert_eq!(crate::store::backup::verify(&folder.path().join(backup)).unwrap().schema, 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_database_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (place, real) = (folder.path().join("farm.redb"), folder.path().join("disk").join("real.redb"));
        fs::create_dir(folder.path().join("disk")).unwrap();
        std::os::unix::fs::symlink(&real, &place).unwrap();
        for who_writes in ["first", "second"] {
            let new = NewFile::beside(&place).unwrap();
            write(new.path(), who_writes);
            new.put_in_place(None).unwrap();
            assert_eq!((who(&place).as_deref(), who(&real).as_deref()), (Some(who_writes), Some(who_writes)));
        }
        assert!(fs::symlink_metadata(&place).unwrap().is_symlink());
        assert_eq!(names(folder.path()), ["disk", "farm.redb"]);
        assert_eq!(names(&folder.path().join("disk")), ["real.redb"]);
    }

    #[cfg(unix)]
    #[test]
    fn whoever_could_use_the_old_one_can_use_the_new_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("farm.redb");
        write(&place, "old");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).unwrap();
        let new = NewFile::beside(&place).unwrap();
        write(new.path(), "new");
        new.put_in_place(None).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[cfg(unix)]
    #[test]
    fn the_first_one_is_of_whom_its_folder_is() {
        use std::os::unix::fs::{MetadataExt, chown};
        let folder = tempfile::tempdir().unwrap();
        // Unless it is root who tests this, the folder stays one's own.
        let _ = chown(folder.path(), Some(65534), Some(65534));
        let place = folder.path().join("farm.redb");
        let new = NewFile::beside(&place).unwrap();
        write(new.path(), "new");
        new.put_in_place(None).unwrap();
        let owner = |path: &Path| fs::metadata(path).map(|of| (of.uid(), of.gid())).unwrap();
        assert_eq!(owner(&place), owner(folder.path()));
    }
}
