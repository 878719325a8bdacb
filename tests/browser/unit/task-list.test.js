// The tasks of a job when something happens to some.

import assert from "node:assert/strict";
import { test } from "node:test";

import { countByStatus } from "../../../assets/page/lib/statuses.js";
import { mergeTasks } from "../../../assets/page/lib/task-list.js";

const tasks = ["a", "b", "c"].map((id) => ({ _id: id, name: `task ${id}`, status: "queued", worker_id: null, parents: [] }));
const list = { tasks, places: new Map(tasks.map(({ _id }, place) => [_id, place])) };
const event = (document) => ({ topic: "task", document });

test("events change what they are about, the last one last, and leave the old list alone", () => {
  const events = [
    event({ _id: "b", status: "active", worker_id: "w", worker: "::1 (w)", activity: "begins", name: "not asked for" }),
    event({ _id: "b", status: "failed", worker_id: "w", worker: "::1 (w)", activity: "broken" }),
  ];
  const merged = mergeTasks(list, events);
  assert.deepEqual(merged.tasks[1], {
    _id: "b", name: "task b", status: "failed", worker_id: "w", worker: "::1 (w)", activity: "broken", parents: [],
  });
  assert.equal(merged.tasks[0], tasks[0]);
  assert.equal(list.tasks[1].status, "queued");
  assert.deepEqual(countByStatus(merged.tasks), { queued: 2, failed: 1 });
});

test("a task that is new or deleted makes the tasks be read anew", () => {
  assert.equal(mergeTasks(list, [event({ _id: "d", status: "queued" })]), null);
  assert.equal(mergeTasks(list, [event({ _id: "a", deleted: true })]), null);
});
