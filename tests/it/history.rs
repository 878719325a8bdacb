//! What was done is remembered: how many tasks in each minute, and what has become of each task.

use http::Method;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::kit::{TestManager, TestWorker, job, task};

/// When the last hour that is told begins, and in which of its minutes how many tasks were completed and failed.
async fn last_hour(m: &TestManager) -> (Timestamp, Vec<(usize, u64, u64)>) {
    let told = m.get("/api/farm/history?hours=1").await.expect(200).json();
    assert_eq!(told["step_seconds"], 60);
    let numbers = |name: &str| -> Vec<u64> {
        told[name].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
    };
    let (completed, failed) = (numbers("completed"), numbers("failed"));
    assert_eq!((completed.len(), failed.len()), (60, 60));
    let minutes = completed.into_iter().zip(failed).enumerate();
    let busy =
        minutes.filter(|(_, done)| *done != (0, 0)).map(|(at, (completed, failed))| (at, completed, failed));
    (told["start"].as_str().unwrap().parse().unwrap(), busy.collect())
}

/// What has become of a task: what, by which worker, and what was said.
async fn history(m: &TestManager, task: &str) -> Vec<(String, bool, String)> {
    let told = m.get(&format!("/api/tasks/{task}/history")).await.expect(200).json();
    assert_eq!(told["left_out"], 0);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = told["history"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| (text(&entry["what"]), entry["worker"].is_string(), text(&entry["why"])))
        .collect()
}

fn entry(what: &str, of_worker: bool, why: &str) -> (String, bool, String) {
    (what.to_owned(), of_worker, why.to_owned())
}

#[tokio::test]
async fn what_is_done_in_each_minute_is_counted_and_kept_over_a_restart() {
    let mut m = TestManager::configured("job_fail_percentage = 0").await;
    let (ada, _bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b"), task("c")])).await;
    let start = m.now();
    ada.takes_and_completes(&shot["a"]).await;
    m.advance(90.seconds());
    ada.takes_and_completes(&shot["b"]).await;
    ada.takes_and_fails(&shot["c"]).await;
    assert_eq!(last_hour(&m).await, (start - 58.minutes(), vec![(58, 1, 0), (59, 1, 1)]));
    m.restart().await;
    m.door.call(Method::DELETE, "/api/tasks", &[], "").await.expect(200);
    m.advance(1.minute());
    assert_eq!(
        last_hour(&m).await,
        (start - 57.minutes(), vec![(57, 1, 0), (58, 1, 1)]),
        "it was done all the same"
    );
    let days = m.get("/api/farm/history?hours=48").await.expect(200).json();
    assert_eq!(days["completed"].as_array().unwrap().len(), 48 * 60);
    assert_eq!(
        m.get("/api/farm/history").await.expect(200).json()["failed"].as_array().unwrap().len(),
        24 * 60
    );
}

async fn does_one(m: &TestManager, worker: &TestWorker) {
    let shot = m.submit(&job([task("a")])).await;
    worker.takes_and_completes(&shot["a"]).await;
}

#[tokio::test]
async fn what_is_older_than_two_days_and_what_was_counted_in_the_future_is_forgotten() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    does_one(&m, &ada).await;
    m.advance(30.minutes());
    does_one(&m, &ada).await;
    m.advance(-20.minutes());
    assert_eq!(last_hour(&m).await.1, [(49, 1, 0)], "nobody tells of the future");
    does_one(&m, &ada).await;
    m.advance(20.minutes());
    assert_eq!(last_hour(&m).await.1, [(29, 1, 0), (39, 1, 0)], "it was counted on a clock that was wrong");
    let done = async || {
        let told = m.get("/api/farm/history?hours=48").await.expect(200).json();
        told["completed"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).sum::<u64>()
    };
    m.advance((48 * 60 - 25).minutes());
    does_one(&m, &ada).await;
    assert_eq!(done().await, 2);
    m.advance(49.hours());
    assert_eq!(done().await, 0);
}

#[tokio::test]
async fn a_history_that_nobody_keeps_cannot_be_asked_for() {
    let m = TestManager::start().await;
    for bad in ["hours=0", "hours=49", "hours=-1", "hours=x", "days=1"] {
        m.get(&format!("/api/farm/history?{bad}")).await.expect(400);
    }
    m.get("/api/tasks/0123456789abcdef01234567/history").await.expect(404);
    m.get("/api/tasks/x/history").await.expect(404);
}

#[tokio::test]
async fn what_becomes_of_a_task_is_told_from_the_first_worker_to_the_last() {
    let m = TestManager::configured("job_fail_percentage = 0").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a")])).await;
    assert_eq!(history(&m, &shot["a"]).await, []);
    let begin = m.now();
    ada.takes(&shot["a"]).await;
    ada.gives_back(&shot["a"]).await;
    ada.takes_and_fails(&shot["a"]).await;
    bob.takes(&shot["a"]).await;
    bob.sign_off().await;
    m.advance(1.second());
    bob.sign_on().await;
    bob.takes_and_fails(&shot["a"]).await;
    m.post(&format!("/api/tasks/{}/requeue", &shot["a"]), &json!(null)).await.expect(200);
    ada.takes(&shot["a"]).await;
    m.cancel(&shot["a"]).await;
    ada.gives_back(&shot["a"]).await;
    let back = "Re-queued task after unassigning from worker 127.0.0.1";
    let expected = [
        entry("assigned", true, ""),
        entry("released", true, &format!("{back} (ada): returned by worker")),
        entry("assigned", true, ""),
        entry("soft-failed", true, "Task failed"),
        entry("assigned", true, ""),
        entry("released", true, &format!("{back} (bob): worker signed off")),
        entry("assigned", true, ""),
        entry("failed", true, "Task failed"),
        entry("requeued", false, "Requeued"),
        entry("assigned", true, ""),
        entry("cancel-requested", true, "Manager was asked to cancel the task"),
        entry("canceled", true, "Canceled; worker 127.0.0.1 (ada) no longer has it: returned by worker"),
    ];
    assert_eq!(history(&m, &shot["a"]).await, expected);
    let told = m.get(&format!("/api/tasks/{}/history", &shot["a"])).await.expect(200).json();
    let first = json!({"when": begin, "what": "assigned", "worker_id": ada.id, "worker": "127.0.0.1 (ada)", "why": ""});
    assert_eq!(told["history"][0], first);
    assert_eq!(told["history"][6]["when"], json!(begin + 1.second()));
}

#[tokio::test]
async fn the_latest_tasks_of_a_worker_are_told_with_what_came_of_them() {
    let mut m = TestManager::configured("job_fail_percentage = 0").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job([task("a"), task("b")])).await;
    let other = m.submit(&job([task("c")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    bob.takes_and_completes(&shot["a"]).await;
    m.advance(1.second());
    ada.takes_and_completes(&shot["b"]).await;
    ada.takes(&other["c"]).await;
    m.restart().await;
    let begin = m.now();
    let entry = |job: &str, task: (&str, &str), what: &str, when: Timestamp, why: &str| {
        let (id, name) = task;
        json!({"_id": id, "name": name, "job": job, "job_name": "shot", "what": what, "when": when, "why": why})
    };
    let told = |worker: &TestWorker| format!("/api/workers/{}/tasks", worker.id);
    let c = entry(&other.id, (&other["c"], "c"), "assigned", begin, "");
    let b = entry(&shot.id, (&shot["b"], "b"), "completed", begin, "");
    let a = entry(&shot.id, (&shot["a"], "a"), "soft-failed", begin - 1.second(), "Task failed");
    assert_eq!(m.get(&told(&ada)).await.expect(200).json(), json!({"tasks": [c, b, a]}));
    let by_bob = entry(&shot.id, (&shot["a"], "a"), "completed", begin - 1.second(), "");
    assert_eq!(m.get(&told(&bob)).await.expect(200).json(), json!({"tasks": [by_bob]}));
    m.door.call(Method::DELETE, &format!("/api/jobs/{}", shot.id), &[], "").await.expect(200);
    assert_eq!(m.get(&told(&ada)).await.expect(200).json(), json!({"tasks": [c]}));
    m.get("/api/workers/0123456789abcdef01234567/tasks").await.expect(404);
}

#[tokio::test]
async fn the_latest_of_a_long_history_is_kept_and_how_much_is_not_is_told() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    for _ in 0..26 {
        ada.takes(&shot["a"]).await;
        ada.gives_back(&shot["a"]).await;
    }
    ada.takes_and_completes(&shot["a"]).await;
    let told = m.get(&format!("/api/tasks/{}/history", &shot["a"])).await.expect(200).json();
    assert_eq!((told["history"].as_array().unwrap().len(), &told["left_out"]), (50, &json!(4)));
    assert_eq!(told["history"][49]["what"], "completed");
    m.door.call(Method::DELETE, &format!("/api/jobs/{}", shot.id), &[], "").await.expect(200);
    m.get(&format!("/api/tasks/{}/history", &shot["a"])).await.expect(404);
}

#[tokio::test]
async fn a_task_that_times_out_says_so_in_its_history() {
    let m = TestManager::configured("job_fail_percentage = 0").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    m.advance(2.minutes());
    m.check_timeouts().await;
    let told = history(&m, &shot["a"]).await;
    assert_eq!(told[1].0, "released");
    assert!(told[1].2.contains("worker 127.0.0.1 (ada) timed out"), "{told:?}");
}
