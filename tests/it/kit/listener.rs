//! Somebody who reads the log of the Manager: what is written on the test's own thread while it listens.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::{
    Dispatch, Level,
    subscriber::{DefaultGuard, NoSubscriber},
};

/// It listens for as long as it is kept.
pub struct Listener {
    heard: Arc<Mutex<Vec<u8>>>,
    _listening: DefaultGuard,
    /// While there is but one subscriber, the thread that first comes by a line of the log decides for all threads
    /// whether anybody wants it; and that thread may be another test's.
    _second: Dispatch,
}

impl Listener {
    pub fn start() -> Self {
        let heard = Arc::new(Mutex::default());
        let paper = Paper(Arc::clone(&heard));
        let log = tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_writer(move || paper.clone());
        let second = Dispatch::new(NoSubscriber::new());
        Self { heard, _listening: tracing::subscriber::set_default(log.finish()), _second: second }
    }

    /// All lines of a level.
    pub fn lines(&self, level: Level) -> Vec<String> {
        let heard = String::from_utf8(self.heard.lock().unwrap().clone()).unwrap();
        let of_level = heard.lines().filter_map(|line| line.trim_start().strip_prefix(level.as_str()));
        of_level.map(|line| line.trim_start().to_owned()).collect()
    }
}

#[derive(Clone)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl io::Write for Paper {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
