//! A Flamenco Server that takes every update, as cheaply as it can, and notes when and at what cost: it runs on the
//! machine that is measured. It keeps its answers to itself until it is told to give them.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Result, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;

/// How every update in a batch begins. It cannot be found in a text: there its quotes would be escaped.
const UPDATE: &str = r#"{"_id":""#;

/// Digits of an ID.
const DIGITS: usize = 24;

/// One batch of updates that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    pub updates: u64,
    /// When the answer was on its way.
    pub answered: Instant,
    /// From the first to the last byte of the request.
    pub received_in: Duration,
    /// From the last byte of the request to the last of the answer.
    pub answered_in: Duration,
    /// Processor time that the Server took, reading included.
    pub cpu: Duration,
}

/// What it knows.
#[derive(Default)]
struct State {
    answers: bool,
    batches: Vec<Batch>,
    last_id: String,
    out_of_order: bool,
}

struct Shared {
    takes_gzip: bool,
    state: Mutex<State>,
    changed: Condvar,
}

/// It listens as long as the program runs; its threads end with their connections.
pub struct FakeServer {
    port: u16,
    shared: Arc<Shared>,
}

impl FakeServer {
    /// It holds its answers to batches back. If it does not take gzip it says so with a 415.
    pub fn start(takes_gzip: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { takes_gzip, state: Mutex::default(), changed: Condvar::new() });
        let with_all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&with_all);
                // An error is a Manager that has gone, as it does at the end.
                thread::spawn(move || shared.converse(&stream));
            }
        });
        Ok(Self { port, shared })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on batches are answered.
    pub fn answer(&self) {
        self.shared.state().answers = true;
        self.shared.changed.notify_all();
    }

    pub fn updates(&self) -> u64 {
        self.shared.state().batches.iter().map(|batch| batch.updates).sum()
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.shared.state().batches.clone()
    }

    /// Did any update come before one with a smaller ID, or twice?
    pub fn out_of_order(&self) -> bool {
        self.shared.state().out_of_order
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one call after the other.
    fn converse(&self, mut stream: &TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        // It plays another machine: the work of this one goes first.
        rustix::process::nice(19)?;
        let mut reader = BufReader::new(stream);
        let (mut body, mut inflated) = (Vec::new(), Vec::new());
        while !reader.fill_buf()?.is_empty() {
            let (started, cpu) = (Instant::now(), processor_time());
            let head = Head::read(&mut reader)?;
            body.resize(head.length, 0);
            reader.read_exact(&mut body)?;
            let received = Instant::now();
            if !head.is_batch {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
                continue;
            }
            if head.gzip && !self.takes_gzip {
                stream.write_all(b"HTTP/1.1 415 Unsupported\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            }
            let mut json = &body;
            if head.gzip {
                inflated.clear();
                GzDecoder::new(body.as_slice()).read_to_end(&mut inflated)?;
                json = &inflated;
            }
            let updates = self.answer(stream, &String::from_utf8_lossy(json))?;
            let answered = Instant::now();
            if updates == 0 {
                continue;
            }
            self.state().batches.push(Batch {
                updates,
                answered,
                received_in: received - started,
                answered_in: answered - received,
                cpu: processor_time().saturating_sub(cpu),
            });
        }
        Ok(())
    }

    /// Says that all updates of the batch are taken, and returns how many they are.
    fn answer(&self, mut stream: &TcpStream, json: &str) -> Result<u64> {
        let ids = json.match_indices(UPDATE).filter_map(|(at, _)| json[at + UPDATE.len()..].get(..DIGITS));
        let ids: Vec<&str> = ids.collect();
        let mut state = self.state();
        state.out_of_order |= !ids.is_sorted_by(|one, next| one < next);
        state.out_of_order |= ids.first().is_some_and(|first| *first <= state.last_id.as_str());
        if let Some(last) = ids.last() {
            (*last).clone_into(&mut state.last_id);
            while !state.answers {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(state);
        let quoted = if ids.is_empty() { String::new() } else { format!("\"{}\"", ids.join("\",\"")) };
        let answer = format!(r#"{{"handled_update_ids":[{quoted}]}}"#);
        let length = answer.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + &answer).as_bytes())?;
        Ok(ids.len() as u64)
    }
}

/// What has to be known of a request.
#[derive(Default)]
struct Head {
    is_batch: bool,
    gzip: bool,
    length: usize,
}

impl Head {
    fn read(reader: &mut impl BufRead) -> Result<Self> {
        let mut head = Self::default();
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            let lower = line.trim_end().to_ascii_lowercase();
            head.is_batch |= lower.contains("/task-update-batch ");
            head.gzip |= lower == "content-encoding: gzip";
            if let Some(length) = lower.strip_prefix("content-length: ") {
                head.length = length.parse().unwrap_or_default();
            }
            line.clear();
        }
        Ok(head)
    }
}

/// Of this thread; the scheduler counts it in nanoseconds.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}
