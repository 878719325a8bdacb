//! The file by which commands on this machine are known to the running Manager: whoever may read it may do everything. It
//! lies beside the database, which tells and allows its reader as much.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The token.
    pub token: String,
    /// Where the Manager is that knows it; ends in a slash.
    pub url: String,
}

/// Where the file of the Manager with this database is.
pub fn path(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".token");
    name.into()
}

impl Local {
    /// Writes the file, so that nobody ever sees half of it, and nobody but the Manager's user at all.
    pub fn write(&self, database: &Path) -> io::Result<()> {
        let path = path(database);
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        // Such a file is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{}\n{}", self.token, self.url)?;
        file.persist(path)?;
        Ok(())
    }

    /// Reads the file; nothing if there is none, or half of one.
    pub fn read(database: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(path(database)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let mut lines = text.lines().map(str::to_owned);
        Ok(lines.next().zip(lines.next()).map(|(token, url)| Self { token, url }))
    }
}

/// Removes the file: nobody knows its token any more.
pub fn remove(database: &Path) {
    let path = path(database);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(file = %path.display(), %error, "the file with the token for commands cannot be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("farm.redb");
        assert_eq!(Local::read(&database).unwrap(), None);
        let local = Local { token: "flamenco_x".to_owned(), url: "http://127.0.0.1:8080/".to_owned() };
        local.write(&database).unwrap();
        local.write(&database).unwrap();
        assert_eq!(Local::read(&database).unwrap(), Some(local));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join("farm.redb.token")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        remove(&database);
        remove(&database);
        assert_eq!(Local::read(&database).unwrap(), None);
    }
}
