//! The command line against a running Manager: the real binary, and a real Manager or one that says what a test wants.

mod audit;
mod explaining;
mod jobs;
mod paperwork;
mod stand_in;
mod submitting;
mod tasks;
mod waiting;
mod workers;

use crate::faults::commands::{at_a_known_port, fails, json, succeeds};
