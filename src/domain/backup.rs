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

/// Is it time for a backup, when the others were made then? Those of the future, from before a clock was set back, do not
/// count.
pub fn is_due(made: &[Timestamp], every: SignedDuration, now: Timestamp) -> bool {
    let newest = made.iter().filter(|at| **at <= now).max();
    newest.is_none_or(|newest| now.duration_since(*newest) >= every)
}

/// Of backups that were made then, those that are too many if so many are kept: the oldest.
pub fn too_many(mut made: Vec<Timestamp>, keep: usize) -> Vec<Timestamp> {
    made.sort();
    made.truncate(made.len().saturating_sub(keep));
    made
}

/// When it is tried again after a failure.
pub fn next_try(every: SignedDuration, now: Timestamp) -> Timestamp {
    now + every.min(PATIENCE)
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
        assert!(is_due(&[], DAY, NOW));
        assert!(is_due(&[hours_ago(30), hours_ago(24)], DAY, NOW));
        assert!(!is_due(&[hours_ago(23), hours_ago(30)], DAY, NOW));
        assert!(is_due(&[hours_ago(-5)], DAY, NOW), "the clock was set back");
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
        assert_eq!(next_try(DAY, NOW), NOW + PATIENCE);
        assert_eq!(next_try(SignedDuration::from_mins(1), NOW), NOW + SignedDuration::from_mins(1));
    }

    proptest! {
        #[test]
        fn names_sort_by_time(one in 0..4_000_000_000_i64, other in 0..4_000_000_000_i64) {
            let [one, other] = [one, other].map(|second| Timestamp::from_second(second).unwrap());
            prop_assert_eq!(one.cmp(&other), name("farm", one).cmp(&name("farm", other)));
            prop_assert_eq!(made_at("farm", &name("farm", one)), Some(one));
        }

        #[test]
        fn the_newest_are_kept(seconds: Vec<u32>, keep in 1..9_usize) {
            let made: Vec<_> = seconds.iter().map(|second| Timestamp::from_second((*second).into()).unwrap()).collect();
            let gone = too_many(made.clone(), keep);
            prop_assert_eq!(gone.len(), made.len().saturating_sub(keep));
            let mut kept = made;
            kept.sort();
            let kept = kept.split_off(gone.len());
            prop_assert!(gone.iter().all(|gone| kept.iter().all(|kept| gone <= kept)));
        }
    }
}
