//! The fake Server's end of the line: connections that are answered, cut, or cut in the middle of an answer.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use flamenco_manager::clock::{Clock, ManualClock};
use futures_util::stream;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    answer::{Answer, date, error, with_body},
    exchange::{Errand, State},
    mood::Mood,
};

/// What all connections share.
pub struct Shared {
    pub clock: Arc<ManualClock>,
    state: Mutex<State>,
    /// Something has arrived.
    pub arrivals: watch::Sender<()>,
    /// What hangs may go on.
    pub gate: watch::Sender<()>,
}

impl Shared {
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            arrivals: watch::Sender::default(),
            gate: watch::Sender::default(),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// A port that stays ours also while nobody listens there.
pub struct Port {
    pub address: SocketAddr,
    _socket: TcpSocket,
}

impl Port {
    pub fn reserve() -> Self {
        let socket = bound("127.0.0.1:0".parse().unwrap());
        Self { address: socket.local_addr().unwrap(), _socket: socket }
    }

    pub fn open(&self, shared: &Arc<Shared>) -> Running {
        let listener = bound(self.address).listen(1024).unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Arc::clone(shared), stop.clone()));
        Running { stop: stop.drop_guard(), serving }
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// A Server that is up.
pub struct Running {
    stop: DropGuard,
    serving: JoinHandle<()>,
}

impl Running {
    pub async fn stop(self) {
        drop(self.stop);
        self.serving.await.unwrap();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let stream = TokioIo::new(accepted.unwrap().0);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let answer = service_fn(|request| answer(Arc::clone(&shared), request));
            // That it ends early is what some moods are for.
            let _ = http1::Builder::new().serve_connection(stream, answer).await;
        });
    }
    drop(listener);
    connections.shutdown().await;
}

type Body = BoxBody<Bytes, io::Error>;

/// Answers a request; an error closes the connection.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let mut gate = shared.gate.subscribe();
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let what = format!("{} {}", parts.method, parts.uri);
    let Some(errand) = Errand::new(Request::from_parts(parts, body)) else {
        shared.state().inspector.complain(&what, ["leads nowhere".to_owned()]);
        return Ok(whole(error(404)));
    };
    let (number, mood) = shared.state().arrives(&errand, shared.clock.now());
    shared.arrivals.send_replace(());
    if matches!(mood, Mood::Hangs) {
        gate.changed().await.map_err(io::Error::other)?;
    }

    let now = shared.clock.now();
    let mut answer = match &mood {
        Mood::HangsUp => return Err(hung_up()),
        Mood::Answers(status) => error(*status),
        Mood::Revoked => error(403),
        Mood::Nonsense => with_body(200, "application/json", "{\"depsgraph\": [{\"_id\": "),
        Mood::ProxyPage => with_body(404, "text/html", "<html><title>no such host</title></html>"),
        _ => shared.state().handle(&errand, &mood, now),
    };
    if matches!(mood, Mood::DoesItButHangsUp)
        || matches!(mood, Mood::HalfAnAnswer) && answer.body().is_empty()
    {
        return Err(hung_up());
    }
    if matches!(mood, Mood::AnswersLate) {
        gate.changed().await.map_err(io::Error::other)?;
    }
    shared.state().asked[number].status = Some(answer.status().as_u16());
    date(&mut answer, now);
    Ok(if matches!(mood, Mood::HalfAnAnswer) { half(answer) } else { whole(answer) })
}

fn hung_up() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

fn whole(answer: Answer) -> Response<Body> {
    answer.map(|body| Full::new(body).map_err(|never| match never {}).boxed())
}

/// The head and half of the body; then the connection breaks.
fn half(mut answer: Answer) -> Response<Body> {
    let length = answer.body().len();
    answer.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    answer.map(|body| {
        let half = body.slice(..length / 2);
        let frames = stream::unfold(Some(half), |half| async move {
            let Some(half) = half else {
                // So that the half leaves before the end.
                tokio::task::yield_now().await;
                return Some((Err(hung_up()), None));
            };
            Some((Ok(Frame::data(half)), None))
        });
        StreamBody::new(frames).boxed()
    })
}
