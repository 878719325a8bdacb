//! The real binary: run to its end, or started, spoken to and ended, in a folder of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flamenco_manager::simulate::{
    client::{Client, ClientError},
    worker::{Profile, SimWorker},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_flamenco-manager");

/// Longer than anything here ever takes, on a machine that has much else to do.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A folder with a configuration, in which the binary is run.
pub struct Place(TempDir);

/// What the binary said when it was run to its end.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    /// A folder for a Manager that listens on some free port of this machine alone.
    pub fn new() -> Self {
        Self::listening("127.0.0.1:0", "")
    }

    /// The same, with more lines of configuration.
    pub fn configured(lines: &str) -> Self {
        Self::listening("127.0.0.1:0", lines)
    }

    pub fn listening(address: &str, lines: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.configure(&format!(
            "listen = \"{address}\"\nssdp_discovery = false\n{lines}\n[user_authentication]\nmode = \"none\"\n"
        ));
        place
    }

    pub fn configure(&self, text: &str) {
        fs::write(self.path("manager.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("flamenco-manager.redb")
    }

    /// The binary, in this folder; so the paths of the configuration are in it, too.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        self.at_home(command)
    }

    pub fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(self.0.path()).stdin(Stdio::null()).env("NO_COLOR", "1");
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().unwrap())
    }

    /// Starts a Manager and waits until it can be spoken to.
    pub fn start(&self) -> Running {
        Running::start(self.command(&["--json", "serve"]))
    }
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// A Manager that runs. It does not outlive this value.
pub struct Running {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// Starts a Manager that logs JSON, and waits until it says where it listens.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let said = follow(&mut child, Arc::clone(&log));
        let address = said.recv_timeout(DEADLINE);
        let log_so_far = || log.lock().unwrap().join("\n");
        assert!(address.is_ok(), "the Manager does not start ({:?}):\n{}", address.err(), log_so_far());
        Self { child, address: address.unwrap(), log }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal, by its name without SIG.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "the Manager does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it as an administrator would, which has to work.
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        assert_eq!(self.wait().code(), Some(0), "{}", self.log());
        self.log()
    }

    /// A call of a person or a script.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        self.try_call(method, path, body).await.unwrap()
    }

    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), ClientError> {
        let mut client = Client::new(&self.url())?.with_time_limit(DEADLINE);
        let body = body.map(|body| Bytes::from(body.to_string()));
        let (status, body) = client.request(method, path, None, body).await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, document) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "GET {path}: {document}");
        document
    }

    /// Submits a job of so many tasks without parents; returns its ID.
    pub async fn submit(&self, tasks: usize) -> String {
        let (status, job) = self.call(Method::POST, "/api/jobs", Some(&new_job(tasks))).await;
        assert_eq!(status, StatusCode::CREATED, "{job}");
        job["_id"].as_str().unwrap().to_owned()
    }

    pub async fn worker(&self) -> SimWorker {
        SimWorker::register(&self.url(), Profile::linux("worker", &["sleep"]), None).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// A job of so many tasks without parents.
pub fn new_job(tasks: usize) -> Value {
    let task = |number| json!({"name": format!("task {number}"), "task_type": "sleep", "commands": [{"name": "sleep"}]});
    json!({"name": "a job", "tasks": (0..tasks).map(task).collect::<Vec<_>>()})
}

/// Collects the log of a Manager; the address at which it can be reached comes out as soon as it is known.
fn follow(child: &mut Child, log: Arc<Mutex<Vec<String>>>) -> Receiver<SocketAddr> {
    let (found, address) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
            log.lock().unwrap().push(line);
            if event["message"] == "Flamenco Manager is running" {
                let url = event["url"].as_str().and_then(|url| url.split("://").nth(1));
                let address = url.and_then(|url| url.trim_end_matches('/').parse().ok());
                // Nobody waits any more if it took too long.
                let _heard = address.map(|address| found.send(address));
            }
        }
    });
    address
}

/// Waits until `state` is there, and returns it.
pub async fn eventually<T>(what: &str, mut state: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(state) = state().await {
            return state;
        }
        assert!(begun.elapsed() < DEADLINE, "{what}: still not after {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A port that nobody uses just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
