//! What can be said about what people did.

use clap::Subcommand;

const LIST_HELP: &str = "\
Examples:
  flamenco-manager audit list --limit 20
  flamenco-manager --json audit list";

/// What people did.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AuditCommand {
    /// List what people did, the newest last
    ///
    /// Who, when, from which machine, what, and how it ended: a status below 400 says that it was done. It is remembered
    /// for 90 days.
    #[command(after_help = LIST_HELP)]
    List {
        /// How much to show at the most
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: usize,
    },
}
