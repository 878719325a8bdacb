//! Logs as gzip: how the Flamenco Server takes them (`server-protocol.md`, section 1.5).

use std::{
    fmt,
    fs::File,
    io::{self, Cursor, Read, Seek, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};

use super::{LogError, read::LogFile};

/// A log as gzip, of known length.
pub struct Gzip {
    /// The bytes.
    pub bytes: Box<dyn Read + Send + Sync>,
    /// How many there are.
    pub length: u64,
}

impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gzip").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Gzip {
    /// A short text, compressed in memory.
    pub fn of_text(text: &str) -> io::Result<Self> {
        let bytes = compress(text.as_bytes(), Vec::new())?;
        Ok(Self { length: bytes.len() as u64, bytes: Box::new(Cursor::new(bytes)) })
    }
}

impl LogFile {
    /// The whole log as gzip. One that is not yet compressed is compressed into a file without a name beside it,
    /// which is gone when it is closed: logs may be large.
    pub fn into_gzip(self) -> Result<Gzip, LogError> {
        if self.is_compressed() {
            let (file, length) = self.into_file();
            return Ok(Gzip { bytes: Box::new(file.take(length)), length });
        }
        let path = self.path().to_owned();
        let folder = path.parent().unwrap_or(Path::new("."));
        compress_into(folder, self.into_text()).map_err(LogError::write(&path))
    }
}

fn compress_into(folder: &Path, text: impl Read) -> io::Result<Gzip> {
    let mut file: File = compress(text, tempfile::tempfile_in(folder)?)?;
    let length = file.stream_position()?;
    file.rewind()?;
    Ok(Gzip { bytes: Box::new(file), length })
}

fn compress<W: Write>(mut text: impl Read, compressed: W) -> io::Result<W> {
    let mut encoder = GzEncoder::new(compressed, Compression::default());
    io::copy(&mut text, &mut encoder)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;

    use super::*;
    use crate::{
        domain::ids::{JobId, TaskId},
        tasklogs::TaskLogs,
    };

    const JOB: JobId = JobId([1; 12]);
    const TASK: TaskId = TaskId([2; 12]);

    fn text_of(gzip: Gzip) -> String {
        let mut bytes = Vec::new();
        let mut text = String::new();
        gzip.bytes.take(u64::MAX).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, gzip.length);
        GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_plain_log_is_compressed_and_leaves_no_file_behind() {
        let folder = tempfile::tempdir().unwrap();
        let logs = TaskLogs::new(folder.path().into());
        logs.append(JOB, TASK, &"line\n".repeat(10_000)).unwrap();
        let gzip = logs.find(JOB, TASK).unwrap().unwrap().into_gzip().unwrap();
        assert_eq!(text_of(gzip), "line\n".repeat(10_000));
        let beside = logs.path(JOB, TASK).parent().unwrap().read_dir().unwrap().count();
        assert_eq!(beside, 1);
    }

    #[test]
    fn a_log_that_was_compressed_goes_out_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let logs = TaskLogs::new(folder.path().into());
        logs.append(JOB, TASK, "gone").unwrap();
        let path = logs.path(JOB, TASK);
        let compressed = compress(&b"kept"[..], Vec::new()).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(path.with_extension("txt.gz"), compressed).unwrap();
        let gzip = logs.find(JOB, TASK).unwrap().unwrap().into_gzip().unwrap();
        assert_eq!(text_of(gzip), "kept");
    }

    #[test]
    fn a_short_text_is_compressed_in_memory() {
        assert_eq!(text_of(Gzip::of_text("hello").unwrap()), "hello");
    }
}
