//! What people do with jobs: cancel, pause, resume, requeue, delete, give another priority; and jobs that fail.

use std::{
    fs,
    future::poll_fn,
    path::PathBuf,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use flamenco_manager::domain::job::JobAction;
use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Answer, Job, TestManager, TestWorker, behind, job, task, with};

async fn cancel(m: &TestManager, shot: &Job) -> Answer {
    m.post(&format!("/api/jobs/{}/cancel", shot.id), &Value::Null).await
}

async fn pause(m: &TestManager, shot: &Job) -> Answer {
    m.post(&format!("/api/jobs/{}/pause", shot.id), &Value::Null).await
}

async fn resume(m: &TestManager, shot: &Job) -> Answer {
    m.post(&format!("/api/jobs/{}/resume", shot.id), &Value::Null).await
}

async fn requeue(m: &TestManager, shot: &Job) -> Answer {
    m.post(&format!("/api/jobs/{}/requeue", shot.id), &Value::Null).await
}

async fn requeue_failed(m: &TestManager, shot: &Job) -> Answer {
    m.post(&format!("/api/jobs/{}/requeue?tasks=failed", shot.id), &Value::Null).await
}

async fn requeue_task(m: &TestManager, task: &str) -> Answer {
    m.post(&format!("/api/tasks/{task}/requeue"), &Value::Null).await
}

async fn change(m: &TestManager, shot: &Job, change: &Value) -> Answer {
    m.door.call(Method::PATCH, &format!("/api/jobs/{}", shot.id), &[], change.to_string()).await
}

async fn delete(m: &TestManager, shot: &Job, how: &str) -> Answer {
    m.door.call(Method::DELETE, &format!("/api/jobs/{}{how}", shot.id), &[], "").await
}

async fn may_go_on(worker: &TestWorker, task: &str) -> bool {
    worker.may_i_run(task).await.expect(200).json()["may_keep_running"].as_bool().unwrap()
}

/// A Manager for which one failure of a task is enough, and never one for blacklisting.
async fn strict(toml: &str) -> TestManager {
    let strict = "task_fail_after_softfail_count = 1\nblacklist_threshold = 1000";
    TestManager::configured(&format!("{strict}\n{toml}")).await
}

fn many(count: usize) -> Value {
    job((0..count).map(|number| task(&format!("task {number:04}"))))
}

/// How many tasks of the job are in which status.
async fn by_status(m: &TestManager, shot: &Job) -> Value {
    m.get(&format!("/api/jobs/{}", shot.id)).await.expect(200).json()["tasks"]["by_status"].take()
}

#[tokio::test]
async fn a_canceled_job_ends_when_workers_have_stopped_what_they_had_of_it() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b"), behind("c", &["b"])])).await;
    ada.takes(&shot["a"]).await;
    assert!(may_go_on(&ada, &shot["a"]).await);
    assert_eq!(cancel(&m, &shot).await.expect(200).json()["status"], "cancel-requested");
    assert_eq!(m.statuses(&shot).await, ["cancel-requested", "canceled", "canceled"]);
    assert_eq!(m.task(&shot["b"]).await["activity"], "The job was canceled");
    bob.gets_nothing().await;
    assert!(!may_go_on(&ada, &shot["a"]).await);
    ada.gives_back(&shot["a"]).await;
    assert_eq!(m.statuses(&shot).await, ["canceled", "canceled", "canceled"]);
    assert_eq!(cancel(&m, &shot).await.expect(200).json()["status"], "canceled");
    ada.gets_nothing().await;
}

#[tokio::test]
async fn of_a_paused_job_what_runs_is_finished_and_nothing_else_is_begun() {
    let mut m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b"), task("c")])).await;
    ada.takes(&shot["a"]).await;
    assert_eq!(pause(&m, &shot).await.expect(200).json()["status"], "paused");
    bob.gets_nothing().await;
    assert!(may_go_on(&ada, &shot["a"]).await);
    ada.takes(&shot["a"]).await;
    ada.ends(&shot["a"], "completed").await;
    ada.gets_nothing().await;
    m.restart().await;
    bob.gets_nothing().await;
    assert_eq!(m.statuses(&shot).await, ["completed", "queued", "queued"]);
    assert_eq!(m.job_status(&shot).await, "paused");
    for worker in [&ada, &bob] {
        m.act(worker, "action=forget-worker").await.expect(204);
    }
    assert_eq!(m.get("/api/farm").await.json()["starved_jobs"], json!([]), "it wants no worker");

    assert_eq!(resume(&m, &shot).await.expect(200).json()["status"], "active");
    let cleo = m.sleeper("cleo").await;
    cleo.takes_and_completes(&shot["b"]).await;
    pause(&m, &shot).await.expect(200);
    pause(&m, &shot).await.expect(200);
    resume(&m, &shot).await.expect(200);
    resume(&m, &shot).await.expect(200);
    cleo.takes(&shot["c"]).await;
    pause(&m, &shot).await.expect(200);
    cleo.ends(&shot["c"], "completed").await;
    assert_eq!(m.job_status(&shot).await, "completed", "nothing of it is left to wait");
}

#[tokio::test]
async fn a_job_can_be_submitted_to_wait_until_it_is_resumed() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&with(job([task("a")]), &json!({"start_paused": true}))).await;
    assert_eq!(m.job_status(&shot).await, "paused");
    ada.gets_nothing().await;
    resume(&m, &shot).await.expect(200);
    ada.takes(&shot["a"]).await;
    let now = m.submit(&with(job([task("a")]), &json!({"start_paused": false}))).await;
    assert_eq!(m.job_status(&now).await, "queued");
    m.post("/api/jobs", &with(job([task("a")]), &json!({"start_paused": "yes"}))).await.expect(400);
}

#[tokio::test]
async fn another_priority_counts_from_the_next_task_on() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let first = m.submit(&job([task("a"), task("b"), task("c")])).await;
    let second = m.submit(&job([task("a"), task("b")])).await;
    let third = m.submit(&with(job([task("a")]), &json!({"start_paused": true}))).await;
    ada.takes_and_completes(&first["a"]).await;
    assert_eq!(change(&m, &second, &json!({"priority": 51})).await.expect(200).json()["priority"], 51);
    ada.takes_and_completes(&second["a"]).await;
    change(&m, &second, &json!({"priority": -1})).await.expect(200);
    ada.takes_and_completes(&first["b"]).await;
    change(&m, &third, &json!({"priority": 52})).await.expect(200);
    ada.takes_and_completes(&first["c"]).await;
    resume(&m, &third).await.expect(200);
    ada.takes_and_completes(&third["a"]).await;
    ada.takes(&second["b"]).await;
}

#[tokio::test]
async fn a_job_that_has_ended_is_done_again_when_it_is_requeued() {
    let m = strict("").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes_and_completes(&shot["b"]).await;
    assert_eq!(m.job_status(&shot).await, "completed");
    assert_eq!(requeue(&m, &shot).await.expect(200).json()["status"], "queued");
    assert_eq!(m.statuses(&shot).await, ["queued", "queued"]);

    ada.takes_and_fails(&shot["a"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    assert_eq!(m.job_status(&shot).await, "failed");
    assert_eq!(requeue(&m, &shot).await.expect(200).json()["status"], "queued");

    cancel(&m, &shot).await.expect(200);
    assert_eq!(requeue(&m, &shot).await.expect(200).json()["status"], "queued");
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes_and_completes(&shot["b"]).await;
    assert_eq!(m.job_status(&shot).await, "completed");
}

#[tokio::test]
async fn a_task_that_is_being_stopped_goes_on_when_its_job_is_requeued() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes(&shot["a"]).await;
    bob.takes(&shot["b"]).await;
    cancel(&m, &shot).await.expect(200);
    assert!(!may_go_on(&bob, &shot["b"]).await);
    assert_eq!(requeue(&m, &shot).await.expect(200).json()["status"], "active");
    assert_eq!(m.statuses(&shot).await, ["active", "active"]);
    assert!(may_go_on(&ada, &shot["a"]).await);
    ada.ends(&shot["a"], "completed").await;
    // This one had asked before.
    bob.gives_back(&shot["b"]).await;
    bob.takes_and_completes(&shot["b"]).await;
    assert_eq!(m.job_status(&shot).await, "completed");
}

#[tokio::test]
async fn only_what_is_not_completed_is_done_again_if_that_is_wanted() {
    let m = strict("job_fail_percentage = 0").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b"), task("c")])).await;
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes_and_fails(&shot["b"]).await;
    m.cancel(&shot["c"]).await;
    assert_eq!(m.statuses(&shot).await, ["completed", "failed", "canceled"]);
    assert_eq!(requeue_failed(&m, &shot).await.expect(200).json()["status"], "active");
    assert_eq!(m.statuses(&shot).await, ["completed", "queued", "queued"]);
    ada.takes_and_completes(&shot["b"]).await;
    ada.takes_and_completes(&shot["c"]).await;
    assert_eq!(requeue_failed(&m, &shot).await.expect(200).json()["status"], "completed");
}

#[tokio::test]
async fn one_task_is_done_again_with_all_that_come_behind_it() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let tasks = [task("a"), behind("b", &["a"]), behind("c", &["b"]), task("d")];
    let shot = m.submit(&job(tasks)).await;
    ada.takes_and_completes(&shot["a"]).await;
    cancel(&m, &shot).await.expect(200);
    assert_eq!(requeue_task(&m, &shot["a"]).await.expect(200).json()["status"], "queued");
    assert_eq!(m.statuses(&shot).await, ["queued", "queued", "queued", "canceled"]);
    assert_eq!(m.job_status(&shot).await, "active");
    for name in ["a", "b", "c"] {
        ada.takes_and_completes(&shot[name]).await;
    }
    assert_eq!(m.job_status(&shot).await, "canceled", "of one task nobody wants to know");
    requeue_task(&m, &shot["d"]).await.expect(200);
    ada.takes(&shot["d"]).await;
    let refused = requeue_task(&m, &shot["d"]).await.expect(409);
    assert_eq!(refused.says(), "a task that is active cannot be requeued");
    ada.ends(&shot["d"], "completed").await;
    assert_eq!(m.job_status(&shot).await, "completed");
}

#[tokio::test]
async fn a_task_of_a_paused_job_that_is_requeued_waits_with_the_others() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_completes(&shot["a"]).await;
    pause(&m, &shot).await.expect(200);
    requeue_task(&m, &shot["a"]).await.expect(200);
    ada.gets_nothing().await;
    resume(&m, &shot).await.expect(200);
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes(&shot["b"]).await;
    pause(&m, &shot).await.expect(200);
    ada.ends(&shot["b"], "completed").await;
    requeue_task(&m, &shot["b"]).await.expect(200);
    ada.takes(&shot["b"]).await;
}

#[tokio::test]
async fn who_failed_a_task_may_have_it_again_after_it_was_requeued() {
    let m = TestManager::configured("blacklist_threshold = 2").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.task(&shot["a"]).await["failed_by_workers"].as_array().unwrap().len(), 1);
    m.services.go_on_with_jobs().await.unwrap();
    requeue_task(&m, &shot["a"]).await.expect(200);
    assert_eq!(m.task(&shot["a"]).await["failed_by_workers"], json!([]));
    ada.takes_and_fails(&shot["a"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    requeue_task(&m, &shot["b"]).await.expect(200);
    ada.takes_and_fails(&shot["b"]).await;
    assert_eq!(m.about(&ada).await["blacklist"].as_array().unwrap().len(), 1, "by the failures that count");

    requeue_failed(&m, &shot).await.expect(200);
    assert_eq!(m.about(&ada).await["blacklist"], json!([]), "the job may have been the reason");
    ada.takes_and_completes(&shot["a"]).await;
    ada.takes(&shot["b"]).await;
}

/// Where the logs of a job are.
fn logs(m: &TestManager, shot: &Job) -> PathBuf {
    m.config.task_logs_path.join(format!("job-{}/{}", &shot.id[..4], shot.id))
}

#[tokio::test]
async fn a_deleted_job_is_gone_with_its_tasks_and_their_logs_and_nothing_else_is() {
    let m = TestManager::configured("blacklist_threshold = 1").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    let other = m.submit(&job([task("a")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    ada.takes(&other["a"]).await;
    ada.reports(&other["a"], &json!({"log": "of another job"})).await;
    assert!(m.log(&shot["a"]).await.contains("assigned task"));
    assert!(logs(&m, &shot).exists());

    assert_eq!(delete(&m, &shot, "").await.expect(200).json(), json!({"deleted": shot.id}));
    m.get(&format!("/api/jobs/{}", shot.id)).await.expect(404);
    m.get(&format!("/api/tasks/{}", &shot["b"])).await.expect(404);
    assert!(!logs(&m, &shot).exists());
    assert_eq!(m.about(&ada).await["blacklist"], json!([]));
    assert_eq!(m.get("/api/farm").await.json()["tasks"], json!({"active": 1}));
    assert!(m.log(&other["a"]).await.ends_with("of another job\n"));
    delete(&m, &shot, "").await.expect(404);

    let never_begun = m.submit(&job([task("a")])).await;
    delete(&m, &never_begun, "?force=false").await.expect(200);
    ada.ends(&other["a"], "completed").await;
    ada.gets_nothing().await;
}

#[tokio::test]
async fn a_job_that_workers_are_at_is_deleted_only_by_force() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    let other = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    let is_refused = async || {
        let says = delete(&m, &shot, "").await.expect(409).says();
        assert!(says.ends_with("cannot be deleted; cancel it first, or use force"), "{says}");
    };
    is_refused().await;
    pause(&m, &shot).await.expect(200);
    is_refused().await;
    cancel(&m, &shot).await.expect(200);
    is_refused().await;
    delete(&m, &shot, "?force=true").await.expect(200);
    m.get(&format!("/api/jobs/{}", shot.id)).await.expect(404);
    assert!(!may_go_on(&ada, &shot["a"]).await);
    ada.update(&shot["a"], &json!({"task_status": "completed", "log": "too late"})).await.expect(404);
    assert!(!logs(&m, &shot).exists());
    ada.takes(&other["a"]).await;
}

#[tokio::test]
async fn a_job_whose_logs_cannot_be_removed_is_forgotten_when_they_can() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let (shot, next) = (m.submit(&job([task("a")])).await, m.submit(&job([task("a"), task("b")])).await);
    // A file where its folder would be.
    fs::create_dir_all(logs(&m, &shot).parent().unwrap()).unwrap();
    fs::write(logs(&m, &shot), "").unwrap();
    delete(&m, &shot, "").await.expect(500);
    ada.takes_and_completes(&next["a"]).await;
    m.services.go_on_with_jobs().await.unwrap_err();
    let refused = requeue(&m, &shot).await.expect(409);
    assert!(refused.says().ends_with("it is being deleted"), "{}", refused.says());
    fs::remove_file(logs(&m, &shot)).unwrap();
    m.services.go_on_with_jobs().await.unwrap();
    m.get(&format!("/api/jobs/{}", shot.id)).await.expect(404);
    delete(&m, &next, "?force=true").await.expect(200);
}

#[tokio::test]
async fn a_job_of_which_the_tenth_part_has_failed_is_given_up() {
    let mut m = strict("").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&many(10)).await;
    ada.takes(&shot["task 0000"]).await;
    bob.takes(&shot["task 0001"]).await;
    ada.ends(&shot["task 0000"], "failed").await;
    assert_eq!(m.job_status(&shot).await, "failed");
    ada.gets_nothing().await;
    let refused = requeue_task(&m, &shot["task 0000"]).await.expect(409);
    assert_eq!(refused.error_code(), "too-early");

    m.restart().await;
    m.services.go_on_with_jobs().await.unwrap();
    let expected = json!({"failed": 1, "cancel-requested": 1, "canceled": 8});
    assert_eq!(by_status(&m, &shot).await, expected);
    assert!(!may_go_on(&bob, &shot["task 0001"]).await);
    bob.gives_back(&shot["task 0001"]).await;
    assert_eq!(by_status(&m, &shot).await, json!({"failed": 1, "canceled": 9}));
    assert_eq!(m.job_status(&shot).await, "failed");
    assert_eq!(m.task(&shot["task 0002"]).await["activity"], "Too many tasks of the job have failed");
}

#[tokio::test]
async fn a_job_of_which_less_has_failed_goes_on() {
    let m = strict("").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&many(11)).await;
    ada.takes_and_fails(&shot["task 0000"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    assert_eq!(by_status(&m, &shot).await, json!({"failed": 1, "queued": 10}));
    pause(&m, &shot).await.expect(200);
    resume(&m, &shot).await.expect(200);
    ada.takes_and_fails(&shot["task 0001"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    assert_eq!(by_status(&m, &shot).await, json!({"failed": 2, "canceled": 9}));
}

#[tokio::test]
async fn how_much_of_a_job_may_fail_is_configured() {
    let m = strict("job_fail_percentage = 0").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.job_status(&shot).await, "active");
    ada.takes_and_fails(&shot["b"]).await;
    assert_eq!(m.job_status(&shot).await, "failed");

    let m = strict("job_fail_percentage = 50").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b"), task("c")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    assert_eq!(m.job_status(&shot).await, "active");
    ada.takes_and_fails(&shot["b"]).await;
    assert_eq!(m.job_status(&shot).await, "failed");
    m.services.go_on_with_jobs().await.unwrap();
    assert_eq!(m.statuses(&shot).await, ["failed", "failed", "canceled"]);
}

#[tokio::test]
async fn old_failures_are_not_counted_again_when_a_task_goes_back_to_the_queue() {
    let m = strict("").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    requeue_task(&m, &shot["b"]).await.expect(200);
    ada.takes(&shot["b"]).await;
    ada.acknowledges("asleep").await;
    m.advance(11.minutes());
    m.check_timeouts().await;
    assert_eq!(m.statuses(&shot).await, ["failed", "claimed-by-manager"]);
    assert_eq!(m.job_status(&shot).await, "active");
}

#[tokio::test]
async fn what_a_server_has_sent_is_controlled_there() {
    let m = TestManager::with_server().await;
    let ada = m.sleeper("ada").await;
    let shot = m.receive(&job([task("a"), task("b")])).await;
    for refused in [
        cancel(&m, &shot).await,
        pause(&m, &shot).await,
        resume(&m, &shot).await,
        requeue(&m, &shot).await,
        requeue_failed(&m, &shot).await,
        requeue_task(&m, &shot["a"]).await,
        change(&m, &shot, &json!({"priority": 70})).await,
        delete(&m, &shot, "").await,
        delete(&m, &shot, "?force=true").await,
    ] {
        let refused = refused.expect(409);
        assert_eq!(refused.error_code(), "of-server");
        assert!(refused.says().ends_with("do this on the Server's pages"), "{}", refused.says());
    }
    assert_eq!(m.statuses(&shot).await, ["claimed-by-manager", "claimed-by-manager"]);
    ada.takes_and_fails(&shot["a"]).await;
    m.services.go_on_with_jobs().await.unwrap();
    assert_eq!(m.statuses(&shot).await, ["failed", "claimed-by-manager"], "nor is it judged here");
}

#[tokio::test]
async fn of_what_is_done_with_a_job_that_was_submitted_here_the_server_never_hears() {
    let mut m = TestManager::with_server().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b")])).await;
    ada.takes(&shot["a"]).await;
    cancel(&m, &shot).await.expect(200);
    requeue(&m, &shot).await.expect(200);
    delete(&m, &shot, "?force=true").await.expect(200);
    assert!(m.update_queue().await.is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    for id in ["0".repeat(24), "x".into()] {
        let unknown = Job { id: id.clone(), tasks: [].into() };
        for answer in [
            cancel(&m, &unknown).await,
            pause(&m, &unknown).await,
            resume(&m, &unknown).await,
            requeue(&m, &unknown).await,
            requeue_task(&m, &id).await,
            change(&m, &unknown, &json!({"priority": 1})).await,
            delete(&m, &unknown, "?force=true").await,
        ] {
            assert_eq!(answer.expect(404).error_code(), "not-found");
        }
    }
    for (bad, says) in [
        (json!({}), "priority"),
        (json!([]), "object"),
        (json!({"priority": "high"}), "high"),
        (json!({"priority": 1e10}), "i32"),
        (json!({"priority": 1, "name": "x"}), "name"),
    ] {
        let refused = change(&m, &shot, &bad).await.expect(400);
        assert!(refused.says().contains(says), "{bad}: {}", refused.says());
    }
    for query in ["tasks=some", "task=failed", "tasks=all&tasks=failed"] {
        let path = format!("/api/jobs/{}/requeue?{query}", shot.id);
        m.post(&path, &Value::Null).await.expect(400);
    }
    for query in ["?force=maybe", "?forse=true"] {
        delete(&m, &shot, query).await.expect(400);
    }
    assert_eq!(m.get(&format!("/api/jobs/{}", shot.id)).await.json()["priority"], 50);
    ada.takes_and_completes(&shot["a"]).await;
    for (refused, done) in [
        (cancel(&m, &shot).await, "canceled"),
        (pause(&m, &shot).await, "paused"),
        (resume(&m, &shot).await, "resumed"),
    ] {
        let expected = format!("a job that is completed cannot be {done}; it can be requeued");
        assert_eq!(refused.expect(409).says(), expected);
    }
    assert_eq!(m.job_status(&shot).await, "completed");
}

/// Lets something go on until it waits for the n-th time. Returns whether it has come to its end before that.
async fn until_wait<T>(nth: usize, mut begun: Pin<&mut impl Future<Output = T>>) -> bool {
    let mut waits = 0;
    poll_fn(move |context| {
        if begun.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        waits += 1;
        if waits == nth { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
}

#[tokio::test]
async fn what_was_cut_off_with_a_job_is_taken_up_again_after_a_restart() {
    let mut m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let actions = [
        (JobAction::Cancel, json!({"canceled": 1099, "completed": 1})),
        (JobAction::Requeue, json!({"queued": 1100})),
        (JobAction::Delete { force: true }, Value::Null),
    ];
    for (action, expected) in actions {
        for nth in 1.. {
            let shot = m.submit(&many(1100)).await;
            ada.takes_and_completes(&shot["task 0000"]).await;
            let id = shot.id.parse().unwrap();
            let services = Arc::clone(&m.services);
            let ended = until_wait(nth, pin!(services.act_on_job(id, action))).await;
            drop(services);
            m.restart().await;
            m.services.go_on_with_jobs().await.unwrap();
            let found = m.get(&format!("/api/jobs/{}", shot.id)).await.json()["tasks"]["by_status"].take();
            assert_eq!(found, expected, "{action:?}, cut off at its wait number {nth}");
            if action == JobAction::Requeue {
                ada.takes(&shot["task 0000"]).await;
                delete(&m, &shot, "?force=true").await.expect(200);
            } else {
                ada.gets_nothing().await;
            }
            if ended {
                assert!(nth > 2, "{action:?} was never cut off");
                break;
            }
        }
    }
}

#[tokio::test]
async fn workers_are_served_while_a_large_job_is_canceled() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let large = m.submit(&many(5000)).await;
    let other = m.submit(&job([task("a"), task("b")])).await;
    {
        let mut canceling = pin!(m.services.act_on_job(large.id.parse().unwrap(), JobAction::Cancel));
        assert!(!until_wait(2, canceling.as_mut()).await);
        assert_ne!(by_status(&m, &large).await, json!({"canceled": 5000}), "there is a lot to do");
        ada.takes_and_completes(&other["a"]).await;
        let refused = requeue_task(&m, &large["task 0000"]).await.expect(409);
        assert_eq!(refused.error_code(), "too-early");
        canceling.await.unwrap();
    }
    assert_eq!(by_status(&m, &large).await, json!({"canceled": 5000}));
    ada.takes(&other["b"]).await;
}
