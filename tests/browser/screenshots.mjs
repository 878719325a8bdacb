// Pictures of every page of the dashboard: node screenshots.mjs FOLDER [PAGE…]. Dark and light, 1280 and 380 pixels wide.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { violations } from "./kit/accessibility.js";
import { closeBrowser, NARROW, openPage, WIDE } from "./kit/browser.js";
import { Manager } from "./kit/manager.js";
import { studio } from "./kit/studio.js";

const [folder, ...wanted] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node screenshots.mjs FOLDER [PAGE…]");
  process.exit(2);
}
await mkdir(folder, { recursive: true });
const manager = await Manager.start({ settings: 'manager_name = "Studio"\n' });
try {
  const { jobs, workers, tasks } = await studio(manager);
  const pages = {
    farm: "#/", jobs: "#/jobs", job: `#/jobs/${jobs.lantern._id}`, "failed-job": `#/jobs/${jobs.failed._id}`,
    task: `#/tasks/${tasks.get("alder")._id}`, workers: "#/workers", worker: `#/workers/${workers.get("oak").id}`,
    "clumsy-worker": `#/workers/${workers.get("elm").id}`, image: "#/image", submit: "#/submit", settings: "#/settings", login: "#/login",
  };
  const names = wanted.length ? wanted : Object.keys(pages);
  for (const [dark, viewport] of [[false, WIDE], [true, WIDE], [false, NARROW], [true, NARROW]]) {
    const mode = `${dark ? "dark" : "light"}-${viewport.width}`;
    const page = await openPage(manager, { dark, viewport, path: null });
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
}
