//! Simulated Flamenco 2.x workers that speak the real protocol over HTTP. The demo hires them, the
//! integration tests play bad luck with them, the benchmark borrows their manners.

pub mod client;
mod commands;
mod rounds;
pub mod worker;

pub use client::{Client, ClientError, Credentials};
pub use commands::Tally;
pub use rounds::{Behaviour, Pace};
pub use worker::{Asked, MayIRun, Profile, SimWorker, WorkerError, registration_token};
