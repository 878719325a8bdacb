//! `backup`, `restore` and `database`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const BACKUP_HELP: &str = "\
Example:
  flamenco-manager backup /mnt/safe/farm-before-the-move.backup";

const RESTORE_HELP: &str = "\
Example:
  sudo systemctl stop flamenco-manager
  sudo -u flamenco-manager flamenco-manager restore /mnt/safe/farm.backup
  sudo systemctl start flamenco-manager

It has to be done by the user as whom the Manager runs, who has to be able to read the backup.";

const DATABASE_HELP: &str = "\
Examples:
  flamenco-manager database check      after a crash of the machine, say
  flamenco-manager database stats      is it worth making it smaller?
  flamenco-manager database compact";

/// `backup`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = BACKUP_HELP)]
pub struct Backup {
    /// The backup; there must be no such file yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `restore`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = RESTORE_HELP)]
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
#[command(after_help = DATABASE_HELP)]
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
