// Server-sent events, as they are read from text that comes in pieces.

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventReader } from "../../../assets/page/lib/stream.js";

const TEXT = ":\n\nevent: log\nid: 0-9\ndata: one\ndata: \ndata:  two\n\nevent: end\ndata: {}\n\n:\n\n";
const EVENTS = [{ name: "log", id: "0-9", data: "one\n\n two" }, { name: "end", id: null, data: "{}" }];

function read(pieces) {
  const events = [];
  const take = eventReader((event) => events.push(event));
  pieces.forEach(take);
  return events;
}

test("events are read, their lines joined, and comments passed over", () => {
  assert.deepEqual(read([TEXT]), EVENTS);
});

test("it does not matter where the text is cut", () => {
  for (let at = 0; at <= TEXT.length; at += 1) assert.deepEqual(read([TEXT.slice(0, at), TEXT.slice(at)]), EVENTS);
  assert.deepEqual(read([...TEXT]), EVENTS);
});

test("an event that is not complete is not told", () => {
  assert.deepEqual(read(["event: log\ndata: half\n"]), []);
});
