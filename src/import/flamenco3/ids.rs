//! From the UUIDs and the times of Flamenco 3 to ours: always to the same ones, so that a farm can be imported again.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use crate::domain::ids::{JobId, TaskId, WorkerId};

/// The ID of a job: when it was made, and what its UUID says.
pub(super) fn job(made: Timestamp, uuid: &str) -> JobId {
    JobId(id(made, uuid))
}

/// The ID of a worker.
pub(super) fn worker(made: Timestamp, uuid: &str) -> WorkerId {
    WorkerId(id(made, uuid))
}

/// The ID of a line of the blacklist.
pub(super) fn line(made: Timestamp, job: &str, worker: &str, task_type: &str) -> [u8; 12] {
    id(made, &format!("{job} {worker} {task_type}"))
}

/// The ID of a task: when it was made, what the UUID of its job says, and its number in the file, by which the tasks of a job
/// stay in their order.
pub(super) fn task(made: Timestamp, job: &str, number: i64) -> TaskId {
    let mut id = id(made, job);
    id[9..].copy_from_slice(&number.to_be_bytes()[5..]);
    TaskId(id)
}

fn id(made: Timestamp, uuid: &str) -> [u8; 12] {
    let mut id = [0; 12];
    let seconds = u32::try_from(made.as_second()).unwrap_or(0);
    id[..4].copy_from_slice(&seconds.to_be_bytes());
    id[4..].copy_from_slice(&digest(&SHA256, uuid.as_bytes()).as_ref()[..8]);
    id
}

/// A time as the drivers of Flamenco 3 have written it over the years: `2023-04-05 06:07:08.9+02:00`, or in the words of Go,
/// `2023-04-05 06:07:08.9 +0000 UTC m=+1.2`. One without an offset is in UTC. The database keeps times to the millisecond: finer
/// ones would be newer there than themselves.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let mut words = text.split_whitespace();
    let first = words.next()?;
    let (date, time) = match first.split_once('T') {
        Some(both) => both,
        None => (first, words.next()?),
    };
    let has_offset = time.contains(['Z', 'z', '+', '-']);
    let offset = if has_offset { "" } else { words.next().unwrap_or("Z") };
    let time: Timestamp = format!("{date}T{time}{offset}").parse().ok()?;
    Timestamp::from_millisecond(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_every_driver_are_read() {
        let expected: Timestamp = "2023-04-05T04:07:08.9Z".parse().unwrap();
        for text in [
            "2023-04-05 06:07:08.9+02:00",
            "2023-04-05 06:07:08.9 +0200 CEST",
            "2023-04-05 04:07:08.9 +0000 UTC m=+1.200000001",
            "2023-04-05T04:07:08.9Z",
            "2023-04-05 04:07:08.9",
            "2023-04-05 04:07:08.900123456+00:00",
        ] {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        for text in ["", "2023", "yesterday noon", "2023-04-05 25:00:00", "2023-04-05 04:07:08 UTC"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn ids_say_when_and_stay_in_order() {
        let made: Timestamp = "2023-04-05T04:07:08Z".parse().unwrap();
        let tasks = [1, 2, 255, 256, 70_000].map(|number| task(made, "a", number));
        assert!(tasks.is_sorted());
        assert_eq!(tasks[0].to_string()[..8], job(made, "a").to_string()[..8]);
        assert_ne!(job(made, "a"), job(made, "b"));
        assert_eq!(worker(made, "a").0, job(made, "a").0, "the same UUID, the same ID");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            time(&text);
        }
    }
}
