// The week of a sleep schedule.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY, inShort, minutes, namedDays, week } from "../../../assets/page/lib/week.js";

const schedule = (days_of_week, time_start, time_end) => ({ schedule_active: true, days_of_week, time_start, time_end });

// "mo 22:00-24:00, tu 00:00-06:00": as people would write down when the worker sleeps.
const NAMES = ["mo", "tu", "we", "th", "fr", "sa", "su"];
const time = (at) => `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`;
const told = (days) => days.flatMap(({ asleep }, day) => asleep.map(({ from, to }) => `${NAMES[day]} ${time(from)}-${time(to)}`)).join(", ");

test("a window within a day is asleep on the days that are named", () => {
  assert.equal(told(week(schedule("mo we", "09:00", "17:30"))), "mo 09:00-17:30, we 09:00-17:30");
});

test("a night belongs to the day on which it begins", () => {
  const days = week(schedule("fr", "22:00", "06:00"));
  assert.equal(told(days), "fr 22:00-24:00, sa 00:00-06:00");
  assert.deepEqual(days.map(({ isNamed }) => isNamed), [false, false, false, false, true, false, false]);
});

test("the night of Sunday ends on Monday", () => {
  assert.equal(told(week(schedule("su", "23:00", "07:00"))), "mo 00:00-07:00, su 23:00-24:00");
});

test("without a start it sleeps from midnight, without an end until midnight", () => {
  assert.equal(told(week(schedule("tu", "", "08:00"))), "tu 00:00-08:00");
  assert.equal(told(week(schedule("tu", "20:00", ""))), "tu 20:00-24:00");
  assert.equal(told(week(schedule("tu", "", ""))), "tu 00:00-24:00");
});

test("no day named is every day", () => {
  assert.equal(week(schedule("", "01:00", "02:00")).filter(({ isNamed, asleep }) => isNamed && asleep.length === 1).length, 7);
});

test("a start that equals the end is awake all day", () => {
  assert.equal(told(week(schedule("", "08:00", "08:00"))), "");
  assert.equal(told(week(schedule("", "", "00:00"))), "");
});

test("an end at midnight and a start at the midnight after", () => {
  assert.equal(told(week(schedule("we", "22:00", "24:00"))), "we 22:00-24:00");
  assert.equal(told(week(schedule("we", "22:00", "00:00"))), "we 22:00-24:00");
  assert.equal(told(week(schedule("we", "24:00", "06:00"))), "th 00:00-06:00");
});

test("windows that touch are one", () => {
  assert.equal(told(week(schedule("mo tu", "12:00", "11:59"))), "mo 12:00-24:00, tu 00:00-11:59, tu 12:00-24:00, we 00:00-11:59");
  const [monday] = week(schedule("", "00:00", "24:00"));
  assert.deepEqual(monday.asleep, [{ from: 0, to: DAY }]);
});

test("days are read as the Manager reads them", () => {
  assert.deepEqual(namedDays(" Monday, TU  fri "), [0, 1, 4]);
  assert.equal(namedDays("").length, 7);
});

test("times are read as the Manager reads them", () => {
  assert.equal(minutes("6:05"), 365);
  assert.equal(minutes("24:00"), DAY);
  for (const wrong of ["24:01", "12:60", "12", "noon", "-1:00", "1:2:3", "", "123:00"]) assert.equal(minutes(wrong), null, wrong);
  assert.equal(week(schedule("", "25:00", "")), null);
});

test("a schedule in a few words", () => {
  assert.equal(inShort(schedule("mo tu we th fr", "22:00", "06:00")), "mo–fr 22:00–06:00");
  assert.equal(inShort(schedule("sa su", "", "")), "sa su all day");
  assert.equal(inShort(schedule("", "20:00", "")), "daily 20:00–24:00");
  assert.equal(inShort({ ...schedule("", "20:00", ""), schedule_active: false }), "");
});
