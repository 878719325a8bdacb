//! Sleep schedules against real time zones, and against a model that walks minute by minute.

use jiff::civil::{DateTime, date, datetime};
use proptest::prelude::*;

use super::*;

fn schedule(days: &str, start: &str, end: &str) -> SleepSchedule {
    let wire = SleepScheduleWire {
        schedule_active: true,
        days_of_week: days.to_owned(),
        time_start: start.to_owned(),
        time_end: end.to_owned(),
    };
    SleepSchedule::try_from(&wire).unwrap()
}

fn amsterdam() -> TimeZone {
    TimeZone::get("Europe/Amsterdam").unwrap()
}

fn utc(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// 2026-03-02 is a Monday; `day` counts from the 1st of March.
fn march(day: i8, hour: i8, minute: i8) -> Timestamp {
    datetime(2026, 3, day, hour, minute, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

fn wish(schedule: SleepSchedule, now: Timestamp) -> Option<Wish> {
    schedule.wish_at(now, &TimeZone::UTC)
}

fn due(schedule: SleepSchedule, last_applied: Timestamp, now: Timestamp) -> Option<Wish> {
    schedule.due(last_applied, now, &TimeZone::UTC)
}

#[test]
fn the_wire_form_is_read_and_written() {
    let wire: SleepScheduleWire = serde_json::from_str(
        r#"{"schedule_active":true,"days_of_week":" Tuesday MO ","time_start":"9:05","time_end":"24:00","x":1}"#,
    )
    .unwrap();
    let back = SleepScheduleWire::from(SleepSchedule::try_from(&wire).unwrap());
    assert_eq!(
        serde_json::to_string(&back).unwrap(),
        r#"{"schedule_active":true,"days_of_week":"mo tu","time_start":"09:05","time_end":"24:00"}"#
    );
}

#[test]
fn no_schedule_is_written_with_all_four_keys() {
    let wire = SleepScheduleWire::from(SleepSchedule::default());
    assert_eq!(
        serde_json::to_string(&wire).unwrap(),
        r#"{"schedule_active":false,"days_of_week":"","time_start":"","time_end":""}"#
    );
    assert_eq!(SleepSchedule::try_from(&wire), Ok(SleepSchedule::default()));
}

#[test]
fn a_time_that_is_none_is_named_in_the_error() {
    for text in ["24:01", "25:00", "12:60", "12", "12:", ":30", "+9:00", "-1:00", "1:2:3", "noon", "012:00"] {
        assert_eq!(parse_time(text), Err(BadSchedule::Time(text.to_owned())));
    }
    for (text, minutes) in [("", None), (" 00:00 ", Some(0)), ("24:00", Some(1440)), ("9:5", Some(545))] {
        assert_eq!(parse_time(text), Ok(minutes));
    }
}

#[test]
fn a_schedule_survives_being_stored() {
    let night = schedule("fr", "22:00", "");
    let stored = SleepSchedule::from_parts(night.active(), night.days(), night.start(), night.end());
    assert_eq!(stored, Ok(night));
    let damaged = SleepSchedule::from_parts(true, night.days(), Some(0), Some(1441));
    assert_eq!(damaged, Err(BadSchedule::Stored));
}

#[test]
fn asleep_inside_the_window_and_awake_outside() {
    let office_hours = schedule("", "09:00", "17:00");
    for (hour, minute, expected) in
        [(8, 59, Wish::Awake), (9, 0, Wish::Asleep), (16, 59, Wish::Asleep), (17, 0, Wish::Awake)]
    {
        assert_eq!(wish(office_hours, march(2, hour, minute)), Some(expected), "{hour}:{minute}");
    }
}

#[test]
fn nothing_is_asked_on_a_day_that_is_not_named() {
    let monday = schedule("mo", "09:00", "17:00");
    assert_eq!(wish(monday, march(2, 12, 0)), Some(Wish::Asleep));
    assert_eq!(wish(monday, march(3, 12, 0)), None);
}

#[test]
fn an_inactive_schedule_asks_nothing() {
    let mut sleeping_in = schedule("", "", "");
    sleeping_in.active = false;
    assert_eq!(wish(sleeping_in, march(2, 12, 0)), None);
    assert_eq!(sleeping_in.next_boundary(march(2, 12, 0), &TimeZone::UTC), None);
    assert_eq!(due(sleeping_in, march(1, 0, 0), march(30, 0, 0)), None);
}

#[test]
fn no_start_is_from_midnight_and_no_end_is_until_midnight() {
    assert_eq!(wish(schedule("", "", "06:00"), march(2, 0, 0)), Some(Wish::Asleep));
    assert_eq!(wish(schedule("", "18:00", ""), march(2, 23, 59)), Some(Wish::Asleep));
    assert_eq!(wish(schedule("", "18:00", ""), march(2, 0, 0)), Some(Wish::Awake));
    assert_eq!(wish(schedule("mo", "", ""), march(2, 12, 0)), Some(Wish::Asleep));
    assert_eq!(
        schedule("mo", "18:00", "24:00").next_boundary(march(2, 19, 0), &TimeZone::UTC),
        Some(march(3, 0, 0))
    );
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let monday_night = schedule("mo", "22:00", "06:00");
    assert_eq!(wish(monday_night, march(2, 3, 0)), Some(Wish::Awake));
    assert_eq!(wish(monday_night, march(2, 22, 0)), Some(Wish::Asleep));
    assert_eq!(wish(monday_night, march(3, 5, 59)), Some(Wish::Asleep));
    assert_eq!(wish(monday_night, march(3, 6, 0)), None);
    assert_eq!(wish(monday_night, march(3, 23, 0)), None);
}

#[test]
fn who_was_put_to_bed_is_woken_on_a_day_that_is_not_named_too() {
    let monday_night = schedule("mo", "22:00", "06:00");
    assert_eq!(due(monday_night, march(3, 5, 59), march(3, 6, 0)), Some(Wish::Awake));
    let all_monday = schedule("mo", "", "");
    assert_eq!(due(all_monday, march(2, 12, 0), march(3, 0, 0)), Some(Wish::Awake));
}

#[test]
fn a_start_equal_to_the_end_is_awake_all_day() {
    let empty = schedule("", "09:00", "09:00");
    assert_eq!(wish(empty, march(2, 9, 0)), Some(Wish::Awake));
    assert_eq!(empty.next_boundary(march(2, 9, 0), &TimeZone::UTC), None);
    assert_eq!(
        schedule("we", "", "00:00").next_boundary(march(2, 9, 0), &TimeZone::UTC),
        Some(march(4, 0, 0))
    );
}

#[test]
fn a_status_set_by_hand_stays_until_the_next_boundary() {
    let office_hours = schedule("", "09:00", "17:00");
    assert_eq!(due(office_hours, march(2, 9, 0), march(2, 16, 59)), None);
    assert_eq!(due(office_hours, march(2, 16, 59), march(2, 17, 0)), Some(Wish::Awake));
    // Midnight between two named days is no boundary.
    assert_eq!(due(office_hours, march(2, 17, 0), march(3, 8, 59)), None);
}

#[test]
fn of_several_boundaries_missed_the_newest_counts() {
    let office_hours = schedule("mo", "09:00", "17:00");
    assert_eq!(due(office_hours, march(2, 8, 0), march(2, 18, 0)), Some(Wish::Awake));
    assert_eq!(due(office_hours, march(1, 23, 0), march(2, 0, 1)), Some(Wish::Awake));
    assert_eq!(due(office_hours, march(1, 0, 0), march(9, 10, 0)), Some(Wish::Asleep));
    assert_eq!(due(office_hours, march(1, 0, 0), march(8, 10, 0)), Some(Wish::Awake));
    assert_eq!(due(office_hours, utc("1999-01-01T00:00:00Z"), march(8, 10, 0)), Some(Wish::Awake));
}

#[test]
fn windows_that_touch_do_not_wake_in_between() {
    let weekend = schedule("sa su", "", "");
    assert_eq!(due(weekend, march(7, 0, 0), march(8, 0, 0)), Some(Wish::Asleep));
    assert_eq!(due(weekend, march(8, 0, 0), march(9, 0, 0)), Some(Wish::Awake));
}

#[test]
fn a_clock_that_went_back_makes_nothing_due() {
    assert_eq!(due(schedule("", "09:00", "17:00"), march(3, 0, 0), march(2, 0, 0)), None);
}

/// On 2026-03-29 the clocks of Amsterdam go from 02:00 to 03:00, at 01:00 UTC.
#[test]
fn a_start_inside_a_gap_happens_at_its_end() {
    let early = schedule("", "02:30", "05:00");
    let gap = utc("2026-03-29T01:00:00Z");
    assert_eq!(early.next_boundary(utc("2026-03-28T12:00:00Z"), &amsterdam()), Some(gap));
    assert_eq!(early.wish_at(gap, &amsterdam()), Some(Wish::Asleep));
    assert_eq!(early.next_boundary(gap, &amsterdam()), Some(utc("2026-03-29T03:00:00Z")));
}

#[test]
fn a_window_inside_a_gap_does_not_happen() {
    let tiny = schedule("", "02:15", "02:45");
    let eve = utc("2026-03-28T12:00:00Z");
    assert_eq!(tiny.next_boundary(eve, &amsterdam()), Some(utc("2026-03-30T00:15:00Z")));
}

/// On 2026-10-25 the clocks of Amsterdam go from 03:00 back to 02:00, at 01:00 UTC.
#[test]
fn of_two_moments_with_one_name_the_first_counts() {
    let until_half_past = schedule("", "", "02:30");
    let first = utc("2026-10-25T00:30:00Z");
    assert_eq!(until_half_past.next_boundary(utc("2026-10-24T23:00:00Z"), &amsterdam()), Some(first));
    assert_eq!(until_half_past.wish_at(first, &amsterdam()), Some(Wish::Awake));
    assert_eq!(until_half_past.wish_at(utc("2026-10-25T01:10:00Z"), &amsterdam()), Some(Wish::Awake));
    assert_eq!(until_half_past.due(first, utc("2026-10-25T12:00:00Z"), &amsterdam()), None);
}

#[test]
fn a_day_that_begins_in_a_gap_begins_at_its_end() {
    // Clocks in Beirut went from 00:00 to 01:00 on that Sunday, at 22:00 UTC of the day before.
    let beirut = TimeZone::get("Asia/Beirut").unwrap();
    let sunday = schedule("su", "12:00", "13:00");
    let midnight = utc("2024-03-30T22:00:00Z");
    assert_eq!(sunday.next_boundary(utc("2024-03-29T00:00:00Z"), &beirut), Some(midnight));
}

#[test]
fn nothing_panics_at_the_ends_of_time() {
    for now in [Timestamp::MIN, Timestamp::MAX] {
        let every_day = schedule("", "22:00", "06:00");
        assert!(every_day.wish_at(now, &amsterdam()).is_some());
        every_day.next_boundary(now, &amsterdam());
        every_day.due(Timestamp::MIN, now, &amsterdam());
    }
}

/// The first of the minutes `local` at which `day` and `minutes` after its midnight have come.
fn first_minute(local: &[DateTime], day: Date, minutes: i64) -> Option<usize> {
    let sought = day.to_datetime(Time::midnight()).checked_add(minutes.minutes()).unwrap();
    local.iter().position(|local| *local >= sought)
}

/// What the schedule says at each minute, and at which minutes it speaks: the rule in its plainest words.
fn model(schedule: SleepSchedule, local: &[DateTime]) -> (Vec<bool>, Vec<Option<Wish>>) {
    let (start, end) = (i64::from(schedule.start.unwrap_or(0)), i64::from(schedule.end.unwrap_or(1440)));
    let end = if end < start { end + 1440 } else { end };
    let (mut asleep, mut said) = (vec![false; local.len()], vec![None; local.len()]);
    let first = local[0].date().checked_sub(2.days()).unwrap();
    for day in first.series(1.day()).take(9).filter(|day| schedule.names(*day)) {
        let begins = first_minute(local, day, start).unwrap_or(local.len());
        let ends = first_minute(local, day, end).unwrap_or(local.len());
        asleep[begins..ends].fill(true);
        let speaks = [(begins, Wish::Asleep), (ends, Wish::Awake)];
        let speaks = speaks.into_iter().filter(|_| begins < ends);
        let follows_unnamed = !schedule.names(day.yesterday().unwrap());
        let morning =
            first_minute(local, day, 0).filter(|_| follows_unnamed).map(|minute| (minute, Wish::Awake));
        for (minute, wish) in speaks.chain(morning).filter(|(minute, _)| *minute < local.len()) {
            said[minute] = said[minute].max(Some(wish));
        }
    }
    (asleep, said)
}

fn any_time() -> impl Strategy<Value = Option<u16>> {
    // Quarters of an hour, with the nights of the clock changes most of the time.
    proptest::option::of(prop_oneof![(0..=16_u16), (0..=96_u16)].prop_map(|quarters| quarters * 15))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_rule_agrees_with_a_walk_minute_by_minute(
        days in 0..128_u8,
        start in any_time(),
        end in any_time(),
        eve in prop_oneof![Just(date(2026, 3, 27)), Just(date(2026, 10, 23)), Just(date(2026, 6, 1))],
    ) {
        let schedule = SleepSchedule::from_parts(true, Days::from_bits(days).unwrap(), start, end).unwrap();
        let tz = amsterdam();
        let midnight = eve.to_zoned(tz.clone()).unwrap().timestamp();
        let minutes: Vec<_> =
            (0..4 * 1440_i64).map(|minute| midnight.checked_add(minute.minutes()).unwrap()).collect();
        let local: Vec<_> = minutes.iter().map(|minute| tz.to_datetime(*minute)).collect();
        let (asleep, said) = model(schedule, &local);

        // Before the second day the model does not know which windows began before its first minute.
        for index in (1440..minutes.len()).step_by(5) {
            let now = minutes[index];
            let expected = if asleep[index] { Some(Wish::Asleep) } else {
                schedule.names(local[index].date()).then_some(Wish::Awake)
            };
            prop_assert_eq!(schedule.wish_at(now, &tz), expected, "{}", local[index]);
            let newest = said[index - 600 + 1..=index].iter().rev().flatten().next().copied();
            prop_assert_eq!(schedule.due(minutes[index - 600], now, &tz), newest, "{}", local[index]);
        }
        let mut boundary = minutes[1440];
        for index in (1441..minutes.len()).filter(|index| said[*index].is_some()) {
            boundary = schedule.next_boundary(boundary, &tz).unwrap();
            prop_assert_eq!(boundary, minutes[index]);
        }
    }
}
