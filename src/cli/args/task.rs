//! `task`: what can be said of tasks.

use clap::Subcommand;

use crate::domain::ids::TaskId;

const LOG_HELP: &str = "\
Examples:
  flamenco-manager task log ID --tail 50
  flamenco-manager task log ID --follow      until the task has ended, or Ctrl+C

`flamenco-manager job show JOB` lists the tasks of a job with their IDs.";

const TASKS_HELP: &str = "\
Examples:
  flamenco-manager task log --follow ID    see what its worker does
  flamenco-manager task explain ID         why it is not running
  flamenco-manager task requeue ID

`flamenco-manager job show JOB` lists the tasks of a job with their IDs.";

/// What to do with tasks.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(after_help = TASKS_HELP)]
pub enum TaskCommand {
    /// Show a task
    Show {
        /// The task's ID, 24 hex digits
        id: TaskId,
    },

    /// Say why a task is not running
    Explain {
        /// The task's ID, 24 hex digits
        id: TaskId,
    },

    /// Print the log of a task: what its worker said
    #[command(after_help = LOG_HELP)]
    Log {
        /// The task's ID, 24 hex digits
        id: TaskId,

        /// Only as many lines from the end
        #[arg(long, value_name = "LINES")]
        tail: Option<usize>,

        /// Go on with what is added to it, until the task has ended
        #[arg(long)]
        follow: bool,
    },

    /// Stop a task for good; if a worker has it in hand, it is told to stop
    Cancel {
        /// The task's ID, 24 hex digits
        id: TaskId,
    },

    /// Do a task again, with all that come behind it
    Requeue {
        /// The task's ID, 24 hex digits
        id: TaskId,
    },
}
