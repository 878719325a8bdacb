//! A transaction: all tables of the database at one moment, and one `now`.
//!
//! [`ReadTx`] and [`WriteTx`] share every question that can be asked of a table; the files of the tables
//! add them.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::Arc,
};

use jiff::Timestamp;
use redb::{AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable, TableStats, WriteTransaction};

use super::{
    StoreError,
    backup::{self, BackupError, Head},
    codec::{self, Record},
    heartbeats::Heartbeats,
    keys::{number_from, successor},
    schema::Table,
    tasks::counter_key,
    touched::Touched,
};
use crate::domain::{
    ids::JobId,
    job::JobState,
    minute::{Done, Minute},
    task::TaskStatus,
};

type Bytes = &'static [u8];

/// A row: key and value.
pub(super) type RowGuard<'a> = (AccessGuard<'a, Bytes>, AccessGuard<'a, Bytes>);

/// A transaction over `T`, the tables.
pub struct Tx<T> {
    tables: T,
    now: Timestamp,
    beats: Arc<Heartbeats>,
}

/// A look at the database as it is at one moment.
pub type ReadTx = Tx<ReadTables>;

/// A change of the database, of which all or nothing comes to be.
pub type WriteTx<'txn> = Tx<WriteTables<'txn>>;

/// Tables that can be asked.
pub trait Rows {
    #[doc(hidden)]
    type Table: ReadableTable<Bytes, Bytes>;

    #[doc(hidden)]
    fn table(&self, table: Table) -> Result<&Self::Table, StoreError>;

    /// The state of a job that is newer than its row.
    #[doc(hidden)]
    fn newer_job_state(&self, id: JobId) -> Option<&JobState>;
}

/// The tables of a read transaction, opened as they are asked for.
pub struct ReadTables {
    txn: ReadTransaction,
    open: [OnceCell<ReadOnlyTable<Bytes, Bytes>>; Table::ALL.len()],
}

impl Rows for ReadTables {
    type Table = ReadOnlyTable<Bytes, Bytes>;

    fn table(&self, table: Table) -> Result<&Self::Table, StoreError> {
        let cell = &self.open[table as usize];
        if let Some(open) = cell.get() {
            return Ok(open);
        }
        let opened = self.txn.open_table(table.definition())?;
        Ok(cell.get_or_init(|| opened))
    }

    fn newer_job_state(&self, _: JobId) -> Option<&JobState> {
        None
    }
}

/// The tables of a write transaction: all of them, opened once for a whole group of changes.
pub struct WriteTables<'txn> {
    open: Vec<redb::Table<'txn, Bytes, Bytes>>,
    changes: u64,
    touched: Touched,
    summaries: Summaries,
}

/// What changes with nearly every change of a task. It is written once, at the end of a group.
#[derive(Default)]
struct Summaries {
    /// By how much the number of tasks in each status has changed.
    counted: [i64; TaskStatus::ALL.len()],
    /// The jobs that have changed.
    jobs: BTreeMap<JobId, JobState>,
    /// What workers have done.
    minutes: BTreeMap<Minute, Done>,
}

impl<'txn> Rows for WriteTables<'txn> {
    type Table = redb::Table<'txn, Bytes, Bytes>;

    fn table(&self, table: Table) -> Result<&Self::Table, StoreError> {
        Ok(&self.open[table as usize])
    }

    fn newer_job_state(&self, id: JobId) -> Option<&JobState> {
        self.summaries.jobs.get(&id)
    }
}

impl ReadTx {
    /// Writes a backup of everything that this look sees.
    pub fn back_up(&self, out: impl Write) -> Result<Head, BackupError> {
        backup::write(&self.tables.txn, self.now, out)
    }

    /// How a table lies in the file. It looks at all its pages.
    pub(super) fn stats(&self, table: Table) -> Result<TableStats, StoreError> {
        use redb::ReadableTableMetadata as _;
        Ok(self.tables.table(table)?.stats()?)
    }

    pub(super) fn open(txn: ReadTransaction, now: Timestamp, beats: Arc<Heartbeats>) -> Self {
        let tables = ReadTables { txn, open: [const { OnceCell::new() }; Table::ALL.len()] };
        Self { tables, now, beats }
    }
}

impl<'txn> WriteTx<'txn> {
    /// Opens all tables; those that are not there yet are made. Each change of the group brings its own time.
    pub(super) fn open(txn: &'txn WriteTransaction, beats: Arc<Heartbeats>) -> Result<Self, StoreError> {
        let open: Result<_, _> =
            Table::ALL.into_iter().map(|table| txn.open_table(table.definition())).collect();
        let tables = WriteTables {
            open: open?,
            changes: 0,
            touched: Touched::default(),
            summaries: Summaries::default(),
        };
        Ok(Self { tables, now: Timestamp::UNIX_EPOCH, beats })
    }

    /// Starts the next change of a group: its time is `now`.
    pub(super) fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Counts one task more, or one less, in a status.
    pub(super) fn count(&mut self, status: TaskStatus, by: i64) {
        self.tables.summaries.counted[status as usize] += by;
    }

    /// Counts what workers have done, if that is what it means that a task had one status and now has another.
    pub(super) fn count_done(&mut self, old: TaskStatus, new: TaskStatus) {
        let mut done = Done::default();
        done.count(old, new);
        if done != Done::default() {
            self.tables.summaries.minutes.entry(Minute::of(self.now)).or_default().add(done);
        }
    }

    /// Keeps the state of a job.
    pub(super) fn put_job_state(&mut self, id: JobId, state: JobState) {
        self.tables.changes += 1;
        self.touched().jobs.add(id);
        self.tables.summaries.jobs.insert(id, state);
    }

    /// Forgets the state of a job.
    pub(super) fn remove_job_state(&mut self, id: JobId) -> Result<(), StoreError> {
        self.touched().jobs.add(id);
        self.tables.summaries.jobs.remove(&id);
        self.remove(Table::JobStates, &id.0)
    }

    /// Forgets what was to be written at the end of the group, since no job and no task is left. What was done stays done.
    pub(super) fn forget_summaries(&mut self) {
        let minutes = std::mem::take(&mut self.tables.summaries.minutes);
        self.tables.summaries = Summaries { minutes, ..Summaries::default() };
    }

    /// Writes what is written once a group.
    pub(super) fn write_summaries(&mut self) -> Result<(), StoreError> {
        let Summaries { counted, jobs, minutes } = std::mem::take(&mut self.tables.summaries);
        for (id, state) in &jobs {
            self.insert_record(Table::JobStates, &id.0, state)?;
        }
        for (status, by) in TaskStatus::ALL.into_iter().zip(counted).filter(|(_, by)| *by != 0) {
            let key = counter_key(status);
            let before =
                self.get(Table::Counters, &key)?.map(|count| number_from(count.value())).transpose()?;
            let after = before.unwrap_or(0).saturating_add_signed(by);
            self.insert(Table::Counters, &key, &after.to_be_bytes())?;
        }
        minutes.into_iter().try_for_each(|(minute, done)| self.add_to_minute(minute, done))
    }

    /// Takes note of what is changed, for those who watch.
    pub(super) fn touched(&mut self) -> &mut Touched {
        &mut self.tables.touched
    }

    /// How many rows were written so far.
    pub(super) fn changes(&self) -> u64 {
        self.tables.changes
    }

    pub(super) fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.tables.changes += 1;
        self.tables.open[table as usize].insert(key, value)?;
        Ok(())
    }

    pub(super) fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.tables.changes += 1;
        self.tables.open[table as usize].remove(key)?;
        Ok(())
    }

    /// Removes the rows with these keys in one go from the first to the last; it is for keys that stand close together.
    pub(super) fn remove_listed(&mut self, table: Table, keys: &BTreeSet<[u8; 8]>) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return Ok(()) };
        self.tables.changes += keys.len() as u64;
        let range = first.as_slice()..=last.as_slice();
        Ok(self.tables.open[table as usize].retain_in(range, |key, _| !keys.contains(key))?)
    }

    /// Removes all rows of a table.
    pub(super) fn clear(&mut self, table: Table) -> Result<(), StoreError> {
        self.tables.changes += 1;
        Ok(self.tables.open[table as usize].retain(|_, _| false)?)
    }

    pub(super) fn insert_record<R: Record>(
        &mut self,
        table: Table,
        key: &[u8],
        record: &R,
    ) -> Result<(), StoreError> {
        self.insert(table, key, &codec::encode(record)?)
    }

    /// Removes every row whose key begins with `prefix`, and returns how many there were.
    pub(super) fn remove_prefix(&mut self, table: Table, prefix: &[u8]) -> Result<u64, StoreError> {
        let keys: Vec<Vec<u8>> = self
            .prefix(table, prefix)?
            .map(|row| Ok(row?.0.value().to_vec()))
            .collect::<Result<_, StoreError>>()?;
        for key in &keys {
            self.remove(table, key)?;
        }
        Ok(keys.len() as u64)
    }
}

impl<T: Rows> Tx<T> {
    /// The time of this transaction. Whatever happens in it happens now.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Signs of life that are newer than those in the tables.
    pub(super) fn beats(&self) -> &Heartbeats {
        &self.beats
    }

    pub(super) fn newer_job_state(&self, id: JobId) -> Option<&JobState> {
        self.tables.newer_job_state(id)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<AccessGuard<'_, Bytes>>, StoreError> {
        Ok(self.tables.table(table)?.get(key)?)
    }

    pub(super) fn record<R: Record>(&self, table: Table, key: &[u8]) -> Result<Option<R>, StoreError> {
        self.get(table, key)?.map(|bytes| codec::decode(bytes.value())).transpose()
    }

    /// The rows whose keys begin with `prefix`, in the order of their keys.
    pub(super) fn prefix(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> Result<impl DoubleEndedIterator<Item = Result<RowGuard<'_>, StoreError>> + use<'_, T>, StoreError>
    {
        self.from(table, prefix, prefix)
    }

    /// The rows whose keys begin with `prefix`, from the key `start` on.
    pub(super) fn from(
        &self,
        table: Table,
        prefix: &[u8],
        start: &[u8],
    ) -> Result<impl DoubleEndedIterator<Item = Result<RowGuard<'_>, StoreError>> + use<'_, T>, StoreError>
    {
        let table = self.tables.table(table)?;
        let range = match successor(prefix) {
            Some(end) => table.range::<&[u8]>(start..end.as_slice()),
            None => table.range::<&[u8]>(start..),
        };
        Ok(range?.map(|row| row.map_err(StoreError::from)))
    }

    /// The rows before the key `end`, or all.
    pub(super) fn before(
        &self,
        table: Table,
        end: Option<&[u8]>,
    ) -> Result<impl DoubleEndedIterator<Item = Result<RowGuard<'_>, StoreError>> + use<'_, T>, StoreError>
    {
        let table = self.tables.table(table)?;
        let range = match end {
            Some(end) => table.range::<&[u8]>(..end),
            None => table.range::<&[u8]>(..),
        };
        Ok(range?.map(|row| row.map_err(StoreError::from)))
    }

    pub(super) fn len(&self, table: Table) -> Result<u64, StoreError> {
        use redb::ReadableTableMetadata as _;
        Ok(self.tables.table(table)?.len()?)
    }
}
