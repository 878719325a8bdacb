// What the dashboard weighs, measured on the wire.

import assert from "node:assert/strict";

import { visit } from "./kit/browser.js";
import { job, tasks } from "./kit/farm.js";
import { story } from "./kit/story.js";

const PAGES = ["jobs", "workers", "image", "submit", "settings", "settings/access", "settings/audit", "login"];

story("the first page is below 150 KB, all of it below 400 KB", async ({ api, open, register, t }) => {
  const shot = await api.post("jobs", job("Shot", tasks(3)));
  const oak = await register("oak");
  const page = await open({ path: null });
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const addresses = new Map();
  const sizes = new Map();
  session.on("Network.requestWillBeSent", ({ requestId, request }) => addresses.set(requestId, new URL(request.url).pathname));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const address = addresses.get(requestId);
    if (address && !address.startsWith("/api/")) sizes.set(address, Math.max(sizes.get(address) ?? 0, encodedDataLength));
  });
  const weight = () => [...sizes.values()].reduce((sum, size) => sum + size, 0);
  await visit(page, "#/");
  const first = weight();
  for (const name of [...PAGES, `jobs/${shot._id}`, `jobs/${shot._id}?view=graph`, `workers/${oak.id}`]) await visit(page, `#/${name}`);
  const [{ _id: frame }] = (await api.get(`jobs/${shot._id}/tasks`)).tasks;
  await visit(page, `#/tasks/${frame}`);
  t.diagnostic(`the first page: ${(first / 1000).toFixed(1)} KB, all pages: ${(weight() / 1000).toFixed(1)} KB in ${sizes.size} files`);
  assert.ok(first > 20_000 && first < 150_000, `${first} bytes`);
  assert.ok(weight() < 400_000, `${weight()} bytes: ${[...sizes].map(([file, size]) => `${file} ${size}`).join(", ")}`);
});
