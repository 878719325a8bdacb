//! Everything that is in the database, in a form that any program can read: one line of JSON for each thing, one file for each
//! kind of things. Nobody is locked in.
//!
//! A folder has a file `KIND.jsonl` for each [`Kind`], and `manifest.json`, which says what there is and with what sums, and is
//! written last. The fields of the lines are called as in the API where that has them, and are described in [`lines`]. Times
//! are RFC 3339 in UTC, IDs 24 hex digits. Whatever follows from the rest is left out: how many tasks a job has, which can be
//! handed out, who failed what (the tasks say so).
//!
//! On its way to a folder an export is one stream of lines. Those that are about the stream begin with `#`, which no JSON
//! does: `#{…}`, a [`Head`], comes first, `#KIND` before the lines of each kind, and `#end` last, without which something is
//! missing.

pub mod folder;
pub mod lines;

use std::io::{self, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::{ReadTx, StoreError};

/// The version of all this. Another one is not read.
pub const FORMAT: u32 = 1;

/// The last line of a stream.
const END: &str = "#end";

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A kind of things.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            /// All there are, in the order in which they are exported.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// [`lines::Worker`]: with the slow hashes of their secrets, so that they can go on elsewhere.
    Workers = "workers",
    /// [`lines::Job`]
    Jobs = "jobs",
    /// [`lines::Task`]
    Tasks = "tasks",
    /// [`lines::TaskHistory`]
    TaskHistories = "task-histories",
    /// [`lines::RecentTasks`]
    RecentTasks = "recent-tasks",
    /// [`lines::Extra`]: what imported things brought along.
    Extras = "extras",
    /// [`lines::BlacklistLine`]
    Blacklist = "blacklist",
    /// [`lines::TaskUpdate`]: in the order in which the Flamenco Server is to hear them.
    TaskUpdates = "task-updates",
    /// [`lines::SetAside`]
    TaskUpdatesSetAside = "task-updates-set-aside",
    /// [`lines::AskAgain`]
    TasksToAskAbout = "tasks-to-ask-about",
    /// [`lines::WantedLog`]
    WantedLogs = "wanted-logs",
    /// [`lines::Setting`]: what the Manager remembers of itself, not its configuration.
    Settings = "settings",
    /// [`lines::Event`]
    Events = "events",
    /// [`lines::Deed`]
    Audit = "audit",
    /// [`lines::AccessToken`]: with the hashes by which they are known.
    AccessTokens = "access-tokens",
    /// [`lines::Minute`]
    Minutes = "minutes",
    /// [`lines::Submission`]
    Submissions = "submissions",
}

impl Kind {
    /// The kind that is called so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name of its file.
    pub fn file(self) -> String {
        format!("{}.jsonl", self.name())
    }
}

/// What an export says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`]
    pub format: u32,
    /// The version of Flamenco Manager that made it.
    pub program: String,
    /// The moment at which everything was like that.
    pub made: Timestamp,
}

/// Why something was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is exported cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes everything that `tx` sees, as one stream.
pub fn write(tx: &ReadTx, program: &str, mut to: impl Write) -> Result<(), ExportError> {
    let head = Head { format: FORMAT, program: program.to_owned(), made: tx.now() };
    to.write_all(b"#")?;
    line(&mut to, &head)?;
    for kind in Kind::ALL {
        writeln!(to, "#{}", kind.name())?;
        write_kind(tx, kind, &mut to)?;
    }
    writeln!(to, "{END}")?;
    Ok(to.flush()?)
}

fn write_kind(tx: &ReadTx, kind: Kind, to: &mut impl Write) -> Result<(), ExportError> {
    match kind {
        Kind::Workers => each(to, tx.workers_in_turn()?.map(|worker| lines::Worker::of(tx, worker?))),
        Kind::Jobs => each(to, tx.all_jobs()?.map(|job| lines::Job::of(job?))),
        Kind::Tasks => each(to, tx.all_tasks()?.map(|task| lines::Task::of(tx, task?))),
        Kind::TaskHistories => {
            each(to, tx.all_histories()?.map(|history| Ok(lines::TaskHistory::from(history?))))
        }
        Kind::RecentTasks => {
            each(to, tx.all_recent_tasks()?.map(|recent| Ok(lines::RecentTasks::from(recent?))))
        }
        Kind::Extras => each(to, tx.extras()?.map(|extra| lines::Extra::of(extra?))),
        Kind::Blacklist => {
            let all = tx.blacklist(None)?.into_iter().chain(tx.expired_blacklist()?);
            each(to, all.map(|line| Ok(lines::BlacklistLine::from(line))))
        }
        Kind::TaskUpdates => each(to, tx.all_updates()?.map(|update| Ok(lines::TaskUpdate::from(update?)))),
        Kind::TaskUpdatesSetAside => {
            each(to, tx.all_set_aside()?.map(|aside| Ok(lines::SetAside::from(aside?))))
        }
        Kind::TasksToAskAbout => {
            each(to, tx.ask_again()?.into_iter().map(|task| Ok(lines::AskAgain { task })))
        }
        Kind::WantedLogs => each(to, tx.all_log_requests()?.map(|log| Ok(lines::WantedLog::from(log?)))),
        Kind::Settings => each(
            to,
            tx.all_settings()?.map(|setting| setting.map(|(name, value)| lines::Setting { name, value })),
        ),
        Kind::Events => each(to, tx.all_events()?.map(|event| Ok(lines::Event::from(event?)))),
        Kind::Audit => each(to, tx.all_deeds()?.map(|deed| Ok(lines::Deed::from(deed?)))),
        Kind::AccessTokens => {
            each(to, tx.all_access_tokens()?.map(|token| Ok(lines::AccessToken::from(token?))))
        }
        Kind::Minutes => each(to, tx.all_that_was_done()?.map(|minute| Ok(lines::Minute::from(minute?)))),
        Kind::Submissions => {
            each(to, tx.all_receipts()?.map(|receipt| Ok(lines::Submission::from(receipt?))))
        }
    }
}

fn each<T: Serialize>(
    to: &mut impl Write,
    all: impl Iterator<Item = Result<T, StoreError>>,
) -> Result<(), ExportError> {
    for one in all {
        line(to, &one?)?;
    }
    Ok(())
}

/// JSON has no line ends but between its parts, and `serde_json` writes none there.
fn line(to: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, document)?;
    to.write_all(b"\n")
}
