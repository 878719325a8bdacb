//! A Manager as the program wires it, on a real file and a real port, with a clock that is moved by hand.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use flamenco_manager::{
    app,
    clock::ManualClock,
    config::Config,
    domain::{
        event::Event, people::Authentication, server_task::ServerTask, task::TaskStatus,
        task_update::TaskUpdate,
    },
    exchange::Exchange,
    http::{
        on_panic, routes,
        server::{Limits, Listener, serve},
    },
    pictures::Watch,
    services::{Services, TimedOut},
    store::{ReadTx, Store, StoreError},
    upstream,
};
use jiff::{Span, Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    door::{Answer, Door},
    jobs::Job,
    server::FakeServer,
    worker::TestWorker,
};

/// When every test begins: on a Monday at noon, by the time of the place where the farm is.
pub const START: &str = "2026-03-02T11:00:00Z";

/// Where the farm is.
const PLACE: &str = "Europe/Amsterdam";

/// A Manager to test. At its end it asks whether its database still agrees with itself.
pub struct TestManager {
    pub clock: Arc<ManualClock>,
    pub services: Arc<Services>,
    exchange: Option<Arc<Exchange>>,
    pub door: Door,
    pub config: Config,
    folder: TempDir,
    running: Running,
}

struct Running {
    stop: DropGuard,
    server: JoinHandle<()>,
    _watched: Option<Watch>,
}

impl TestManager {
    /// A Manager of which nothing is configured.
    pub async fn start() -> Self {
        Self::configured("").await
    }

    /// A Manager with a Flamenco Server, which is never reached.
    pub async fn with_server() -> Self {
        Self::configured(
            "flamenco = \"http://127.0.0.1:9\"\nmanager_id = \"5c7d0000000000000000abc9\"\n\
             manager_secret = \"between us\"",
        )
        .await
    }

    /// A Manager with this Server; one clock goes for both.
    pub async fn below(server: &FakeServer) -> Self {
        Self::below_with(server, "").await
    }

    /// The same with more in its `manager.toml`.
    pub async fn below_with(server: &FakeServer, toml: &str) -> Self {
        Self::at(&format!("{}{toml}", server.toml()), Arc::clone(&server.clock)).await
    }

    /// A Manager with this `manager.toml`.
    pub async fn configured(toml: &str) -> Self {
        Self::at(toml, Arc::new(ManualClock::new(START.parse().unwrap()))).await
    }

    /// The same, by this clock.
    pub async fn with_clock(toml: &str, clock: &Arc<ManualClock>) -> Self {
        Self::at(toml, Arc::clone(clock)).await
    }

    async fn at(toml: &str, clock: Arc<ManualClock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config_in(toml, &folder);
        let (services, listener) = open(&config, &clock).await;
        let door = Door::new(listener.local_addr().unwrap());
        let exchange = exchange(&config, &services, &listener);
        let running = run(&config, &services, exchange.clone(), listener);
        Self { clock, services, exchange, door, config, folder, running }
    }

    /// Stops the Manager in order and starts it anew on the same file.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    async fn stop(&mut self) {
        let stopped = Running {
            stop: CancellationToken::new().drop_guard(),
            server: tokio::spawn(async {}),
            _watched: None,
        };
        let Running { stop, server, .. } = std::mem::replace(&mut self.running, stopped);
        drop(stop);
        server.await.unwrap();
        if let Some(exchange) = &self.exchange {
            exchange.hang_up();
        }
        self.services.stop().await.unwrap();
    }

    async fn start_again(&mut self) {
        let (services, listener) = open(&self.config, &self.clock).await;
        self.door.moved_to(listener.local_addr().unwrap());
        self.exchange = exchange(&self.config, &services, &listener);
        self.running = run(&self.config, &services, self.exchange.clone(), listener);
        self.services = services;
    }

    /// The conversations with the Server.
    pub fn exchange(&self) -> &Exchange {
        self.exchange.as_ref().unwrap()
    }

    /// One turn of every conversation with the Server.
    pub async fn exchanges(&self) {
        let exchange = self.exchange();
        exchange.notify().await.unwrap();
        exchange.push().await.unwrap();
        exchange.download().await.unwrap();
        exchange.ask_again().await.unwrap();
        exchange.send_logs().await.unwrap();
    }

    /// So many seconds go by, with one turn of every conversation in each.
    pub async fn seconds_pass(&self, seconds: usize) {
        for _ in 0..seconds {
            self.advance(1.second());
            self.exchanges().await;
        }
    }

    /// What the Server has yet to hear.
    pub async fn update_queue(&mut self) -> Vec<TaskUpdate> {
        self.in_file(|tx| tx.oldest_updates(0, 1000, &HashSet::new()))
            .await
            .into_iter()
            .map(|(_, update)| update)
            .collect()
    }

    /// What happened lately, the newest first.
    pub async fn events(&mut self) -> Vec<Event> {
        self.in_file(|tx| tx.newest_events(1000)).await
    }

    /// Looks into the database file, between two runs of the Manager.
    async fn in_file<T>(&mut self, look: impl FnOnce(&ReadTx) -> Result<T, StoreError>) -> T {
        self.stop().await;
        let store = Store::open(&self.config.database_path).unwrap();
        let found = store.read(self.now(), look).unwrap();
        drop(store);
        self.start_again().await;
        found
    }

    pub fn now(&self) -> Timestamp {
        self.services.now()
    }

    pub fn advance(&self, span: Span) {
        self.clock.advance(span);
    }

    /// A folder for whatever a test writes.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A new worker that has not asked for anything yet.
    pub async fn worker(&self, nickname: &str, task_types: &[&str]) -> TestWorker {
        let secret = format!("{nickname:x<64}");
        let about = json!({
            "secret": secret, "platform": "linux", "supported_task_types": task_types, "nickname": nickname,
        });
        let answer = self.post("/register-worker", &about).await.expect(200);
        TestWorker::new(self.door.clone(), answer.json()["_id"].as_str().unwrap(), &secret)
    }

    /// A new worker that can sleep.
    pub async fn sleeper(&self, nickname: &str) -> TestWorker {
        self.worker(nickname, &["sleep"]).await
    }

    /// Hands in a job.
    pub async fn submit(&self, submission: &Value) -> Job {
        let id =
            self.post("/api/jobs", submission).await.expect(201).json()["_id"].as_str().unwrap().to_owned();
        let list = self.get(&format!("/api/jobs/{id}/tasks?limit=1000")).await.expect(200).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let tasks = list["tasks"].as_array().unwrap();
        let tasks = tasks.iter().map(|task| (text(&task["name"]), text(&task["_id"]))).collect();
        Job { id, tasks }
    }

    /// Takes in the job as if the Flamenco Server had sent it.
    pub async fn receive(&self, submission: &Value) -> Job {
        let list = submission["tasks"].as_array().unwrap();
        let ids: Vec<_> = (1..).take(list.len()).map(|number: u32| format!("5c7d{number:020x}")).collect();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let names: Vec<_> = list.iter().map(|task| text(&task["name"])).collect();
        let tasks: HashMap<_, _> = names.into_iter().zip(ids.iter().cloned()).collect();
        let id = "5c7d0000000000000000aaaa".to_owned();
        let sent = list.iter().zip(&ids).map(|(task, task_id)| {
            let parents = task["parents"].as_array().into_iter().flatten();
            ServerTask {
                id: task_id.parse().unwrap(),
                job: id.parse().unwrap(),
                etag: "e1".to_owned(),
                name: text(&task["name"]),
                status: TaskStatus::ClaimedByManager,
                priority: 50,
                job_priority: 50,
                job_type: "test".to_owned(),
                task_type: text(&task["task_type"]),
                commands: task["commands"].to_string(),
                parents: parents.map(|name| tasks[name.as_str().unwrap()].parse().unwrap()).collect(),
                activity: String::new(),
                failed_by: Vec::new(),
            }
        });
        let start = self.services.start_download().unwrap();
        assert!(self.services.take_in(&start, sent.collect()).await.unwrap());
        Job { id, tasks }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.door.get(path).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.door.post(path, body).await
    }

    /// The document of a task.
    pub async fn task(&self, id: &str) -> Value {
        self.get(&format!("/api/tasks/{id}")).await.expect(200).json()
    }

    /// How many tasks there are.
    pub async fn count_tasks(&self) -> u64 {
        self.get("/as-json").await.expect(200).json()["nr_of_tasks"].as_u64().unwrap()
    }

    /// The status of a task.
    pub async fn status(&self, id: &str) -> String {
        self.task(id).await["status"].as_str().unwrap().to_owned()
    }

    /// The statuses of the tasks of a job, in the order of the names.
    pub async fn statuses(&self, job: &Job) -> Vec<String> {
        let mut names: Vec<_> = job.tasks.keys().collect();
        names.sort();
        let mut statuses = Vec::new();
        for name in names {
            statuses.push(self.status(&job[name]).await);
        }
        statuses
    }

    /// The status of a job.
    pub async fn job_status(&self, job: &Job) -> Value {
        self.get(&format!("/api/jobs/{}", job.id)).await.expect(200).json()["status"].take()
    }

    /// The document of a worker.
    pub async fn about(&self, worker: &TestWorker) -> Value {
        self.get(&format!("/api/workers/{}", worker.id)).await.expect(200).json()
    }

    /// The status of a worker.
    pub async fn worker_status(&self, worker: &TestWorker) -> String {
        self.about(worker).await["status"].as_str().unwrap().to_owned()
    }

    /// What a person does with a worker.
    pub async fn act(&self, worker: &TestWorker, form: &str) -> Answer {
        self.door.post_form(&format!("/worker-action/{}", worker.id), form).await
    }

    /// A person asks a worker to change its status.
    pub async fn request(&self, worker: &TestWorker, status: &str) {
        self.act(worker, &format!("action=set-status&status={status}")).await.expect(204);
    }

    /// A person cancels a task.
    pub async fn cancel(&self, task: &str) {
        self.post(&format!("/api/tasks/{task}/cancel"), &json!(null)).await.expect(200);
    }

    /// The log of a task; empty when there is none.
    pub async fn log(&self, task: &str) -> String {
        let answer = self.get(&format!("/api/tasks/{task}/log")).await;
        if answer.status == 404 { String::new() } else { answer.expect(200).text().to_owned() }
    }

    /// One turn of the loop that looks for what has timed out.
    pub async fn check_timeouts(&self) -> TimedOut {
        self.services.check_timeouts().await.unwrap()
    }

    /// One turn of the loop that looks at sleep schedules.
    pub async fn check_sleep_schedules(&self) {
        self.services.check_sleep_schedules(place()).await.unwrap();
    }
}

impl Drop for TestManager {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.services.contradictions().unwrap(), Vec::<String>::new());
        }
    }
}

/// The configuration in `toml`, with everything that is written in `folder`. Where it does not say who may use the pages
/// and the API, anybody may.
pub fn config_in(toml: &str, folder: &TempDir) -> Config {
    let config = Config::from_toml(toml, "manager.toml").unwrap();
    let path = folder.path();
    Config {
        database_path: path.join("manager.redb"),
        task_logs_path: path.join("task-logs"),
        user_authentication: config.user_authentication.or(Some(Authentication::Nobody)),
        ..config
    }
}

fn place() -> TimeZone {
    TimeZone::get(PLACE).unwrap()
}

async fn open(config: &Config, clock: &Arc<ManualClock>) -> (Arc<Services>, TcpListener) {
    let program = env!("CARGO_BIN_EXE_flamenco-manager").into();
    let services = app::services_of(config, Arc::clone(clock) as _, program).unwrap();
    (Arc::new(services), TcpListener::bind("127.0.0.1:0").await.unwrap())
}

fn run(
    config: &Config,
    services: &Arc<Services>,
    exchange: Option<Arc<Exchange>>,
    listener: TcpListener,
) -> Running {
    let mut site = app::site(config, services, exchange);
    site.time_zone = place();
    let stop = CancellationToken::new();
    let server = serve(
        vec![Listener::http(listener)],
        routes(&Arc::new(site)),
        on_panic,
        Limits::default(),
        stop.clone(),
    );
    let watched = app::watch_pictures(config, services).unwrap();
    Running { stop: stop.drop_guard(), server: tokio::spawn(server), _watched: watched }
}

/// Time limits that no call to a Server comes near which answers, however slow the machine is.
fn exchange(config: &Config, services: &Arc<Services>, listener: &TcpListener) -> Option<Arc<Exchange>> {
    let limits = upstream::Limits {
        call: Duration::from_secs(30),
        recheck: Duration::from_secs(3),
        ..upstream::Limits::default()
    };
    let reached = app::Reached { scheme: "http", address: listener.local_addr().unwrap() };
    app::exchange(config, services, reached, limits)
}
