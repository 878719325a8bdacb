//! Every table of the database on one page.
//!
//! All keys and values are byte strings of our own making (`keys`, `codec`): redb's own type identities
//! must not become our file format.

use redb::{ReadTransaction, TableDefinition, TableError, WriteTransaction};

use super::StoreError;

/// The version of everything below. Files of earlier versions are migrated (`migrations`), those of later ones not opened.
pub(super) const SCHEMA_VERSION: u32 = 2;

/// Key in [`Table::Meta`] of the schema version, four bytes, big end first.
const SCHEMA_VERSION_KEY: &[u8] = b"schema-version";

/// Key in [`Table::Meta`] of the version of the program that made the file, or made it one of this schema version.
const PROGRAM_VERSION_KEY: &[u8] = b"program-version";

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A table of the database.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Table {
            $($(#[$doc])* $variant,)*
        }

        impl Table {
            /// All tables. The index of each is `as usize`.
            pub(super) const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name in the file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

tables! {
    /// Name → bytes. What the file is.
    Meta = "meta",
    /// Name → text. What the Manager remembers of itself.
    Settings = "settings",
    /// Job → what is fixed about it.
    Jobs = "jobs",
    /// Job → what changes about it: priority, who may do it, and how its tasks stand.
    JobStates = "job-states",
    /// (job, a job that depends on it) → nothing; the first may be unknown.
    Dependents = "dependents",
    /// Task → the task, but for its commands.
    Tasks = "tasks",
    /// Task → its commands, as JSON text. Apart from the task, because they never change and are large.
    Commands = "commands",
    /// Task → what has become of it; no row while it has waited only.
    TaskHistories = "task-histories",
    /// (job, task) → nothing.
    TasksByJob = "tasks-by-job",
    /// (parent, child) → nothing; the parent may be unknown.
    Children = "children",
    /// (task type, job, descending priority, task) → the only worker that may have it, or nothing.
    /// The tasks that can be handed out now: in a schedulable status, all parents completed.
    Ready = "ready",
    /// (task type, descending priority of the job, and of the task, task, job) → how many tasks are ready.
    /// The first ready task of each type of each job that may run, so that a whole job is passed over in one step.
    ReadyHeads = "ready-heads",
    /// (worker, task) → the last sign of life. The tasks that workers have in their hands.
    InHand = "in-hand",
    /// Worker → the worker.
    Workers = "workers",
    /// Worker → when it was last heard of.
    WorkersSeen = "workers-seen",
    /// Worker → the tasks that it was given last; no row while it never had any. Some may be gone.
    RecentTasks = "recent-tasks",
    /// (worker, job, task type, task) → nothing. Who failed what.
    Failures = "failures",
    /// (worker, job, task type) → since when.
    Blacklist = "blacklist",
    /// Key of a submission → the job that was made of it, and of what.
    Submissions = "submissions",
    /// SHA-256 of an access token → the rest of it.
    AccessTokens = "access-tokens",
    /// SHA-256 of the secret in a session's cookie → the session.
    Sessions = "sessions",
    /// Sequence number → an update that the Server has yet to hear.
    UpdateQueue = "update-queue",
    /// (task, sequence number) → nothing. The updates that the Server has yet to hear, by task.
    UpdatesByTask = "updates-by-task",
    /// Sequence number → an update that the Server would not take, and why.
    UpdatesSetAside = "updates-set-aside",
    /// Task → nothing. The Server said something about it while the Manager knew better: it is to be asked again.
    AskAgain = "ask-again",
    /// (job, task) → when it was asked for, or last tried. The logs that the Server wants.
    LogRequests = "log-requests",
    /// Sequence number → something that happened and is worth keeping for a while.
    Events = "events",
    /// Sequence number → something that a person did.
    Audit = "audit",
    /// (kind, ID) → JSON text. What imported things brought along and the Manager has no use for.
    Extras = "extras",
    /// Minute since 1970 → what workers did in it.
    Minutes = "minutes",
    /// Name → a number.
    Counters = "counters",
}

impl Table {
    pub(super) fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.name())
    }
}

/// Says of a file that it is of this version of the schema and of this program.
pub(super) fn stamp(txn: &WriteTransaction) -> Result<(), StoreError> {
    let mut meta = txn.open_table(Table::Meta.definition())?;
    meta.insert(SCHEMA_VERSION_KEY, SCHEMA_VERSION.to_be_bytes().as_slice())?;
    meta.insert(PROGRAM_VERSION_KEY, env!("CARGO_PKG_VERSION").as_bytes())?;
    Ok(())
}

/// The version of the schema of a file; nothing if it has none, and so is of another program.
pub(super) fn version_in(txn: &ReadTransaction) -> Result<Option<u32>, StoreError> {
    let Some(bytes) = meta_in(txn, SCHEMA_VERSION_KEY)? else { return Ok(None) };
    let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("its version cannot be read".into()))?;
    Ok(Some(u32::from_be_bytes(bytes)))
}

/// The version of the program that a file is of, as far as it says.
pub(super) fn program_in(txn: &ReadTransaction) -> Result<Option<String>, StoreError> {
    Ok(meta_in(txn, PROGRAM_VERSION_KEY)?.map(|text| String::from_utf8_lossy(&text).into_owned()))
}

fn meta_in(txn: &ReadTransaction, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    match txn.open_table(Table::Meta.definition()) {
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        table => Ok(table?.get(key)?.map(|value| value.value().to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_at_its_own_index() {
        for (index, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, index);
        }
    }
}
