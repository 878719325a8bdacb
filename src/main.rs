//! The `flamenco-manager` binary.

use std::process::ExitCode;

use flamenco_manager::cli;

fn main() -> ExitCode {
    cli::main()
}
