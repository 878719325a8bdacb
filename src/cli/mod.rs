//! The command line: what can be said on it, and what is said back.

pub mod args;
pub mod logging;
