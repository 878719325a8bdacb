// The lines of a log.

import assert from "node:assert/strict";
import { test } from "node:test";

import { plain } from "../../../assets/page/pages/task/lines.js";

test("what only terminals understand is left out, and all else stays", () => {
  assert.equal(plain("\u001b[1;31mError\u001b[0m: \u001b]0;title\u0007no\tfile\u0008"), "Error: no\tfile");
  assert.equal(plain("\u001b]8;;http://x/\u001b\\link\u001b]8;;\u001b\\ \u001b(B[31m"), "link [31m");
  const text = "Fra:1 <b>é 日本</b> [0m\n\ttwo";
  assert.equal(plain(text), text);
});
