//! A bare keep-alive connection: ready-made bytes out, status and body in. It understands what the
//! Manager sends to workers, answers of a known length, and nothing else of HTTP.

use std::io::{Error, ErrorKind, Result};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The bytes of a request. `authorization` is the whole header line or nothing.
pub fn request(call: &str, authorization: &str, body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_request(&mut bytes, call, authorization, body);
    bytes
}

/// Writes the bytes of a request over what `bytes` held.
pub fn write_request(bytes: &mut Vec<u8>, call: &str, authorization: &str, body: &str) {
    use std::io::Write as _;
    bytes.clear();
    let content_type = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    // Writing to a Vec cannot fail.
    let _ = write!(
        bytes,
        "{call} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Flamenco-Worker/2.5\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n\
         {authorization}{content_type}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

/// An answer, as long as the next call has not been made.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The first `_id` in the body, which is the document's own.
    pub fn id(&self) -> Option<&str> {
        const KEY: &[u8] = b"\"_id\":\"";
        let start = self.body.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
        std::str::from_utf8(self.body.get(start..start + 24)?).ok()
    }
}

/// One connection.
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Wire {
    pub async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(8 * 1024) })
    }

    pub async fn call(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            match Head::parse(&self.received)? {
                Some(head) if self.received.len() >= head.length + head.body_length => break head,
                _ => {}
            }
        };
        let body = &self.received[head.length..head.length + head.body_length];
        Ok(Answer { status: head.status, body })
    }
}

struct Head {
    status: u16,
    length: usize,
    body_length: usize,
}

impl Head {
    /// `None` while it is not all there.
    fn parse(received: &[u8]) -> Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let unknown = || Error::new(ErrorKind::InvalidData, "an answer that is not understood");
        let head = std::str::from_utf8(&received[..end]).map_err(|_| unknown())?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next().ok_or_else(unknown)?;
        let status = status_line.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(unknown)?;
        let lengths = lines
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let body_length = match lengths {
            Some((_, digits)) => digits.parse().map_err(|_| unknown())?,
            None if status == 204 => 0,
            None => return Err(unknown()),
        };
        Ok(Some(Self { status, length: end + 4, body_length }))
    }
}
