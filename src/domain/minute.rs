//! What was done in each minute: for the chart of the last hours.

use jiff::Timestamp;

use super::task::TaskStatus;

/// For so many minutes it is remembered: two days.
pub const KEPT: u64 = 48 * 60;

/// A minute, counted from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(pub u64);

/// What workers have done in a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Tasks that they completed.
    pub completed: u64,
    /// Tasks that they failed, softly or for good.
    pub failed: u64,
}

impl Minute {
    /// The minute of a moment.
    pub fn of(time: Timestamp) -> Self {
        Self(u64::try_from(time.as_second() / 60).unwrap_or(0))
    }

    /// When it begins.
    pub fn begin(self) -> Timestamp {
        i64::try_from(self.0)
            .ok()
            .and_then(|minute| Timestamp::from_second(minute * 60).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Is what is remembered of `other` none of its past? Either it is too old, or the clock was set back: what was counted
    /// in a future that is yet to come would be counted twice. Changes are not always written in the order in which they
    /// happened, so the next minute may have begun.
    pub fn forgets(self, other: Self) -> bool {
        other.0 > self.0 + 1 || other.0 + KEPT <= self.0
    }
}

impl Done {
    /// Counts what it means that a task had one status and now has another.
    pub fn count(&mut self, old: TaskStatus, new: TaskStatus) {
        match (old, new) {
            (TaskStatus::Active, TaskStatus::Completed) => self.completed += 1,
            (TaskStatus::Active, TaskStatus::SoftFailed | TaskStatus::Failed) => self.failed += 1,
            _ => {}
        }
    }

    /// Adds what else was done.
    pub fn add(&mut self, other: Self) {
        self.completed += other.completed;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_that_of_its_moments() {
        let at = |text: &str| Minute::of(text.parse().unwrap());
        let noon = at("2026-03-02T11:00:00Z");
        assert_eq!(noon, at("2026-03-02T11:00:59.999Z"));
        assert_eq!(noon.0 + 1, at("2026-03-02T11:01:00Z").0);
        assert_eq!(noon.begin().to_string(), "2026-03-02T11:00:00Z");
        assert_eq!(at("1969-01-01T00:00:00Z"), Minute(0));
    }

    #[test]
    fn two_days_are_remembered_and_no_future() {
        let now = Minute(10_000);
        for (minute, forgotten) in
            [(10_002, true), (10_001, false), (10_000, false), (7_121, false), (7_120, true)]
        {
            assert_eq!(now.forgets(Minute(minute)), forgotten, "{minute}");
        }
    }

    #[test]
    fn only_what_workers_do_counts() {
        let mut done = Done::default();
        for old in TaskStatus::ALL {
            for new in TaskStatus::ALL {
                done.count(old, new);
            }
        }
        assert_eq!(done, Done { completed: 1, failed: 2 });
    }
}
