//! What happened lately.

use super::{
    StoreError, codec,
    keys::number_from,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::event::Event;

/// As many events are kept; older ones are forgotten.
const KEPT: u64 = 1000;

impl<T: Rows> Tx<T> {
    /// The newest events, newest first.
    pub fn newest_events(&self, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.prefix(Table::Events, &[])?.rev().take(limit).map(|row| codec::decode(row?.1.value())).collect()
    }
}

impl WriteTx<'_> {
    /// Keeps an event, and forgets the oldest when there are too many.
    pub fn push_event(&mut self, event: &Event) -> Result<(), StoreError> {
        let place = self.next_place(Table::Events)?;
        self.insert_record(Table::Events, &place.to_be_bytes(), event)?;
        let oldest = self.prefix(Table::Events, &[])?.next().transpose()?;
        let oldest = oldest.map(|(place, _)| number_from(place.value())).transpose()?;
        match oldest {
            Some(oldest) if self.len(Table::Events)? > KEPT => {
                self.remove(Table::Events, &oldest.to_be_bytes())
            }
            _ => Ok(()),
        }
    }
}
