//! Downloads of tasks.

use super::*;
use crate::domain::{
    ids::{JobId, WorkerId},
    task::{FailedBy, TaskStatus},
};

/// The Server's own example (`server-protocol.md`, section 1.2).
const TASK: &str = r#"{"_id": "5c7d00000000000000000002", "_etag": "ced1fec7238142d4885bb83f188334da",
  "_created": "Mon, 04 Mar 2019 12:00:00 GMT", "_updated": "Mon, 04 Mar 2019 12:34:56 GMT",
  "job": "5c7d00000000000000000001", "manager": "5852bc5198377351f95d103e", "project": "666666666666666666666666", "user": "555555555555555555555555",
  "name": "sleep-1", "status": "claimed-by-manager", "job_type": "sleep", "task_type": "sleep", "priority": 50, "job_priority": 60,
  "commands": [{"name": "echo", "settings": {"message": "24.0", "n": 24.0, "i": 24, "big": 12345678901234567890123}}, {"name": "sleep", "settings": {"time_in_seconds": 1}}],
  "parents": ["5c7d00000000000000000003"], "activity": "idle", "worker": "-", "log": "...", "task_progress_percentage": 5,
  "failed_by_workers": [{"id": "5c7d00000000000000000004", "identifier": "192.168.3.20 (nickname)"}, {"id": "?"}]}"#;

/// The least that a task must have.
const BARE: &str = r#"{"_id": "5c7d00000000000000000005", "job": "5c7d00000000000000000001", "status": "queued", "commands": []}"#;

const NEWEST: &str = "X-Flamenco-Last-Updated: 2019-03-04T12:34:56.302000+00:00";

fn depsgraph(tasks: &[&str]) -> String {
    format!(r#"{{"depsgraph": [{}]}}"#, tasks.join(", "))
}

async fn download(reply: Reply) -> Result<Download, CallError> {
    let (server, _listener) = server([reply]);
    server.download(None).await
}

async fn tasks(answered: &[&str]) -> Vec<ServerTask> {
    match download(answer("200 OK", &[], depsgraph(answered))).await.unwrap() {
        Download::Tasks { tasks, .. } => tasks,
        Download::Nothing => panic!("no tasks"),
    }
}

fn id(end: u8) -> [u8; 12] {
    [0x5c, 0x7d, 0, 0, 0, 0, 0, 0, 0, 0, 0, end]
}

#[tokio::test]
async fn a_download_asks_for_what_is_newer_and_for_everything_without_a_past() {
    let (server, listener) = server([answer("304 Not Modified", &[], ""), answer("204 No Content", &[], "")]);
    let since = "2019-03-04T12:34:56.302000+00:00";
    assert_eq!(server.download(Some(since)).await.unwrap(), Download::Nothing);
    assert_eq!(server.download(None).await.unwrap(), Download::Nothing);

    let request = listener.received();
    assert_eq!(request.line, format!("GET /api/flamenco/managers/{MANAGER}/depsgraph HTTP/1.1"));
    assert_eq!(request.header("x-flamenco-if-updated-since"), Some(since));
    assert_eq!(request.header("authorization"), Some(format!("Basic {TOKEN}").as_str()));
    for absent in ["accept", "content-length", "transfer-encoding", "content-type", "if-modified-since"] {
        assert_eq!(request.header(absent), None);
    }
    assert_eq!(listener.received().header("x-flamenco-if-updated-since"), None);
}

#[tokio::test]
async fn tasks_are_read_with_the_numbers_in_their_commands_as_they_are_written() {
    let expected = ServerTask {
        id: TaskId(id(2)),
        job: JobId(id(1)),
        etag: "ced1fec7238142d4885bb83f188334da".to_owned(),
        name: "sleep-1".to_owned(),
        status: TaskStatus::ClaimedByManager,
        priority: 50,
        job_priority: 60,
        job_type: "sleep".to_owned(),
        task_type: "sleep".to_owned(),
        commands: concat!(
            r#"[{"name": "echo", "settings": {"message": "24.0", "n": 24.0, "i": 24, "big": 12345678901234567890123}}, "#,
            r#"{"name": "sleep", "settings": {"time_in_seconds": 1}}]"#
        )
        .to_owned(),
        parents: vec![TaskId(id(3))],
        activity: "idle".to_owned(),
        failed_by: vec![FailedBy {
            id: WorkerId(id(4)),
            identifier: "192.168.3.20 (nickname)".to_owned(),
        }],
    };
    let date = "Date: Mon, 04 Mar 2019 12:34:57 GMT";
    for encoded in [false, true] {
        let body = depsgraph(&[TASK]).into_bytes();
        let reply = if encoded {
            answer("200 OK", &[NEWEST, date, "Content-Encoding: gzip"], gzip(&body))
        } else {
            answer("200 OK", &[NEWEST, date], body)
        };
        let last_updated = Some("2019-03-04T12:34:56.302000+00:00".to_owned());
        let expected = Download::Tasks { tasks: vec![expected.clone()], last_updated };
        assert_eq!(download(reply).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn what_a_task_does_not_say_gets_the_servers_default() {
    let nulls = BARE.replace(
        r#""commands""#,
        r#""_etag": null, "name": null, "priority": null, "job_priority": null, "job_type": null, "task_type": "",
           "parents": null, "activity": null, "failed_by_workers": null, "commands""#,
    );
    let expected = ServerTask {
        id: TaskId(id(5)),
        job: JobId(id(1)),
        etag: String::new(),
        name: String::new(),
        status: TaskStatus::Queued,
        priority: 0,
        job_priority: 50,
        job_type: String::new(),
        task_type: "unknown".to_owned(),
        commands: "[]".to_owned(),
        parents: Vec::new(),
        activity: String::new(),
        failed_by: Vec::new(),
    };
    assert_eq!(tasks(&[BARE, &nulls]).await, [expected.clone(), expected]);
}

#[tokio::test]
async fn a_task_in_an_unknown_status_is_held_back() {
    for (text, expected) in [
        (r#""queued""#, TaskStatus::Queued),
        (r#""cancel-requested""#, TaskStatus::CancelRequested),
        (r#""paused""#, TaskStatus::Paused),
        (r#""under-construction""#, TaskStatus::Paused),
        (r#""dreaming""#, TaskStatus::Paused),
        ("null", TaskStatus::Paused),
    ] {
        let task = BARE.replace(r#""queued""#, text);
        assert_eq!(tasks(&[&task]).await[0].status, expected, "{text}");
    }
}

#[tokio::test]
async fn a_priority_out_of_range_is_the_nearest_one() {
    let task = BARE
        .replace(r#""commands""#, r#""priority": -9000000000000, "job_priority": 9000000000000, "commands""#);
    let task = tasks(&[&task]).await.remove(0);
    assert_eq!((task.priority, task.job_priority), (i32::MIN, i32::MAX));
}

#[tokio::test]
async fn a_task_that_cannot_be_understood_is_left_out_and_the_others_come() {
    for bad in [
        "7".to_owned(),
        "{}".to_owned(),
        BARE.replace("5c7d00000000000000000005", "../../etc/passwd"),
        BARE.replace("5c7d00000000000000000001", "5C7D00000000000000000001"),
        BARE.replace(r#""commands": []"#, r#""commands": {}"#),
        BARE.replace(r#""commands": []"#, r#""commands": null"#),
        BARE.replace(r#""commands": []"#, r#""commands": [{"settings": {}}]"#),
        BARE.replace(r#""commands": []"#, r#""commands": ["echo"]"#),
        BARE.replace(r#""commands": []"#, r#""parents": []"#),
        BARE.replace(r#""commands""#, r#""parents": ["x"], "commands""#),
        BARE.replace(r#""commands""#, r#""name": "\ud800", "commands""#),
    ] {
        let ids: Vec<_> = tasks(&[TASK, &bad, BARE]).await.iter().map(|task| task.id).collect();
        assert_eq!(ids, [TaskId(id(2)), TaskId(id(5))], "{bad}");
    }
    assert_eq!(tasks(&["{}"]).await, []);
}

#[tokio::test]
async fn an_empty_list_is_nothing() {
    assert_eq!(download(answer("200 OK", &[], r#"{"depsgraph": []}"#)).await.unwrap(), Download::Nothing);
}

#[tokio::test]
async fn an_answer_that_is_no_list_of_tasks_is_trouble() {
    for body in ["", "<html>", "{}", "[1]", r#"{"depsgraph": 3}"#, r#"{"depsgraph": [{}"#, "\u{feff}{}"] {
        let error = download(answer("200 OK", &[], body)).await.unwrap_err();
        assert!(matches!(error, CallError::Trouble { status: 200, .. }), "{body}: {error:?}");
    }
    let error = download(answer("200 OK", &[], b"{\"depsgraph\": [\"\xff\"]}")).await.unwrap_err();
    assert!(matches!(error, CallError::Trouble { .. }), "{error:?}");
    let error = download(answer("206 Partial Content", &[], depsgraph(&[BARE]))).await.unwrap_err();
    assert!(matches!(error, CallError::Trouble { status: 206, .. }), "{error:?}");
}

#[tokio::test]
async fn a_newest_change_in_the_servers_future_becomes_the_moment_of_its_answer() {
    let verbatim = "2019-03-04T12:34:56.302000+00:00";
    for (value, date, expected) in [
        (verbatim, "Mon, 04 Mar 2019 12:34:57 GMT", verbatim),
        (verbatim, "Mon, 04 Mar 2019 12:34:56 GMT", "2019-03-04T12:34:56+00:00"),
        (verbatim, "Mon, 04 Mar 2019 12:30:00 GMT", "2019-03-04T12:30:00+00:00"),
        ("2019-03-04T13:34:56+01:00", "Mon, 04 Mar 2019 12:34:56 GMT", "2019-03-04T13:34:56+01:00"),
        (verbatim, "yesterday", verbatim),
        ("tomorrow", "Mon, 04 Mar 2019 12:30:00 GMT", "tomorrow"),
    ] {
        let headers = [format!("X-Flamenco-Last-Updated: {value}"), format!("Date: {date}")];
        let headers = headers.each_ref().map(String::as_str);
        let download = download(answer("200 OK", &headers, depsgraph(&[BARE]))).await.unwrap();
        let Download::Tasks { last_updated, .. } = download else { panic!("no tasks") };
        assert_eq!(last_updated.as_deref(), Some(expected), "{value} at {date}");
    }
}

#[tokio::test]
async fn without_the_newest_change_there_is_nothing_to_ask_with() {
    let Download::Tasks { last_updated, .. } =
        download(answer("200 OK", &["X-Flamenco-Last-Updated: "], depsgraph(&[BARE]))).await.unwrap()
    else {
        panic!("no tasks")
    };
    assert_eq!(last_updated, None);
}
