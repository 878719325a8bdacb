//! Logs as gzip files: made of plain ones, a part at a time, and made plain again when something is to be added after all.
//!
//! A crash never costs a log: the new file is whole and on disk before it gets its name, and the old one goes last. As long as
//! both are there the plain one counts.

use std::{
    fs::{self, File},
    io::{self, Read, Take, Write},
    path::Path,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use tempfile::NamedTempFile;

use super::{LogError, walk::Entry, with_suffix};
use crate::files::sync_folder_of;

/// The end of the name of a file that is not whole yet.
pub(super) const PART: &str = ".part";

/// As much of a log is compressed at a time: a few milliseconds' work.
const PIECE: u64 = 256 << 10;

/// A log that is being compressed. When it is dropped nothing is left of it.
#[derive(Debug)]
pub struct Packing {
    log: Entry,
    text: Take<File>,
    packed: GzEncoder<NamedTempFile>,
}

/// A log that is compressed, and has yet to take the place of the plain one.
#[derive(Debug)]
pub struct Packed {
    log: Entry,
    file: NamedTempFile,
}

impl Entry {
    /// Begins to compress this log; nothing if it is gone.
    pub fn pack(self) -> Result<Option<Packing>, LogError> {
        let text = match File::open(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::read(&self.path)(error)),
        };
        let file = beside(&self.path, &text).map_err(LogError::write(&self.path))?;
        let packed = GzEncoder::new(file, Compression::default());
        Ok(Some(Packing { text: text.take(self.length), log: self, packed }))
    }
}

impl Packing {
    /// Goes on for a few milliseconds, and says whether that was the end.
    pub fn go_on(&mut self) -> Result<bool, LogError> {
        let read = io::copy(&mut self.text.by_ref().take(PIECE), &mut self.packed);
        read.map(|read| read < PIECE).map_err(LogError::write(&self.log.path))
    }

    /// Brings the file to the disk. It is as old as the log.
    pub fn finish(self) -> Result<Packed, LogError> {
        let Self { log, packed, text: _ } = self;
        let finish = || {
            let file = packed.finish()?;
            file.as_file().set_modified(log.log.changed.into())?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = finish().map_err(LogError::write(&log.path))?;
        Ok(Packed { log, file })
    }
}

impl Packed {
    /// The plain log.
    pub fn entry(&self) -> &Entry {
        &self.log
    }

    /// Takes the place of the plain log, unless that has changed meanwhile. It is for the thread that does all work on this
    /// log.
    pub fn replace(self) -> Result<(), LogError> {
        let Self { log, file } = self;
        let replace = || {
            if log.is_unchanged()? {
                take_name(file, &with_suffix(&log.path, ".gz"))?;
                fs::remove_file(&log.path)?;
            }
            Ok(())
        };
        replace().map_err(LogError::write(&log.path))
    }
}

/// Makes a log plain again if it is compressed only, so that something can be added. One that is damaged is left as it is,
/// and that is said.
pub(super) fn unpack(plain: &Path) -> io::Result<Unpacked> {
    let compressed = with_suffix(plain, ".gz");
    let source = match File::open(&compressed) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Unpacked::Fine),
        Err(error) => return Err(error),
    };
    let mut file = beside(plain, &source)?;
    let mut text = MultiGzDecoder::new(io::BufReader::new(source));
    let mut piece = vec![0; 64 << 10];
    loop {
        match text.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => file.write_all(&piece[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What it is made of cannot be gzip, whatever the decoder calls that.
            Err(_) => return Ok(Unpacked::Damaged),
        }
    }
    file.as_file().sync_all()?;
    take_name(file, plain)?;
    fs::remove_file(compressed)?;
    Ok(Unpacked::Fine)
}

/// What came of making a log plain again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unpacked {
    /// It is plain now, or there is none.
    Fine,
    /// Nobody can read it.
    Damaged,
}

/// A file beside a log that whoever may read the log may read.
fn beside(path: &Path, log: &File) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    let mut builder = tempfile::Builder::new();
    let file = builder.prefix(&with_suffix(Path::new(name), ".")).suffix(PART).tempfile_in(folder)?;
    file.as_file().set_permissions(log.metadata()?.permissions())?;
    Ok(file)
}

/// Gives a file that is on disk its name, and brings that to the disk, too.
fn take_name(file: NamedTempFile, name: &Path) -> io::Result<()> {
    file.persist(name)?;
    sync_folder_of(name)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        domain::{
            ids::{JobId, TaskId},
            task_log::Form,
        },
        tasklogs::TaskLogs,
    };

    const JOB: JobId = JobId([0xab; 12]);
    const TASK: TaskId = TaskId([0x17; 12]);

    fn logs() -> (tempfile::TempDir, TaskLogs) {
        let folder = tempfile::tempdir().unwrap();
        let logs = TaskLogs::new(folder.path().into());
        (folder, logs)
    }

    fn first(logs: &TaskLogs) -> Entry {
        logs.walk().unwrap().unwrap().next().unwrap().unwrap()
    }

    fn pack(log: Entry) -> Packed {
        let mut packing = log.pack().unwrap().unwrap();
        while !packing.go_on().unwrap() {}
        packing.finish().unwrap()
    }

    fn text(logs: &TaskLogs) -> String {
        let mut text = String::new();
        logs.find(JOB, TASK).unwrap().unwrap().into_text().read_to_string(&mut text).unwrap();
        text
    }

    fn files(logs: &TaskLogs) -> Vec<PathBuf> {
        let entries = fs::read_dir(logs.path(JOB, TASK).parent().unwrap()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn a_compressed_log_is_one_member_as_old_as_the_plain_one_and_in_its_place() {
        let (_folder, logs) = logs();
        let content = "a line of text\n".repeat(100_000);
        logs.append(JOB, TASK, &content).unwrap();
        let found = first(&logs);
        let changed = found.log.changed;
        pack(found).replace().unwrap();
        let gz = with_suffix(&logs.path(JOB, TASK), ".gz");
        assert_eq!(files(&logs), std::slice::from_ref(&gz));
        assert_eq!(text(&logs), content);
        let found = first(&logs);
        assert!(found.log.form == Form::Compressed && found.log.changed == changed, "{found:?}");
        let mut member = String::new();
        flate2::read::GzDecoder::new(File::open(gz).unwrap()).read_to_string(&mut member).unwrap();
        assert_eq!(member, content);
    }

    #[test]
    fn what_was_added_or_moved_meanwhile_stays_as_it_is() {
        let (_folder, logs) = logs();
        logs.append(JOB, TASK, "one").unwrap();
        let packed = pack(first(&logs));
        logs.append(JOB, TASK, "two").unwrap();
        packed.replace().unwrap();
        assert_eq!((text(&logs).as_str(), files(&logs).len()), ("one\ntwo\n", 1));

        let packed = pack(first(&logs));
        logs.begin(JOB, TASK, "anew").unwrap();
        packed.replace().unwrap();
        let plain = logs.path(JOB, TASK);
        assert_eq!(files(&logs), [plain.clone(), with_suffix(&plain, ".1")]);
    }

    #[test]
    fn a_packing_that_is_given_up_leaves_nothing_behind() {
        let (_folder, logs) = logs();
        logs.append(JOB, TASK, &"x\n".repeat(1_000_000)).unwrap();
        let mut packing = first(&logs).pack().unwrap().unwrap();
        assert!(!packing.go_on().unwrap());
        assert_eq!(files(&logs).len(), 2);
        drop(packing);
        assert_eq!(files(&logs).len(), 1);
        let gone = first(&logs);
        logs.remove_job(JOB).unwrap();
        assert!(gone.pack().unwrap().is_none());
    }

    #[test]
    fn whoever_goes_by_all_logs_does_not_disturb_one_that_is_made_plain() {
        let (_folder, logs) = logs();
        logs.append(JOB, TASK, "one").unwrap();
        let plain = logs.path(JOB, TASK);
        let file = beside(&plain, &File::open(&plain).unwrap()).unwrap();
        let found: Vec<_> = logs.walk().unwrap().unwrap().map(|found| found.unwrap().log.form).collect();
        assert_eq!(found.len(), 2);
        take_name(file, &plain).unwrap();
    }

    #[test]
    fn what_is_added_to_a_compressed_log_comes_behind_what_was_there() {
        let (_folder, logs) = logs();
        logs.append(JOB, TASK, "one").unwrap();
        pack(first(&logs)).replace().unwrap();
        logs.append(JOB, TASK, "two").unwrap();
        assert_eq!(text(&logs), "one\ntwo\n");
        assert_eq!(files(&logs), [logs.path(JOB, TASK)]);
    }

    #[test]
    fn a_damaged_log_is_put_aside_when_something_is_added() {
        let (_folder, logs) = logs();
        logs.append(JOB, TASK, "one").unwrap();
        let plain = logs.path(JOB, TASK);
        fs::rename(&plain, with_suffix(&plain, ".gz")).unwrap();
        logs.append(JOB, TASK, "two").unwrap();
        assert_eq!(text(&logs), "two\n");
        assert_eq!(fs::read_to_string(with_suffix(&plain, ".1.gz")).unwrap(), "one\n");
        assert_eq!(files(&logs).len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn whoever_may_read_the_plain_log_may_read_the_compressed_one() {
        use std::os::unix::fs::PermissionsExt as _;

        let (_folder, logs) = logs();
        logs.append(JOB, TASK, "one").unwrap();
        let plain = logs.path(JOB, TASK);
        fs::set_permissions(&plain, fs::Permissions::from_mode(0o640)).unwrap();
        pack(first(&logs)).replace().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&with_suffix(&plain, ".gz")), 0o640);
        logs.append(JOB, TASK, "two").unwrap();
        assert_eq!(mode(&plain), 0o640);
    }
}
