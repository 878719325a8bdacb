//! Automatic backups: what they are called, when the next one is due, which are no longer needed, and whether there is room.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use super::disk::Space;

/// How the time stands in names of files: they sort by it.
const FORMAT: &str = "%Y%m%dT%H%M%SZ";

const END: &str = ".backup";

/// After a failure it is tried again this soon, or sooner if backups are made more often.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// A moment as part of a file's name, in UTC: `20260302T110000Z`.
pub fn in_name(at: Timestamp) -> String {
    at.strftime(FORMAT).to_string()
}

/// What the backup of this moment is called; `stem` is what all of one database begin with.
pub fn name(stem: &str, at: Timestamp) -> String {
    format!("{stem}-{}{END}", in_name(at))
}

/// When the backup of this name was made; nothing if it is none of this database, or has another name.
pub fn made_at(stem: &str, name: &str) -> Option<Timestamp> {
    let time = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(END)?;
    let at = DateTime::strptime(FORMAT, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    // What is read leniently is none of ours.
    (in_name(at) == time).then_some(at)
}

/// By what backups are put into the order in which they were made. Those of the future come first: they are from before a clock
/// was set back.
pub fn order(at: Timestamp, now: Timestamp) -> (bool, Timestamp) {
    (at <= now, at)
}

/// Is it time for a backup, when the newest was made then? One of the future does not count.
pub fn is_due(newest: Option<Timestamp>, every: SignedDuration, now: Timestamp) -> bool {
    newest.is_none_or(|newest| newest > now || now.duration_since(newest) >= every)
}

/// Is it time to try again, when it failed then?
pub fn is_worth_a_try(failed: Timestamp, every: SignedDuration, now: Timestamp) -> bool {
    is_due(Some(failed), every.min(PATIENCE), now)
}

/// Of backups that were made then, those that are too many if so many are kept: the oldest.
pub fn too_many(mut made: Vec<Timestamp>, keep: usize, now: Timestamp) -> Vec<Timestamp> {
    made.sort_by_key(|at| order(*at, now));
    made.truncate(made.len().saturating_sub(keep));
    made
}

/// Is there room for so many bytes on the disk, with as many left as the farm needs at the least?
pub fn has_room(space: Space, bytes: u64, least_free: u64) -> bool {
    space.free >= bytes.saturating_add(least_free)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_772_449_200, 0);
    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn hours_ago(hours: i64) -> Timestamp {
        NOW - SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_name_tells_the_moment() {
        assert_eq!(name("farm", NOW), "farm-20260302T110000Z.backup");
        assert_eq!(made_at("farm", "farm-20260302T110000Z.backup"), Some(NOW));
        for other in [
            "farm-20260302T110000Z.backup.part",
            "farm-20260302T110000.backup",
            "farm-20261302T110000Z.backup",
            "farm2-20260302T110000Z.backup",
            "farm-2026032T110000Z.backup",
            "farm-.backup",
            "notes.txt",
        ] {
            assert_eq!(made_at("farm", other), None, "{other}");
        }
    }

    #[test]
    fn one_is_due_when_the_newest_is_old_enough() {
        assert!(is_due(None, DAY, NOW));
        assert!(is_due(Some(hours_ago(24)), DAY, NOW));
        assert!(!is_due(Some(hours_ago(23)), DAY, NOW));
        assert!(is_due(Some(hours_ago(-5)), DAY, NOW), "the clock was set back");
    }

    #[test]
    fn there_has_to_be_room_for_the_farm_too() {
        let space = |free| Space { free, total: u64::MAX };
        assert!(has_room(space(600), 100, 500));
        assert!(!has_room(space(599), 100, 500));
        assert!(!has_room(space(u64::MAX - 1), u64::MAX, 1));
    }

    #[test]
    fn it_is_tried_again_within_the_hour() {
        let minute = SignedDuration::from_mins(1);
        assert!(is_worth_a_try(hours_ago(1), DAY, NOW) && !is_worth_a_try(NOW - minute, DAY, NOW));
        assert!(is_worth_a_try(NOW - minute, minute, NOW));
        assert!(is_worth_a_try(hours_ago(-24), DAY, NOW), "the clock was set back");
    }

    proptest! {
        #[test]
        fn names_sort_by_time(one in 0..4_000_000_000_i64, other in 0..4_000_000_000_i64) {
            let [one, other] = [one, other].map(|second| Timestamp::from_second(second).unwrap());
            prop_assert_eq!(one.cmp(&other), name("farm", one).cmp(&name("farm", other)));
            prop_assert_eq!(made_at("farm", &name("farm", one)), Some(one));
        }

        #[test]
        fn the_newest_are_kept(seconds: Vec<u32>, keep in 1..9_usize, now: u32) {
            let at = |second: u32| Timestamp::from_second(second.into()).unwrap();
            let mut made: Vec<_> = seconds.into_iter().chain([now]).map(at).collect();
            let gone = too_many(made.clone(), keep, at(now));
            prop_assert_eq!(gone.len(), made.len().saturating_sub(keep));
            made.sort_by_key(|made| order(*made, at(now)));
            prop_assert_eq!(&made[..gone.len()], &gone);
            prop_assert_eq!(made.last(), Some(&at(now)), "the one that was just made stays");
        }
    }
}
