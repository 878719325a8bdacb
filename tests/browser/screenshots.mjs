// Pictures of every page of the dashboard: node screenshots.mjs FOLDER [PAGE…]. Dark and light, 1280 and 380 pixels wide.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { violations } from "./kit/accessibility.js";
import { browser, closeBrowser, NARROW, openPage, WIDE } from "./kit/browser.js";
import { Manager } from "./kit/manager.js";
import { SCENE, studio } from "./kit/studio.js";

const [folder, ...wanted] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node screenshots.mjs FOLDER [PAGE…]");
  process.exit(2);
}
await mkdir(folder, { recursive: true });
const renders = await mkdtemp(join(tmpdir(), "flamenco-renders-"));
const manager = await Manager.start({
  settings: 'manager_name = "Lighthouse Studio"',
  sections: `[variables.render]\ndirection = "twoway"\nvalues = [{ platform = "linux", value = "${renders}" }]`,
});
try {
  const { jobs, workers, tasks } = await studio(manager, renders);
  await render(SCENE, join(renders, "frame-000291.png"));
  await workers.get("alder").produced(join(renders, "frame-000291.png"));
  const pages = {
    farm: "#/", jobs: "#/jobs", job: `#/jobs/${jobs.lantern._id}`, "failed-job": `#/jobs/${jobs.failed._id}`,
    "task-table": `#/jobs/${jobs.lantern._id}?view=table`, "task-graph": `#/jobs/${jobs.failed._id}?view=graph`,
    task: `#/tasks/${tasks.get("alder")._id}`, workers: "#/workers", worker: `#/workers/${workers.get("oak").id}`,
    "clumsy-worker": `#/workers/${workers.get("elm").id}`, image: "#/image", submit: "#/submit", settings: "#/settings", access: "#/settings/access",
    audit: "#/settings/audit", login: "#/login", nowhere: "#/nowhere",
  };
  const names = wanted.length ? wanted : Object.keys(pages);
  for (const [dark, viewport] of [[false, WIDE], [true, WIDE], [false, NARROW], [true, NARROW]]) {
    const mode = `${dark ? "dark" : "light"}-${viewport.width}`;
    const page = await openPage(manager, { dark, viewport, path: null });
    await makeUp(page);
    for (const name of names) {
      await page.goto(pages[name]);
      await page.locator("h1").waitFor();
      // What is drawn with some delay, and fonts, and what comes by events.
      await pause(700);
      await page.screenshot({ path: join(folder, `${name}-${mode}.png`), fullPage: viewport === NARROW });
      const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (tooWide > 0) console.log(`${mode} ${name}: ${tooWide} pixels too wide`);
      for (const violation of await violations(page)) console.log(`${mode} ${name}: ${violation}`);
      for (const fault of page.faults.splice(0)) console.log(`${mode} ${name}: ${fault}`);
    }
    await page.context().close();
  }
} finally {
  await closeBrowser();
  await manager.remove();
  await rm(renders, { recursive: true });
}

// Makes a picture of a drawing.
async function render(drawing, path) {
  const page = await (await browser()).newPage({ viewport: { width: 1920, height: 1080 } });
  await page.setContent(`<body style="margin: 0">${drawing}`);
  await page.screenshot({ path });
  await page.close();
}

// The Manager has run for seconds: the hours before are made up, and how long a task takes.
async function makeUp(page) {
  await page.route("**/api/farm/history*", (route) => {
    const hours = Number(new URL(route.request().url()).searchParams.get("hours"));
    return route.fulfill({ json: history(hours || 24) });
  });
  await page.route(/\/api\/jobs(\?|\/[0-9a-f]{24}$)/, async (route) => {
    const response = await route.fetch();
    const document = await response.json();
    for (const job of document.jobs ?? [document]) {
      const { total, by_status: { completed = 0 } } = job.tasks;
      if (job.time_left_seconds !== null) job.time_left_seconds = 23 * (total - completed);
    }
    return route.fulfill({ response, json: document });
  });
}

function history(hours) {
  const minutes = hours * 60;
  const completed = Array.from({ length: minutes }, (_, i) => {
    const wave = 5 + 3.2 * Math.sin(i / 95) + 1.4 * Math.sin(i / 23);
    return Math.max(0, Math.round(wave + 2.2 * Math.sin(i * i)));
  });
  const failed = completed.map((_, i) => ((i * 7919) % 97 === 0 ? 1 : 0));
  return { start: new Date(Math.floor(Date.now() / 60_000 - minutes + 1) * 60_000).toISOString(), step_seconds: 60, completed, failed };
}
