//! kill -9 at any moment under load: whatever was acknowledged is there after the restart.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::RandomState},
    hash::BuildHasher,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use flamenco_manager::simulate::worker::{Asked, Profile, SimWorker, WorkerError};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::process::{Place, Running};

const KILLS: u64 = 50;
const WORKERS: usize = 6;
const TASKS: usize = 12;

/// What was acknowledged, and what was asked for without an answer.
#[derive(Default)]
struct Journal {
    jobs: BTreeSet<String>,
    /// Jobs all of whose tasks are known to have ended; they are looked at once more at the end.
    ended_jobs: BTreeSet<String>,
    registered: BTreeSet<String>,
    /// Task → the worker that was given it.
    in_hand: BTreeMap<String, String>,
    /// Tasks with workers that have said that they are done with them, and have no answer yet.
    letting_go: BTreeSet<(String, String)>,
    /// Task and worker → the last step of which the worker knows that the Manager knows.
    steps: BTreeMap<(String, String), u64>,
    completed: BTreeSet<String>,
    /// (task, worker)
    failed: BTreeSet<(String, String)>,
    hand_outs: usize,
}

type Shared = Arc<Mutex<Journal>>;

fn lock(journal: &Shared) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap()
}

impl Journal {
    fn handed_out(&mut self, task: &str, worker: &str) {
        self.hand_outs += 1;
        assert!(!self.completed.contains(task), "task {task} was completed and is handed out again");
        let holder = self.in_hand.insert(task.into(), worker.into());
        assert!(holder.is_none_or(|holder| holder == worker), "task {task} was handed out twice");
        let others = self.in_hand.iter().filter(|(_, holder)| *holder == worker);
        assert_eq!(others.count(), 1, "worker {worker} has a task, and is given another");
    }

    /// From now on somebody else may have it.
    fn lets_go(&mut self, task: &str, worker: &str) {
        self.in_hand.remove(task).unwrap();
        self.letting_go.insert((task.into(), worker.into()));
    }

    fn let_go(&mut self, task: &str, worker: &str, completed: bool) {
        let pair = (task.to_owned(), worker.to_owned());
        assert!(self.letting_go.remove(&pair));
        if completed {
            self.completed.insert(pair.0);
        } else {
            self.failed.insert(pair);
        }
    }

    /// Compares a task with what is known of it, and learns what became of what was not answered.
    fn compare(&mut self, document: &Value) {
        let task = document["_id"].as_str().unwrap();
        let status = document["status"].as_str().unwrap();
        let worker = document["worker_id"].as_str().unwrap_or_default();
        let failers = document["failed_by_workers"].as_array().unwrap();
        let failed_by = |worker: &str| failers.iter().any(|by| by["id"] == worker);
        let is_active = status == "active";
        if self.completed.contains(task) {
            assert_eq!(status, "completed", "{document}");
        }
        if let Some(holder) = self.in_hand.get(task) {
            assert!(is_active && holder == worker, "{holder} has it: {document}");
            let step = self.steps.get(&(task.into(), holder.clone()));
            assert!(step <= step_of(document).as_ref(), "step {step:?} was lost: {document}");
        }
        for (_, failer) in self.failed.iter().filter(|(failed, _)| failed == task) {
            assert!(failed_by(failer), "a failure was lost: {document}");
        }
        // Whoever has no answer has it still, or is done with it.
        for (_, holder) in self.letting_go.extract_if(.., |(let_go, _)| let_go == task) {
            let has_it = is_active && holder == worker;
            assert!(has_it || status == "completed" || failed_by(&holder), "{holder} had it: {document}");
        }
        if is_active {
            // The answer may have been lost; the worker asks again.
            self.in_hand.insert(task.into(), worker.into());
        }
        if status == "completed" {
            self.completed.insert(task.into());
        }
    }

    fn is_at_one_worker_once(&self) {
        let holders: BTreeSet<_> = self.in_hand.values().collect();
        assert_eq!(holders.len(), self.in_hand.len(), "a worker has two tasks: {:?}", self.in_hand);
    }
}

/// The step that the activity of a task names; none before its worker has said anything.
fn step_of(task: &Value) -> Option<u64> {
    task["activity"].as_str()?.strip_prefix("step ")?.parse().ok()
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_by_any_of_50_kills_under_load() {
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let mut chance = Chance(seed);
    let place = Place::configured("blacklist_threshold = 1000");
    let journal = Shared::default();
    let mut secrets = Vec::new();
    for kill in 0..KILLS {
        if kill % 5 == 4 {
            kill_while_it_starts(&place, Duration::from_millis(chance.below(60)));
        }
        if kill % 10 == 9 {
            is_in_order(&place);
        }
        let manager = place.start();
        verify(&manager, &journal, false).await;
        if secrets.len() < WORKERS {
            secrets.extend(register(&manager, &journal, WORKERS).await);
        }
        let load = load(&manager, &journal, &secrets, chance.below(1 << 32));
        tokio::time::sleep(Duration::from_millis(chance.below(250))).await;
        manager.kill();
        // They end by themselves, as nobody answers any more; a broken promise ends the test.
        load.join_all().await;
    }
    let manager = place.start();
    verify(&manager, &journal, true).await;
    manager.stop();
    is_in_order(&place);
    let journal = lock(&journal);
    let Journal { jobs, completed, failed, hand_outs, .. } = &*journal;
    println!(
        "{} jobs, {hand_outs} hand-outs, {} completed, {} failures",
        jobs.len(),
        completed.len(),
        failed.len()
    );
    assert!(jobs.len() > 10 && completed.len() > 100 && !failed.is_empty(), "there was no load to speak of");
}

fn kill_while_it_starts(place: &Place, after: Duration) {
    let mut child = place.command(&["--quiet", "serve"]).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn is_in_order(place: &Place) {
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("is in order"), "{}", said.stdout);
}

/// Is everything there that was acknowledged?
async fn verify(manager: &Running, journal: &Shared, all: bool) {
    let jobs: Vec<_> = {
        let journal = lock(journal);
        let known = journal.jobs.iter();
        known.filter(|job| all || !journal.ended_jobs.contains(*job)).cloned().collect()
    };
    for job in jobs {
        let tasks = manager.get(&format!("/api/jobs/{job}/tasks?limit=1000")).await;
        let tasks = tasks["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), TASKS, "job {job}");
        let mut journal = lock(journal);
        for task in tasks {
            journal.compare(task);
        }
        if tasks.iter().all(|task| task["status"] == "completed") {
            journal.ended_jobs.insert(job);
        }
    }
    let workers = manager.get("/api/workers").await;
    let workers: BTreeSet<_> = workers["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|worker| worker["_id"].as_str().unwrap().to_owned())
        .collect();
    let journal = lock(journal);
    assert!(journal.registered.is_subset(&workers), "a registration was lost");
    journal.is_at_one_worker_once();
}

async fn register(manager: &Running, journal: &Shared, count: usize) -> Vec<(String, String)> {
    let mut secrets = Vec::new();
    for _ in 0..count {
        let worker = manager.worker().await;
        lock(journal).registered.insert(worker.id().to_owned());
        secrets.push((worker.id().to_owned(), worker.secret().to_owned()));
    }
    secrets
}

fn load(manager: &Running, journal: &Shared, secrets: &[(String, String)], seed: u64) -> JoinSet<()> {
    let mut load = JoinSet::new();
    for ((id, secret), number) in secrets.iter().zip(0..) {
        let worker =
            SimWorker::returning(&manager.url(), Profile::linux("w", &["sleep"]), id, secret).unwrap();
        load.spawn(ends_by_the_kill(work(worker, Arc::clone(journal), Chance(seed ^ number))));
    }
    load.spawn(ends_by_the_kill(submit(manager.url(), Arc::clone(journal))));
    load
}

async fn ends_by_the_kill(work: impl Future<Output = Result<(), WorkerError>>) {
    match work.await {
        Err(WorkerError::Call(_)) => {}
        other => panic!("a call was answered badly: {other:?}"),
    }
}

/// Asks for tasks, reports some steps, completes most of them and fails a few.
async fn work(mut worker: SimWorker, journal: Shared, mut chance: Chance) -> Result<(), WorkerError> {
    let id = worker.id().to_owned();
    loop {
        let task = match worker.ask_task().await? {
            Asked::Task(task) => task,
            Asked::Nothing => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            other => panic!("{other:?}"),
        };
        let task_id = task["_id"].as_str().unwrap();
        lock(&journal).handed_out(task_id, &id);
        let first = step_of(&task).unwrap_or(0) + 1;
        for step in first..first + chance.below(3) {
            let update =
                json!({"task_status": "active", "activity": format!("step {step}"), "log": "a line\n"});
            assert_eq!(worker.update(task_id, &update).await?, StatusCode::NO_CONTENT);
            lock(&journal).steps.insert((task_id.into(), id.clone()), step);
            assert!(worker.may_i_run(task_id).await?.may_keep_running);
        }
        let completed = chance.below(12) > 0;
        let status = if completed { "completed" } else { "failed" };
        lock(&journal).lets_go(task_id, &id);
        assert_eq!(worker.update(task_id, &json!({"task_status": status})).await?, StatusCode::NO_CONTENT);
        lock(&journal).let_go(task_id, &id, completed);
    }
}

/// Submits jobs whose tasks wait for one another, one after the other, and registers a worker with each.
async fn submit(url: String, journal: Shared) -> Result<(), WorkerError> {
    let task = |number: usize| {
        let parents: Vec<_> =
            number.checked_sub(3).map(|parent| format!("task {parent}")).into_iter().collect();
        json!({"name": format!("task {number}"), "task_type": "sleep", "commands": [{"name": "sleep"}], "parents": parents})
    };
    let job = json!({"name": "a job", "tasks": (0..TASKS).map(task).collect::<Vec<_>>()});
    let mut client = flamenco_manager::simulate::client::Client::new(&url)?;
    loop {
        let body = Some(job.to_string().into());
        let (status, body) = client.request(Method::POST, "/api/jobs", None, body).await?;
        assert_eq!(status, StatusCode::CREATED);
        let job: Value = serde_json::from_slice(&body).unwrap();
        lock(&journal).jobs.insert(job["_id"].as_str().unwrap().into());
        let worker = SimWorker::register(&url, Profile::linux("another", &["nothing"]), None).await?;
        lock(&journal).registered.insert(worker.id().into());
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
