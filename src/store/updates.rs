//! The queue of what the Server has yet to hear, in the order in which it happened, and what it would not hear.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use super::{
    StoreError, codec,
    keys::{Key, Parts, number_from},
    records::TaskUpdateIds,
    schema::Table,
    tx::{ReadTx, Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::TaskId,
    task::TaskStatus,
    task_update::{SetAside, TaskUpdate},
};

/// As many updates that the Server would not take are kept to be looked at; older ones are forgotten.
const KEPT_ASIDE: u64 = 1000;

/// An update and its place in the queue.
pub type Queued = (u64, TaskUpdate);

impl<T: Rows> Tx<T> {
    /// How many updates wait.
    pub fn count_updates(&self) -> Result<u64, StoreError> {
        self.len(Table::UpdateQueue)
    }

    /// The oldest updates from a place in the queue on but those of the tasks in `except`, each with its place.
    pub fn oldest_updates(
        &self,
        from: u64,
        limit: usize,
        except: &HashSet<TaskId>,
    ) -> Result<Vec<Queued>, StoreError> {
        let all = self.from(Table::UpdateQueue, &[], &from.to_be_bytes())?.map(|row| {
            let (place, update) = row?;
            Ok((number_from(place.value())?, codec::decode::<TaskUpdate>(update.value())?))
        });
        let excepted =
            |row: &Result<Queued, _>| matches!(row, Ok((_, update)) if except.contains(&update.task));
        all.filter(|row| !excepted(row)).take(limit).collect()
    }

    /// Does the Server have yet to hear something about this task?
    pub fn has_updates(&self, task: TaskId) -> Result<bool, StoreError> {
        Ok(self.prefix(Table::UpdatesByTask, &task.0)?.next().transpose()?.is_some())
    }

    /// Does the Server have yet to hear that this task has this status?
    pub fn has_update_to(&self, task: TaskId, status: TaskStatus) -> Result<bool, StoreError> {
        for row in self.prefix(Table::UpdatesByTask, &task.0)? {
            let row = row?;
            let mut parts = Parts(row.0.value());
            parts.task()?;
            if self.update_at(parts.place()?)?.is_some_and(|update| update.status == Some(status)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn update_at(&self, place: u64) -> Result<Option<TaskUpdate>, StoreError> {
        self.record(Table::UpdateQueue, &place.to_be_bytes())
    }

    /// How many updates the Server would not take.
    pub fn count_set_aside(&self) -> Result<u64, StoreError> {
        self.len(Table::UpdatesSetAside)
    }

    /// The last update that the Server would not take.
    pub fn last_set_aside(&self) -> Result<Option<SetAside>, StoreError> {
        let last = self.prefix(Table::UpdatesSetAside, &[])?.next_back().transpose()?;
        last.map(|(_, aside)| codec::decode(aside.value())).transpose()
    }
}

impl ReadTx {
    /// The IDs of all updates that wait.
    pub fn ids_of_updates(&self) -> Result<HashSet<[u8; 12]>, StoreError> {
        self.prefix(Table::UpdateQueue, &[])?
            .map(|row| Ok(codec::decode_begin::<TaskUpdate, TaskUpdateIds>(row?.1.value())?.id))
            .collect()
    }

    /// Since when the oldest update waits.
    pub fn oldest_update_since(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.oldest_updates(0, 1, &HashSet::new())?.first().map(|(_, update)| update.received))
    }
}

impl WriteTx<'_> {
    /// Puts an update at the end of the queue.
    pub fn push_update(&mut self, update: &TaskUpdate) -> Result<(), StoreError> {
        let place = self.next_place(Table::UpdateQueue)?;
        self.insert_record(Table::UpdateQueue, &place.to_be_bytes(), update)?;
        self.insert(Table::UpdatesByTask, &Key::new().task(update.task).place(place), &[])
    }

    /// Takes the update with this ID from its place in the queue, and returns it. Nothing happens if another one has
    /// come to stand there: the queue may have been purged since it was looked at.
    pub fn take_update(&mut self, place: u64, id: [u8; 12]) -> Result<Option<TaskUpdate>, StoreError> {
        let Some(update) = self.update_at(place)?.filter(|update| update.id == id) else { return Ok(None) };
        self.remove(Table::UpdateQueue, &place.to_be_bytes())?;
        self.remove(Table::UpdatesByTask, &Key::new().task(update.task).place(place))?;
        Ok(Some(update))
    }

    /// Takes many updates, as [`Self::take_update`] does one. In the order of the queue this costs much less.
    pub fn take_updates(&mut self, updates: &[(u64, [u8; 12])]) -> Result<(), StoreError> {
        let mut places = BTreeSet::new();
        for (place, id) in updates {
            let row = self.get(Table::UpdateQueue, &place.to_be_bytes())?;
            let ids = row.map(|bytes| codec::decode_begin::<TaskUpdate, TaskUpdateIds>(bytes.value()));
            let Some(ids) = ids.transpose()?.filter(|ids| ids.id == *id) else { continue };
            self.remove(Table::UpdatesByTask, &Key::new().task(TaskId(ids.task)).place(*place))?;
            places.insert(place.to_be_bytes());
        }
        self.remove_listed(Table::UpdateQueue, &places)
    }

    /// Keeps an update that the Server would not take, and forgets the oldest when there are too many.
    pub fn put_aside(&mut self, aside: &SetAside) -> Result<(), StoreError> {
        let place = self.next_place(Table::UpdatesSetAside)?;
        self.insert_record(Table::UpdatesSetAside, &place.to_be_bytes(), aside)?;
        match place.checked_sub(KEPT_ASIDE) {
            Some(old) => self.remove(Table::UpdatesSetAside, &old.to_be_bytes()),
            None => Ok(()),
        }
    }

    /// Empties the queue and returns how many updates were in it. What the Server would not take goes with it.
    pub fn purge_updates(&mut self) -> Result<u64, StoreError> {
        let purged = self.count_updates()?;
        for table in [Table::UpdateQueue, Table::UpdatesByTask, Table::UpdatesSetAside] {
            self.clear(table)?;
        }
        self.forget_extras_of_updates()?;
        Ok(purged)
    }

    /// The place behind the last row of a table that is kept in order.
    pub(super) fn next_place(&self, table: Table) -> Result<u64, StoreError> {
        let last = self.prefix(table, &[])?.next_back().transpose()?;
        last.map_or(Ok(0), |(place, _)| Ok(number_from(place.value())? + 1))
    }
}
