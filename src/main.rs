//! The `flamenco-manager` binary.

fn main() {}
