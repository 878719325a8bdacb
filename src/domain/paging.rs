//! Pages of a list: where an entry stands, and which entries follow it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What entries are compared by before their IDs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// Nothing.
    IdAlone,
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl Key {
    /// A moment.
    pub fn time(time: Timestamp) -> Self {
        Self::Number(time.as_millisecond())
    }
}

/// Where an entry stands in the order of its list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place<I> {
    /// What it is compared by.
    pub key: Key,
    /// Its identity.
    pub id: I,
}

/// A part of a list in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window<I> {
    /// The last entry of the page before.
    pub after: Option<Place<I>>,
    /// As many entries at the most.
    pub limit: usize,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, I> {
    /// What stands on it.
    pub entries: Vec<T>,
    /// How many entries the whole list has.
    pub total: u64,
    /// The place of its last entry, if others come behind.
    pub next: Option<Place<I>>,
}

impl<T, I> Page<T, I> {
    /// The same page with more about each entry.
    pub fn try_map<U, E>(self, more: impl FnMut(T) -> Result<U, E>) -> Result<Page<U, I>, E> {
        let Self { entries, total, next } = self;
        Ok(Page { entries: entries.into_iter().map(more).collect::<Result<_, _>>()?, total, next })
    }
}

impl<I: Ord + Clone> Window<I> {
    /// Picks what stands on the page from all entries, which come in any order. No more of them are kept than the page
    /// holds.
    pub fn pick<T, E>(
        &self,
        descending: bool,
        entries: impl Iterator<Item = Result<(Place<I>, T), E>>,
    ) -> Result<Page<T, I>, E> {
        let is_behind = |place: &Place<I>| match &self.after {
            None => true,
            Some(after) if descending => place < after,
            Some(after) => place > after,
        };
        let (mut total, mut first) = (0, BTreeMap::new());
        for entry in entries {
            let (place, entry) = entry?;
            total += 1;
            if is_behind(&place) {
                first.insert(place, entry);
            }
            if first.len() > self.limit.saturating_add(1) {
                if descending {
                    first.pop_first()
                } else {
                    first.pop_last()
                };
            }
        }
        if descending {
            self.cut(total, first.into_iter().rev().map(Ok))
        } else {
            self.cut(total, first.into_iter().map(Ok))
        }
    }

    /// Cuts the page from entries that come in the order of the list, from where the page begins.
    pub fn cut<T, E>(
        &self,
        total: u64,
        mut entries: impl Iterator<Item = Result<(Place<I>, T), E>>,
    ) -> Result<Page<T, I>, E> {
        let page = entries.by_ref().take(self.limit).collect::<Result<Vec<_>, E>>()?;
        let others = entries.next().transpose()?.is_some();
        let next = page.last().filter(|_| others).map(|(place, _)| place.clone());
        Ok(Page { entries: page.into_iter().map(|(_, entry)| entry).collect(), total, next })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_pages_together_are_the_sorted_list(
            keys in prop::collection::vec(0..5_i64, 0..40),
            limit in 1..7_usize,
            descending: bool,
        ) {
            let place = |(id, key): (usize, &i64)| Place { key: Key::Number(*key), id };
            let mut expected: Vec<_> = keys.iter().enumerate().map(place).collect();
            expected.sort();
            if descending {
                expected.reverse();
            }
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let entries = keys.iter().enumerate().map(|entry| Ok::<_, Infallible>((place(entry), entry.0)));
                let page = Window { after, limit }.pick(descending, entries).unwrap();
                prop_assert_eq!(page.total, keys.len() as u64);
                prop_assert!(page.entries.len() <= limit);
                seen.extend(page.entries);
                after = page.next;
                if after.is_none() {
                    break;
                }
                prop_assert!(seen.len() < keys.len(), "a page is promised and empty");
            }
            prop_assert_eq!(seen, expected.into_iter().map(|place| place.id).collect::<Vec<_>>());
        }
    }
}
