//! Request bodies, taken in whole and bounded in size and time. What is wrong with a body is a value, never a
//! rejection: the handler decides on the answer.

use std::{pin::pin, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use futures_util::{Stream, StreamExt};
use serde::de::{DeserializeOwned, Error};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout, timeout_at},
};
use warp::{Filter, Rejection};

use super::audit::Noted;
use crate::services;

/// The most bytes of an ordinary body.
pub const ORDINARY: u64 = 16 << 20;
/// The most bytes of a task update. A worker whose update is refused for its size sends it again for ever.
pub const TASK_UPDATE: u64 = 256 << 20;

/// What a body may hold without asking the budget.
pub const SMALL: u64 = 1 << 20;
/// The budget counts in blocks of this many bytes, because a semaphore counts to 2^32 at most.
const BLOCK: u64 = 1 << 10;
/// The memory that all large bodies together may take; it belongs to the process, and so does this.
static LARGE_BODIES: Semaphore = Semaphore::const_new(512 << 10);

/// Of a body that is too large, so much more is read and dropped before it is answered: a client that is still
/// sending when the connection is closed sees a broken connection in place of the 413.
const DROPPED: u64 = 16 << 20;
/// The time for reading what is dropped.
const DROPPING_MAY_TAKE: Duration = Duration::from_secs(5);

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than this many bytes. The fitting status is 413.
    #[error("the body is too large, at most {0} bytes are taken")]
    TooLarge(u64),
    /// It did not arrive in time. The fitting status is 408.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke, or the chunks are malformed. The fitting status is 400; as a rule nobody is left to read it.
    #[error("the body did not arrive whole")]
    Broken,
}

/// The limits of one body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// The most bytes.
    pub bytes: u64,
    /// The longest time between two pieces of the body.
    pub chunk: Duration,
    /// The time for the whole body, waiting for a share of the budget included.
    pub total: Duration,
    /// Shared by bodies above 1 MiB, in KiB: whoever finds it used up waits with the rest of the body in the network.
    pub budget: &'static Semaphore,
}

impl BodyLimits {
    /// The limits of a body of at most `max` bytes: 20 seconds without a sign of life, and in all a minute and one
    /// second more for each MiB allowed.
    #[must_use]
    pub fn of(max: u64) -> Self {
        Self {
            bytes: max,
            chunk: Duration::from_secs(20),
            total: Duration::from_secs(60 + (max >> 20)),
            budget: &LARGE_BODIES,
        }
    }
}

/// Reads a JSON object. A list of the values of its fields, which serde takes as well, is none.
pub fn object<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(serde_json::Error::custom("expected an object, not a list"));
    }
    serde_json::from_slice(text)
}

/// Works on a body of this many bytes: a large one on a thread where that keeps no other request waiting.
pub async fn digest<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, services::Error> {
    if size(bytes) <= SMALL {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| services::Error::Panicked)
}

/// Takes the whole body, of at most `max` bytes.
pub fn bytes(
    max: u64,
) -> impl Filter<Extract = (Result<Bytes, BodyError>,), Error = Rejection> + Clone + Send + Sync {
    bytes_within(BodyLimits::of(max))
}

/// Takes the whole body within limits of the caller's own.
pub fn bytes_within(
    limits: BodyLimits,
) -> impl Filter<Extract = (Result<Bytes, BodyError>,), Error = Rejection> + Clone + Send + Sync {
    content_length().and(warp::body::stream()).and(warp::ext::optional::<Noted>()).then(
        move |length: Option<u64>, stream, noted: Option<Noted>| async move {
            let body = read_limited(stream, length, limits).await;
            if let (Ok(body), Some(noted)) = (&body, noted) {
                noted.body(body);
            }
            body
        },
    )
}

/// Takes the announced length. hyper has refused those that are no number; it is also missing when the body is chunked.
pub fn content_length()
-> impl Filter<Extract = (Option<u64>,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::header::optional::<String>("content-length")
        .map(|length: Option<String>| length.and_then(|length| length.parse().ok()))
}

/// Reads a whole body. `announced` is its length, when the client told it.
pub async fn read_limited<S, B, E>(
    stream: S,
    announced: Option<u64>,
    limits: BodyLimits,
) -> Result<Bytes, BodyError>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut stream = pin!(stream);
    let deadline = Instant::now() + limits.total;
    let result = match announced {
        Some(length) if length > limits.bytes => Err(BodyError::TooLarge(limits.bytes)),
        _ => {
            let reading = collect(stream.as_mut(), announced.unwrap_or(limits.bytes), limits);
            timeout_at(deadline, reading).await.unwrap_or(Err(BodyError::TooSlow))
        }
    };
    if let Err(BodyError::TooLarge(_)) = result {
        let _ = timeout(DROPPING_MAY_TAKE, drop_some(stream)).await;
    }
    result
}

/// Puts the pieces together. No more than `expected` bytes will come, as far as one knows.
async fn collect<S, B, E>(mut stream: S, expected: u64, limits: BodyLimits) -> Result<Bytes, BodyError>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: Buf,
{
    let mut body = Collected { bytes: Vec::new(), share: None };
    while let Some(piece) = timeout(limits.chunk, stream.next()).await.map_err(|_| BodyError::TooSlow)? {
        let piece = piece.map_err(|_| BodyError::Broken)?;
        let length = size(body.bytes.len()) + size(piece.remaining());
        if length > limits.bytes {
            return Err(BodyError::TooLarge(limits.bytes));
        }
        if length > SMALL && body.share.is_none() {
            body.share = Some(share_of(limits.budget, expected).await?);
        }
        body.bytes.put(piece);
    }
    Ok(Bytes::from_owner(body))
}

/// Waits for all that the body can need, at once: bodies that took more bit by bit could wait for each other.
async fn share_of(budget: &'static Semaphore, bytes: u64) -> Result<SemaphorePermit<'static>, BodyError> {
    let blocks = u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX);
    // The semaphore is never closed.
    budget.acquire_many(blocks).await.map_err(|_| BodyError::TooSlow)
}

/// Reads and forgets the rest of a body, up to a limit.
async fn drop_some<S, B, E>(mut stream: S)
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: Buf,
{
    let mut dropped = 0;
    while dropped < DROPPED
        && let Some(Ok(piece)) = stream.next().await
    {
        dropped += size(piece.remaining());
    }
}

/// A body with its share of the budget, which it gives back when the last copy of its bytes is dropped.
struct Collected {
    bytes: Vec<u8>,
    share: Option<SemaphorePermit<'static>>,
}

impl AsRef<[u8]> for Collected {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A length as it is counted here; no platform has lengths that do not fit.
fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    fn pieces<const N: usize>(pieces: [&[u8]; N]) -> impl Stream<Item = Result<&[u8], Infallible>> {
        stream::iter(pieces.map(Ok))
    }

    fn budget(mebibytes: usize) -> &'static Semaphore {
        Box::leak(Box::new(Semaphore::new(mebibytes << 10)))
    }

    #[tokio::test]
    async fn the_pieces_are_put_together() {
        let body = read_limited(pieces([b"a ", b"", b"body"]), None, BodyLimits::of(6)).await;
        assert_eq!(body.unwrap(), "a body");
    }

    #[tokio::test]
    async fn one_byte_more_than_allowed_is_too_large() {
        let body = read_limited(pieces([b"a ", b"body."]), None, BodyLimits::of(6)).await;
        assert_eq!(body, Err(BodyError::TooLarge(6)));
    }

    #[tokio::test]
    async fn what_is_announced_as_too_large_is_dropped_to_its_end() {
        let mut left = 3;
        let stream = stream::iter(std::iter::from_fn(|| {
            left -= 1;
            (left >= 0).then_some(Ok::<_, Infallible>(&b"piece"[..]))
        }));
        let body = read_limited(stream, Some(15), BodyLimits::of(6)).await;
        assert_eq!(body, Err(BodyError::TooLarge(6)));
        assert_eq!(left, -1, "the whole body was read");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_cannot_hold_up_its_413() {
        let start = Instant::now();
        let body =
            read_limited(pieces([b"too large"]).chain(stream::pending()), None, BodyLimits::of(6)).await;
        assert_eq!(body, Err(BodyError::TooLarge(6)));
        assert_eq!(start.elapsed(), DROPPING_MAY_TAKE);
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(&[0; 4096][..]));
        assert_eq!(read_limited(endless, None, BodyLimits::of(6)).await, Err(BodyError::TooLarge(6)));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_body() {
        let broken = stream::iter([Ok(&b"half"[..]), Err("reset")]);
        assert_eq!(read_limited(broken, None, BodyLimits::of(6)).await, Err(BodyError::Broken));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_dripping_have_their_limits() {
        let start = Instant::now();
        let silent = pieces([b"half"]).chain(stream::pending());
        assert_eq!(read_limited(silent, None, BodyLimits::of(ORDINARY)).await, Err(BodyError::TooSlow));
        assert_eq!(start.elapsed(), Duration::from_secs(20));

        let start = Instant::now();
        let dripping = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some((Ok::<_, Infallible>(&b"x"[..]), ()))
        });
        assert_eq!(read_limited(dripping, None, BodyLimits::of(ORDINARY)).await, Err(BodyError::TooSlow));
        assert_eq!(start.elapsed(), Duration::from_secs(76));
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_each_other_and_small_ones_for_nobody() {
        let limits = BodyLimits { budget: budget(4), ..BodyLimits::of(ORDINARY) };
        let large = vec![0; 3 << 20];
        let read =
            |bytes| read_limited(stream::iter([Ok::<_, Infallible>(bytes)]), Some(size(large.len())), limits);

        let first = read(&large[..]).await.unwrap();
        let copy = first.clone();
        drop(first);
        assert_eq!(read(&large[..]).await, Err(BodyError::TooSlow), "a copy keeps the share");
        read(&large[..1 << 20]).await.unwrap();
        drop(copy);
        assert_eq!(read(&large[..]).await.unwrap().len(), 3 << 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_of_unknown_length_takes_the_largest_share() {
        let limits = BodyLimits { budget: budget(15), ..BodyLimits::of(ORDINARY) };
        let large = vec![0; 2 << 20];
        let read =
            |announced| read_limited(stream::iter([Ok::<_, Infallible>(&large[..])]), announced, limits);
        assert_eq!(read(None).await, Err(BodyError::TooSlow));
        assert!(read(Some(2 << 20)).await.is_ok());
    }
}
