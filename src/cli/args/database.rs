//! `backup`, `restore` and `database`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `backup`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Backup {
    /// The backup; there must be no such file yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `restore`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Restore {
    /// A backup
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `database`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum DatabaseCommand {
    /// Look whether the database agrees with itself; the exit code is 1 if it does not
    ///
    /// While no Manager runs, it is looked as well whether the disk has what was written to it.
    Check,

    /// Give the room in the file that nothing is in back to the disk
    ///
    /// While it is done, a running Manager answers nobody: some ten seconds for each gigabyte.
    Compact,

    /// Say how large the database is and what it is made of
    Stats,
}
