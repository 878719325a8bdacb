// What the farm page makes of what it reads and hears.
import assert from "node:assert/strict";
import test from "node:test";

globalThis.location = { hash: "" };
globalThis.addEventListener = () => {};
globalThis.document = { addEventListener() {} };
globalThis.matchMedia = () => ({ matches: false });
const { mergeOpen, perMinute } = await import("../../../assets/page/pages/farm.js");
const { mergeList } = await import("../../../assets/page/lib/data.js");
const { sorted } = await import("../../../assets/page/parts/table.js");

const jobs = (...documents) => documents.map((document) => ({ topic: "job", document }));

test("minutes become means up to now, and what is not a whole group at the beginning is left out", () => {
  const history = { start: "1970-01-01T00:00:00Z", step_seconds: 60, completed: [9, 1, 2, 3, 4], failed: [0, 0, 1, 0, 0] };
  assert.deepEqual(perMinute(history, 2), { times: [60, 180], completed: [1.5, 3.5], failed: [0.5, 0] });
  assert.deepEqual(perMinute({ ...history, completed: [], failed: [] }, 5), { times: [], completed: [], failed: [] });
});

test("jobs that are shown change in place; one that comes or goes asks for the list anew", () => {
  const data = { total: 2, jobs: [{ _id: "a", status: "active", n: 1 }, { _id: "b", status: "queued", n: 1 }] };
  const changed = mergeOpen(data, jobs({ _id: "a", status: "active", n: 2 }, { _id: "c", status: "completed" }));
  assert.deepEqual(changed.jobs.map(({ n }) => n), [2, 1]);
  assert.deepEqual(mergeOpen(data, jobs({ _id: "c", status: "failed" })), data);
  for (const news of [{ _id: "c", status: "queued" }, { _id: "a", status: "completed" }, { _id: "b", deleted: true }]) {
    assert.equal(mergeOpen(data, jobs(news)), null);
  }
});

test("a list takes in what has happened to its entries", () => {
  const list = [{ _id: "a", n: 1, keep: true }, { _id: "b", n: 1 }];
  const events = [{ _id: "c", n: 3 }, { _id: "a", n: 2 }, { _id: "b", deleted: true }, { _id: "d", deleted: true }];
  assert.deepEqual(mergeList(list, events), [{ _id: "a", n: 2, keep: true }, { _id: "c", n: 3 }]);
  assert.deepEqual(mergeList(list, events, { add: false }), [{ _id: "a", n: 2, keep: true }]);
});

test("rows are sorted as people count, equal ones stay as they are, and those without a value come last", () => {
  const columns = [{ id: "name", sort: (row) => row.name }, { id: "n", sort: (row) => row.n }];
  const rows = [{ name: "frame 10", n: 1 }, { name: "Frame 9", n: null }, { name: "frame 1", n: 2 }, { name: "", n: 1 }];
  const by = (order) => sorted(rows, columns, order).map((row) => rows.indexOf(row));
  assert.deepEqual(by("name"), [2, 1, 0, 3]);
  assert.deepEqual(by("-name"), [0, 1, 2, 3]);
  assert.deepEqual(by("n"), [0, 3, 2, 1]);
  assert.deepEqual(by("-n"), [2, 0, 3, 1]);
  assert.deepEqual(by("nothing"), [0, 1, 2, 3]);
});
