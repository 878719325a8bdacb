//! What imported things brought along and the Manager has no use for: kept as JSON text, so that nothing is lost.

use super::{
    StoreError,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::ids::{TaskId, WorkerId};

/// What something extra belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExtraOf {
    /// A task. It is forgotten with the task.
    Task(TaskId),
    /// A worker. It is forgotten with the worker.
    Worker(WorkerId),
    /// An update for a Flamenco Server, by its own ID.
    Update([u8; 12]),
    /// A line of the blacklist, by the ID that it had where it comes from.
    BlacklistLine([u8; 12]),
    /// Settings, by the ID that they had where they come from.
    Settings([u8; 12]),
}

/// A kind of things that something extra can belong to, as the first byte of a key.
const TASK: u8 = 1;
const WORKER: u8 = 2;
const UPDATE: u8 = 3;
const BLACKLIST_LINE: u8 = 4;
const SETTINGS: u8 = 5;

impl ExtraOf {
    /// The ID of what it belongs to.
    pub fn id(self) -> [u8; 12] {
        match self {
            Self::Task(TaskId(id))
            | Self::Worker(WorkerId(id))
            | Self::Update(id)
            | Self::BlacklistLine(id)
            | Self::Settings(id) => id,
        }
    }

    pub(super) fn key(self) -> [u8; 13] {
        let kind = match self {
            Self::Task(_) => TASK,
            Self::Worker(_) => WORKER,
            Self::Update(_) => UPDATE,
            Self::BlacklistLine(_) => BLACKLIST_LINE,
            Self::Settings(_) => SETTINGS,
        };
        let mut key = [kind; 13];
        key[1..].copy_from_slice(&self.id());
        key
    }

    pub(super) fn from_key(key: &[u8]) -> Result<Self, StoreError> {
        let parts = key.split_first().and_then(|(kind, id)| Some((*kind, <[u8; 12]>::try_from(id).ok()?)));
        match parts {
            Some((TASK, id)) => Ok(Self::Task(TaskId(id))),
            Some((WORKER, id)) => Ok(Self::Worker(WorkerId(id))),
            Some((UPDATE, id)) => Ok(Self::Update(id)),
            Some((BLACKLIST_LINE, id)) => Ok(Self::BlacklistLine(id)),
            Some((SETTINGS, id)) => Ok(Self::Settings(id)),
            _ => Err(StoreError::Corrupt("something extra belongs to nothing that is known".into())),
        }
    }
}

impl<T: Rows> Tx<T> {
    /// What something brought along: a JSON object as text.
    pub fn extra(&self, of: ExtraOf) -> Result<Option<String>, StoreError> {
        self.get(Table::Extras, &of.key())?.map(|text| as_text(of, text.value())).transpose()
    }

    /// All that was brought along, read one after the other.
    pub fn extras(
        &self,
    ) -> Result<impl Iterator<Item = Result<(ExtraOf, String), StoreError>> + use<'_, T>, StoreError> {
        self.extras_of(&[])
    }

    /// The same, but of lines of the blacklist alone.
    pub fn extras_of_blacklist_lines(
        &self,
    ) -> Result<impl Iterator<Item = Result<(ExtraOf, String), StoreError>> + use<'_, T>, StoreError> {
        self.extras_of(&[BLACKLIST_LINE])
    }

    fn extras_of(
        &self,
        kind: &[u8],
    ) -> Result<impl Iterator<Item = Result<(ExtraOf, String), StoreError>> + use<'_, T>, StoreError> {
        Ok(self.prefix(Table::Extras, kind)?.map(|row| {
            let (key, text) = row?;
            let of = ExtraOf::from_key(key.value())?;
            Ok((of, as_text(of, text.value())?))
        }))
    }
}

fn as_text(of: ExtraOf, bytes: &[u8]) -> Result<String, StoreError> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| StoreError::Corrupt(format!("what {of:?} brought along is no text")))
}

impl WriteTx<'_> {
    /// Keeps what something brought along: a JSON object as text.
    pub fn put_extra(&mut self, of: ExtraOf, json: &str) -> Result<(), StoreError> {
        self.insert(Table::Extras, &of.key(), json.as_bytes())
    }

    /// Forgets it. If there is nothing that is no error.
    pub fn forget_extra(&mut self, of: ExtraOf) -> Result<(), StoreError> {
        if self.get(Table::Extras, &of.key())?.is_some() {
            self.remove(Table::Extras, &of.key())?;
        }
        Ok(())
    }

    /// Forgets what all tasks brought along.
    pub(super) fn forget_extras_of_tasks(&mut self) -> Result<(), StoreError> {
        self.remove_prefix(Table::Extras, &[TASK]).map(drop)
    }

    /// Forgets what all updates brought along.
    pub(super) fn forget_extras_of_updates(&mut self) -> Result<(), StoreError> {
        self.remove_prefix(Table::Extras, &[UPDATE]).map(drop)
    }
}
