//! Which pictures wait, and which of them is looked at next: the newest first. The farm makes more pictures than anybody
//! can look at, so few wait, and what is older is dropped.

use std::time::{Duration, Instant};

use super::{Report, reach::Seen};

/// As many wait at a time.
const MOST: usize = 3;

/// So long after a look comes the next. A file is read when it was the same at two looks, for it may still be being written.
const AGAIN: Duration = Duration::from_millis(250);

/// After so many looks there are no more: ten seconds, in which whatever one machine has written is seen by the others.
const MOST_LOOKS: u32 = 40;

/// A picture that waits.
#[derive(Debug)]
pub struct Item {
    /// What was said.
    pub report: Report,
    /// Of two pictures the newer has the larger one.
    pub number: u64,
    /// What the file was like at the last look.
    pub seen: Option<Seen>,
    looks: u32,
    due: Instant,
}

/// What waits, the oldest first.
#[derive(Debug, Default)]
pub struct Waiting {
    items: Vec<Item>,
    last: u64,
}

impl Waiting {
    /// A new picture. Older ones of the same job are of no use any more.
    pub fn push(&mut self, report: Report, now: Instant) {
        self.last += 1;
        self.insert(Item { report, number: self.last, seen: None, looks: 0, due: now });
    }

    /// Has this been looked at for the last time?
    pub fn was_last_look(item: &Item) -> bool {
        item.looks + 1 >= MOST_LOOKS
    }

    /// A picture that was taken waits for another look, unless there is a newer one.
    pub fn put_back(&mut self, item: Item, now: Instant) {
        self.insert(Item { looks: item.looks + 1, due: now + AGAIN, ..item });
    }

    fn insert(&mut self, item: Item) {
        let newer = |other: &Item| other.report.job() == item.report.job() && other.number > item.number;
        if self.items.iter().any(newer) {
            return;
        }
        self.items.retain(|other| other.report.job() != item.report.job());
        self.items.push(item);
        self.items.sort_by_key(|item| item.number);
        while self.items.len() > MOST {
            self.items.remove(0);
        }
    }

    /// Takes the newest one that is to be looked at now.
    pub fn take(&mut self, now: Instant) -> Option<Item> {
        let at = self.items.iter().rposition(|item| item.due <= now)?;
        Some(self.items.remove(at))
    }

    /// When there is the next to take; nothing if none waits.
    pub fn next_due(&self) -> Option<Instant> {
        self.items.iter().map(|item| item.due).min()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{super::Origin, *};
    use crate::domain::ids::{JobId, TaskId, WorkerId};

    fn of_job(job: u8, path: &str) -> Report {
        let task = Some((JobId([job; 12]), TaskId([job; 12])));
        let by = Some(Origin { worker: WorkerId([1; 12]), task });
        Report { at: Timestamp::UNIX_EPOCH, path: path.to_owned(), places: Vec::new(), by }
    }

    fn paths(waiting: &mut Waiting, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| waiting.take(now)).map(|item| item.report.path).collect()
    }

    #[test]
    fn three_wait_the_newest_goes_first_and_older_ones_are_dropped() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        for job in 1..=5 {
            waiting.push(of_job(job, &job.to_string()), now);
        }
        assert_eq!(paths(&mut waiting, now), ["5", "4", "3"]);
        assert_eq!(waiting.next_due(), None);
    }

    #[test]
    fn of_a_job_only_the_newest_waits() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        for (job, path) in [(1, "a"), (2, "b"), (1, "c"), (1, "d")] {
            waiting.push(of_job(job, path), now);
        }
        assert_eq!(paths(&mut waiting, now), ["d", "b"]);
    }

    #[test]
    fn what_is_put_back_waits_a_while_behind_what_is_newer_and_gives_up_at_last() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.push(of_job(1, "old"), now);
        let old = waiting.take(now).unwrap();
        waiting.push(of_job(2, "new"), now);
        waiting.put_back(old, now);
        assert_eq!(paths(&mut waiting, now), ["new"]);
        assert_eq!(waiting.next_due(), Some(now + AGAIN));
        let mut looks = 1;
        let mut old = waiting.take(now + AGAIN).unwrap();
        while !Waiting::was_last_look(&old) {
            waiting.put_back(old, now);
            old = waiting.take(now + AGAIN).unwrap();
            looks += 1;
        }
        assert_eq!(looks + 1, MOST_LOOKS);
    }

    #[test]
    fn what_is_put_back_is_dropped_if_there_is_a_newer_one_of_its_job_or_no_room() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.push(of_job(1, "old"), now);
        let old = waiting.take(now).unwrap();
        waiting.push(of_job(1, "new"), now);
        waiting.put_back(old, now);
        assert_eq!(paths(&mut waiting, now + AGAIN), ["new"]);
        waiting.push(of_job(1, "old"), now);
        let old = waiting.take(now).unwrap();
        for job in 2..=4 {
            waiting.push(of_job(job, &job.to_string()), now);
        }
        waiting.put_back(old, now);
        assert_eq!(paths(&mut waiting, now + AGAIN), ["4", "3", "2"]);
    }
}
