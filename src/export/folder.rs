//! An export as a folder: written as it comes, read when it is whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::{END, FORMAT, Head, Kind};
use crate::files::sync_folder_of;

/// The file that says what there is.
const MANIFEST: &str = "manifest.json";

/// What is in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What the export says of itself.
    #[serde(flatten)]
    pub head: Head,
    /// One for each kind.
    pub files: Vec<Contents>,
}

/// What is in a file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The name of the file.
    pub name: String,
    /// How many things.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The sum of all bytes, in hex digits.
    pub sha256: String,
}

/// Why a folder was not written, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is something in it.
    #[error("{}: there is something in this folder already; name another, which is made", .0.display())]
    NotEmpty(PathBuf),
    /// A file or the folder cannot be written.
    #[error("{}: {source}; check that it can be written and that the disk is not full", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What should become a folder is not what it should be.
    #[error("what came is no export, or not all of it: {0}")]
    Stream(String),
    /// It is something else.
    #[error("{}: this is no export of Flamenco Manager, or not all of it: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It is of a later program.
    #[error(
        "{}: this export has format version {found}, and this program knows {FORMAT}; use Flamenco Manager {program}, which made it",
        path.display()
    )]
    OtherFormat {
        /// The folder.
        path: PathBuf,
        /// The version of the format.
        found: u32,
        /// The version of the program.
        program: String,
    },
    /// A file is not as it was written.
    #[error("{}: this file is not as it was written: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    |source| FolderError::Write { path, source }
}

fn cannot_read(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    |source| FolderError::Read { path, source }
}

/// A folder that is being filled with what is written to it: the stream of an export. What has begun and is dropped leaves
/// nothing behind.
#[derive(Debug)]
pub struct Filling {
    folder: PathBuf,
    /// Whether it was there before.
    was_there: bool,
    /// What came of the line that has yet to end.
    line: Vec<u8>,
    head: Option<Head>,
    current: Option<Current>,
    done: Vec<Contents>,
    is_over: bool,
    is_whole: bool,
    /// Why it was broken off; an error of the system can say but little.
    trouble: Option<FolderError>,
}

/// The file that is being written.
#[derive(Debug)]
struct Current {
    file: BufWriter<File>,
    path: PathBuf,
    name: String,
    lines: u64,
    bytes: u64,
    sum: Sum,
}

impl Filling {
    /// Makes the folder, or takes one that is empty. Nobody but its owner can look into it.
    pub fn begin(folder: &Path) -> Result<Self, FolderError> {
        let was_there = match fs::read_dir(folder).map(Iterator::count) {
            Ok(0) => true,
            Ok(_) => return Err(FolderError::NotEmpty(folder.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(cannot_write(folder)(error)),
        };
        make_folder(folder, was_there).map_err(cannot_write(folder))?;
        Ok(Self {
            folder: folder.to_owned(),
            was_there,
            line: Vec::new(),
            head: None,
            current: None,
            done: Vec::new(),
            is_over: false,
            is_whole: false,
            trouble: None,
        })
    }

    /// Says what is in the folder, if all has come, and leaves it on the disk.
    pub fn finish(mut self) -> Result<Manifest, FolderError> {
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        let head = self.head.clone().filter(|_| self.is_over && self.line.is_empty());
        let head = head.ok_or_else(|| FolderError::Stream("it ends too early".into()))?;
        let manifest = Manifest { head, files: std::mem::take(&mut self.done) };
        let path = self.folder.join(MANIFEST);
        let write = || {
            let mut file = new_file(&path)?;
            serde_json::to_writer_pretty(&mut file, &manifest)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            sync_folder_of(&path)
        };
        write().map_err(cannot_write(&path))?;
        self.is_whole = true;
        Ok(manifest)
    }

    fn take(&mut self, line: &[u8]) -> Result<(), FolderError> {
        let odd = |why: &str| Err(FolderError::Stream(why.to_owned()));
        match line.strip_prefix(b"#") {
            _ if self.is_over => odd("something comes behind its end"),
            Some(head) if self.head.is_none() => match serde_json::from_slice(head) {
                Ok(head) => {
                    self.head = Some(head);
                    Ok(())
                }
                Err(_) => odd("it does not begin as one"),
            },
            _ if self.head.is_none() => odd("it does not begin as one"),
            Some(_) if line == END.as_bytes() => {
                self.is_over = true;
                self.close_file()
            }
            Some(name) => {
                let Some(kind) = str::from_utf8(name).ok().and_then(Kind::named) else {
                    return odd(
                        "there are things in it that this program does not know; use one that is as new",
                    );
                };
                self.close_file()?;
                self.open_file(kind)
            }
            None => match &mut self.current {
                Some(current) => current.add(line),
                None => odd("something is of no kind"),
            },
        }
    }

    fn open_file(&mut self, kind: Kind) -> Result<(), FolderError> {
        let name = kind.file();
        let path = self.folder.join(&name);
        let file = new_file(&path).map_err(cannot_write(&path))?;
        let file = BufWriter::new(file);
        self.current = Some(Current { file, path, name, lines: 0, bytes: 0, sum: Sum::new() });
        Ok(())
    }

    fn close_file(&mut self) -> Result<(), FolderError> {
        let Some(Current { mut file, path, name, lines, bytes, sum }) = self.current.take() else {
            return Ok(());
        };
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(cannot_write(&path))?;
        self.done.push(Contents { name, lines, bytes, sha256: sum.digits() });
        Ok(())
    }
}

impl Current {
    fn add(&mut self, line: &[u8]) -> Result<(), FolderError> {
        for part in [line, b"\n"] {
            self.file.write_all(part).map_err(cannot_write(&self.path))?;
            self.sum.add(part);
            self.bytes += part.len() as u64;
        }
        self.lines += 1;
        Ok(())
    }
}

impl Write for Filling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (of_line, taken) = end.map_or((bytes, bytes.len()), |end| (&bytes[..end], end + 1));
        self.line.extend_from_slice(of_line);
        if end.is_some() {
            let mut line = std::mem::take(&mut self.line);
            let written = self.take(&line);
            line.clear();
            self.line = line;
            if let Err(trouble) = written {
                let error = io::Error::other(trouble.to_string());
                self.trouble = Some(trouble);
                return Err(error);
            }
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if self.is_whole {
            return;
        }
        // What cannot be removed stays; without a manifest it is no export.
        for kind in Kind::ALL {
            let _ = fs::remove_file(self.folder.join(kind.file()));
        }
        let _ = fs::remove_file(self.folder.join(MANIFEST));
        if !self.was_there {
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// An export in a folder, every byte of which is as it was written.
#[derive(Debug)]
pub struct Folder {
    folder: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
}

impl Folder {
    /// Reads all of it, to see whether it is whole. It takes as long as it takes to read the files.
    pub fn open(folder: &Path) -> Result<Self, FolderError> {
        let path = folder.join(MANIFEST);
        let text = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                FolderError::Foreign { path: folder.to_owned(), why: format!("there is no {MANIFEST} in it") }
            }
            _ => cannot_read(&path)(error),
        })?;
        let foreign = |why: String| FolderError::Foreign { path: path.clone(), why };
        let version: Version = serde_json::from_slice(&text).map_err(|error| foreign(error.to_string()))?;
        let Version { format, program } = version;
        if format != FORMAT {
            return Err(FolderError::OtherFormat { path: folder.to_owned(), found: format, program });
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| foreign(error.to_string()))?;
        let names = Kind::ALL.map(Kind::file);
        if let Some(file) = manifest.files.iter().find(|file| !names.contains(&file.name)) {
            let why =
                format!("it names {:?}, which this program does not know; use one that is as new", file.name);
            return Err(foreign(why));
        }
        let opened = Self { folder: folder.to_owned(), manifest };
        if let Some(missing) = Kind::ALL.into_iter().find(|kind| opened.contents(*kind).is_none()) {
            return Err(foreign(format!("it does not name {}", missing.file())));
        }
        opened.manifest.files.iter().try_for_each(|file| opened.verify(file))?;
        Ok(opened)
    }

    /// What there is to be known about the file of a kind.
    pub fn contents(&self, kind: Kind) -> Option<&Contents> {
        self.manifest.files.iter().find(|file| file.name == kind.file())
    }

    /// How many bytes all files have.
    pub fn bytes(&self) -> u64 {
        self.manifest.files.iter().map(|file| file.bytes).sum()
    }

    /// The lines of a kind.
    pub fn lines(&self, kind: Kind) -> Result<impl Iterator<Item = io::Result<String>> + use<>, FolderError> {
        let path = self.folder.join(kind.file());
        let file = File::open(&path).map_err(cannot_read(&path))?;
        Ok(BufReader::new(file).lines())
    }

    fn verify(&self, contents: &Contents) -> Result<(), FolderError> {
        let path = self.folder.join(&contents.name);
        let damaged = |why: String| Err(FolderError::Damaged { path: path.clone(), why });
        let mut file = File::open(&path).map_err(cannot_read(&path))?;
        let (mut sum, mut piece, mut bytes) = (Sum::new(), vec![0; 256 << 10], 0);
        loop {
            match file.read(&mut piece).map_err(cannot_read(&path))? {
                0 => break,
                read => {
                    sum.add(&piece[..read]);
                    bytes += read as u64;
                }
            }
        }
        if bytes != contents.bytes {
            return damaged(format!("it has {bytes} bytes and should have {}", contents.bytes));
        }
        if sum.digits() != contents.sha256 {
            return damaged("its sum is another".into());
        }
        Ok(())
    }
}

/// What a manifest of any version has.
#[derive(Deserialize)]
struct Version {
    format: u32,
    program: String,
}

/// The sum of bytes.
struct Sum(Context);

impl std::fmt::Debug for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sum")
    }
}

impl Sum {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn digits(self) -> String {
        self.0.finish().as_ref().iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
    }
}

#[cfg(unix)]
fn make_folder(folder: &Path, is_there: bool) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

    if is_there {
        return fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    }
    fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path, is_there: bool) -> io::Result<()> {
    if is_there { Ok(()) } else { fs::create_dir(folder) }
}

/// A file for secrets.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "#{\"format\":1,\"program\":\"3.0.0\",\"made\":\"2026-03-02T11:00:00Z\"}\n";

    fn stream(of_jobs: &str) -> String {
        let kinds = Kind::ALL.map(|kind| {
            let lines = if kind == Kind::Jobs { of_jobs } else { "" };
            format!("#{}\n{lines}", kind.name())
        });
        format!("{HEAD}{}{END}\n", kinds.concat())
    }

    /// Writes a stream in pieces of this size.
    fn fill(folder: &Path, stream: &str, size: usize) -> Result<Manifest, FolderError> {
        let mut filling = Filling::begin(folder)?;
        for piece in stream.as_bytes().chunks(size) {
            if filling.write_all(piece).is_err() {
                break;
            }
        }
        filling.finish()
    }

    #[test]
    fn a_stream_becomes_a_folder_however_it_is_cut_up() {
        for size in [1, 7, 1 << 20] {
            let place = tempfile::tempdir().unwrap();
            let folder = place.path().join("export");
            let manifest = fill(&folder, &stream("{\"a\":1}\n{\"b\":2}\n"), size).unwrap();
            let opened = Folder::open(&folder).unwrap();
            assert_eq!(opened.manifest, manifest);
            let jobs = opened.contents(Kind::Jobs).unwrap();
            assert_eq!((jobs.lines, jobs.bytes, opened.bytes()), (2, 16, 16));
            let lines: Vec<_> = opened.lines(Kind::Jobs).unwrap().map(Result::unwrap).collect();
            assert_eq!(lines, ["{\"a\":1}", "{\"b\":2}"]);
        }
    }

    #[test]
    fn what_is_cut_off_or_something_else_leaves_nothing_behind() {
        let whole = stream("{}\n");
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("export");
        for (stream, why) in [
            (String::new(), "it ends too early"),
            (whole[..whole.len() - 1].to_owned(), "it ends too early"),
            (HEAD.to_owned(), "it ends too early"),
            ("<html>\n".to_owned(), "it does not begin as one"),
            (whole.clone() + "{}\n", "something comes behind its end"),
            (format!("{HEAD}{{}}\n"), "something is of no kind"),
            (format!("{HEAD}#ships\n"), "things in it that this program does not know"),
        ] {
            let error = fill(&folder, &stream, 1 << 20).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(!folder.exists());
        }
        fs::create_dir(&folder).unwrap();
        fill(&folder, HEAD, 1).unwrap_err();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "it was there before");
        fs::write(folder.join("mine"), "").unwrap();
        assert!(matches!(Filling::begin(&folder), Err(FolderError::NotEmpty(_))));
        assert!(folder.join("mine").exists());
    }

    #[test]
    fn a_folder_that_is_not_as_it_was_written_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("export");
        let refusal = || Folder::open(&folder).unwrap_err().to_string();
        assert!(refusal().contains("there is no manifest.json in it"));
        fill(&folder, &stream("{}\n"), 64).unwrap();
        let jobs = folder.join("jobs.jsonl");
        for (text, why) in [("{}", "it has 2 bytes and should have 3"), ("[]\n", "its sum is another")] {
            fs::write(&jobs, text).unwrap();
            assert!(refusal().contains(why), "{}", refusal());
        }
        fs::remove_file(&jobs).unwrap();
        assert!(refusal().contains("jobs.jsonl"), "{}", refusal());
        fs::write(&jobs, "{}\n").unwrap();
        Folder::open(&folder).unwrap();
        let manifest = folder.join(MANIFEST);
        let text = fs::read_to_string(&manifest).unwrap();
        for (changed, why) in [
            (text.replace("\"format\": 1", "\"format\": 2"), "format version 2"),
            (text.replace("jobs.jsonl", "tasks.jsonl"), "it does not name jobs.jsonl"),
            (
                text.replace("jobs.jsonl", "../jobs.jsonl"),
                "it names \"../jobs.jsonl\", which this program does not",
            ),
            (
                text.replace("\"bytes\": 3", "\"bytes\": 18446744073709551615"),
                "it has 3 bytes and should have 18",
            ),
            (text.replace("\"bytes\"", "\"octets\""), "missing field"),
            ("{}".to_owned(), "missing field `format`"),
        ] {
            fs::write(&manifest, changed).unwrap();
            assert!(refusal().contains(why), "{}", refusal());
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look_into_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("export");
        fill(&folder, &stream(""), 64).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in ["workers.jsonl", MANIFEST] {
            assert_eq!(mode(&folder.join(file)), 0o600);
        }
    }
}
