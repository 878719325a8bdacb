// Where the tasks of a graph stand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { layersOf } from "../../../assets/page/pages/job/layers.js";

const graph = (...parents) => parents.map((list) => ({ parents: list }));

test("each task stands behind all that it waits for", () => {
  // 0 -> 1 -> 3, 0 -> 3, 2 by itself, and 4 before its parent in the list.
  const tasks = graph([], [0], [], [0, 1], [5], []);
  const layers = layersOf(tasks);
  const layerOf = (place) => layers.findIndex((layer) => layer.includes(place));
  assert.deepEqual(tasks.map((_, place) => layerOf(place)), [0, 1, 0, 2, 1, 0]);
  assert.deepEqual(layersOf([]), []);
});

test("tasks stand near those that they are tied to", () => {
  // Two pairs whose children come the other way round in the list.
  assert.deepEqual(layersOf(graph([], [], [1], [0])), [[0, 1], [3, 2]]);
});

test("a long row of tasks is no deep recursion", () => {
  const row = Array.from({ length: 20_000 }, (_, place) => ({ parents: place < 19_999 ? [place + 1] : [] }));
  assert.equal(layersOf(row).length, 20_000);
});
