//! The calls, against a listener that keeps what it is sent and answers what it was told to.

mod downloads;
mod listener;
mod pushes;
mod rechecks;
mod uploads;

use std::{collections::BTreeMap, io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use listener::{Listener, Reply, answer};
use serde_json::{Value, json};

use super::*;
use crate::domain::variables::{Audience, Direction, Variable, VariableValue, Variables};

const MANAGER: &str = "5852bc5198377351f95d103e";
const SECRET: &str = "SRVsecret";
/// Base64 of the secret and a colon.
const TOKEN: &str = "U1JWc2VjcmV0Og==";

const REFUSAL: &str = r#"{"_status": "ERR", "_code": 404, "_message": "No such task exists"}"#;

/// A short time for what never comes. Nothing that does come is limited by it.
const MOMENT: Duration = Duration::from_millis(100);

fn link(url: &str) -> Link {
    Link { url: url.to_owned(), manager_id: MANAGER.to_owned(), manager_secret: SECRET.to_owned() }
}

/// Without the limit that a slow machine could exceed.
fn patient() -> Limits {
    let ample = Duration::from_mins(10);
    Limits { connect: ample, call: ample, transfer: ample, recheck: ample, silence: ample }
}

fn with_limits(replies: impl IntoIterator<Item = Reply>, limits: Limits) -> (Server, Listener) {
    let listener = Listener::new(replies);
    (Server::new(&link(&listener.url), limits), listener)
}

fn server(replies: impl IntoIterator<Item = Reply>) -> (Server, Listener) {
    with_limits(replies, patient())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn notification() -> Notification {
    let value = |audience, platforms: &[&str], value: &str| VariableValue {
        audience,
        platforms: platforms.iter().map(ToString::to_string).collect(),
        value: value.to_owned(),
    };
    let blender = Variable {
        direction: Direction::OneWay,
        values: vec![
            value(Audience::All, &["linux"], "/b"),
            value(Audience::Users, &["windows", "darwin"], "C:/b"),
        ],
    };
    Notification {
        manager_url: "http://192.168.3.108:8080/".to_owned(),
        variables: Variables(BTreeMap::from([("blender".to_owned(), blender)])),
        nr_of_workers: 2,
        worker_task_types: vec!["blender-render".to_owned(), "file-management".to_owned()],
    }
}

async fn notify(server: &Server) -> Result<(), CallError> {
    server.notify(Occasion::Startup, &notification()).await
}

/// The text of the error of a call that is answered so.
async fn error_after(reply: Reply) -> String {
    let (server, _listener) = server([reply]);
    notify(&server).await.unwrap_err().to_string()
}

#[tokio::test]
async fn the_server_is_told_of_the_manager_as_it_expects() {
    let (server, listener) = server([answer("204 No Content", &[], ""), answer("204 No Content", &[], "")]);
    notify(&server).await.unwrap();
    server.notify(Occasion::Update, &notification()).await.unwrap();

    let request = listener.received();
    assert_eq!(request.line, format!("POST /api/flamenco/managers/{MANAGER}/startup HTTP/1.1"));
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "_meta": {"version": 2},
            "manager_url": "http://192.168.3.108:8080/",
            "variables": {"blender": {"direction": "oneway", "values": [
                {"audience": "all", "platforms": ["linux"], "value": "/b"},
                {"audience": "users", "platforms": ["windows", "darwin"], "value": "C:/b"},
            ]}},
            "nr_of_workers": 2,
            "worker_task_types": ["blender-render", "file-management"],
        })
    );
    let host = listener.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let expected = [
        ("accept-encoding", "gzip".to_owned()),
        ("authorization", format!("Basic {TOKEN}")),
        ("content-length", request.body.len().to_string()),
        ("content-type", "application/json".to_owned()),
        ("host", host),
        ("user-agent", format!("flamenco-manager/{}", env!("CARGO_PKG_VERSION"))),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(request.headers, expected);
    assert_eq!(listener.received().line, format!("POST /api/flamenco/managers/{MANAGER}/update HTTP/1.1"));
}

#[tokio::test]
async fn a_path_in_the_url_is_dropped() {
    let listener = Listener::new([answer("204 No Content", &[], "")]);
    let server = Server::new(&link(&format!("{}sub/path/", listener.url)), patient());
    notify(&server).await.unwrap();
    assert_eq!(listener.received().line, format!("POST /api/flamenco/managers/{MANAGER}/startup HTTP/1.1"));
    let task = TaskId([7; 12]);
    assert_eq!(server.task_page(task), format!("{}flamenco/tasks/{task}", listener.url));
}

#[tokio::test]
async fn a_refusal_carries_what_the_server_says() {
    for (status, body, kind, says) in [
        (
            "400 Bad Request",
            r#"{"_status": "ERR", "_error": {"code": 400, "message": "Missing key"}}"#,
            "Refused",
            "Missing key",
        ),
        (
            "401 Unauthorized",
            r#"{"_status": "ERR", "_error": {"code": 401}}"#,
            "Credentials",
            r#"{"_status""#,
        ),
        ("403 Forbidden", r#"{"_status": "ERR", "_message": "Not yours"}"#, "Credentials", "Not yours"),
        ("404 Not Found", REFUSAL, "Refused", "No such task exists"),
        ("413 Too Large", "<html>\r\n<b>nginx</b>", "Refused", "<html>  <b>nginx</b>"),
        ("500 Internal Server Error", "", "Trouble", "it does not say why"),
        ("503 Unavailable", "[]", "Trouble", "[]"),
    ] {
        let (server, _listener) = server([answer(status, &[], body)]);
        let error = notify(&server).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{status}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(says) && text.contains(&status[..3]) && text.contains("/startup"), "{text}");
    }
}

#[tokio::test]
async fn a_redirect_is_reported_and_not_followed() {
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let (server, listener) = server([
            answer(status, &["Location: https://cloud.example.com/api"], ""),
            answer("204", &[], ""),
        ]);
        let error = notify(&server).await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
        assert!(
            error.to_string().contains("redirects to https://cloud.example.com/api; set `flamenco`"),
            "{error}"
        );
        assert_eq!(
            listener.received().header("host").map(|host| format!("http://{host}/")),
            Some(listener.url.clone())
        );
        assert_eq!(listener.unseen(), 0);
    }
}

#[tokio::test]
async fn the_secret_is_neither_in_errors_nor_in_debug_output() {
    let echo = format!(r#"{{"_message": "no user {SECRET}, header Basic {TOKEN}"}}"#);
    let place = format!("Location: https://{SECRET}@example.com/");
    let texts = [
        error_after(answer("403 Forbidden", &[], &echo)).await,
        error_after(answer("500 Oops", &[], &echo)).await,
        error_after(answer("302 Found", &[&place], "")).await,
        format!("{:?}", link("http://server/")),
    ];
    for text in texts {
        assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn no_answer_and_half_an_answer_are_errors_of_the_connection() {
    for half in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Len",
        "HTTP/1.1 204 No Content\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"depsgraph\": [",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dep",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
    ] {
        let (server, _listener) = server([Reply::Bytes(half.into())]);
        let error = server.download(None).await.unwrap_err();
        assert!(matches!(error, CallError::Unreachable { .. }), "{half:?}: {error:?}");
    }
}

#[tokio::test]
async fn half_of_a_compressed_answer_is_an_error_of_the_connection_and_nonsense_one_of_the_server() {
    let whole = gzip(br#"{"depsgraph": []}"#);
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", whole.len());
    let half = Reply::Bytes([head.as_bytes(), &whole[..whole.len() / 2]].concat());
    let nonsense = answer("200 OK", &["Content-Encoding: gzip"], "nonsense, and not a little of it");
    let (server, _listener) = server([half, nonsense]);
    let error = server.download(None).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    let error = server.download(None).await.unwrap_err();
    assert!(matches!(error, CallError::Trouble { status: 200, .. }), "{error:?}");
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_answer() {
    let (server, listener) = server([]);
    let url = listener.url.clone();
    let error = notify(&server).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    assert!(
        error.to_string().contains(&format!("POST {url}api/flamenco/managers/{MANAGER}/startup")),
        "{error}"
    );
}

#[tokio::test]
async fn a_plain_server_behind_an_https_url_is_an_error_of_the_connection() {
    // Not a whole request ever comes, so the listener closes when the client does.
    let listener = Listener::new([Reply::Hang("")]);
    let url = listener.url.replace("http:", "https:");
    let server = Server::new(&link(&url), Limits { call: MOMENT, ..patient() });
    let error = notify(&server).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    assert!(!error.to_string().contains("panicked"), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let limits = Limits { call: MOMENT, silence: Duration::from_mins(10), ..patient() };
    for start in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"] {
        let (server, _listener) = with_limits([Reply::Hang(start)], limits.clone());
        let error = notify(&server).await.unwrap_err();
        assert!(error.to_string().ends_with("it took too long"), "{error}");
    }
    let limits = Limits { silence: MOMENT, ..patient() };
    for start in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"] {
        let (server, _listener) = with_limits([Reply::Hang(start)], limits.clone());
        let error = server.download(None).await.unwrap_err();
        assert!(error.to_string().ends_with("it took too long"), "{error}");
    }
}

#[tokio::test]
async fn hanging_up_ends_calls_in_hand_and_those_to_come() {
    let (server, listener) = server([Reply::Hang("")]);
    let server = Arc::new(server);
    let call = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.download(None).await }
    });
    tokio::task::spawn_blocking(move || listener.received()).await.unwrap();
    server.hang_up();
    let errors = [
        call.await.unwrap().unwrap_err(),
        server.download(None).await.unwrap_err(),
        server.task(TaskId([7; 12]), "").await.unwrap_err(),
        server.push(Batch::default()).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_swells_when_decompressed_is_cut_off() {
    let zeros = usize::try_from(LARGEST_ANSWER).unwrap() + 1;
    let bomb = gzip(&vec![b' '; zeros]);
    let (server, _listener) = server([answer("200 OK", &["Content-Encoding: gzip"], bomb)]);
    let error = server.push(Batch::default()).await.unwrap_err();
    assert!(matches!(error, CallError::Trouble { status: 200, .. }), "{error:?}");
    assert!(error.to_string().contains("more than 67108864 bytes"), "{error}");
}

#[tokio::test]
async fn the_own_address_is_the_one_that_leads_to_the_server() {
    let server = |url| Server::new(&link(url), patient());
    assert_eq!(server("http://127.0.0.1:9/").own_address().await, Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(server("https://127.0.0.1/x/").own_address().await, Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(server("nonsense").own_address().await, None);
}
