// Times, lengths of time and numbers in words. "Now" is the Manager's: the clock of this computer may be wrong.
import { useEffect, useState } from "./preact.js";

// How far the Manager's clock is ahead of this computer's, in milliseconds.
let ahead = 0;

// An answer of the Manager came, with its `Date` header. That has whole seconds: smaller differences are none.
export function heardFromManager(date) {
  const difference = Date.parse(date) - Date.now();
  if (Math.abs(difference - ahead) > 2000) ahead = difference;
}

export const now = () => Date.now() + ahead;

// Now, and again every so many seconds: what shows an age is drawn anew.
export function useNow(seconds = 10) {
  const [at, set] = useState(now());
  useEffect(() => {
    const timer = setInterval(() => set(now()), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return Math.max(at, now());
}

const LOCALE = "en-GB";

// 12345 is "12,345".
export const number = (value) => value.toLocaleString("en");

// count(2, "worker") is "2 workers".
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// A length of time in two units at the most: "2 h 5 min".
export function duration(seconds) {
  let rest = Math.max(0, Math.round(seconds));
  const first = UNITS.findIndex(([, length]) => rest >= length);
  if (first < 0) return "0 s";
  return UNITS.slice(first, first + 2).map(([unit, length]) => {
    const many = Math.floor(rest / length);
    rest -= many * length;
    return many ? `${many} ${unit}` : "";
  }).filter(Boolean).join(" ");
}

// How long ago a time of the Manager is, in one unit: "5 min ago".
export function ago(time, at = now()) {
  const seconds = (at - Date.parse(time)) / 1000;
  if (seconds < -5) return `in ${duration(-seconds)}`;
  if (seconds < 5) return "just now";
  const [unit, length] = UNITS.find(([, length]) => seconds >= length);
  return `${Math.floor(seconds / length)} ${unit} ago`;
}

// A time in full, as it is on this computer: "Sun, 22 Nov 2026, 07:03:12".
export const exactly = (time) => new Date(time).toLocaleString(LOCALE, {
  weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

// A time without what goes without saying: "22 Nov, 07:03".
export const moment = (time) => new Date(time).toLocaleString(LOCALE, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});

// The time of the day: "07:03".
export const clock = (time) => new Date(time).toLocaleTimeString(LOCALE, { hour: "2-digit", minute: "2-digit" });

// 0.123 is "12 %".
export const percent = (part) => `${Math.round(part * 100)} %`;

// "cancel-requested" is "cancel requested".
export const words = (name) => name.replaceAll("-", " ");
