// Times, lengths of time and numbers in words.
import assert from "node:assert/strict";
import test from "node:test";
import { ago, count, duration, heardFromManager, now, percent } from "../../../assets/page/lib/format.js";

test("a length of time has two units at the most, and none that is nothing", () => {
  const cases = [[0, "0 s"], [0.4, "0 s"], [59.6, "1 min"], [61, "1 min 1 s"], [3600, "1 h"], [3661, "1 h 1 min"], [90_000, "1 d 1 h"], [-5, "0 s"]];
  for (const [seconds, words] of cases) assert.equal(duration(seconds), words);
});

test("an age has one unit, and what is to come is told as such", () => {
  const at = Date.parse("2026-11-22T07:00:00Z");
  const before = (seconds) => ago(new Date(at - seconds * 1000).toISOString(), at);
  assert.deepEqual([0, 7, 119, 7199, 200_000].map(before), ["just now", "7 s ago", "1 min ago", "1 h ago", "2 d ago"]);
  assert.equal(before(-90), "in 1 min 30 s");
});

test("the Manager's clock counts, but for what its whole seconds hide", (t) => {
  const here = Date.parse("2026-11-22T07:00:00.500Z");
  t.mock.timers.enable({ apis: ["Date"], now: here });
  const told = (text) => {
    heardFromManager(text);
    return now() - here;
  };
  assert.equal(told("Sun, 22 Nov 2026 06:59:59 GMT"), 0);
  assert.equal(told("Sun, 22 Nov 2026 08:00:00 GMT"), 3_599_500);
  assert.equal(told(null), 3_599_500);
  assert.equal(told("Sun, 22 Nov 2026 07:00:00 GMT"), -500);
});

test("numbers", () => {
  assert.equal(count(1, "task"), "1 task");
  assert.equal(count(12345, "task"), "12,345 tasks");
  assert.equal(count(0, "thing needs", "things need"), "0 things need");
  assert.equal(percent(0.666), "67 %");
});
