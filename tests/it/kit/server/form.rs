//! The form in which a task log comes, and gzip.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Request};

/// The one part of a form.
pub struct Part {
    /// `Content-Disposition`, as it was sent.
    pub disposition: String,
    pub content_type: String,
    pub content: Bytes,
}

impl Part {
    /// `name` or `filename`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let quoted = |parameter: &'_ str| Some(parameter.strip_prefix('"')?.strip_suffix('"')?.len());
        self.disposition.split(';').map(str::trim).find_map(|parameter| {
            let value = parameter.strip_prefix(name)?.strip_prefix('=')?;
            quoted(value).map(|length| &value[1..=length])
        })
    }
}

/// The part of a form that has exactly one; or what is wrong with it.
pub fn only_part(request: &Request<Bytes>) -> Result<Part, &'static str> {
    let kind = text(request.headers(), "content-type");
    let boundary =
        kind.strip_prefix("multipart/form-data; boundary=").ok_or("is not of type multipart/form-data")?;
    let boundary = boundary.trim_matches('"');
    if boundary.is_empty() || boundary.len() > 70 {
        return Err("has no boundary of 1 to 70 characters");
    }
    let body = request.body();
    let start = format!("--{boundary}\r\n");
    if !body.starts_with(start.as_bytes()) {
        return Err("does not begin with its boundary");
    }
    let end = format!("\r\n--{boundary}--\r\n");
    if !body.ends_with(end.as_bytes()) {
        return Err("does not end with its boundary");
    }
    let (from, to) = (start.len(), body.len() - end.len());
    let head = find(body, b"\r\n\r\n").ok_or("has a part without a head")?;
    let content = body.slice((head + 4).min(to)..to);
    if find(&content, format!("\r\n--{boundary}").as_bytes()).is_some() {
        return Err("has more parts than one");
    }
    let head = std::str::from_utf8(&body[from..head]).map_err(|_| "has a part whose head is no text")?;
    let line = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    Ok(Part {
        disposition: line("content-disposition").ok_or("has a part without Content-Disposition")?,
        content_type: line("content-type").unwrap_or_default(),
        content,
    })
}

/// What was compressed.
pub fn unzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut plain).ok().map(|_| plain)
}

/// A header's value; empty when it is missing.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
