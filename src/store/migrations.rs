//! Files of earlier versions of the schema become files of this one: step by step, in one transaction. Whatever stops it,
//! the file is of the old version or of this one.
//!
//! A step is never changed once it was released: it knows the file as it was then, and names no types of today. With a
//! step come a fixture of the new version (`tests/fixtures`) and a story that opens it.

use redb::{Database, TableDefinition, WriteTransaction};

use super::{
    StoreError,
    schema::{self, SCHEMA_VERSION},
};

/// What makes a file of one version a file of the next.
type Step = fn(&WriteTransaction) -> Result<(), StoreError>;

/// The first makes version 2 of version 1, and so on.
const STEPS: [Step; SCHEMA_VERSION as usize - 1] = [all_tables_and_the_program_that_wrote_them];

/// The first version that there was.
pub(super) const FIRST: u32 = 1;

/// Makes the file one of this version.
pub(super) fn migrate(database: &Database, from: u32) -> Result<(), StoreError> {
    let txn = database.begin_write()?;
    for step in &STEPS[(from - FIRST) as usize..] {
        step(&txn)?;
    }
    schema::stamp(&txn)?;
    Ok(txn.commit()?)
}

/// Version 2 has all its tables, from the beginning, and says which program wrote it (`schema::stamp`); to version 1 tables
/// were added as they came.
fn all_tables_and_the_program_that_wrote_them(txn: &WriteTransaction) -> Result<(), StoreError> {
    for name in [
        "meta",
        "settings",
        "jobs",
        "job-states",
        "dependents",
        "tasks",
        "commands",
        "task-histories",
        "tasks-by-job",
        "children",
        "ready",
        "ready-heads",
        "in-hand",
        "workers",
        "workers-seen",
        "recent-tasks",
        "failures",
        "blacklist",
        "submissions",
        "access-tokens",
        "sessions",
        "update-queue",
        "updates-by-task",
        "updates-set-aside",
        "ask-again",
        "log-requests",
        "events",
        "audit",
        "extras",
        "minutes",
        "counters",
    ] {
        txn.open_table(TableDefinition::<&[u8], &[u8]>::new(name))?;
    }
    Ok(())
}
