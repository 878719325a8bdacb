//! The server with real clients on real sockets. Its limits are short here, and no test depends on anything being
//! quick: only on what comes first.

use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
};

use super::*;
use crate::http::body::{BodyError, BodyLimits, bytes_within};

/// Longer than any test should take, for whatever would otherwise hang.
const LONG: Duration = Duration::from_secs(30);
const HEAD: Duration = Duration::from_millis(300);
const IDLE: Duration = Duration::from_millis(1500);

const LIMITS: Limits = Limits { head: HEAD, idle: IDLE, write: LONG, drain: LONG, connections: 10_000 };

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Running {
    async fn with(limits: Limits, routes: warp::filters::BoxedFilter<(Response,)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let routes = routes.recover(async |_| Ok::<_, Infallible>(StatusCode::NOT_FOUND));
        let server = tokio::spawn(serve(
            vec![Listener::http(listener)],
            of_filter(routes),
            sorry,
            limits,
            stop.clone(),
        ));
        Self { address, stop, server }
    }

    /// A server with one route, `/hello`.
    async fn hello(limits: Limits) -> Self {
        Self::with(limits, warp::path!("hello").map(|| "hi".into_response()).boxed()).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that the server says to `request` until it closes the connection.
    async fn says(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.write_all(request.as_bytes()).await.unwrap();
        rest(&mut client).await
    }
}

fn sorry(path: &str) -> Response {
    with_status(format!("sorry for {path}"), StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// What else arrives until the server closes the connection.
async fn rest(client: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset instead of a clean end is an end, too.
    let _ = timeout(LONG, client.read_to_end(&mut text)).await.expect("the server closes the connection");
    String::from_utf8(text).unwrap()
}

/// Sends `GET path` on a connection that stays open, and reads an answer that ends in `ending`.
async fn get(client: &mut TcpStream, path: &str, ending: &str) {
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: m\r\n\r\n").as_bytes()).await.unwrap();
    expect(client, ending).await;
}

/// Reads an answer that ends in `ending`.
async fn expect(client: &mut TcpStream, ending: &str) {
    let mut text = String::new();
    while !text.ends_with(ending) {
        let mut block = [0; 1024];
        let length = timeout(LONG, client.read(&mut block)).await.unwrap().unwrap();
        assert!(length > 0, "the connection was closed after {text:?}");
        text.push_str(std::str::from_utf8(&block[..length]).unwrap());
    }
}

#[tokio::test]
async fn a_client_that_sends_no_whole_head_is_closed_at_the_limit() {
    let limits = Limits { idle: LONG, ..LIMITS };
    let server = Running::hello(limits).await;
    for beginning in ["", "G", "GET /hello HTTP/1.1\r\nHost: m\r\n"] {
        let start = Instant::now();
        assert_eq!(server.says(beginning).await, "");
        let waited = start.elapsed();
        assert!(waited >= HEAD, "after {beginning:?} closed after {waited:?}");
        assert!(waited < LONG / 2, "after {beginning:?} closed after {waited:?}");
    }
}

#[tokio::test]
async fn a_client_that_drips_its_head_is_closed_at_the_limit() {
    let server = Running::hello(Limits { idle: LONG, ..LIMITS }).await;
    let mut client = server.connect().await;
    let dripping = async {
        client.write_all(b"GET /hello HTTP/1.1\r\nX: ").await?;
        loop {
            client.write_all(b"x").await?;
            tokio::time::sleep(HEAD / 10).await;
        }
    };
    let end: io::Result<()> = timeout(LONG, dripping).await.expect("the server closes the connection");
    end.unwrap_err();
}

#[tokio::test]
async fn an_idle_connection_outlives_the_limit_for_heads_and_ends_at_its_own() {
    let server = Running::hello(LIMITS).await;
    let mut client = server.connect().await;
    get(&mut client, "/hello", "hi").await;
    tokio::time::sleep(HEAD * 2).await;
    get(&mut client, "/hello", "hi").await;

    let start = Instant::now();
    assert_eq!(rest(&mut client).await, "");
    assert!(start.elapsed() >= IDLE * 9 / 10, "closed after {:?}", start.elapsed());
}

#[tokio::test]
async fn half_a_head_on_an_idle_connection_ends_it_at_the_limit_for_heads() {
    let server = Running::hello(Limits { idle: LONG, ..LIMITS }).await;
    let mut client = server.connect().await;
    get(&mut client, "/hello", "hi").await;
    tokio::time::sleep(HEAD * 2).await;

    let start = Instant::now();
    client.write_all(b"GET /hel").await.unwrap();
    assert_eq!(rest(&mut client).await, "");
    assert!(start.elapsed() >= HEAD && start.elapsed() < LONG / 2, "closed after {:?}", start.elapsed());
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_given_up() {
    let routes = warp::any().map(|| vec![b'x'; 64 << 20].into_response()).boxed();
    let server = Running::with(Limits { write: HEAD, ..LIMITS }, routes).await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: m\r\n\r\n").await.unwrap();
    tokio::time::sleep(HEAD * 3).await;
    assert!(rest(&mut client).await.len() < 64 << 20);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_431() {
    let server = Running::hello(LIMITS).await;
    let long_line = format!("GET /hello HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(2 * MAX_HEAD));
    let many_lines = format!("GET /hello HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(MAX_HEADERS + 1));
    for head in [long_line, many_lines] {
        let answer = server.says(&head).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn a_request_without_a_path_is_refused_and_the_server_goes_on() {
    let routes = warp::path::full().map(|_| "hi".into_response()).boxed();
    let server = Running::with(LIMITS, routes).await;
    let connect =
        server.says("CONNECT example.org:443 HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n").await;
    assert!(connect.starts_with("HTTP/1.1 405 "), "{connect}");
    for line in ["OPTIONS *", "GET example.org:80"] {
        let answer = server.says(&format!("{line} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{line}: {answer}");
    }
    get(&mut server.connect().await, "/", "hi").await;
}

#[tokio::test]
async fn a_panic_ends_one_request_and_not_even_its_connection() {
    let sync = warp::path!("sync").map(|| -> Response { panic!("a bug") });
    let later = warp::path!("later").then(async || -> Response {
        tokio::task::yield_now().await;
        panic!("another bug")
    });
    let hello = warp::path!("hello").map(|| "hi".into_response());
    let server = Running::with(LIMITS, sync.or(later).unify().or(hello).unify().boxed()).await;

    let mut client = server.connect().await;
    get(&mut client, "/sync", "sorry for /sync").await;
    get(&mut client, "/later", "sorry for /later").await;
    get(&mut client, "/hello", "hi").await;
}

#[tokio::test]
async fn a_route_learns_who_asks() {
    let routes = warp::ext::get().map(|peer: Peer| format!("{}", peer.address).into_response()).boxed();
    let server = Running::with(LIMITS, routes).await;
    let mut client = server.connect().await;
    let own_address = client.local_addr().unwrap().to_string();
    get(&mut client, "/", &own_address).await;
}

/// `POST /` answers with the length of the body, or with what is wrong with it.
async fn server_of_bodies() -> Running {
    let limits = BodyLimits { chunk: HEAD, total: HEAD * 4, ..BodyLimits::of(1000) };
    let length = |body: Result<Bytes, BodyError>| match body {
        Ok(bytes) => format!("{} bytes", bytes.len()).into_response(),
        Err(BodyError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT.into_response(),
        Err(BodyError::Broken) => StatusCode::BAD_REQUEST.into_response(),
    };
    Running::with(LIMITS, warp::post().and(bytes_within(limits)).map(length).boxed()).await
}

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: m\r\nConnection: close\r\n{headers}\r\n\r\n{body}")
}

#[tokio::test]
async fn bodies_up_to_the_limit_are_taken_whole_chunked_and_plain() {
    let server = server_of_bodies().await;
    let largest = "x".repeat(1000);
    let plain = server.says(&post("Content-Length: 1000", &largest)).await;
    assert!(plain.ends_with("1000 bytes"), "{plain}");
    let chunked = server
        .says(&post(
            "Transfer-Encoding: chunked",
            &format!("1F4\r\n{0}\r\n1f4\r\n{0}\r\n0\r\n\r\n", &largest[..500]),
        ))
        .await;
    assert!(chunked.ends_with("1000 bytes"), "{chunked}");
    let none = server.says(&post("Content-Length: 0", "")).await;
    assert!(none.ends_with("0 bytes"), "{none}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_413_chunked_and_plain() {
    let server = server_of_bodies().await;
    let large = "x".repeat(1 << 20);
    let plain = server.says(&post("Content-Length: 1048576", &large)).await;
    assert!(plain.starts_with("HTTP/1.1 413 "), "{plain}");
    let chunked =
        server.says(&post("Transfer-Encoding: chunked", &format!("100000\r\n{large}\r\n0\r\n\r\n"))).await;
    assert!(chunked.starts_with("HTTP/1.1 413 "), "{chunked}");
}

#[tokio::test]
async fn a_body_that_stops_arriving_is_answered_408() {
    let server = server_of_bodies().await;
    let answer = server.says(&post("Content-Length: 1000", "the beginning")).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_drips_is_ended_as_well() {
    let server = server_of_bodies().await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    let dripping: JoinHandle<io::Result<()>> = tokio::spawn(async move {
        writer.write_all(post("Content-Length: 1000", "").as_bytes()).await?;
        loop {
            writer.write_all(b"x").await?;
            tokio::time::sleep(HEAD / 10).await;
        }
    });
    let mut answer = [0; 13];
    timeout(LONG, reader.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408 ");
    timeout(LONG, dripping).await.expect("the server closes the connection").unwrap().unwrap_err();
}

/// A server whose one request has begun when this returns, and ends when it is let go.
async fn server_with_a_request_under_way(drain: Duration) -> (Running, TcpStream, Arc<Notify>) {
    let (begun, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (b, l) = (Arc::clone(&begun), Arc::clone(&let_go));
    let slow = warp::any().then(move || {
        let (begun, let_go) = (Arc::clone(&b), Arc::clone(&l));
        async move {
            begun.notify_one();
            let_go.notified().await;
            "finished".into_response()
        }
    });
    let server = Running::with(Limits { drain, ..LIMITS }, slow.boxed()).await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: m\r\n\r\n").await.unwrap();
    timeout(LONG, begun.notified()).await.unwrap();
    (server, client, let_go)
}

#[tokio::test]
async fn at_a_stop_the_request_under_way_finishes_and_nobody_else_gets_in() {
    let (server, mut client, let_go) = server_with_a_request_under_way(LONG).await;
    let mut idle = server.connect().await;
    server.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    let refused = async { while TcpStream::connect(server.address).await.is_ok() {} };
    timeout(LONG, refused).await.expect("new connections are refused");
    assert!(!server.server.is_finished());

    let_go.notify_one();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("finished"), "{answer}");
    timeout(LONG, server.server).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_finish_is_cut_when_its_time_is_over() {
    let (server, mut client, _never) = server_with_a_request_under_way(HEAD).await;
    server.stop.cancel();
    timeout(LONG, server.server).await.unwrap().unwrap();
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = Running::hello(Limits { connections: 1, ..LIMITS }).await;
    let mut first = server.connect().await;
    get(&mut first, "/hello", "hi").await;
    let mut second = server.connect().await;
    timeout(HEAD, get(&mut second, "/hello", "hi")).await.unwrap_err();
    drop(first);
    expect(&mut second, "hi").await;
}

#[tokio::test]
async fn thousands_of_idle_connections_leave_room_for_one_more() {
    let server = Running::hello(Limits { idle: LONG, ..LIMITS }).await;
    let mut idle = Vec::new();
    // Both ends are in this process, which may be allowed only 1024 open files.
    while idle.len() < 2000
        && let Ok(mut client) = TcpStream::connect(server.address).await
    {
        if timeout(HEAD * 4, get(&mut client, "/hello", "hi")).await.is_err() {
            break;
        }
        idle.push(client);
    }
    assert!(idle.len() > 100, "only {} connections", idle.len());
    idle.pop();
    get(&mut server.connect().await, "/hello", "hi").await;
}

/// A server whose answer to everything is "first", after a pause "then", and no end.
async fn server_of_events(limits: Limits, pause: Duration) -> Running {
    let events = move |stop| {
        let then = stream::once(async move {
            tokio::time::sleep(pause).await;
            Bytes::from("then")
        });
        let first = stream::iter([Bytes::from("first")]);
        crate::http::sse::answer(first.chain(then).chain(stream::pending()), stop)
    };
    Running::with(limits, crate::http::sse::end().map(events).boxed()).await
}

#[tokio::test]
async fn an_answer_that_goes_on_is_cut_by_no_limit() {
    let limit = HEAD / 3;
    let limits = Limits { head: limit, idle: limit, write: limit, ..LIMITS };
    let server = server_of_events(limits, limit * 4).await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: m\r\n\r\n").await.unwrap();
    expect(&mut client, "then\r\n").await;
}

#[tokio::test]
async fn an_answer_that_goes_on_ends_at_the_stop() {
    let server = server_of_events(LIMITS, LONG * 2).await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: m\r\n\r\n").await.unwrap();
    expect(&mut client, "first\r\n").await;
    server.stop.cancel();
    assert_eq!(rest(&mut client).await, "0\r\n\r\n");
    timeout(LONG / 2, server.server).await.expect("nothing holds it up").unwrap();
}
