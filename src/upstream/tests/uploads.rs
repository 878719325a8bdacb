//! Uploads of task logs.

use std::io::Cursor;

use super::*;

const ID: TaskId = TaskId([0x5c, 0x7d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

async fn upload(server: &Server, log: &[u8]) -> Result<(), CallError> {
    server.upload_log(ID, Cursor::new(log.to_vec()), log.len() as u64).await
}

#[tokio::test]
async fn a_log_goes_out_as_one_part_of_known_length() {
    let content: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    for status in ["200 OK", "201 Created"] {
        let (server, listener) = server([answer(status, &[], r#"{"_message": "ok"}"#)]);
        upload(&server, &content).await.unwrap();

        let request = listener.received();
        assert_eq!(
            request.line,
            format!("POST /api/flamenco/managers/{MANAGER}/attach-task-log/{ID} HTTP/1.1")
        );
        assert_eq!(request.header("authorization"), Some(format!("Basic {TOKEN}").as_str()));
        assert_eq!(request.header("transfer-encoding"), None);
        assert_eq!(request.header("content-encoding"), None);
        let kind = request.header("content-type").unwrap();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let head = format!(
            "--{boundary}\r\n\
             Content-Disposition: form-data; name=\"logfile\"; filename=\"task-5c7d00000000000000000002.txt.gz\"\r\n\
             Content-Type: text/plain+gzip\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        assert!(request.body == [head.as_bytes(), &content, tail.as_bytes()].concat());
    }
}

#[tokio::test]
async fn a_log_may_be_empty() {
    for content in ["", "some log"] {
        let (server, listener) = server([answer("201 Created", &[], "")]);
        upload(&server, content.as_bytes()).await.unwrap();
        assert!(listener.received().text().contains(&format!("\r\n\r\n{content}\r\n--")));
    }
}

#[tokio::test]
async fn a_log_of_a_task_that_the_server_does_not_know_can_be_told_apart() {
    let (server, _listener) = server([answer("404 Not Found", &[], REFUSAL)]);
    let error = upload(&server, b"x").await.unwrap_err();
    assert!(matches!(error, CallError::Refused { status: 404, .. }), "{error:?}");
    assert!(error.to_string().ends_with("No such task exists"), "{error}");
}

#[tokio::test]
async fn only_200_and_201_mean_that_the_server_has_the_log() {
    for status in ["202 Accepted", "204 No Content", "400 Bad Request", "403 Forbidden", "500 Oops"] {
        let (server, _listener) = server([answer(status, &[], "")]);
        upload(&server, b"x").await.unwrap_err();
    }
}

#[test]
fn a_log_that_became_shorter_is_an_error() {
    let mut body = LogBody::new(ID, Cursor::new([7; 50]), 100);
    let mut sent = Vec::new();
    let error = std::io::Read::read_to_end(&mut body.reader, &mut sent).unwrap_err();
    assert!((sent.len() as u64) < body.length);
    assert_eq!(error.to_string(), "the log file became shorter while it was sent");
}
