//! The rules of the farm: pure functions and plain types. Nothing here knows of threads, disks,
//! networks or clocks; what a rule needs is an argument.

pub mod ids;
