// The list of jobs when something happens to a job.

import assert from "node:assert/strict";
import { test } from "node:test";

import { mergeJobs } from "../../../assets/page/lib/job-list.js";

const job = (id, more = {}) => ({ _id: `job-${id}`, name: `job ${id}`, status: "active", priority: 50, settings: {}, ...more });
const list = { jobs: [job(3), job(2)], next: "more", total: 7 };
const all = { statuses: [], sort: "-created" };
const brief = (id, more) => { const { settings, ...rest } = job(id, more); return rest; };

test("a job in the list is changed in place, and keeps what events leave out", () => {
  const merged = mergeJobs(list, [brief(2, { status: "completed" })], all);
  assert.deepEqual(merged.jobs, [job(3), job(2, { status: "completed" })]);
  assert.deepEqual([merged.total, merged.next], [7, "more"]);
});

test("what is further down the list than what is shown changes nothing", () => {
  assert.deepEqual(mergeJobs(list, [brief(1)], all), list);
});

test("a new job, and one that is deleted unseen, make the list be read anew", () => {
  assert.equal(mergeJobs(list, [brief(4)], all), null);
  assert.equal(mergeJobs(list, [{ _id: "job-1", deleted: true }], all), null);
});

test("a deleted job is gone from the list and the total", () => {
  const merged = mergeJobs(list, [{ _id: "job-3", deleted: true }], all);
  assert.deepEqual([merged.jobs, merged.total], [[job(2)], 6]);
});

test("in a list of a status, jobs leave it at once, and those that come make it be read anew", () => {
  const active = { statuses: ["active", "queued"], sort: "-created" };
  assert.deepEqual(mergeJobs(list, [brief(3, { status: "failed" })], active).jobs, [job(2)]);
  assert.equal(mergeJobs(list, [brief(1, { status: "queued" })], active), null);
  assert.deepEqual(mergeJobs(list, [brief(4, { status: "failed" })], active), list);
});

test("a job that has another place in the order makes the list be read anew", () => {
  const changed = [brief(2, { priority: 90 })];
  assert.equal(mergeJobs(list, changed, { statuses: [], sort: "-priority" }), null);
  assert.equal(mergeJobs(list, changed, { statuses: [], sort: "name" }).jobs[1].priority, 90);
});
