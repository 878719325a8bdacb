//! What people did, for a while.

use jiff::Timestamp;

use super::{
    StoreError, codec,
    keys::number_from,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::audit::{Deed, KEPT};

/// As many deeds are forgotten in one transaction.
const STEP: usize = 1000;

impl<T: Rows> Tx<T> {
    /// What people did, the newest first, each with its number; with `before`, only what has a smaller one.
    pub fn deeds(
        &self,
        before: Option<u64>,
    ) -> Result<impl Iterator<Item = Result<(u64, Deed), StoreError>> + use<'_, T>, StoreError> {
        let before = before.map(u64::to_be_bytes);
        let rows = self.before(Table::Audit, before.as_ref().map(<[u8; 8]>::as_slice))?.rev();
        Ok(rows.map(|row| {
            let (number, deed) = row?;
            Ok((number_from(number.value())?, codec::decode(deed.value())?))
        }))
    }

    /// How many deeds are remembered.
    pub fn count_deeds(&self) -> Result<u64, StoreError> {
        self.len(Table::Audit)
    }

    /// Was anything done before `then`?
    pub fn has_deeds_before(&self, then: Timestamp) -> Result<bool, StoreError> {
        Ok(!self.deeds_before(then, 1)?.is_empty())
    }

    fn deeds_before(&self, then: Timestamp, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut old = Vec::new();
        for row in self.prefix(Table::Audit, &[])?.take(limit) {
            let (number, deed) = row?;
            if codec::decode::<Deed>(deed.value())?.at >= then {
                break;
            }
            old.push(number.value().to_vec());
        }
        Ok(old)
    }
}

impl WriteTx<'_> {
    /// Remembers what somebody did, and forgets the oldest when there is too much.
    pub fn push_deed(&mut self, deed: &Deed) -> Result<(), StoreError> {
        let number = self.next_place(Table::Audit)?;
        self.insert_record(Table::Audit, &number.to_be_bytes(), deed)?;
        match number.checked_sub(KEPT) {
            Some(oldest) => self.remove(Table::Audit, &oldest.to_be_bytes()),
            None => Ok(()),
        }
    }

    /// Forgets what was done before `then`, or the first part of it, and returns how much that was.
    pub fn forget_deeds_before(&mut self, then: Timestamp) -> Result<usize, StoreError> {
        let old = self.deeds_before(then, STEP)?;
        for number in &old {
            self.remove(Table::Audit, number)?;
        }
        Ok(old.len())
    }
}
