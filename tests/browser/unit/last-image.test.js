// What the page makes of images that it hears of, and what is said to who does not see one.
import assert from "node:assert/strict";
import test from "node:test";

globalThis.location = { hash: "" };
globalThis.addEventListener = () => {};
globalThis.document = { addEventListener() {} };
const { describe, fileName, merge } = await import("../../../assets/page/parts/last-image.js");

const image = (job, produced, version) => ({ job, produced, version });

test("the newest image stays, also where one that is older is heard of later", () => {
  const data = { image: null, folders: [] };
  const [one, two] = [image("a", "2026-03-02T11:00:00Z", "1"), image("b", "2026-03-02T11:00:00.5Z", "2")];
  const both = merge(data, [two, one], null);
  assert.deepEqual(both, { image: two, folders: [] });
  assert.equal(merge(both, [one], null), both);
  assert.equal(merge({ image: one }, [{ ...one, version: "3" }], null).image.version, "3");
});

test("of a job only its own count", () => {
  const data = { image: null };
  assert.equal(merge(data, [image("b", "2026-03-02T11:00:00Z", "1")], "a"), data);
  assert.equal(merge(data, [image("a", "2026-03-02T11:00:00Z", "1")], "a").image.version, "1");
});

test("a file has its name on every platform, and words say what is to be seen", () => {
  assert.equal(fileName(String.raw`R:\shot\0001.png`), "0001.png");
  assert.equal(fileName("/render/shot/0001.png"), "0001.png");
  assert.equal(describe({ path: "/r/1.png", job_name: "Shot", worker: "ada" }), "1.png of Shot, rendered by ada");
  assert.equal(describe({ path: "1.png", job_name: null, worker: null }), "1.png");
});
