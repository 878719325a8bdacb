//! A Flamenco Server that remembers what it was told, and notes whatever a Manager should not have said
//! (`server-protocol.md`). Its time stands still until the test moves the clock: what changes in the very moment of
//! the last download is not downloaded, since the Server asks for what is newer than that.

mod answer;
mod check;
mod exchange;
mod form;
mod inspector;
mod memory;
mod mood;
mod people;
mod rules;
mod tests;
mod vouching;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard};

use flamenco_manager::clock::ManualClock;
use serde_json::Value;

use super::{Job, START};
use exchange::State;
pub use exchange::{Asked, SECRET};
pub use memory::MANAGER;
pub use mood::{Call, Mood};
pub use vouching::Signer;
use wire::{Port, Running, Shared};

/// A Server to test against. At its end it asks whether everything was said as it should be.
pub struct FakeServer {
    pub clock: Arc<ManualClock>,
    shared: Arc<Shared>,
    port: Port,
    running: Mutex<Option<Running>>,
}

impl FakeServer {
    /// A Server without jobs, with a clock of its own.
    pub fn start() -> Self {
        Self::start_at(Arc::new(ManualClock::new(START.parse().unwrap())))
    }

    /// A Server without jobs that goes by this clock.
    pub fn start_at(clock: Arc<ManualClock>) -> Self {
        let shared = Arc::new(Shared::new(Arc::clone(&clock)));
        let port = Port::reserve();
        let running = Mutex::new(Some(port.open(&shared)));
        Self { clock, shared, port, running }
    }

    /// What a `manager.toml` must say.
    pub fn toml(&self) -> String {
        let address = self.port.address;
        format!(
            "flamenco = \"http://{address}\"\nmanager_id = \"{MANAGER}\"\nmanager_secret = \"{SECRET}\"\n"
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// From now on calls of a kind are taken like this.
    pub fn mood(&self, call: Call, mood: Mood) {
        self.state().moods.set(call, mood);
    }

    /// From now on all calls are taken like this.
    pub fn mood_for_all(&self, mood: &Mood) {
        for call in Call::ALL {
            self.mood(call, mood.clone());
        }
    }

    /// So many calls are taken like this, behind those that have their moods already.
    pub fn mood_for(&self, call: Call, count: usize, mood: Mood) {
        self.state().moods.plan(call, count, mood);
    }

    /// Goes on with every call that hangs at this moment.
    pub fn release(&self) {
        self.shared.gate.send_replace(());
    }

    /// Cuts all connections and refuses new ones.
    pub async fn goes_down(&self) {
        let running = self.running.lock().unwrap().take().expect("it is up");
        running.stop().await;
    }

    /// Can be reached again where it was.
    pub fn comes_back(&self) {
        let was = self.running.lock().unwrap().replace(self.port.open(&self.shared));
        assert!(was.is_none(), "it was down");
    }

    /// Compressed pushes are taken; the genuine Server answers them 400.
    pub fn takes_gzip(&self) {
        self.state().takes_gzip = true;
    }

    /// The next download should be for what is new since then, or for everything: a Manager that lost the last answer.
    pub fn expects_since(&self, since: Option<&str>) {
        self.state().inspector.since = since.map(str::to_owned);
    }

    /// The Manager may do what it should not.
    pub fn expects_violations(&self) {
        self.state().violations_are_expected = true;
    }

    /// What the Manager should not have said.
    pub fn violations(&self) -> Vec<String> {
        self.state().inspector.violations.clone()
    }

    /// Every request, as it came in.
    pub fn requests(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many requests of a kind came in.
    pub fn count(&self, call: Call) -> usize {
        self.state().asked.iter().filter(|asked| asked.call == call).count()
    }

    /// Waits until so many requests of a kind have come in, since the beginning.
    pub async fn arrived(&self, call: Call, count: usize) {
        let mut arrivals = self.shared.arrivals.subscribe();
        while self.count(call) < count {
            arrivals.changed().await.unwrap();
        }
    }

    /// What it was told at start-ups and sign-ons.
    pub fn notifications(&self) -> Vec<Value> {
        self.state().notifications.clone()
    }

    /// Every update that it ever took, in order.
    pub fn updates(&self) -> Vec<Value> {
        self.state().updates.clone()
    }

    /// The updates of a task that it ever took, in order.
    pub fn heard(&self, task: &str) -> Vec<Value> {
        self.state().updates.iter().filter(|update| update["task_id"] == task).cloned().collect()
    }

    /// A task as people see it.
    #[track_caller]
    pub fn task(&self, task: &str) -> Value {
        let state = self.state();
        serde_json::to_value(state.memory.document(task).expect("a task that is known")).unwrap()
    }

    #[track_caller]
    pub fn status(&self, task: &str) -> String {
        self.task(task)["status"].as_str().unwrap().to_owned()
    }

    pub fn job_status(&self, job: &Job) -> &'static str {
        self.state().memory.jobs[&job.id].status
    }

    /// The log of a task, if it was uploaded.
    pub fn log(&self, task: &str) -> Option<String> {
        self.state().logs.get(task).cloned()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.state().violations_are_expected {
            assert_eq!(self.violations(), Vec::<String>::new());
        }
    }
}
