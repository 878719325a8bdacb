//! How long a connection is waited for. hyper has one limit for "no complete request head yet", be the connection
//! idle or half-way through a head; here the two are told apart, and a client that does not take its answer is
//! given up.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::Timer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// How often something was read from a connection: written by its [`Watched`], looked at by its [`HeadTimer`].
type Reads = Arc<AtomicU64>;

/// Both halves of the watch over one connection: the connection itself, wrapped, and the timer for hyper.
///
/// `head` is the time from the first byte of a request head, or from connecting, to its last byte; `write` is the
/// time in which the client must take at least something of an answer.
pub(super) fn watch<S>(stream: S, head: Duration, write: Duration) -> (Watched<S>, HeadTimer) {
    let reads = Reads::default();
    let watched = Watched { stream, reads: Arc::clone(&reads), write, stalled: None };
    (watched, HeadTimer { reads, head })
}

/// A connection that counts its reads and whose writes may not stall for ever.
pub(super) struct Watched<S> {
    stream: S,
    reads: Reads,
    write: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// Passes on what became of a write, unless it has been pending for too long.
    fn unless_stalled<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let limit = self.write;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take the answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.unless_stalled(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.unless_stalled(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = Pin::new(&mut self.stream).poll_flush(cx);
        self.unless_stalled(cx, flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shutdown = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.unless_stalled(cx, shutdown)
    }
}

/// The timer of one connection. hyper asks it for a sleep each time it begins to wait for a request head, and for
/// nothing else: that sleep is hyper's `header_read_timeout` while nothing arrives, and is cut short to `head` once
/// the head has begun. (The beginning of a head that came in one piece with the end of the request before it is not
/// seen here; such a connection ends by hyper's limit.)
#[derive(Clone)]
pub(super) struct HeadTimer {
    reads: Reads,
    head: Duration,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let waiting_since = self.reads.load(Ordering::Relaxed);
        Box::pin(HeadSleep {
            sleep: Box::pin(tokio::time::sleep_until(deadline.into())),
            reads: Arc::clone(&self.reads),
            waiting_since,
            begun: false,
            head: self.head,
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

struct HeadSleep {
    sleep: Pin<Box<Sleep>>,
    reads: Reads,
    waiting_since: u64,
    begun: bool,
    head: Duration,
}

impl HeadSleep {
    fn has_begun(&self) -> bool {
        // The first head begins with the connection: whoever connects has something to say.
        self.waiting_since == 0 || self.reads.load(Ordering::Relaxed) != self.waiting_since
    }
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.begun && self.has_begun() {
            self.begun = true;
            let deadline = self.sleep.deadline().min(tokio::time::Instant::now() + self.head);
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}

impl hyper::rt::Sleep for HeadSleep {}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;

    const HEAD: Duration = Duration::from_secs(20);
    const IDLE: Duration = Duration::from_mins(2);

    async fn slept(sleep: Pin<Box<dyn hyper::rt::Sleep>>) -> Duration {
        let start = tokio::time::Instant::now();
        sleep.await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_waited_for_from_the_moment_of_connecting() {
        let (_watched, timer) = watch(tokio::io::empty(), HEAD, HEAD);
        assert_eq!(slept(timer.sleep(IDLE)).await, HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_a_connection_may_be_idle_for_longer() {
        let (mut watched, timer) = watch(&b"a request"[..], HEAD, HEAD);
        watched.read_u8().await.unwrap();
        assert_eq!(slept(timer.sleep(IDLE)).await, IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_is_waited_for_from_its_first_byte() {
        let (mut watched, timer) = watch(&b"a request"[..], HEAD, HEAD);
        watched.read_u8().await.unwrap();
        let mut sleep = timer.sleep(IDLE);
        let idle_for = Duration::from_secs(50);
        timeout(idle_for, sleep.as_mut()).await.unwrap_err();
        watched.read_u8().await.unwrap();
        assert_eq!(slept(sleep).await, HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_begins_late_gets_no_more_than_the_idle_time() {
        let (mut watched, timer) = watch(&b"a request"[..], HEAD, HEAD);
        watched.read_u8().await.unwrap();
        let mut sleep = timer.sleep(HEAD);
        timeout(HEAD / 2, sleep.as_mut()).await.unwrap_err();
        watched.read_u8().await.unwrap();
        assert_eq!(slept(sleep).await, HEAD / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
        let (server, mut client) = tokio::io::duplex(8);
        let (mut watched, _timer) = watch(server, HEAD, HEAD);
        let sending = tokio::spawn(async move { watched.write_all(&[0; 64]).await });

        tokio::time::sleep(HEAD * 3 / 4).await;
        client.read_exact(&mut [0; 8]).await.unwrap();
        tokio::time::sleep(HEAD * 3 / 4).await;
        assert!(!sending.is_finished(), "something was taken, so there is more time");

        let outcome = sending.await.unwrap();
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
