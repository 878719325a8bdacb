//! The queue of what the Server has yet to hear, in the order in which it happened.

use super::{
    StoreError, codec,
    keys::number_from,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::task_update::TaskUpdate;

impl<T: Rows> Tx<T> {
    /// How many updates wait.
    pub fn count_updates(&self) -> Result<u64, StoreError> {
        self.len(Table::UpdateQueue)
    }

    /// The oldest updates, each with its place in the queue.
    pub fn oldest_updates(&self, limit: usize) -> Result<Vec<(u64, TaskUpdate)>, StoreError> {
        self.prefix(Table::UpdateQueue, &[])?
            .take(limit)
            .map(|row| {
                let (place, update) = row?;
                Ok((number_from(place.value())?, codec::decode(update.value())?))
            })
            .collect()
    }
}

impl WriteTx<'_> {
    /// Puts an update at the end of the queue.
    pub fn push_update(&mut self, update: &TaskUpdate) -> Result<(), StoreError> {
        let place = self.next_place(Table::UpdateQueue)?;
        self.insert_record(Table::UpdateQueue, &place.to_be_bytes(), update)
    }

    /// Empties the queue and returns how many updates were in it.
    pub fn purge_updates(&mut self) -> Result<u64, StoreError> {
        self.remove_prefix(Table::UpdateQueue, &[])
    }

    /// The place behind the last row of a table that is kept in order.
    pub(super) fn next_place(&self, table: Table) -> Result<u64, StoreError> {
        let last = self.prefix(table, &[])?.next_back().transpose()?;
        last.map_or(Ok(0), |(place, _)| Ok(number_from(place.value())? + 1))
    }
}
