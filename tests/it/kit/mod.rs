//! What every story needs: a Manager to test, workers that speak to it, a Server above it, jobs to do.

mod contract;
mod door;
mod events;
mod jobs;
mod killed;
mod listener;
mod manager;
mod server;
mod worker;

pub use contract::{Contract, verify};
pub use door::Answer;
pub use events::Events;
pub use jobs::{Job, behind, job, task, with};
pub use killed::killed_at;
pub use listener::Listener;
pub use manager::{START, TestManager, config_in};
pub use server::{Call, FakeServer, Mood};
pub use worker::TestWorker;
