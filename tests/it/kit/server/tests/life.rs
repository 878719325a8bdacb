//! Statuses of jobs and tasks follow each other as at the Server.

use serde_json::json;

use super::{Client, update};
use crate::kit::{FakeServer, Job, behind, job, task, with};

fn eleven() -> (FakeServer, Job) {
    let server = FakeServer::start();
    let job = server.crowd(11);
    (server, job)
}

#[tokio::test]
async fn the_tenth_part_of_a_job_may_not_fail() {
    let (server, shot) = eleven();
    server.set_task_status(&shot["0"], "active");
    server.set_task_status(&shot["1"], "failed");
    assert_eq!(server.job_status(&shot), "active");
    server.set_task_status(&shot["2"], "failed");
    assert_eq!(server.job_status(&shot), "failed");
    assert_eq!(
        [&shot["0"], &shot["1"], &shot["3"]].map(|task| server.status(task)),
        ["cancel-requested", "failed", "canceled"]
    );
    assert_eq!(server.task(&shot["3"])["activity"], "the job is failed");
}

#[tokio::test]
async fn a_job_is_cancelled_when_the_manager_has_cancelled_its_tasks() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let waiting = server.submit(&job([task("a")]));
    server.cancel_job(&waiting);
    assert_eq!((server.job_status(&waiting), server.status(&waiting["a"])), ("canceled", "canceled".into()));

    let shot = server.submit(&job([task("a"), task("b")]));
    manager.download(None).await.expect(200);
    server.cancel_job(&shot);
    assert_eq!(server.job_status(&shot), "cancel-requested");
    let cancelled = |number, task| with(update(number, task), &json!({"task_status": "canceled"}));
    let answer = manager.push(&[cancelled(1, &shot["a"])]).await.expect(200).json();
    assert_eq!(answer["cancel_task_ids"], json!([&shot["b"]]));
    let answer = manager.push(&[cancelled(2, &shot["b"])]).await.expect(200).json();
    assert_eq!(answer.get("cancel_task_ids"), None);
    assert_eq!(server.job_status(&shot), "canceled");
}

#[tokio::test]
async fn what_is_requeued_can_be_downloaded_again() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a"), behind("b", &["a"]), behind("c", &["b"]), task("d")]));
    let all = ["a", "b", "c", "d"];
    for name in all {
        server.set_task_status(&shot[name], "completed");
    }
    assert_eq!(server.job_status(&shot), "completed");
    server.requeue_task(&shot["b"]);
    assert_eq!(all.map(|name| server.status(&shot[name])), ["completed", "queued", "queued", "completed"]);
    assert_eq!(server.job_status(&shot), "queued");
    server.set_task(&shot["b"], &json!({"failed_by_workers": [], "activity": "why"}));
    server.set_task(&shot["b"], &json!({"activity": null}));
    server.set_job_status(&shot, "requeued");
    let b = server.task(&shot["b"]);
    assert_eq!((b.get("failed_by_workers"), b.get("activity")), (None, None));
    assert_eq!(server.job_status(&shot), "queued");
}
