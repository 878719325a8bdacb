//! "Why is this not running?": each condition that stands in the way is told.

use serde_json::{Value, json};

use crate::kit::{Job, TestManager, TestWorker, behind, job, task, with};

/// The codes of the conditions of an explanation, and its answer.
async fn explained(m: &TestManager, path: &str) -> (Vec<String>, String) {
    let explanation = m.get(&format!("/api/{path}/explain")).await.expect(200).json();
    (codes(&explanation), explanation["answer"].as_str().unwrap().to_owned())
}

fn codes(conditions_of: &Value) -> Vec<String> {
    let conditions = conditions_of["conditions"].as_array().unwrap();
    conditions.iter().map(|condition| condition["code"].as_str().unwrap().to_owned()).collect()
}

async fn of_job(m: &TestManager, job: &Job) -> (Vec<String>, String) {
    explained(m, &format!("jobs/{}", job.id)).await
}

async fn of_task(m: &TestManager, task: &str) -> (Vec<String>, String) {
    explained(m, &format!("tasks/{task}")).await
}

async fn of_worker(m: &TestManager, worker: &TestWorker) -> (Vec<String>, String) {
    explained(m, &format!("workers/{}", worker.id)).await
}

/// What keeps the workers from a task, with how many of them could take it.
async fn takers(m: &TestManager, task: &str) -> (u64, Vec<(String, Vec<String>)>) {
    let workers = m.get(&format!("/api/tasks/{task}/explain")).await.expect(200).json()["workers"].take();
    let kept = workers["conditions"].as_array().unwrap().iter().map(|condition| {
        let names = condition["workers"].as_array().unwrap().iter();
        let names = names.map(|worker| worker["nickname"].as_str().unwrap().to_owned());
        (condition["code"].as_str().unwrap().to_owned(), names.collect())
    });
    (workers["able"].as_u64().unwrap(), kept.collect())
}

fn kept(by: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    by.iter().map(|(code, workers)| ((*code).to_owned(), names(workers))).collect()
}

#[tokio::test]
async fn a_job_that_nothing_stands_in_the_way_of_is_running_or_about_to() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    let shot = m.submit(&job([task("a"), behind("b", &["a"])])).await;
    let (conditions, answer) = of_job(&m, &shot).await;
    assert_eq!(conditions, ["tasks-wait"]);
    assert_eq!(answer, "nothing stands in the way; workers who get it when they ask: 1");
    assert_eq!(of_worker(&m, &ada).await, (vec![], format!("it gets task {} when it asks", &shot["a"])));
    ada.takes(&shot["a"]).await;
    let (conditions, answer) = of_job(&m, &shot).await;
    assert_eq!(conditions, ["tasks-wait"]);
    let waits = "1 of its tasks waits for others that are not completed";
    assert_eq!(answer, format!("workers have 1 of its tasks; nothing else is handed out: {waits}"));
    assert_eq!(of_task(&m, &shot["a"]).await, (vec!["status".into()], "a worker has it already".into()));
    assert_eq!(of_worker(&m, &ada).await, (vec!["busy".into()], "it has a task already".into()));
    ada.ends(&shot["a"], "completed").await;
    ada.takes_and_completes(&shot["b"]).await;
    assert_eq!(of_job(&m, &shot).await, (vec!["ended".into()], "the job is completed".into()));
    let nothing = "there is nothing to do for anybody just now".to_owned();
    assert_eq!(of_worker(&m, &ada).await, (vec![], nothing));
}

#[tokio::test]
async fn nobody_is_there_or_nobody_asks() {
    let m = TestManager::start().await;
    let shot = m.submit(&job([task("a")])).await;
    let (_, answer) = of_job(&m, &shot).await;
    assert_eq!(answer, "no worker is registered; start one with the address of this Manager");
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    ada.acknowledges("asleep").await;
    bob.sign_off().await;
    let expected = kept(&[("not-awake", &["ada"]), ("not-awake", &["bob"])]);
    assert_eq!(takers(&m, &shot["a"]).await, (0, expected));
    let why = "no worker can take it now: ada is asleep; wake it, bob is offline; start it";
    assert_eq!(of_task(&m, &shot["a"]).await, (vec![], why.into()));
    assert_eq!(of_job(&m, &shot).await, (vec![], why.into()));
    assert_eq!(of_worker(&m, &bob).await, (vec!["not-awake".into()], "it is offline; start it".into()));
    m.request(&ada, "awake").await;
    assert_eq!(of_worker(&m, &ada).await.0, ["not-awake", "status-requested"]);
}

#[tokio::test]
async fn a_worker_that_sleeps_by_its_schedule_is_told_apart() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let all_day =
        json!({"schedule_active": true, "days_of_week": "", "time_start": "00:00", "time_end": "24:00"});
    m.post(&format!("/set-sleep-schedule/{}", ada.id), &all_day).await.expect(204);
    ada.acknowledges("asleep").await;
    let (conditions, answer) = of_worker(&m, &ada).await;
    assert_eq!(conditions, ["sleep-schedule"]);
    assert!(answer.starts_with("it is asleep by its sleep schedule, until 2"), "{answer}");
    ada.gets_nothing().await;
    assert_eq!(of_worker(&m, &ada).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn what_people_want_of_a_job_and_the_jobs_that_it_waits_for_hold_it_back() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    ada.gets_nothing().await;
    let first = m.submit(&job([task("a")])).await;
    let second = m.submit(&with(job([task("b")]), &json!({"depends_on": [first.id]}))).await;
    let (conditions, answer) = of_job(&m, &second).await;
    assert_eq!(conditions, ["depends-on"]);
    assert_eq!(answer, format!("the job waits for 1 other job: \"shot\" ({}) is queued", first.id));
    assert_eq!(of_task(&m, &second["b"]).await, (conditions, answer));
    m.post(&format!("/api/jobs/{}/pause", second.id), &Value::Null).await.expect(200);
    assert_eq!(of_job(&m, &second).await.0, ["paused", "depends-on"]);
    m.post(&format!("/api/jobs/{}/cancel", second.id), &Value::Null).await.expect(200);
    let ended = "the job is canceled; requeue it to have it done".to_owned();
    assert_eq!(of_job(&m, &second).await, (vec!["ended".into()], ended));
}

#[tokio::test]
async fn a_task_waits_for_others_and_is_blocked_by_those_that_fail() {
    let m = TestManager::configured("task_fail_after_softfail_count = 1\njob_fail_percentage = 0").await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a"), task("b"), behind("c", &["a", "b"])])).await;
    let (conditions, answer) = of_task(&m, &shot["c"]).await;
    assert_eq!(
        (conditions, answer),
        (vec!["parents".into()], "it waits for 2 tasks: \"a\" is queued, \"b\" is queued".into())
    );
    ada.takes_and_fails(&shot["a"]).await;
    let (conditions, answer) = of_task(&m, &shot["c"]).await;
    assert_eq!(conditions, ["blocked"]);
    let blocked = "it waits for 2 tasks: \"a\" is failed, \"b\" is queued; requeue what cannot be completed";
    assert_eq!(answer, blocked);
    let failed = "it is failed; requeue it to have it done".to_owned();
    assert_eq!(of_task(&m, &shot["a"]).await, (vec!["status".into()], failed));
}

#[tokio::test]
async fn what_keeps_each_worker_from_a_task_is_told() {
    let m = TestManager::configured("blacklist_threshold = 2\njob_fail_percentage = 0").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let cleo = m.worker("cleo", &["debug"]).await;
    for worker in [&ada, &bob, &cleo] {
        worker.gets_nothing().await;
    }
    let shot = m.submit(&job([task("a"), task("b"), task("c")])).await;
    ada.takes_and_fails(&shot["a"]).await;
    let expected = kept(&[("failed-before", &["ada"]), ("task-type", &["cleo"])]);
    assert_eq!(takers(&m, &shot["a"]).await, (1, expected));
    ada.takes_and_fails(&shot["b"]).await;
    let expected = [("blacklist", &["ada"][..]), ("other-task-first", &["bob"]), ("task-type", &["cleo"])];
    assert_eq!(takers(&m, &shot["c"]).await, (0, kept(&expected)));
    let path = format!("/api/jobs/{}", shot.id);
    m.door
        .call(http::Method::PATCH, &path, &[], json!({"worker_tags": ["gpu"]}).to_string())
        .await
        .expect(200);
    let expected =
        kept(&[("worker-tags", &["ada", "bob", "cleo"]), ("blacklist", &["ada"]), ("task-type", &["cleo"])]);
    let (able, found) = takers(&m, &shot["c"]).await;
    assert_eq!(able, 0);
    for condition in &expected {
        assert!(found.contains(condition), "{condition:?}: {found:?}");
    }
    let explained = m.get(&format!("/api/workers/{}/explain", bob.id)).await.expect(200).json();
    assert_eq!(codes(&explained["jobs"][0]), ["worker-tags"]);
    assert_eq!(explained["answer"], "there are tasks to be done, and something keeps it from each of them");
}

#[tokio::test]
async fn a_limit_and_a_more_important_job_keep_workers_for_others() {
    let m = TestManager::start().await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    bob.gets_nothing().await;
    let few = m.submit(&with(job([task("a"), task("b")]), &json!({"max_workers": 1, "priority": 90}))).await;
    ada.takes(&few["a"]).await;
    let (conditions, answer) = of_job(&m, &few).await;
    assert_eq!(conditions, ["worker-limit"]);
    assert!(
        answer.starts_with("workers have 1 of its tasks; nothing else is handed out: as many"),
        "{answer}"
    );
    let (urgent, later) = (
        m.submit(&with(job([task("c")]), &json!({"priority": 80}))).await,
        m.submit(&job([task("d")])).await,
    );
    let expected = kept(&[("busy", &["ada"]), ("other-job-first", &["bob"])]);
    assert_eq!(takers(&m, &later["d"]).await, (0, expected));
    bob.takes(&urgent["c"]).await;
    assert_eq!(takers(&m, &later["d"]).await, (0, kept(&[("busy", &["ada", "bob"])])));
}

#[tokio::test]
async fn what_is_not_known_cannot_be_explained() {
    let m = TestManager::start().await;
    for kind in ["jobs", "tasks", "workers"] {
        m.get(&format!("/api/{kind}/0123456789abcdef01234567/explain")).await.expect(404);
        m.get(&format!("/api/{kind}/nonsense/explain")).await.expect(404);
    }
}
