// What happens is seen as it happens, without a reload; and when the connection to the Manager is lost.

import assert from "node:assert/strict";

import { job, task, tasks } from "./kit/farm.js";
import { story } from "./kit/story.js";
import { until } from "./kit/until.js";

story("a job is watched to its end, in two tabs", async ({ api, open, hire }) => {
  const shot = await api.post("jobs", job("Shot 1", [task("prepare"), ...tasks(10, "frame", { parents: ["prepare"] })]));
  const list = await open({ path: "#/jobs" });
  const page = await open({ path: `#/jobs/${shot._id}` });
  await page.getByRole("heading", { name: "Shot 1" }).waitFor();
  await page.getByText("0 of 11 tasks done").first().waitFor();
  // Whatever comes now comes without a reload.
  for (const tab of [list, page]) await tab.evaluate(() => { window.isTheSame = true; });
  await Promise.all(["alder", "birch", "cedar"].map((nickname) => hire(nickname)));
  await page.getByText("11 of 11 tasks done").first().waitFor();
  await page.locator(".lead .badge").getByText("completed").waitFor();
  await list.getByRole("row").filter({ hasText: "Shot 1" }).getByRole("cell", { name: "completed", exact: true }).waitFor();
  for (const tab of [list, page]) assert.equal(await tab.evaluate(() => window.isTheSame), true);
});

// What a browser writes to the console when nobody listens, or hangs up: it has many words for that.
const REFUSED = /net::ERR_/;

story("a lost connection is shown, and mended", async ({ manager, api, open }) => {
  const page = await open({ path: "#/jobs" });
  page.forgive(REFUSED);
  await page.getByText("No jobs yet").waitFor();
  await page.evaluate(() => { window.isTheSame = true; });
  await manager.stop();
  await page.getByRole("alert").getByText("No connection to the Manager").waitFor();
  await manager.restart();
  await page.getByText("No connection to the Manager").waitFor({ state: "detached" });
  // It goes on where it was, and hears what happens.
  await api.post("jobs", job("After the break", tasks(1)));
  await page.getByText("After the break").waitFor();
  assert.equal(await page.evaluate(() => window.isTheSame), true);
});

story("what happens before the connection stands is seen all the same", async ({ api, open }) => {
  const page = await open({ path: null });
  let answer;
  const isAnswered = new Promise((resolve) => { answer = resolve; });
  await page.route("**/api/events*", async (route) => {
    await isAnswered;
    await route.continue();
  });
  await page.goto("#/jobs");
  // It does not wait for ever to be told of changes.
  await page.getByText("No jobs yet").waitFor();
  await api.post("jobs", job("Unheard of", tasks(1)));
  answer();
  await page.getByText("Unheard of").waitFor();
});

story("a warning of a kind that the page does not know is shown as it is", async ({ manager, open }) => {
  const farm = await manager.api.get("farm");
  const warning = { kind: "moon-is-full", message: "The moon is <b>full</b>: sleep is short.", since: null, job: null, task: null, worker: null };
  const told = { ...farm, summary: "Nothing to do, 1 thing needs a look", warnings: [warning] };
  const page = await open({ path: null });
  await page.route("**/api/farm", (route) => route.fulfill({ json: told }));
  await page.route("**/api/events*", (route) => route.fulfill({
    contentType: "text/event-stream", body: `event: farm\ndata: ${JSON.stringify(told)}\n\n`,
  }));
  await page.goto("#/");
  const warnings = page.getByRole("region", { name: "1 thing needs a look" });
  await warnings.getByText(warning.message).waitFor();
  assert.equal(await warnings.getByRole("link").count(), 0);
});

story("a Manager of another version brings its own page", async ({ manager, open }) => {
  const farm = await manager.api.get("farm");
  let { version } = await manager.api.get("version");
  let told = 0;
  const page = await open({ path: null });
  // Streams that say which version the Manager is of, and end: the page asks for another each time.
  await page.route("**/api/events*", async (route) => {
    await route.fulfill({ contentType: "text/event-stream", body: `event: farm\ndata: ${JSON.stringify({ ...farm, version })}\n\n` });
    told += 1;
  });
  // The first ones may be given up for one that tells of more.
  const isHeard = async () => {
    const before = told;
    await until("the page has heard the version", () => told >= before + 4);
  };
  await page.goto("#/jobs");
  await page.getByText("No jobs yet").waitFor();
  await isHeard();
  await page.evaluate(() => { window.isTheSame = true; });
  // The Manager is upgraded.
  version += "-next";
  await until("the page is loaded anew", () => page.evaluate(() => window.isTheSame !== true));
  await page.getByText("No jobs yet").waitFor();
  // Once: were the page still the old one, it would go on for ever.
  await page.evaluate(() => { window.isTheSame = true; });
  await isHeard();
  assert.equal(await page.evaluate(() => window.isTheSame), true);
});
