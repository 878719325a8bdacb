//! Goldens of the worker protocol: what breaks a genuine worker, and which of its bugs the Manager lives with. They
//! follow `worker-protocol.md` and are changed only on purpose.

mod bugs;
mod points;
