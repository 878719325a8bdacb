//! A task log on its way to the Server: the multipart body with one part, the compressed file
//! (`server-protocol.md`, section 1.5).

use std::io::{self, Cursor, Read};

use uuid::Uuid;

use crate::domain::ids::TaskId;

/// A body of known length, which is read while it is sent.
pub(super) struct LogBody {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// How many bytes `reader` has.
    pub length: u64,
    /// The body itself.
    pub reader: Box<dyn Read>,
}

impl LogBody {
    /// The body for this log of `log_length` bytes in gzip format.
    pub fn new(task: TaskId, log: impl Read + 'static, log_length: u64) -> Self {
        // A random one, because the file may hold whatever its writer likes.
        let boundary = Uuid::new_v4().simple();
        // The Server refuses a file name that does not end in `.gz`.
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"logfile\"; filename=\"task-{task}.txt.gz\"\r\n\
             Content-Type: text/plain+gzip\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Self {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            length: head.len() as u64 + log_length + tail.len() as u64,
            reader: Box::new(
                Cursor::new(head).chain(log.take(log_length)).chain(Cursor::new(tail)).chain(TooShort),
            ),
        }
    }
}

/// Stands behind the last byte. It is read only if the file has lost some since it was measured; without it ureq would
/// ask for the missing bytes over and over, without a pause.
struct TooShort;

impl Read for TooShort {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the log file became shorter while it was sent"))
    }
}
