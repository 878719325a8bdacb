//! Task logs as answers.

use std::io::{self, Read};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use warp::{Reply, reply::Response};

use super::{
    documents,
    error::ApiError,
    routes::{Answer, json},
};
use crate::services::{Error, LogFile};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// As many bytes are read and sent at a time.
const PIECE: usize = 64 * 1024;

/// The log as a script of 2.x gets it: whole if it is short or `whole` is wanted, else its head and tail; one
/// that was compressed as an attachment (`interface.md`, section 4).
pub async fn as_in_2x(log: LogFile, whole: bool) -> Answer {
    if log.is_compressed() {
        return Ok(attachment(log));
    }
    if whole || log.is_short() {
        return Ok(whole_text(log));
    }
    let text = tokio::task::spawn_blocking(move || log.head_and_tail()).await;
    Ok(text_response(text.map_err(|_| Error::Panicked)?.map_err(Error::Log)?))
}

/// The last lines of a log.
pub async fn tail(log: LogFile, lines: usize) -> Answer {
    let text = tokio::task::spawn_blocking(move || log.tail_lines(lines)).await;
    Ok(text_response(text.map_err(|_| Error::Panicked)?.map_err(Error::Log)?))
}

/// The lines of a log with this text, as JSON.
pub async fn search(log: LogFile, text: String) -> Answer {
    let found = tokio::task::spawn_blocking(move || log.search(&text)).await;
    Ok(json(&documents::log_matches(found.map_err(|_| Error::Panicked)?.map_err(Error::Log)?)))
}

/// The whole log, as a file to be kept. Its name is made of these.
pub fn file(log: LogFile, names: &[&str]) -> Response {
    let mut response = whole_text(log);
    let names: Vec<_> = names.iter().map(|name| plain(name)).collect();
    attach(&mut response, &format!("{}.txt", names.join("-")));
    response
}

/// As many characters of each part of a file's name are kept.
const NAME_PART: usize = 60;

/// A name as it can be in the name of a file, anywhere.
fn plain(name: &str) -> String {
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "._".contains(sign);
    name.chars().take(NAME_PART).map(|sign| if is_plain(sign) { sign } else { '_' }).collect()
}

/// Tells the client to keep what it gets, under this name.
fn attach(response: &mut Response, name: &str) {
    // It is made of letters, digits and IDs, so it is always a header.
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
}

/// The whole log, as text.
pub fn whole_text(log: LogFile) -> Response {
    let mut response = streamed(log.into_text());
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}

fn attachment(log: LogFile) -> Response {
    let name = log.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (file, length) = log.into_file();
    let mut response = streamed(Box::new(file.take(length)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    attach(&mut response, &name);
    response
}

fn text_response(text: Vec<u8>) -> Response {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}

/// Sends what `source` has, piece by piece, so that memory does not grow with the log. A thread is busy only
/// while a piece is read, never while a slow client takes it.
fn streamed(source: Box<dyn Read + Send + Sync>) -> Response {
    let pieces = stream::unfold(Some(source), async |source| {
        let source = source?;
        let (piece, source) = tokio::task::spawn_blocking(move || next_piece(source))
            .await
            .unwrap_or_else(|_| (Some(Err(io::Error::other("reading a task log ended badly"))), None));
        piece.map(|piece| (piece, source))
    });
    warp::reply::stream(pieces).into_response()
}

/// The next piece, and what to go on with; no piece at the end.
fn next_piece(
    mut source: Box<dyn Read + Send + Sync>,
) -> (Option<io::Result<Bytes>>, Option<Box<dyn Read + Send + Sync>>) {
    let mut piece = Vec::with_capacity(PIECE);
    match source.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
        Ok(0) => (None, None),
        Ok(_) => (Some(Ok(piece.into())), Some(source)),
        Err(error) => (Some(Err(error)), None),
    }
}

/// The answer when a task has no log.
pub fn no_log() -> ApiError {
    ApiError::not_found("this task has no log")
}
