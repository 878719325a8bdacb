//! Batches of task updates.

use std::io::Read;

use flate2::read::GzDecoder;

use super::*;
use crate::domain::{
    ids::{JobId, WorkerId},
    task::{FailedBy, Progress, TaskStatus},
    task_update::TaskUpdate,
};

fn id(end: u8) -> [u8; 12] {
    [0x5c, 0x7d, 0, 0, 0, 0, 0, 0, 0, 0, 0, end]
}

/// An update that says as little as possible.
fn quiet() -> TaskUpdate {
    TaskUpdate {
        id: id(1),
        task: TaskId(id(2)),
        status: None,
        received: "2019-03-04T12:00:00.5+01:00".parse().unwrap(),
        activity: String::new(),
        progress: Progress::default(),
        log_tail: String::new(),
        worker: String::new(),
        failed_by: Vec::new(),
        timing: BTreeMap::new(),
    }
}

fn full() -> TaskUpdate {
    TaskUpdate {
        status: Some(TaskStatus::SoftFailed),
        activity: "frame 3 failed".to_owned(),
        progress: Progress { task_percentage: 30, command_index: 2, command_percentage: 80 },
        log_tail: "last\nlines\n".to_owned(),
        worker: "192.168.3.20 (nickname)".to_owned(),
        failed_by: vec![FailedBy { id: WorkerId(id(3)), identifier: "192.168.3.20 (nickname)".to_owned() }],
        timing: BTreeMap::from([("render".to_owned(), 1.25)]),
        received: "2019-03-04T12:34:56.237891Z".parse().unwrap(),
        ..quiet()
    }
}

/// An update that is worth compressing.
fn large() -> TaskUpdate {
    TaskUpdate { log_tail: "line\n".repeat(1000), ..quiet() }
}

fn unpacked(bytes: &[u8]) -> Value {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn batch(updates: impl IntoIterator<Item = TaskUpdate>) -> Batch {
    let mut batch = Batch::default();
    updates.into_iter().for_each(|update| batch.add(&update));
    batch
}

async fn answer_to_push(body: &str) -> Result<PushAnswer, CallError> {
    let (server, _listener) = server([answer("200 OK", &[], body)]);
    server.push(Batch::default()).await
}

#[tokio::test]
async fn updates_go_out_as_the_server_expects_them() {
    let (server, listener) = server([answer("200 OK", &[], "{}")]);
    assert_eq!(server.push(batch([full(), quiet()])).await.unwrap(), PushAnswer::default());
    let request = listener.received();
    assert_eq!(request.line, format!("POST /api/flamenco/managers/{MANAGER}/task-update-batch HTTP/1.1"));
    assert_eq!(request.header("authorization"), Some(format!("Basic {TOKEN}").as_str()));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-encoding"), None);
    assert_eq!(
        request.text(),
        concat!(
            r#"[{"_id":"5c7d00000000000000000001","task_id":"5c7d00000000000000000002","task_status":"soft-failed","#,
            r#""received_on_manager":"2019-03-04T12:34:56.237Z","activity":"frame 3 failed","#,
            r#""task_progress_percentage":30,"current_command_idx":2,"current_command_index":2,"#,
            r#""command_progress_percentage":80,"log_tail":"last\nlines\n","worker":"192.168.3.20 (nickname)","#,
            r#""failed_by_workers":[{"id":"5c7d00000000000000000003","identifier":"192.168.3.20 (nickname)"}],"#,
            r#""metrics":{"timing":{"render":1.25}}},"#,
            r#"{"_id":"5c7d00000000000000000001","task_id":"5c7d00000000000000000002","#,
            r#""received_on_manager":"2019-03-04T11:00:00.500Z","#,
            r#""task_progress_percentage":0,"current_command_idx":0,"current_command_index":0,"#,
            r#""command_progress_percentage":0,"worker":""}]"#,
        )
    );
}

#[tokio::test]
async fn a_push_without_updates_is_an_empty_list() {
    let (server, listener) = server([answer("200 OK", &[], "{}")]);
    server.push(Batch::default()).await.unwrap();
    let request = listener.received();
    assert_eq!((request.text(), request.header("content-length")), ("[]", Some("2")));
}

#[tokio::test]
async fn the_answer_tells_what_is_handled_cancelled_and_wanted() {
    let answer = answer_to_push(
        r#"{"modified_count": 1, "handled_update_ids": ["5c7d00000000000000000001", "1"],
            "cancel_task_ids": ["5c7d00000000000000000002", "../x"],
            "upload_task_file_queue": [{"job": "5c7d00000000000000000003", "task": "5c7d00000000000000000004"},
                                       {"job": "?", "task": "5c7d00000000000000000004"}]}"#,
    );
    let expected = PushAnswer {
        handled: vec![id(1)],
        cancel: vec![TaskId(id(2))],
        wanted_logs: vec![(JobId(id(3)), TaskId(id(4)))],
    };
    assert_eq!(answer.await.unwrap(), expected);
    let nulls = r#"{"handled_update_ids": null, "cancel_task_ids": null, "upload_task_file_queue": null}"#;
    assert_eq!(answer_to_push(nulls).await.unwrap(), PushAnswer::default());
}

#[tokio::test]
async fn an_answer_to_a_push_that_makes_no_sense_is_trouble() {
    for body in ["", "[]", "null", "ok", r#"{"handled_update_ids": 3}"#] {
        let error = answer_to_push(body).await.unwrap_err();
        assert!(matches!(error, CallError::Trouble { status: 200, .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn a_large_batch_is_compressed() {
    let (server, listener) = server([answer("200 OK", &[], "{}")]);
    server.push(batch([large()])).await.unwrap();
    let request = listener.received();
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
    assert_eq!(request.header("transfer-encoding"), None);
    assert!(request.body.len() < 1000);
    assert_eq!(unpacked(&request.body)[0]["log_tail"], large().log_tail);
}

#[tokio::test]
async fn a_server_that_takes_only_plain_batches_gets_no_other_from_then_on() {
    for status in ["400 Bad Request", "415 Unsupported Media Type", "500 Oops", "502 Bad Gateway"] {
        let fine = || answer("200 OK", &[], r#"{"handled_update_ids": ["5c7d00000000000000000001"]}"#);
        let (server, listener) = server([answer(status, &[], ""), fine(), fine()]);
        assert_eq!(server.push(batch([large()])).await.unwrap().handled, [id(1)]);
        assert_eq!(listener.received().header("content-encoding"), Some("gzip"));
        let repeated = listener.received();
        assert_eq!(repeated.header("content-encoding"), None);
        assert_eq!(serde_json::from_slice::<Value>(&repeated.body).unwrap()[0]["log_tail"], large().log_tail);
        server.push(batch([large()])).await.unwrap();
        assert_eq!(listener.received().header("content-encoding"), None);
        assert_eq!(listener.unseen(), 0);
    }
}

#[tokio::test]
async fn a_server_that_takes_no_batch_at_all_is_offered_compressed_ones_again() {
    let (server, listener) = server([
        answer("500 Oops", &[], ""),
        answer("503 Unavailable", &[], "later"),
        answer("500 Oops", &[], ""),
        Reply::Bytes(Vec::new()),
        answer("200 OK", &[], "{}"),
    ]);
    let error = server.push(batch([large()])).await.unwrap_err();
    assert!(matches!(error, CallError::Trouble { status: 503, .. }), "{error:?}");
    let error = server.push(batch([large()])).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    server.push(batch([large()])).await.unwrap();
    let encodings = [0; 5].map(|_| listener.received().header("content-encoding").map(str::to_owned));
    let gzip = || Some("gzip".to_owned());
    assert_eq!(encodings, [gzip(), None, gzip(), None, gzip()]);
}

#[tokio::test]
async fn what_compression_cannot_be_the_reason_of_is_not_tried_again() {
    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found", "302 Found"] {
        let (server, listener) = server([answer(status, &[], ""), answer("200 OK", &[], "{}")]);
        server.push(batch([large()])).await.unwrap_err();
        assert_eq!(listener.received().header("content-encoding"), Some("gzip"));
        assert_eq!(listener.unseen(), 0);
    }
    let (server, listener) = server([answer("200 OK", &[], "nonsense"), answer("200 OK", &[], "{}")]);
    server.push(batch([large()])).await.unwrap_err();
    listener.received();
    assert_eq!(listener.unseen(), 0);
}

#[tokio::test]
async fn an_error_with_a_small_batch_is_not_tried_again() {
    let (server, listener) = server([answer("500 Oops", &[], ""), answer("200 OK", &[], "{}")]);
    server.push(batch([quiet()])).await.unwrap_err();
    listener.received();
    assert_eq!(listener.unseen(), 0);
}
