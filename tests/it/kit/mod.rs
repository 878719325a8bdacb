//! What every story needs: a Manager to test, workers that speak to it, a Server above it, jobs to do.

mod authority;
mod contract;
mod door;
pub mod dump;
mod events;
mod flamenco3;
mod https;
mod jobs;
mod killed;
mod listener;
mod manager;
mod server;
mod worker;

pub use authority::Authority;
pub use contract::{Contract, verify};
pub use door::{Answer, Door};
pub use events::Events;
pub use flamenco3::{Schema, flamenco3, sleeping};
pub use https::{SelfSigned, Visitor, handshake_with_anybody};
pub use jobs::{Job, behind, job, task, with};
pub use killed::killed_at;
pub use listener::Listener;
pub use manager::{START, TestManager, config_in};
pub use server::{Call, FakeServer, MANAGER, Mood, Signer};
pub use worker::TestWorker;
