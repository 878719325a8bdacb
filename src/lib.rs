//! Flamenco Manager, the appliance: one binary that takes in render jobs, hands their tasks to
//! Flamenco workers and survives what goes wrong on the way. `ARCHITECTURE.md` is the map.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod exchange;
pub mod export;
pub mod files;
pub mod http;
pub mod import;
pub mod loops;
pub mod pictures;
pub mod services;
pub mod simulate;
pub mod ssdp;
pub mod store;
pub mod systemd;
pub mod tasklogs;
pub mod tls;
pub mod upstream;
