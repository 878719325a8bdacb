//! New IDs: `ObjectId`s as MongoDB makes them, in ascending order.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// Makes IDs. Each is higher than the one before, so that tasks of a job sort in the order in which they
/// were submitted.
pub(super) struct Identities {
    /// Tells this run of the program from others.
    machine: [u8; 5],
    /// Seconds since 1970, then a counter of 24 bits: the last that was given out.
    last: AtomicU64,
}

impl Identities {
    pub fn new() -> Self {
        let mut machine = [0; 5];
        random_bytes(&mut machine);
        Self { machine, last: AtomicU64::new(0) }
    }

    /// The next ID. When the counter of a second is used up, it goes on in the next.
    pub fn next(&self, now: Timestamp) -> [u8; 12] {
        let seconds = u64::from(u32::try_from(now.as_second()).unwrap_or(0));
        let at_least = seconds << 24;
        let step = |last: u64| Some((last + 1).max(at_least));
        let before =
            self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or_else(|last| last);
        let next = (before + 1).max(at_least);
        let mut id = [0; 12];
        // Of the 8 bytes, one is empty, four are seconds and three are the counter.
        let bytes = next.to_be_bytes();
        id[..4].copy_from_slice(&bytes[1..5]);
        id[4..9].copy_from_slice(&self.machine);
        id[9..].copy_from_slice(&bytes[5..]);
        id
    }
}

/// Fills `bytes` with secrets that nobody can guess.
pub(super) fn random_bytes(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system has random numbers");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_even_when_the_clock_does_not() {
        let identities = Identities::new();
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let earlier: Timestamp = "2026-03-01T11:00:00Z".parse().unwrap();
        let ids: Vec<_> = [now, now, earlier, now].into_iter().map(|at| identities.next(at)).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }

    #[test]
    fn an_id_begins_with_the_time() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let id = Identities::new().next(now);
        assert_eq!(i64::from(u32::from_be_bytes([id[0], id[1], id[2], id[3]])), now.as_second());
    }
}
