//! Re-checks of single tasks.

use super::*;

const ID: TaskId = TaskId([0x5c, 0x7d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
const TASK: &str = r#"{"_id": "5c7d00000000000000000002", "job": "5c7d00000000000000000001", "status": "failed", "commands": []}"#;

async fn recheck(reply: Reply) -> Result<TaskAnswer, CallError> {
    let (server, _listener) = server([reply]);
    server.task(ID, "abc").await
}

#[tokio::test]
async fn a_recheck_asks_with_the_bare_etag() {
    let (server, listener) = server([0; 3].map(|_| answer("304 Not Modified", &[], "")));
    for (etag, sent) in [("a+b/c=", Some("a+b/c=")), ("", None), ("two\nlines", None)] {
        assert_eq!(server.task(ID, etag).await.unwrap(), TaskAnswer::Unchanged);
        let request = listener.received();
        assert_eq!(request.line, format!("GET /api/flamenco/tasks/{ID} HTTP/1.1"));
        assert_eq!(request.header("if-none-match"), sent);
        assert_eq!(request.header("authorization"), Some(format!("Basic {TOKEN}").as_str()));
    }
}

#[tokio::test]
async fn another_version_is_read() {
    let TaskAnswer::Changed(task) = recheck(answer("200 OK", &[], TASK)).await.unwrap() else {
        panic!("not changed")
    };
    assert_eq!((task.id, task.status.as_str()), (ID, "failed"));
}

#[tokio::test]
async fn only_the_servers_own_word_makes_a_task_gone() {
    for status in ["404 Not Found", "410 Gone"] {
        assert_eq!(recheck(answer(status, &[], REFUSAL)).await.unwrap(), TaskAnswer::Gone);
        for foreign in
            ["", "<html>404</html>", "{}", r#"{"_status": "OK"}"#, r#"["ERR"]"#, r#"{"_status": 404}"#]
        {
            let error = recheck(answer(status, &[], foreign)).await.unwrap_err();
            assert!(matches!(error, CallError::Refused { .. }), "{foreign}: {error:?}");
        }
    }
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let error = recheck(answer(status, &[], REFUSAL)).await.unwrap_err();
        assert!(matches!(error, CallError::Credentials { .. }), "{error:?}");
    }
    for status in ["400 Bad Request", "412 Precondition Failed", "302 Found"] {
        let error = recheck(answer(status, &[], REFUSAL)).await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
    }
    for status in ["204 No Content", "500 Oops", "502 Bad Gateway"] {
        let error = recheck(answer(status, &[], REFUSAL)).await.unwrap_err();
        assert!(matches!(error, CallError::Trouble { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_version_that_cannot_be_understood_is_trouble() {
    let other = TASK.replace("000002", "000003");
    let endless = TASK.replace("[]", "7");
    for body in ["", "<html>", "{}", &other, &endless] {
        let error = recheck(answer("200 OK", &[], body)).await.unwrap_err();
        assert!(matches!(error, CallError::Trouble { status: 200, .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn a_recheck_that_hangs_is_given_up() {
    let (server, _listener) = with_limits([Reply::Hang("")], Limits { recheck: MOMENT, ..patient() });
    let error = server.task(ID, "").await.unwrap_err();
    assert!(error.to_string().ends_with("it took too long"), "{error}");
}

#[tokio::test]
async fn waiting_for_a_turn_counts_into_the_limit() {
    let (server, listener) = with_limits([Reply::Hang("")], Limits { recheck: MOMENT, ..patient() });
    let all = server.recheck_turns.acquire_many(u32::try_from(RECHECKS).unwrap()).await.unwrap();
    let error = server.task(ID, "").await.unwrap_err();
    assert!(error.to_string().ends_with("it took too long"), "{error}");
    assert_eq!(listener.unseen(), 0);
    drop(all);
}
