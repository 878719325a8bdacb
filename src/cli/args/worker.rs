//! `worker`: what can be said of workers.

use std::{convert::Infallible, fmt, str::FromStr};

use clap::Subcommand;

use crate::domain::ids::WorkerId;

const NAMES_HELP: &str = "\
A worker is named by its ID, or by its nickname if no other worker has the same.
`flamenco-manager worker list` shows both.";

const WORKERS_HELP: &str = "\
Examples:
  flamenco-manager worker list --status awake,asleep
  flamenco-manager worker sleep --lazy render-01 render-02   after their tasks
  flamenco-manager worker explain render-01                  why it has nothing to do
  flamenco-manager worker tags render-01 gpu big

A worker is named by its ID, or by its nickname if no other worker has the same.";

/// What to do with workers.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(after_help = WORKERS_HELP)]
pub enum WorkerCommand {
    /// List the workers
    List {
        /// Only workers in one of these statuses, like awake,asleep
        #[arg(long, value_delimiter = ',')]
        status: Vec<String>,
    },

    /// Show a worker
    #[command(after_help = NAMES_HELP)]
    Show {
        /// The worker's ID or nickname
        worker: WorkerName,
    },

    /// Say why a worker has nothing to do
    #[command(after_help = NAMES_HELP)]
    Explain {
        /// The worker's ID or nickname
        worker: WorkerName,
    },

    /// Send workers to sleep; what they have in hand goes back to the queue
    #[command(after_help = NAMES_HELP)]
    Sleep {
        /// IDs or nicknames of workers
        #[arg(required = true, value_name = "WORKER")]
        workers: Vec<WorkerName>,

        /// Let them finish what they have in hand
        #[arg(long)]
        lazy: bool,
    },

    /// Wake workers that are asleep
    #[command(after_help = NAMES_HELP)]
    Wake {
        /// IDs or nicknames of workers
        #[arg(required = true, value_name = "WORKER")]
        workers: Vec<WorkerName>,
    },

    /// Let workers shut down; what they have in hand goes back to the queue
    #[command(after_help = NAMES_HELP)]
    Shutdown {
        /// IDs or nicknames of workers
        #[arg(required = true, value_name = "WORKER")]
        workers: Vec<WorkerName>,

        /// Let them finish what they have in hand
        #[arg(long)]
        lazy: bool,
    },

    /// Forget workers; one that comes back registers anew
    #[command(after_help = NAMES_HELP)]
    Forget {
        /// IDs or nicknames of workers
        #[arg(required = true, value_name = "WORKER")]
        workers: Vec<WorkerName>,
    },

    /// Give a worker these tags, in place of those that it has
    ///
    /// A job that names tags is worked on only by workers that have one of them.
    #[command(after_help = NAMES_HELP)]
    Tags {
        /// The worker's ID or nickname
        worker: WorkerName,

        /// All tags that it shall have
        #[arg(required_unless_present = "none", value_name = "TAG")]
        tags: Vec<String>,

        /// It shall have no tags
        #[arg(long, conflicts_with = "tags")]
        none: bool,
    },
}

/// How people name a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerName {
    /// By its ID.
    Id(WorkerId),
    /// By its nickname, which other workers may have too.
    Nickname(String),
}

impl FromStr for WorkerName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Nickname(text.to_owned()), Self::Id))
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Nickname(nickname) => nickname.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{
        Command, On,
        tests::{command, error},
    };

    fn worker_command(line: &str) -> WorkerCommand {
        match command(&format!("worker {line}")) {
            Command::Worker(On { command, .. }) => command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn workers_go_by_id_or_nickname() {
        let id = "5c7d0000000000000000abc9";
        let names = vec![WorkerName::Id(id.parse().unwrap()), WorkerName::Nickname("render-01".into())];
        let expected = WorkerCommand::Sleep { workers: names, lazy: true };
        assert_eq!(worker_command(&format!("sleep {id} render-01 --lazy")), expected);
        assert_eq!(error("worker sleep").exit_code(), 2);
    }

    #[test]
    fn no_tags_must_be_said() {
        let worker = WorkerName::Nickname("anna".into());
        let tags = vec!["gpu".to_owned(), "big".to_owned()];
        let expected = WorkerCommand::Tags { worker: worker.clone(), tags, none: false };
        assert_eq!(worker_command("tags anna gpu big"), expected);
        let expected = WorkerCommand::Tags { worker, tags: Vec::new(), none: true };
        assert_eq!(worker_command("tags anna --none"), expected);
        assert_eq!(error("worker tags anna").exit_code(), 2, "this would take all tags away by mistake");
        assert_eq!(error("worker tags anna gpu --none").exit_code(), 2);
    }
}
