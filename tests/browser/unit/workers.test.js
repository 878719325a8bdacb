// What is said of workers, and which of them are shown.

import assert from "node:assert/strict";
import { test } from "node:test";

import { commonTags, filter, named, wish } from "../../../assets/page/lib/workers.js";

const worker = (more) => ({
  _id: "5c7d0000000000000000abc9", nickname: "alder", address: "10.0.0.7", software: "Flamenco-Worker/2.5", platform: "linux",
  status: "awake", status_requested: "", lazy_status_request: false, current_task_status: null, tags: [], ...more,
});

test("a worker without a nickname is called by its ID", () => {
  assert.equal(named(worker({ nickname: "" })).name, "5c7d0000000000000000abc9");
  assert.equal(named(worker({})).name, "alder");
});

test("what somebody wants of a worker is said, and that it waits for the task if there is one", () => {
  assert.equal(wish(worker({})), "");
  assert.equal(wish(worker({ status_requested: "asleep" })), "asked to sleep");
  const lazy = { status_requested: "shutdown", lazy_status_request: true };
  assert.equal(wish(worker({ ...lazy, current_task_status: "active" })), "asked to shut down after its task");
  assert.equal(wish(worker({ ...lazy, current_task_status: "completed" })), "asked to shut down");
});

test("workers are found by status, tag, and whatever people know them by", () => {
  const all = { statuses: [], tag: "", search: "" };
  assert.ok(filter(all)(worker({})));
  assert.ok(filter({ ...all, statuses: ["asleep", "awake"] })(worker({})));
  assert.ok(!filter({ ...all, statuses: ["asleep"] })(worker({})));
  assert.ok(filter({ ...all, tag: "gpu" })(worker({ tags: ["big memory", "gpu"] })));
  assert.ok(!filter({ ...all, tag: "gpu" })(worker({ tags: ["gpus"] })));
  for (const search of ["ALD", " 10.0.0 ", "worker/2.5", "5c7d", "linux"]) assert.ok(filter({ ...all, search })(worker({})), search);
  assert.ok(!filter({ ...all, search: "alder 10.0.0.7" })(worker({})));
});

test("the tags of many are those that all of them have", () => {
  const workers = [worker({ tags: ["gpu", "big memory"] }), worker({ tags: ["gpu"] })];
  assert.deepEqual(commonTags(workers), ["gpu"]);
});
