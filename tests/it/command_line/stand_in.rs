//! Somebody who answers in place of a Manager, and remembers what was asked: for answers that a real one gives too rarely.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// What was asked.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method and path.
    pub line: String,
    /// Header lines, in lower case.
    headers: Vec<String>,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn json(&self) -> Value {
        super::json(&self.body)
    }
}

/// What is said back.
pub enum Answer {
    /// A document, with its status.
    Json(u16, Value),
    /// Server-sent events, and then the end of the connection.
    Events(&'static str),
    /// Yes.
    NoContent,
    /// The connection breaks.
    None,
}

pub struct StandIn {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl StandIn {
    /// Answers one call after the other; it also knows how many calls there were before.
    pub fn answering(answer: impl Fn(&Call, usize) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&calls);
        // It ends with the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let call = read(&stream);
                let before = heard.lock().unwrap().len();
                heard.lock().unwrap().push(call.clone());
                say(&mut stream, answer(&call, before));
            }
        });
        Self { address, calls }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Method and path of all calls.
    pub fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.line).collect()
    }
}

fn read(stream: &TcpStream) -> Call {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0).trim_end_matches(" HTTP/1.1").to_owned();
    let headers = lines.iter().map(|line| line.to_lowercase()).collect();
    let mut call = Call { line, headers, body: String::new() };
    let length = call.header("content-length").map_or(0, |length| length.parse().unwrap());
    reader.take(length).read_to_string(&mut call.body).unwrap();
    call
}

fn say(stream: &mut TcpStream, answer: Answer) {
    let (status, kind, body) = match answer {
        Answer::Json(status, document) => (status, "application/json", document.to_string()),
        Answer::Events(events) => (200, "text/event-stream", events.to_owned()),
        Answer::NoContent => (204, "", String::new()),
        Answer::None => return,
    };
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    let kind = if kind.is_empty() { String::new() } else { format!("content-type: {kind}\r\n") };
    stream.write_all(format!("{head}{kind}\r\n{body}").as_bytes()).unwrap();
}
