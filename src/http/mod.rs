//! Who asks: everything that speaks HTTP with workers, people and scripts.

pub mod body;
mod patience;
pub mod server;
