//! Which files may be read: those below folders that somebody configured, and nothing else, whatever names and links say.

use std::{
    fs::File,
    io,
    path::{Component, Path, PathBuf},
    time::SystemTime,
};

use super::darkroom::Undeveloped;

/// Larger files are not opened.
const MOST_BYTES: u64 = 1 << 30;

/// The folders below which pictures are read.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    folders: Vec<PathBuf>,
}

/// A file that may be read.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Which it is, and in what state.
    pub seen: Seen,
}

/// A file in a state: if it is written to, it is in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    path: PathBuf,
    /// How long it is, in bytes.
    pub length: u64,
    written: Option<SystemTime>,
}

/// Why a picture is not shown.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Nothing may be read at all.
    #[error(
        "no folder is configured from which pictures may be read: give a two-way variable a value for this machine's \
         platform, or set `watch_for_latest_image`"
    )]
    NoFolders,
    /// It is not in one of the folders, by its name or in truth.
    #[error(
        "it is not below the folder of a two-way variable or `watch_for_latest_image`, as this machine knows them: \
         only such files are read"
    )]
    Outside,
    /// It is a folder, a device, or the like.
    #[error("it is no ordinary file")]
    NotAFile,
    /// There is too much of it.
    #[error("it is larger than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
    /// It is not there, however often one looks.
    #[error(
        "it is not there: check that this machine has the shared storage at the same place as the variables say"
    )]
    Missing,
    /// It is empty, or becomes another whenever one looks.
    #[error("it is still being written, or empty")]
    Unfinished,
    /// It cannot be opened.
    #[error("it cannot be opened: {0}; check that the user who runs the Manager may read it")]
    Closed(io::Error),
    /// What is in it cannot be shown.
    #[error(transparent)]
    Undeveloped(#[from] Undeveloped),
    /// What came out was no picture.
    #[error("what was made of it is no picture, which is a mistake of the program")]
    Broken,
}

impl Reach {
    /// What is below these folders. Those that are nowhere in particular (`render`), or everywhere (`/`), are none.
    pub fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let is_somewhere = |folder: &PathBuf| {
            folder.is_absolute() && folder.components().any(|part| matches!(part, Component::Normal(_)))
        };
        // A drive of Windows is a place of its own.
        let is_drive = |folder: &PathBuf| cfg!(windows) && folder.is_absolute();
        let folders =
            folders.into_iter().map(whole_drive).filter(|folder| is_somewhere(folder) || is_drive(folder));
        Self { folders: folders.collect() }
    }

    /// The folders.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Opens a file that may be read.
    ///
    /// By its name it has to be below one of the folders; so nobody learns by asking what there is elsewhere. And when all
    /// links are followed it has to be below one, too. It is opened without following any link, so that it does not help to
    /// put one there meanwhile. What remains: other names of a file (hard links), which only somebody can make who may
    /// write to the shared storage; and on Windows the moment between the look and the opening.
    pub fn open(&self, path: &Path) -> Result<Opened, Refused> {
        if self.folders.is_empty() {
            return Err(Refused::NoFolders);
        }
        let is_plain = !path.components().any(|part| part == Component::ParentDir);
        if !is_plain || !self.folders.iter().any(|folder| path.starts_with(folder)) {
            return Err(Refused::Outside);
        }
        let real = path.canonicalize().map_err(closed)?;
        let folders = self.folders.iter().filter_map(|folder| folder.canonicalize().ok());
        let below = folders.into_iter().find(|folder| real.starts_with(folder) && real != *folder);
        let folder = below.ok_or(Refused::Outside)?;
        // Some devices do something when they are opened.
        if !real.symlink_metadata().map_err(closed)?.is_file() {
            return Err(Refused::NotAFile);
        }
        let file = open_below(&folder, &real).map_err(closed)?;
        let about = file.metadata().map_err(closed)?;
        if !about.is_file() {
            return Err(Refused::NotAFile);
        }
        if about.len() > MOST_BYTES {
            return Err(Refused::TooLarge);
        }
        let seen = Seen { path: real, length: about.len(), written: about.modified().ok() };
        Ok(Opened { file, seen })
    }
}

/// `R:` alone is wherever somebody is on that drive; what is meant is all of it.
fn whole_drive(folder: PathBuf) -> PathBuf {
    if cfg!(windows) && folder.as_os_str().to_string_lossy().ends_with(':') {
        PathBuf::from(format!("{}/", folder.display()))
    } else {
        folder
    }
}

fn closed(error: io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::NotFound => Refused::Missing,
        _ => Refused::Closed(error),
    }
}

/// Opens `file`, which is below `folder`, a part of the path at a time and no link anywhere.
#[cfg(unix)]
fn open_below(folder: &Path, file: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let below = file.strip_prefix(folder).map_err(io::Error::other)?;
    let common = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = openat(CWD, folder, common | OFlags::DIRECTORY, Mode::empty())?;
    for part in below.parent().into_iter().flat_map(Path::components) {
        at = openat(&at, part.as_os_str(), common | OFlags::DIRECTORY, Mode::empty())?;
    }
    let name = below.file_name().unwrap_or_default();
    // A pipe that has taken the file's place would let us wait for somebody who writes to it.
    Ok(openat(&at, name, common | OFlags::NONBLOCK, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open_below(_: &Path, file: &Path) -> io::Result<File> {
    File::open(file)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    struct Place {
        _all: tempfile::TempDir,
        root: PathBuf,
        reach: Reach,
    }

    /// A folder `render` that may be read, beside one that may not.
    fn place() -> Place {
        let all = tempfile::tempdir().unwrap();
        let root = all.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("render/shot")).unwrap();
        fs::create_dir(root.join("secret")).unwrap();
        fs::write(root.join("render/shot/1.png"), "picture").unwrap();
        fs::write(root.join("secret/1.png"), "secret").unwrap();
        let reach = Reach::new([root.join("render")]);
        Place { _all: all, root, reach }
    }

    #[test]
    fn a_file_below_a_folder_is_opened() {
        let Place { root, reach, .. } = &place();
        let opened = reach.open(&root.join("render/shot/1.png")).unwrap();
        assert_eq!(opened.seen.length, 7);
        assert_eq!(reach.open(&root.join("render//shot/./1.png")).unwrap().seen, opened.seen);
    }

    #[test]
    fn what_is_elsewhere_is_not_even_looked_at() {
        let Place { root, reach, .. } = &place();
        for path in [
            "secret/1.png",
            "secret/none.png",
            "render/../secret/1.png",
            "render2/1.png",
            "render/shot/../1.png",
        ] {
            assert!(matches!(reach.open(&root.join(path)), Err(Refused::Outside)), "{path}");
        }
        for path in ["/etc/passwd", "/dev/zero", "render/shot/1.png", ""] {
            assert!(matches!(reach.open(Path::new(path)), Err(Refused::Outside)), "{path}");
        }
    }

    #[test]
    fn links_lead_nowhere_else() {
        let Place { root, reach, .. } = &place();
        symlink(root.join("secret/1.png"), root.join("render/link.png")).unwrap();
        symlink(root.join("secret"), root.join("render/linked")).unwrap();
        symlink("../secret/1.png", root.join("render/relative.png")).unwrap();
        symlink(root.join("secret/none.png"), root.join("render/nowhere.png")).unwrap();
        symlink(root.join("render/shot"), root.join("render/inside")).unwrap();
        for path in ["render/link.png", "render/linked/1.png", "render/relative.png"] {
            assert!(matches!(reach.open(&root.join(path)), Err(Refused::Outside)), "{path}");
        }
        assert!(matches!(reach.open(&root.join("render/nowhere.png")), Err(Refused::Missing)));
        assert!(reach.open(&root.join("render/inside/1.png")).is_ok());
        // Whoever configures a link means what is behind it.
        symlink(root.join("render"), root.join("storage")).unwrap();
        assert!(Reach::new([root.join("storage")]).open(&root.join("storage/shot/1.png")).is_ok());
    }

    #[test]
    fn a_link_that_was_put_there_after_the_look_is_not_followed() {
        let Place { root, .. } = &place();
        symlink(root.join("secret"), root.join("render/linked")).unwrap();
        symlink(root.join("secret/1.png"), root.join("render/link.png")).unwrap();
        for path in ["render/linked/1.png", "render/link.png"] {
            assert!(open_below(&root.join("render"), &root.join(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn only_ordinary_files_are_opened_and_a_pipe_keeps_nobody_waiting() {
        let Place { root, reach, .. } = &place();
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("render/pipe.png"), 0o600.into()).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("render/socket.png")).unwrap();
        fs::create_dir(root.join("render/folder.png")).unwrap();
        for path in ["render/pipe.png", "render/socket.png", "render/folder.png", "render/shot"] {
            assert!(matches!(reach.open(&root.join(path)), Err(Refused::NotAFile)), "{path}");
        }
        assert!(open_below(&root.join("render"), &root.join("render/pipe.png")).is_ok());
        assert!(matches!(reach.open(&root.join("render")), Err(Refused::Outside)));
        let devices = Reach::new([PathBuf::from("/dev")]);
        assert!(matches!(devices.open(Path::new("/dev/zero")), Err(Refused::NotAFile)));
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let Place { root, reach, .. } = &place();
        let path = root.join("render/large.exr");
        fs::File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert!(matches!(reach.open(&path), Err(Refused::TooLarge)));
    }

    #[test]
    fn folders_that_are_everywhere_or_nowhere_are_none() {
        let reach = Reach::new(["/", "", "render", "./render", "//"].map(PathBuf::from));
        assert!(reach.folders().is_empty(), "{reach:?}");
        assert!(matches!(reach.open(Path::new("/etc/passwd")), Err(Refused::NoFolders)));
    }

    #[test]
    fn whatever_becomes_of_a_file_it_is_in_another_state_then() {
        let Place { root, reach, .. } = &place();
        let path = root.join("render/shot/1.png");
        let first = reach.open(&path).unwrap().seen;
        fs::write(&path, "picture, longer").unwrap();
        assert_ne!(reach.open(&path).unwrap().seen, first);
    }
}
