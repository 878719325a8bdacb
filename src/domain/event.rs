//! What happened and is worth keeping for a while.

use jiff::Timestamp;

use super::ids::WorkerId;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A worker wrote files.
    OutputProduced {
        /// When the Manager heard of it.
        at: Timestamp,
        /// Which worker.
        worker: WorkerId,
        /// The files, as the worker names them.
        paths: Vec<String>,
    },
}
