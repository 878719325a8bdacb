//! Somebody who listens to server-sent events.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

use super::{
    contract::{contract, is_of_api},
    door::Door,
};

/// Longer than anything takes, for whatever would otherwise hang.
const LONG: Duration = Duration::from_secs(30);

/// The events of one answer.
pub struct Events {
    body: Incoming,
    read: Vec<u8>,
    connection: JoinHandle<hyper::Result<()>>,
}

/// An event as a browser has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentEvent {
    pub name: String,
    pub id: String,
    pub data: String,
}

impl SentEvent {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Door {
    /// Begins to listen; `last` is what is known from before.
    pub async fn listen(&self, path: &str, last: Option<&str>) -> Events {
        self.listen_with(path, last.map(|last| ("last-event-id", last))).await
    }

    /// The same, with another header.
    pub async fn listen_with(&self, path: &str, header: Option<(&str, &str)>) -> Events {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::get(path).header(header::HOST, "manager");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        if is_of_api(path) {
            let (status, headers) = (answer.status(), answer.headers());
            let expected = contract().await.expected(&Method::GET, path, b"", status, headers);
            assert!(expected.is_ok(), "GET {path} {expected:?}");
        }
        Events { body: answer.into_body(), read: Vec::new(), connection }
    }
}

impl Events {
    /// The next event; nothing when there will be none.
    pub async fn next(&mut self) -> Option<SentEvent> {
        timeout(LONG, self.find_next()).await.expect("something is told")
    }

    async fn find_next(&mut self) -> Option<SentEvent> {
        loop {
            while let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.read.drain(..end + 2).collect();
                let event = parse(std::str::from_utf8(&block).unwrap());
                if event.is_some() {
                    return event;
                }
            }
            self.read.extend(self.body.frame().await?.unwrap().into_data().unwrap());
        }
    }

    /// The next event of this name; others are passed over.
    pub async fn next_named(&mut self, name: &str) -> SentEvent {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the events end without {name}"));
            if event.name == name {
                return event;
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// An event, if it is more than a comment.
fn parse(block: &str) -> Option<SentEvent> {
    let field = |name: &str| {
        let values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.collect::<Vec<_>>().join("\n")
    };
    let event = SentEvent { name: field("event"), id: field("id"), data: field("data") };
    (!event.name.is_empty()).then_some(event)
}
