// Addresses within the dashboard.
import assert from "node:assert/strict";
import test from "node:test";

globalThis.location = { hash: "" };
globalThis.addEventListener = () => {};
const { href, match } = await import("../../../assets/page/lib/router.js");

const ROUTES = [{ path: "/" }, { path: "/jobs" }, { path: "/jobs/:id" }, { path: "/settings/:part" }];

test("the page of an address, and what it is about", () => {
  assert.deepEqual(match(ROUTES, "/"), { route: ROUTES[0], params: {} });
  assert.deepEqual(match(ROUTES, "/jobs/abc"), { route: ROUTES[2], params: { id: "abc" } });
  assert.deepEqual(match(ROUTES, "/jobs/a%2Fb/").params, { id: "a/b" });
  assert.deepEqual(match(ROUTES, "/jobs/%zz").params, { id: "%zz" });
  for (const path of ["/nothing", "/jobs/a/b"]) assert.equal(match(ROUTES, path), null);
});

test("what is empty is not in an address, and nothing breaks out of it", () => {
  assert.equal(href("/jobs", { status: "", text: null, sort: undefined }), "#/jobs");
  assert.equal(href("/jobs", { text: "a&b=c #d" }), "#/jobs?text=a%26b%3Dc+%23d");
});
