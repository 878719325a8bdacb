//! The integration tests: a Manager as the program wires it, real HTTP, a real database file; time is moved by hand.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a finding")]

mod architecture;
mod bad_input;
mod below_a_server;
mod bulk;
mod cancelling;
mod command_line;
mod compiling;
mod dependencies;
mod exchange;
mod failing;
mod faults;
mod handing_out;
mod idempotency;
mod job_cleanup;
mod job_life;
mod jobs_api;
mod kit;
mod listing;
mod live;
mod log_follow;
mod openapi;
mod protocol;
mod registration;
mod scripts;
mod server_queue;
mod sharing;
mod sleep_schedules;
mod starvation;
mod status;
mod task_logs;
mod time_left;
mod timeouts;
mod updates;
mod variables;
mod workers_api;
