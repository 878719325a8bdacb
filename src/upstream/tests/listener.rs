//! A listener in the place of the Server: it keeps each request as it came and gives the next of its answers.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

/// Where it listens, and what it was sent.
pub struct Listener {
    /// With a slash at the end.
    pub url: String,
    requests: mpsc::Receiver<Received>,
}

/// A request as it came over the wire.
#[derive(Debug)]
pub struct Received {
    /// Method, path and version.
    pub line: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What is answered to one request.
pub enum Reply {
    /// These bytes; then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes; then nothing, until the other end gives up.
    Hang(&'static str),
}

/// An answer with this status line, these headers and this body.
pub fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for header in headers {
        text += header;
        text += "\r\n";
    }
    if !status.starts_with("204") && !status.starts_with("304") {
        text += "Content-Length: ";
        text += &body.len().to_string();
        text += "\r\n";
    }
    Reply::Bytes([text.as_bytes(), b"\r\n", body].concat())
}

impl Listener {
    /// Gives each request one of `replies`, in their order, and then listens no more.
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel();
        let replies: Vec<_> = replies.into_iter().collect();
        thread::spawn(move || {
            for reply in replies {
                let Ok((stream, _)) = listener.accept() else { return };
                // A client that gives up half-way is the test's affair.
                drop(serve(stream, &reply, &sender));
            }
        });
        Self { url, requests }
    }

    /// The next request. Waits for it.
    pub fn received(&self) -> Received {
        self.requests.recv().unwrap()
    }

    /// How many requests came that nobody has looked at; call it when all calls have ended.
    pub fn unseen(&self) -> usize {
        self.requests.try_iter().count()
    }
}

fn serve(mut stream: TcpStream, reply: &Reply, seen: &mpsc::Sender<Received>) -> std::io::Result<()> {
    let request = receive(&mut stream)?;
    seen.send(request).ok();
    match reply {
        Reply::Bytes(bytes) => stream.write_all(bytes),
        Reply::Hang(start) => {
            stream.write_all(start.as_bytes())?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
    }
}

fn receive(stream: &mut TcpStream) -> std::io::Result<Received> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: BTreeMap<_, _> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Received { line, headers, body })
}
