//! What can be said about taking over a farm from elsewhere.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

const IMPORT_HELP: &str = "\
From Flamenco Manager 2.x, with its MongoDB:
  flamenco-manager import config flamenco-manager.yaml --output manager.toml
  mongodump --db flamenco-manager --archive | flamenco-manager import mongodb - --dry-run

From Flamenco 3:
  flamenco-manager import flamenco3 flamenco-manager.sqlite --dry-run

Without --dry-run it is done.";

/// Where a farm is taken over from.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(after_help = IMPORT_HELP)]
pub enum ImportCommand {
    /// Take over a farm from Flamenco Manager 2.x, out of a dump of its MongoDB
    ///
    /// Tasks, workers with their secrets and sleep schedules, failures, the blacklist and the updates that the Server has yet
    /// to hear come along. Workers go on with their old credentials. Without a Server the jobs are rebuilt from their tasks.
    ///
    /// The report says what became of each document. If anything has to be left out nothing is imported, and the exit code
    /// is 1, unless --allow-skips is given.
    Mongodb(MongodbDump),

    /// Take over a farm from Flamenco 3, out of the database file of its Manager
    ///
    /// Jobs, tasks with their failures, the blocklist, and what is known of the workers come along. The workers themselves speak
    /// another protocol: install those of 2.x in their place. What no worker of 2.x can do is kept, and never handed out.
    ///
    /// Stop Flamenco 3 first. Its file is not changed. The report says what became of each row. If anything has to be left out
    /// nothing is imported, and the exit code is 1, unless --allow-skips is given.
    Flamenco3 {
        /// The file: flamenco-manager.sqlite
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// How to import it
        #[command(flatten)]
        how: ImportHow,
    },

    /// Make a manager.toml of the flamenco-manager.yaml of Flamenco Manager 2.x
    ///
    /// It goes to standard output, or into a new file. What was changed or dropped, and what somebody has to decide, is said on
    /// standard error, and stands as comments in the new file. Both may hold secrets.
    Config {
        /// The file: flamenco-manager.yaml
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// Write into this file, which must not exist yet
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },

    /// Read back what "export" has written
    ///
    /// It is looked at whole, with its sums, before anything is done. Into an empty database it becomes what it was.
    Export {
        /// What "export" has made
        #[arg(value_name = "DIRECTORY")]
        directory: PathBuf,

        /// How to import it
        #[command(flatten)]
        how: ImportHow,
    },
}

/// A dump, and what to do with it.
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub struct MongodbDump {
    /// What mongodump or mongoexport wrote: a folder, a file, an archive; "-" for an archive on standard input
    #[arg(value_name = "PATH")]
    pub path: PathBuf,

    /// The database in the dump, if it has several
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,

    /// Take what can be read of a damaged dump
    #[arg(long)]
    pub salvage: bool,

    /// How it is imported.
    #[command(flatten)]
    pub how: ImportHow,
}

/// How anything is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ClapArgs)]
pub struct ImportHow {
    /// Only say what would be imported
    #[arg(long)]
    pub dry_run: bool,

    /// Add to what is in the database; nothing is overwritten that is newer
    #[arg(long)]
    pub merge: bool,

    /// Import the rest if something has to be left out
    #[arg(long)]
    pub allow_skips: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Command, tests::command};

    #[test]
    fn what_comes_from_where_is_named() {
        let how = ImportHow { dry_run: true, merge: false, allow_skips: true };
        let flamenco3 = ImportCommand::Flamenco3 { file: "f.sqlite".into(), how };
        assert_eq!(command("import flamenco3 f.sqlite --dry-run --allow-skips"), Command::Import(flamenco3));
        let config = ImportCommand::Config { file: "f.yaml".into(), output: Some("m.toml".into()) };
        assert_eq!(command("import config f.yaml --output m.toml"), Command::Import(config));
        let how = ImportHow { dry_run: false, merge: true, allow_skips: false };
        let export = ImportCommand::Export { directory: "farm".into(), how };
        assert_eq!(command("import export farm --merge"), Command::Import(export));
    }

    #[test]
    fn a_dump_is_a_path_with_wishes() {
        let how = ImportHow { dry_run: false, merge: false, allow_skips: false };
        let dump = MongodbDump { path: "dump/".into(), database: None, salvage: false, how };
        assert_eq!(command("import mongodb dump/"), Command::Import(ImportCommand::Mongodb(dump.clone())));
        let how = ImportHow { dry_run: true, merge: true, allow_skips: true };
        let dump = MongodbDump { path: "-".into(), database: Some("farm".into()), salvage: true, how };
        assert_eq!(
            command("import mongodb - --database farm --salvage --dry-run --merge --allow-skips"),
            Command::Import(ImportCommand::Mongodb(dump))
        );
    }
}
