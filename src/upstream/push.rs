//! How a batch of task updates goes out: compressed, until the Server has shown that it does not take that.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use flate2::{Compression, write::GzEncoder};
use http::{
    Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

use super::{
    answer::{Answer, CallError},
    call::Line,
};
use crate::domain::breath::BREATH;

/// Bodies of more bytes than this are compressed.
const WORTH_COMPRESSING: usize = 1024;

/// As many bytes are compressed in one go.
const STEP: usize = 512 << 10;

/// The way on which updates go. Clones share what is known of the Server.
#[derive(Clone)]
pub(super) struct Pusher {
    line: Line,
    path: String,
    /// The Server refused a compressed batch and took the same one as it is. Known for this run of the program only:
    /// the Server may be another one tomorrow.
    refuses_gzip: Arc<AtomicBool>,
}

impl Pusher {
    pub fn new(line: Line, path: String) -> Self {
        Self { line, path, refuses_gzip: Arc::default() }
    }

    /// Sends a JSON text and returns the answer, whatever its status. Blocks the thread.
    ///
    /// The genuine Manager never compresses, so nobody knows of a Server behind which proxy it works: an error that
    /// may be due to it is followed by a second try without.
    pub fn push(&self, batch: &[u8]) -> Result<Answer, CallError> {
        if batch.len() <= WORTH_COMPRESSING || self.refuses_gzip.load(Ordering::Relaxed) {
            return self.post(batch, false);
        }
        let answer = self.post(&compressed(batch), true)?;
        if !matches!(answer.status, 400 | 415 | 500..) {
            return Ok(answer);
        }
        let answer = self.post(batch, false)?;
        if answer.status == 200 && !self.refuses_gzip.swap(true, Ordering::Relaxed) {
            tracing::info!("the Flamenco Server takes no compressed task updates; they go to it as they are");
        }
        Ok(answer)
    }

    fn post(&self, body: &[u8], gzip: bool) -> Result<Answer, CallError> {
        let mut request =
            self.line.request(Method::POST, &self.path).header(CONTENT_TYPE, "application/json");
        if gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        self.line.call(request, body, super::LARGEST_ANSWER)
    }
}

fn compressed(batch: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for step in batch.chunks(STEP) {
        encoder.write_all(step).expect("writing to memory does not fail");
        thread::sleep(BREATH);
    }
    encoder.finish().expect("writing to memory does not fail")
}
