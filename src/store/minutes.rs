//! What was done in each minute. It is counted in memory and written once a group, like other summaries.

use super::{
    StoreError, codec,
    keys::number_from,
    schema::Table,
    tx::{ReadTx, Rows, Tx, WriteTx},
};
use crate::domain::minute::{Done, Minute};

impl ReadTx {
    /// What was done in each of the minutes up to now, the oldest first; the last of them is not over.
    pub fn minutes(&self, count: u64) -> Result<Vec<(Minute, Done)>, StoreError> {
        let now = Minute::of(self.now());
        let first = Minute((now.0 + 1).saturating_sub(count));
        let mut minutes: Vec<_> = (first.0..=now.0).map(|minute| (Minute(minute), Done::default())).collect();
        for row in self.from(Table::Minutes, &[], &first.0.to_be_bytes())? {
            let (minute, done) = row?;
            let place = usize::try_from(number_from(minute.value())? - first.0).unwrap_or(usize::MAX);
            // What was counted before the clock was set back is no past.
            let Some((_, place)) = minutes.get_mut(place) else { break };
            *place = codec::decode(done.value())?;
        }
        Ok(minutes)
    }
}

impl<T: Rows> Tx<T> {
    fn all_minutes(&self) -> Result<Vec<Minute>, StoreError> {
        self.prefix(Table::Minutes, &[])?.map(|row| number_from(row?.0.value()).map(Minute)).collect()
    }
}

impl WriteTx<'_> {
    /// Adds to what was done in a minute. With the first of a minute it forgets what is too old to be asked for.
    pub(super) fn add_to_minute(&mut self, minute: Minute, more: Done) -> Result<(), StoreError> {
        let key = minute.0.to_be_bytes();
        let before: Option<Done> = self.record(Table::Minutes, &key)?;
        if before.is_none() {
            for old in self.all_minutes()?.into_iter().filter(|old| minute.forgets(*old)) {
                self.remove(Table::Minutes, &old.0.to_be_bytes())?;
            }
        }
        let mut done = before.unwrap_or_default();
        done.add(more);
        self.insert_record(Table::Minutes, &key, &done)
    }
}
