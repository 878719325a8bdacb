//! The bytes of a dump as they come: looked at before they are taken, counted, and no more of them in memory than was asked for.

use std::{
    io::{self, BufRead, BufReader, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;

use super::Place;

/// How many bytes are read at a time.
const CHUNK: usize = 256 << 10;

/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How it is found out whether something is compressed with gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// It is.
    Gzip,
    /// It is not.
    None,
    /// By how it begins. A BSON document may begin as gzip does: so that is for archives only.
    ByContent,
}

/// How much of a dump was read.
#[derive(Debug, Clone)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Progress {
    pub(super) fn of(total: Option<u64>) -> Self {
        Self { read: Arc::default(), total }
    }

    /// How many bytes were read, as they are in the files.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// How many there are, if that is known.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Counts what is read of it.
    pub(super) fn count<R: Read>(&self, from: R) -> Counted<R> {
        Counted { from, read: self.read.clone() }
    }
}

/// Counts what is read.
pub(super) struct Counted<R> {
    from: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The bytes of one file or stream, decompressed.
pub(super) struct Input {
    name: Arc<str>,
    from: Option<Box<dyn Read + Send>>,
    buffer: Vec<u8>,
    /// So many bytes of the buffer were taken.
    taken: usize,
    /// So many bytes were taken altogether.
    offset: u64,
    /// On which line it is, if that is counted.
    line: Option<u64>,
    /// Why there is no more, if it is not the end.
    trouble: Option<String>,
}

impl Input {
    pub(super) fn new(name: &str, from: impl Read + Send + 'static, compression: Compression) -> Self {
        let from = BufReader::with_capacity(CHUNK, from);
        let from: io::Result<Box<dyn Read + Send>> = match compression {
            Compression::None => Ok(Box::new(from)),
            Compression::Gzip => Ok(Box::new(MultiGzDecoder::new(from))),
            Compression::ByContent => by_content(from),
        };
        let trouble = from.as_ref().err().map(in_words);
        Self {
            name: name.into(),
            from: from.ok(),
            buffer: Vec::new(),
            taken: 0,
            offset: 0,
            line: None,
            trouble,
        }
    }

    /// Counts lines, too.
    pub(super) fn counting_lines(self) -> Self {
        Self { line: Some(1), ..self }
    }

    /// What comes next: `wanted` bytes at least, unless there are no more.
    pub(super) fn ahead(&mut self, wanted: usize) -> &[u8] {
        while self.buffer.len() - self.taken < wanted && self.from.is_some() {
            self.read_more();
        }
        &self.buffer[self.taken..]
    }

    /// Leaves behind what was looked at.
    pub(super) fn take(&mut self, bytes: usize) {
        if let Some(line) = &mut self.line {
            let behind = &self.buffer[self.taken..self.taken + bytes];
            *line += behind.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        }
        self.taken += bytes;
        self.offset += bytes as u64;
    }

    /// How many bytes were taken.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where it stands now.
    pub(super) fn place(&self) -> Place {
        Place { file: self.name.clone(), offset: self.offset, line: self.line }
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Why there are no more bytes, if that is not because all were read. It is told once.
    pub(super) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    fn read_more(&mut self) {
        // What was taken goes only when it is at least as much as what stays, so that nothing is moved again and again.
        if self.taken >= self.buffer.len() - self.taken {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        let Some(mut from) = self.from.take() else { return };
        // What came before an error is in the buffer all the same.
        match from.by_ref().take(CHUNK as u64).read_to_end(&mut self.buffer) {
            Ok(CHUNK) => self.from = Some(from),
            Ok(_) => {}
            Err(error) => self.trouble = Some(in_words(&error)),
        }
    }
}

fn in_words(error: &io::Error) -> String {
    format!("it cannot be read further: {error}")
}

/// Decompresses it if it begins as gzip does.
fn by_content(mut from: impl BufRead + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut begins = Vec::new();
    from.by_ref().take(GZIP.len() as u64).read_to_end(&mut begins)?;
    let is_gzip = begins == GZIP;
    let whole = io::Cursor::new(begins).chain(from);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}
