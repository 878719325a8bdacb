// When a sleep schedule lets a worker sleep, over a week. These are the Manager's rules: the window of a day that is named
// belongs to that day, also where it is a night that ends on the next; no start is midnight, no end the midnight after; a start
// that equals the end is no window at all.

export const DAYS = ["mo", "tu", "we", "th", "fr", "sa", "su"];
export const DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

// A day in minutes; as a time of the day it is 24:00.
export const DAY = 24 * 60;

// "22:30" in minutes since midnight; null if it is no time of the day.
export function minutes(time) {
  const [, hour, minute] = /^\s*(\d{1,2}):(\d{1,2})\s*$/.exec(time) ?? [];
  if (hour === undefined || Number(minute) > 59) return null;
  const all = Number(hour) * 60 + Number(minute);
  return all <= DAY ? all : null;
}

// The days that a schedule names, as numbers from 0 for Monday; none named are all.
export function namedDays(daysOfWeek) {
  const named = daysOfWeek.toLowerCase().split(/[\s,]+/).map((word) => DAYS.indexOf(word.slice(0, 2)));
  const days = DAYS.map((_, day) => day).filter((day) => named.includes(day));
  return days.length ? days : DAYS.map((_, day) => day);
}

// The week of a schedule: for each day `{ isNamed, asleep: [{ from, to }] }` in minutes of that day, in order and apart from
// each other. Null if its times cannot be read. Whether the schedule is active makes no difference.
export function week({ days_of_week: days, time_start: start, time_end: end }) {
  const from = start.trim() === "" ? 0 : minutes(start);
  const until = end.trim() === "" ? DAY : minutes(end);
  if (from === null || until === null) return null;
  const to = until < from ? until + DAY : until;
  const named = namedDays(days);
  const asleep = DAYS.map(() => []);
  for (const day of named) {
    for (const [begin, at] of [[0, day], [DAY, (day + 1) % 7]]) {
      const part = { from: Math.max(from - begin, 0), to: Math.min(to - begin, DAY) };
      if (part.from < part.to) asleep[at].push(part);
    }
  }
  return asleep.map((parts, day) => ({ isNamed: named.includes(day), asleep: joined(parts) }));
}

// What touches or overlaps is one.
function joined(parts) {
  const all = [];
  for (const part of parts.sort((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last && part.from <= last.to) last.to = Math.max(last.to, part.to);
    else all.push({ ...part });
  }
  return all;
}

// A schedule in a few words: "mo–fr 22:00–06:00"; "" if it is not active.
export function inShort({ schedule_active: isActive, days_of_week: days, time_start: start, time_end: end }) {
  if (!isActive) return "";
  const named = namedDays(days);
  const isRow = named.length > 2 && named.at(-1) - named[0] === named.length - 1;
  const when = named.length === 7 ? "daily" : isRow ? `${DAYS[named[0]]}–${DAYS[named.at(-1)]}` : named.map((day) => DAYS[day]).join(" ");
  const hours = start === "" && end === "" ? "all day" : `${start || "00:00"}–${end || "24:00"}`;
  return `${when} ${hours}`;
}
