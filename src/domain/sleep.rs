//! Sleep schedules: when a worker shall be asleep, in local time, and at which moments it is told so.
//!
//! Each day that a schedule names has one window, in which the worker shall be asleep; for the rest of that day
//! it shall be awake. On a day that is not named nothing is asked of it. An end before the start makes the
//! window a night, which ends on the next day and yet belongs to the day on which it begins. A start equal to
//! the end is an empty window (as in Flamenco Manager 2.x): awake all day.
//!
//! The schedule speaks only at its *boundaries*: when a window begins (asleep), when one ends (awake, on a day
//! that is not named too: whoever was put to bed is woken), and when a named day follows one that is not. In
//! between, a status that was set by hand stays.

mod days;

use std::ops::Range;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time},
    tz::{AmbiguousOffset, TimeZone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use days::Days;

/// Minutes in a day; as a time of day it is 24:00, the midnight at its end.
const MIDNIGHT: u16 = 24 * 60;

/// How many days to look forward or back for a boundary: schedules repeat weekly, and a night reaches a day further.
const REACH_IN_DAYS: i32 = 8;

/// What a schedule wants of a worker. (In this order: at one and the same moment falling asleep wins, so that
/// windows which touch are one.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// It shall work.
    Awake,
    /// It shall sleep.
    Asleep,
}

/// Why a text or a stored value is no sleep schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// A word in `days_of_week` that is no day.
    #[error("{0:?} is not a day of the week: use mo, tu, we, th, fr, sa, su")]
    Day(String),
    /// A time that cannot be read or is after 24:00.
    #[error("{0:?} is not a time of day: use HH:MM from 00:00 to 24:00")]
    Time(String),
    /// Stored parts that no schedule has.
    #[error("the stored sleep schedule is damaged")]
    Stored,
}

/// The sleep schedule of one worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SleepSchedule {
    active: bool,
    days: Days,
    start: Option<u16>,
    end: Option<u16>,
}

/// A sleep schedule as JSON: all four keys are always written, and a missing one is read as "none".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "SleepSchedule")]
pub struct SleepScheduleWire {
    /// Whether the schedule says anything at all.
    pub schedule_active: bool,
    /// `"mo tu we"`; `""` is every day.
    pub days_of_week: String,
    /// `"HH:MM"`; `""` is from midnight.
    pub time_start: String,
    /// `"HH:MM"`; `""` is until midnight.
    pub time_end: String,
}

impl TryFrom<&SleepScheduleWire> for SleepSchedule {
    type Error = BadSchedule;

    fn try_from(wire: &SleepScheduleWire) -> Result<Self, BadSchedule> {
        let SleepScheduleWire { schedule_active, days_of_week, time_start, time_end } = wire;
        Ok(Self {
            active: *schedule_active,
            days: days_of_week.parse()?,
            start: parse_time(time_start)?,
            end: parse_time(time_end)?,
        })
    }
}

impl From<SleepSchedule> for SleepScheduleWire {
    fn from(schedule: SleepSchedule) -> Self {
        let SleepSchedule { active, days, start, end } = schedule;
        Self {
            schedule_active: active,
            days_of_week: days.to_string(),
            time_start: time_as_text(start),
            time_end: time_as_text(end),
        }
    }
}

/// Minutes since midnight; `None` for an empty text.
fn parse_time(text: &str) -> Result<Option<u16>, BadSchedule> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = |digits: &str| {
        let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| plain)
    };
    let minutes = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (number(hour)?, number(minute).filter(|minute| *minute < 60)?);
        Some(hour * 60 + minute).filter(|minutes| *minutes <= MIDNIGHT)
    });
    minutes.map(Some).ok_or_else(|| BadSchedule::Time(text.to_owned()))
}

fn time_as_text(minutes: Option<u16>) -> String {
    minutes.map_or_else(String::new, |minutes| format!("{:02}:{:02}", minutes / 60, minutes % 60))
}

impl SleepSchedule {
    /// A schedule from its parts as they were stored: `start` and `end` in minutes since midnight.
    pub fn from_parts(
        active: bool,
        days: Days,
        start: Option<u16>,
        end: Option<u16>,
    ) -> Result<Self, BadSchedule> {
        if start.max(end) > Some(MIDNIGHT) {
            return Err(BadSchedule::Stored);
        }
        Ok(Self { active, days, start, end })
    }

    /// Whether the schedule says anything at all.
    pub fn active(&self) -> bool {
        self.active
    }

    /// The days that it names.
    pub fn days(&self) -> Days {
        self.days
    }

    /// When the window begins, in minutes since midnight; `None` is midnight.
    pub fn start(&self) -> Option<u16> {
        self.start
    }

    /// When the window ends, in minutes since midnight; `None` is the midnight after.
    pub fn end(&self) -> Option<u16> {
        self.end
    }

    /// What the worker shall do at `now`, in the farm's time zone `tz`: for the moment at which a schedule is
    /// set. `None` when the schedule is not active, or on a day that it does not name.
    pub fn wish_at(&self, now: Timestamp, tz: &TimeZone) -> Option<Wish> {
        let today = tz.to_datetime(now).date();
        let asleep = self.windows(around(today), tz).any(|window| window.contains(&now));
        if asleep {
            return Some(Wish::Asleep);
        }
        self.names(today).then_some(Wish::Awake)
    }

    /// The first boundary after `now`.
    pub fn next_boundary(&self, now: Timestamp, tz: &TimeZone) -> Option<Timestamp> {
        let boundaries = self.boundaries(around(tz.to_datetime(now).date()), tz);
        boundaries.into_iter().map(|(moment, _)| moment).filter(|moment| *moment > now).min()
    }

    /// What the worker is to be told at `now`, when the schedule was last applied (or set) at `last_applied`:
    /// the wish of the newest boundary since then, `None` when there was none.
    pub fn due(&self, last_applied: Timestamp, now: Timestamp, tz: &TimeZone) -> Option<Wish> {
        let boundaries = self.boundaries(around(tz.to_datetime(now).date()), tz);
        let missed = boundaries.into_iter().filter(|(moment, _)| last_applied < *moment && *moment <= now);
        missed.max().map(|(_, wish)| wish)
    }

    /// The boundaries of the named days among `days`, in no order.
    fn boundaries(&self, days: impl Iterator<Item = Date> + Clone, tz: &TimeZone) -> Vec<(Timestamp, Wish)> {
        let windows = self
            .windows(days.clone(), tz)
            .flat_map(|window| [(window.start, Wish::Asleep), (window.end, Wish::Awake)]);
        let first_days = days
            .filter(|day| self.names(*day) && day.yesterday().is_ok_and(|yesterday| !self.names(yesterday)));
        let mornings = first_days.filter_map(|day| Some((moment(day, 0, tz)?, Wish::Awake)));
        windows.chain(mornings).collect()
    }

    /// The windows of the named days among `days` that are not empty.
    fn windows(
        &self,
        days: impl Iterator<Item = Date>,
        tz: &TimeZone,
    ) -> impl Iterator<Item = Range<Timestamp>> {
        let start = self.start.unwrap_or(0);
        let end = self.end.unwrap_or(MIDNIGHT);
        let end = if end < start { end + MIDNIGHT } else { end };
        days.filter(|day| self.names(*day))
            .filter_map(move |day| Some(moment(day, start, tz)?..moment(day, end, tz)?))
            .filter(|window| !window.is_empty())
    }

    fn names(&self, day: Date) -> bool {
        self.active && self.days.include(day.weekday())
    }
}

/// The days whose windows and boundaries can matter on `today`.
fn around(today: Date) -> impl Iterator<Item = Date> + Clone {
    (-REACH_IN_DAYS..=REACH_IN_DAYS).filter_map(move |days| today.checked_add(days.days()).ok())
}

/// The moment at which `minutes` after midnight come on `day`: the first of two when clocks are put back, and
/// the end of the gap when clocks are put forward past it.
fn moment(day: Date, minutes: u16, tz: &TimeZone) -> Option<Timestamp> {
    let local = day.to_datetime(Time::midnight()).checked_add(i32::from(minutes).minutes()).ok()?;
    let timestamp = tz.to_ambiguous_timestamp(local);
    match timestamp.offset() {
        AmbiguousOffset::Gap { after, .. } => {
            // The new offset is not yet in force at this moment, so the next transition is the gap.
            let shortly_before = after.to_timestamp(local).ok()?;
            tz.following(shortly_before).next().map(|transition| transition.timestamp())
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => timestamp.earlier().ok(),
    }
}

#[cfg(test)]
mod tests;
