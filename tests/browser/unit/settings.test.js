// From the form of a job type to the settings of a job, and back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldsOf, problemsOf, settingsOf } from "../../../assets/page/pages/submit/settings.js";

const TYPE = {
  settings: [
    { name: "path", type: "string", required: true },
    { name: "command", type: "string", required: false, default: "{blender}" },
    { name: "size", type: "integer", required: true, min: 1, max: 100 },
    { name: "fps", type: "number", required: false, min: 0.001, max: 32767 },
    { name: "preview", type: "boolean", required: false, default: false },
    { name: "sound", type: "boolean", required: true },
    { name: "lines", type: "strings", required: false },
  ],
};

test("an empty form has the defaults, and says what is missing", () => {
  const fields = fieldsOf(TYPE);
  assert.deepEqual(fields, { path: "", command: "{blender}", size: "", fps: "", preview: "false", sound: "", lines: "" });
  assert.deepEqual(Object.keys(problemsOf(TYPE, fields)), ["path", "size", "sound"]);
});

test("what is written becomes values of the right kind, and what is empty is left out", () => {
  const fields = { path: "/a b ", command: "", size: " 10 ", fps: "23.976", preview: "true", sound: "false", lines: "one\n\n two\n" };
  assert.deepEqual(problemsOf(TYPE, fields), {});
  const settings = settingsOf(TYPE, fields);
  assert.deepEqual(settings, { path: "/a b ", size: 10, fps: 23.976, preview: true, sound: false, lines: ["one", " two"] });
  assert.deepEqual(settingsOf(TYPE, fieldsOf(TYPE, settings)), { ...settings, command: "{blender}" });
});

test("numbers are checked by what the type takes", () => {
  const problem = (name, text) => problemsOf(TYPE, { path: "x", size: "1", sound: "true", [name]: text })[name];
  for (const text of ["0", "101", "1.5", "many", "1e9"]) assert.match(problem("size", text), /whole number from 1 to 100/, text);
  for (const text of ["1", "100", "1e1"]) assert.equal(problem("size", text), undefined, text);
  assert.match(problem("fps", "0"), /a number from 0.001 to 32767/);
  assert.equal(problem("fps", ""), undefined);
});
