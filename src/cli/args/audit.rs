//! What can be said about what people did.

use clap::Subcommand;

/// What people did.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AuditCommand {
    /// List what people did, the newest last
    ///
    /// Who, when, from which machine, what, and how it ended: a status below 400 says that it was done. It is remembered
    /// for 90 days.
    List {
        /// How much to show at the most
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: usize,
    },
}
