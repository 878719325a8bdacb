// Every page for everybody: with a screen reader, by the keyboard alone, on a telephone, in the dark.

import assert from "node:assert/strict";

import { violations } from "./kit/accessibility.js";
import { NARROW, visit, WIDE } from "./kit/browser.js";
import { job, tasks } from "./kit/farm.js";
import { studio } from "./kit/studio.js";
import { story } from "./kit/story.js";
import { until } from "./kit/until.js";

for (const [look, how] of Object.entries({
  "by day": { dark: false, viewport: WIDE }, "by night": { dark: true, viewport: WIDE },
  "on a telephone": { dark: false, viewport: NARROW }, "on a telephone by night": { dark: true, viewport: NARROW },
})) {
  story(`${look} no page breaks a rule of accessibility, and none is wider than the screen`, async ({ manager, open }) => {
    const { jobs, workers, tasks } = await studio(manager);
    const [job, failed, task] = [jobs.lantern._id, jobs.failed._id, tasks.get("alder")._id];
    const pages = ["#/", "#/jobs", `#/jobs/${job}`, `#/jobs/${job}?view=table`, `#/jobs/${failed}`, `#/jobs/${failed}?view=graph`, `#/tasks/${task}`,
      "#/workers", `#/workers/${workers.get("elm").id}`, "#/image", "#/submit", "#/settings", "#/settings/access", "#/settings/audit", "#/login", "#/nowhere"];
    const page = await open({ ...how, path: null });
    const found = [];
    for (const path of pages) {
      await visit(page, path);
      found.push(...(await violations(page)).map((violation) => `${path}: ${violation}`));
      const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (tooWide > 0) found.push(`${path}: ${tooWide} pixels too wide`);
    }
    assert.deepEqual(found, []);
  });
}

story("windows and menus break no rule of accessibility", async ({ open, register }) => {
  const oak = await register("oak");
  for (const dark of [false, true]) {
    const page = await open({ dark, path: `#/workers/${oak.id}` });
    await page.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menu").waitFor();
    assert.deepEqual(await violations(page), []);
    await page.getByRole("menuitem", { name: "Forget" }).click();
    await page.getByRole("dialog").waitFor();
    assert.deepEqual(await violations(page), []);
  }
});

story("the keyboard is enough", async ({ api, open, register }) => {
  await api.post("jobs", job("Shot", tasks(3)));
  for (const name of ["ash", "elm", "oak"]) await register(name);
  const page = await open({ path: "#/workers" });
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent.trim());
  const focusIs = (name) => until(`the focus is on ${name}`, focused, (text) => text === name);
  await page.getByRole("checkbox", { name: "Select ash" }).waitFor();
  // The first stop leads past the navigation.
  await press("Tab");
  await focusIs("Skip to the content");
  await press("Enter");
  await until("the focus is on the content", () => page.evaluate(() => document.activeElement.id), (id) => id === "content");
  // Along the rows of the table, in the same column.
  await page.getByRole("checkbox", { name: "Select ash" }).focus();
  await press("ArrowDown");
  await focusIs("Select elm");
  await press("End");
  await focusIs("Select oak");
  await press("Space");
  await page.getByText("1 worker selected").waitFor();
  // A menu opens, is gone along, and gives the focus to the question, which gives it back.
  await page.getByRole("button", { name: "Actions" }).focus();
  await press("Enter");
  await focusIs("Sleep after its task");
  await press("End");
  await focusIs("Forget");
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  for (let i = 0; i < 6; i += 1) {
    await press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.querySelector("dialog").contains(document.activeElement)));
  }
  await press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await focusIs("Actions");
  assert.equal((await api.get("workers")).total, 3);
});

story("a page is gone to by its address, and back by the button", async ({ api, open }) => {
  const shot = await api.post("jobs", job("Shot", tasks(3)));
  const page = await open({ path: `#/jobs/${shot._id}` });
  await page.getByRole("heading", { name: "Shot", exact: true }).waitFor();
  await page.getByRole("link", { name: "Workers", exact: true }).click();
  await page.getByText("No workers yet").waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Shot", exact: true }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Shot", exact: true }).waitFor();
});
