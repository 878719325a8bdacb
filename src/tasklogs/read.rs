//! Reading task logs, however large: whole as a stream, or the parts that people look at. Logs are bytes here, for
//! what a renderer prints need not be UTF-8.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use super::LogError;

/// How much of a long log's beginning is shown.
const HEAD: u64 = 5 << 10;
/// How much of a long log's end is shown.
const TAIL: u64 = 10 << 10;
/// The first look for the last lines is at so many bytes; it grows from there.
const WINDOW: u64 = 64 << 10;
/// The last lines are never more than this many bytes.
const MAX_LINES: u64 = 8 << 20;
/// Of a long log both ends have so many bytes,
const END: u64 = 64 << 10;
/// and of a compressed one so much is read to get to the last of them.
const MAX_UNPACKED: u64 = 16 << 20;

/// An open log, of the length that it had when it was opened; it may grow and be rotated meanwhile.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    length: u64,
    compressed: bool,
}

impl LogFile {
    /// Opens the file, if there is one.
    pub(super) fn open(path: &Path, compressed: bool) -> Result<Option<Self>, LogError> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((length, file)) => Ok(Some(Self { path: path.to_owned(), file, length, compressed })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LogError::read(path)(error)),
        }
    }

    /// Where it is, or was before a rotation. Its file name is fit for a download.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is gzip.
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// How long it was when it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it is shown whole to everybody: below 15 KiB. This is of interest for logs that are not compressed.
    pub fn is_short(&self) -> bool {
        self.length < HEAD + TAIL
    }

    /// The bytes of the file, compressed or not, and how many of them to read.
    pub fn into_file(self) -> (File, u64) {
        (self.file, self.length)
    }

    /// The text, as a stream. Errors come while it is read.
    pub fn into_text(self) -> Box<dyn Read + Send + Sync> {
        let file = BufReader::new(self.file.take(self.length));
        if self.compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) }
    }

    /// The first 5 KiB, a line that says how much was skipped, and the last 10 KiB from the start of a line; a
    /// short log whole. For logs that are not compressed.
    pub fn head_and_tail(&self) -> Result<Vec<u8>, LogError> {
        self.cut_out_the_middle().map_err(LogError::read(&self.path))
    }

    /// The last lines, as many as `count` or as fit in 8 MiB.
    pub fn tail_lines(self, count: usize) -> Result<Vec<u8>, LogError> {
        let path = self.path.clone();
        self.last(count).map(|(lines, _)| lines).map_err(LogError::read(&path))
    }

    /// Where in the text those lines start.
    pub fn start_of_tail(self, count: usize) -> Result<u64, LogError> {
        let path = self.path.clone();
        let (lines, length) = self.last(count).map_err(LogError::read(&path))?;
        Ok(length - size(lines.len()))
    }

    /// Those lines, and the length of the text.
    fn last(self, count: usize) -> io::Result<(Vec<u8>, u64)> {
        if self.compressed {
            self.last_of_compressed(count)
        } else {
            Ok((self.last_of_plain(count)?, self.length))
        }
    }

    /// The first and the last 64 KiB, the latter from the start of a line; a log that is not longer whole. Of a compressed
    /// log that is longer than 16 MiB the end is the end of those.
    pub fn both_ends(self) -> Result<Vec<u8>, LogError> {
        let path = self.path.clone();
        let ends = if self.compressed { self.ends_of_compressed() } else { self.ends_of_plain() };
        ends.map_err(LogError::read(&path))
    }

    fn ends_of_plain(&self) -> io::Result<Vec<u8>> {
        if self.length <= 2 * END {
            return self.part(0, self.length);
        }
        Ok(joined(self.part(0, END)?, self.end(END)?))
    }

    fn ends_of_compressed(self) -> io::Result<Vec<u8>> {
        let mut text = self.into_text().take(MAX_UNPACKED);
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        text.by_ref().take(END).read_to_end(&mut head)?;
        while text.by_ref().take(END).read_to_end(&mut tail)? > 0 {
            tail = last_bytes(tail, END);
        }
        Ok(joined(head, tail))
    }

    fn cut_out_the_middle(&self) -> io::Result<Vec<u8>> {
        if self.is_short() {
            return self.part(0, self.length);
        }
        let mut shown = self.part(0, HEAD)?;
        shown.truncate(end_of_last_character(&shown));
        let tail = self.end(TAIL)?;
        let skipped = self.length - size(shown.len()) - size(tail.len());
        let note = format!(
            "...\n\n... Skipped {skipped} bytes, use Wget or curl to download the entire log ...\n\n"
        );
        shown.extend(note.into_bytes());
        shown.extend(tail);
        Ok(shown)
    }

    fn last_of_plain(&self, count: usize) -> io::Result<Vec<u8>> {
        let mut window = WINDOW;
        loop {
            if window >= MAX_LINES.min(self.length) {
                return Ok(keep_last_lines(self.end(MAX_LINES)?, count));
            }
            let text = self.end(window)?;
            if start_of_last_lines(&text, count).is_some() {
                return Ok(keep_last_lines(text, count));
            }
            window *= 4;
        }
    }

    /// Reads it from its beginning to its end: gzip knows no other way.
    fn last_of_compressed(self, count: usize) -> io::Result<(Vec<u8>, u64)> {
        let mut text = self.into_text();
        let (mut kept, mut length) = (Vec::new(), 0);
        loop {
            match text.by_ref().take(MAX_LINES).read_to_end(&mut kept)? {
                0 => return Ok((keep_last_lines(kept, count), length)),
                read => length += size(read),
            }
            kept = last_bytes(kept, MAX_LINES);
        }
    }

    /// At most `limit` bytes of the end, from the start of a line.
    fn end(&self, limit: u64) -> io::Result<Vec<u8>> {
        // One byte more tells whether a line starts just there.
        let start = self.length.saturating_sub(limit + 1);
        let text = self.part(start, self.length - start)?;
        Ok(last_bytes(text, limit))
    }

    /// At most `length` bytes from `start` on.
    pub(super) fn part(&self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))?;
        let mut part = Vec::new();
        file.take(length).read_to_end(&mut part)?;
        Ok(part)
    }
}

/// Two parts of a text with others between them.
fn joined(mut head: Vec<u8>, tail: Vec<u8>) -> Vec<u8> {
    if !tail.is_empty() {
        head.push(b'\n');
    }
    head.extend(tail);
    head
}

/// The last lines of a text, without white space around them and with a newline at the end: what the Server gets of a
/// log. Nothing when there is nothing but white space.
#[must_use]
pub fn last_lines(text: &str, count: usize) -> String {
    let text = text.trim();
    let start = start_of_last_lines(text.as_bytes(), count).unwrap_or(0);
    if start == text.len() { String::new() } else { format!("{}\n", &text[start..]) }
}

/// Where the last `count` lines start; `None` when the text has no line before them.
fn start_of_last_lines(text: &[u8], count: usize) -> Option<usize> {
    let Some(newlines_between) = count.checked_sub(1) else { return Some(text.len()) };
    let last_line_end = text.len() - usize::from(text.ends_with(b"\n"));
    let mut newlines = (0..last_line_end).rev().filter(|&at| text[at] == b'\n');
    newlines.nth(newlines_between).map(|newline| newline + 1)
}

fn keep_last_lines(mut text: Vec<u8>, count: usize) -> Vec<u8> {
    let start = start_of_last_lines(&text, count).unwrap_or(0);
    text.split_off(start)
}

/// At most `limit` bytes of the end of a text, from the start of a line, or at least of a character when there is
/// but one long line.
fn last_bytes(mut text: Vec<u8>, limit: u64) -> Vec<u8> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Some(before) = text.len().checked_sub(limit).and_then(|start| start.checked_sub(1)) else {
        return text;
    };
    let last_line_end = text.len() - usize::from(text.ends_with(b"\n"));
    let newline = text[before..last_line_end].iter().position(|&byte| byte == b'\n');
    let start = newline.map_or_else(|| start_of_character(&text, before + 1), |at| before + at + 1);
    text.split_off(start)
}

/// The start of the first character at or after `from`.
fn start_of_character(text: &[u8], from: usize) -> usize {
    // A character of UTF-8 has three such bytes at most; more of them are no UTF-8.
    let within = text[from..].iter().take(3).take_while(|&&byte| is_continuation(byte)).count();
    from + within
}

/// The end of the last character that is not cut off by the end of `text`.
pub(super) fn end_of_last_character(text: &[u8]) -> usize {
    let Some(last) = text.iter().rposition(|&byte| !is_continuation(byte)) else { return text.len() };
    match std::str::from_utf8(&text[last..]) {
        Err(error) if error.error_len().is_none() => last,
        _ => text.len(),
    }
}

/// Whether a byte is in the middle of a UTF-8 character.
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// A length as it is counted here; no platform has lengths that do not fit.
pub(super) fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
