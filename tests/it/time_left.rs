//! How long a job may still take, from the times of its finished tasks.

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Job, TestManager, behind, job, task};

async fn time_left(m: &TestManager, shot: &Job) -> Value {
    m.get(&format!("/api/jobs/{}", shot.id)).await.expect(200).json()["time_left_seconds"].take()
}

async fn act(m: &TestManager, shot: &Job, action: &str) {
    m.post(&format!("/api/jobs/{}/{action}", shot.id), &Value::Null).await.expect(200);
}

#[tokio::test]
async fn the_time_left_follows_from_the_times_of_finished_tasks() {
    let mut m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job(["a", "b", "c", "d", "e"].map(task))).await;
    ada.takes(&shot["a"]).await;
    m.advance(60.seconds());
    assert_eq!(time_left(&m, &shot).await, Value::Null, "nothing is known yet");
    ada.ends(&shot["a"], "completed").await;
    assert_eq!(time_left(&m, &shot).await, 4 * 60);

    ada.takes(&shot["b"]).await;
    bob.takes(&shot["c"]).await;
    assert_eq!(time_left(&m, &shot).await, 4 * 60 / 2, "two are at it");
    m.advance(30.seconds());
    ada.ends(&shot["b"], "completed").await;
    m.restart().await;
    assert_eq!(time_left(&m, &shot).await, 3 * 45);

    // A try that came to nothing does not count, and the next one is measured from its own beginning.
    m.advance(1.hours());
    bob.gives_back(&shot["c"]).await;
    bob.takes(&shot["c"]).await;
    m.advance(45.seconds());
    bob.ends(&shot["c"], "completed").await;
    assert_eq!(time_left(&m, &shot).await, 2 * 45);
    act(&m, &shot, "pause").await;
    assert_eq!(time_left(&m, &shot).await, Value::Null, "it does not go on");
    act(&m, &shot, "resume").await;
    assert_eq!(time_left(&m, &shot).await, 2 * 45);
}

#[tokio::test]
async fn a_job_that_is_done_all_over_is_measured_anew() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    ada.takes(&shot["a"]).await;
    m.advance(60.seconds());
    ada.ends(&shot["a"], "completed").await;
    m.post(&format!("/api/jobs/{}/requeue?tasks=failed", shot.id), &Value::Null).await.expect(200);
    assert_eq!(time_left(&m, &shot).await, 60, "what is completed stays so");
    act(&m, &shot, "requeue").await;
    assert_eq!(time_left(&m, &shot).await, Value::Null);
    for name in ["a", "b"] {
        ada.takes(&shot[name]).await;
        m.advance(1500.milliseconds());
        ada.ends(&shot[name], "completed").await;
        assert_eq!(time_left(&m, &shot).await, if name == "a" { json!(2) } else { Value::Null });
    }
}
