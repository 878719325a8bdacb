//! The accept loop around warp, for HTTP and HTTPS. warp's own server has no time limit and panics on `CONNECT`; this one
//! ends slow and silent connections, survives panics, and stops within a limit. Which routes there are it does not know.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::FutureExt;
use http::{Method, Request, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use warp::{
    Filter, Reply,
    reply::{Response, with_status},
};

use super::patience::watch;

/// The largest request head, in bytes; a larger one is answered 431.
const MAX_HEAD: usize = 64 * 1024;
/// The largest number of header lines; more are answered 431.
const MAX_HEADERS: usize = 100;
/// The pause after a failed accept: most often the process is out of file handles, and the waiting client stays in
/// the kernel's queue meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How long connections that were cut may take to be gone: only one that never yields needs any of it.
const CUT_MAY_TAKE: Duration = Duration::from_secs(1);

/// Who sent a request, and how. Routes read it with `warp::ext::get::<Peer>()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// Whether it is encrypted.
    pub tls: bool,
}

/// One address at which connections are taken.
pub struct Listener {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Plain HTTP.
    pub fn http(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }

    /// HTTPS.
    pub fn https(listener: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self { listener, tls: Some(config.into()) }
    }
}

/// The end of the Manager, for answers that go on until then. Routes get it with `warp::ext::get::<Stopping>()`.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken);

/// What answers requests.
pub trait Routes:
    Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Routes for S where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Lets a filter of warp answer.
pub fn of_filter<F>(filter: F) -> impl Routes
where
    F: Filter<Error = Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    TowerToHyperService::new(warp::service(filter))
}

/// Makes the answer to a request whose handler panicked, from the request's path. It always ends as a 5xx.
pub type OnPanic = fn(path: &str) -> Response;

/// What one listener grants its clients.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time for a TLS handshake, and for a request head, from its first byte (the first one on a connection: from
    /// connecting) to its last.
    pub head: Duration,
    /// How long a connection may be idle between two requests. Workers poll every 5 to 30 seconds, and fail when
    /// the connection is closed just as they send.
    pub idle: Duration,
    /// The time in which a client must take at least something of its answer.
    pub write: Duration,
    /// How long requests under way may go on after `stop`.
    pub drain: Duration,
    /// The most connections at one time, through all listeners; further ones wait to be accepted.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(20),
            idle: Duration::from_mins(2),
            write: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            connections: 16_384,
        }
    }
}

/// Serves `routes` at all `listeners` until `stop`. Then no connection is accepted any more, idle ones are closed,
/// and requests under way have `limits.drain` to finish before they are dropped. Answers without an end
/// (server-sent events) must watch [`Stopping`] themselves, or they hold it up for all of that time.
///
/// Dropping the future drops the connections, too.
pub async fn serve(
    mut listeners: Vec<Listener>,
    routes: impl Routes,
    on_panic: OnPanic,
    limits: Limits,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let cut_at_the_end = cut.clone().drop_guard();

    while let Some((caller, slot)) = next_caller(&mut listeners, &slots, &stop).await {
        let (routes, stop, cut) = (routes.clone(), stop.clone(), cut.clone());
        connections.spawn(async move {
            let _slot = slot;
            let peer = caller.peer();
            let connection = caller.be_served(routes, on_panic, limits, stop);
            if let Some(Err(error)) = cut.run_until_cancelled(connection).await {
                tracing::debug!(peer = %peer.address, tls = peer.tls, error, "a connection ended early");
            }
        });
    }

    drop(listeners);
    connections.close();
    if timeout(limits.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests that took too long to finish were cut off");
        drop(cut_at_the_end);
        let _ = timeout(CUT_MAY_TAKE, connections.wait()).await;
    }
}

/// The next one to come in, as soon as there is one and a slot for it; `None` after `stop`.
async fn next_caller(
    listeners: &mut [Listener],
    slots: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(Caller, OwnedSemaphorePermit)> {
    let accepting = async {
        // The semaphore is never closed, so this is always a permit.
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        Some((accept(listeners).await, slot))
    };
    stop.run_until_cancelled(accepting).await.flatten()
}

/// Accepts, however often it takes.
async fn accept(listeners: &mut [Listener]) -> Caller {
    let mut failed = false;
    loop {
        match poll_fn(|cx| poll_accept(listeners, cx)).await {
            Ok(caller) => {
                // A pity when it fails, and no more: small answers then wait for the client's acknowledgement.
                let _ = caller.tcp.set_nodelay(true);
                return caller;
            }
            // That client went away by itself.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !failed {
                    tracing::error!(%error, "cannot accept connections; if there are too many open files, raise their limit");
                }
                failed = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Looks at each listener. Whoever waits at another one is the next: a crowd at one keeps nobody from coming in.
fn poll_accept(listeners: &mut [Listener], cx: &mut Context<'_>) -> Poll<io::Result<Caller>> {
    for index in 0..listeners.len() {
        let Listener { listener, tls } = &listeners[index];
        if let Poll::Ready(accepted) = listener.poll_accept(cx) {
            let tls = tls.clone();
            listeners.rotate_left(index + 1);
            return Poll::Ready(accepted.map(|(tcp, address)| Caller { tcp, address, tls }));
        }
    }
    Poll::Pending
}

/// Why a connection ended, for the log.
type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A connection that was accepted, and nothing more.
struct Caller {
    tcp: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl Caller {
    fn peer(&self) -> Peer {
        Peer { address: self.address, tls: self.tls.is_some() }
    }

    /// Answers its requests until it ends, or until `stop` and the end of the request under way.
    async fn be_served(
        self,
        routes: impl Routes,
        on_panic: OnPanic,
        limits: Limits,
        stop: CancellationToken,
    ) -> Ended {
        let peer = self.peer();
        let Some(tls) = self.tls else {
            return serve_connection(self.tcp, peer, routes, on_panic, limits, stop).await;
        };
        let handshake = timeout(limits.head, tls.accept(self.tcp));
        match stop.run_until_cancelled(handshake).await {
            None => Ok(()),
            Some(Err(_)) => Err("the client takes too long for the TLS handshake".into()),
            Some(Ok(Err(error))) => Err(error.into()),
            // It came for the handshake alone: whoever proves a domain to be his does so by its certificate (RFC 8737).
            Some(Ok(Ok(stream))) if !speaks_http(&stream) => Ok(()),
            Some(Ok(Ok(stream))) => serve_connection(stream, peer, routes, on_panic, limits, stop).await,
        }
    }
}

/// Whether HTTP was agreed upon, or nothing at all.
fn speaks_http(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol().is_none_or(|protocol| protocol == b"http/1.1")
}

/// Answers the requests of one connection until it ends, or until `stop` and the end of the request under way.
async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    routes: impl Routes,
    on_panic: OnPanic,
    limits: Limits,
    stop: CancellationToken,
) -> Ended {
    let stopping = Stopping(stop.clone());
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(stopping.clone());
        answer(routes.clone(), request, on_panic)
    });
    let (stream, timer) = watch(stream, limits.head, limits.write);
    // Not hyper-util's `auto` builder: that one waits for the first bytes without any limit.
    let connection = http1::Builder::new()
        .timer(timer)
        .header_read_timeout(limits.idle)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);

    let mut connection = pin!(connection);
    tokio::select! {
        end = connection.as_mut() => return Ok(end?),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

/// Answers one request: by its route, or for a handler that panics by `on_panic`.
async fn answer(
    routes: impl Routes,
    mut request: Request<Incoming>,
    on_panic: OnPanic,
) -> Result<Response, Infallible> {
    if let Some(refusal) = refuse_without_path(&request) {
        return Ok(refusal);
    }
    // It is answered like GET, and hyper leaves out the body.
    if *request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let path = request.uri().path().to_owned();
    // Whatever a handler shares with others is behind locks that notice a panic, or in the store, which rolls back.
    let handling = AssertUnwindSafe(async move { routes.call(request).await });
    handling.catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(path, "a request handler panicked; this is a bug, please report it");
        Ok(on_panic(&path))
    })
}

/// `CONNECT host:port`, `OPTIONS *` and the like: warp 0.4.3 panics when it matches a path that is none.
fn refuse_without_path<B>(request: &Request<B>) -> Option<Response> {
    if request.method() == Method::CONNECT {
        let refusal = with_status("this is no proxy\n", StatusCode::METHOD_NOT_ALLOWED);
        return Some(
            warp::reply::with_header(refusal, http::header::ALLOW, "GET, HEAD, POST, PATCH, DELETE")
                .into_response(),
        );
    }
    if !request.uri().path().starts_with('/') {
        return Some(with_status("the request names no path\n", StatusCode::BAD_REQUEST).into_response());
    }
    None
}

#[cfg(test)]
mod tests;
