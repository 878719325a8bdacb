// What others write stays text, on every page: names, nicknames, log lines, settings.

import assert from "node:assert/strict";

import { visit } from "./kit/browser.js";
import { story } from "./kit/story.js";
import { Worker } from "./kit/worker.js";

const SCRIPT = "<script>document.title='robbed'</script>";
const PICTURE = "<img src=x onerror=\"document.title='robbed'\">";
const EVIL = `${SCRIPT}${PICTURE}<svg onload=document.title='robbed'></svg>{{7*7}}&lt;b&gt;"'\u202e`;

story("names, nicknames, log lines and settings made of HTML stay text", { settings: "task_fail_after_softfail_count = 1\nblacklist_threshold = 1" }, async ({ manager, api, open }) => {
  const made = await api.post("jobs", {
    name: `job ${EVIL}`,
    metadata: { [`key ${EVIL}`]: `value ${EVIL}`, project: PICTURE },
    tasks: [
      { name: `task ${EVIL}`, task_type: `type-${PICTURE}`, commands: [{ name: `command ${PICTURE}`, settings: { message: EVIL, [PICTURE]: [EVIL, { deep: EVIL }] } }] },
      { name: `child ${EVIL}`, task_type: `type-${PICTURE}`, parents: [`task ${EVIL}`], commands: [{ name: "echo", settings: { message: "x" } }] },
      { name: "another", task_type: `type-${PICTURE}`, commands: [{ name: "echo", settings: { message: "x" } }] },
    ],
  });
  const worker = await Worker.register(manager, `worker ${EVIL}`, { taskTypes: [`type-${PICTURE}`], platform: `platform ${PICTURE}` });
  await Worker.register(manager, `other ${EVIL}`, { taskTypes: [`type-${PICTURE}`] });
  await api.patch(`workers/${worker.id}`, { tags: [PICTURE] });
  const task = await worker.takeTask();
  await worker.fails(task, `log ${EVIL}`, `Error: ${EVIL}`);
  const pages = ["#/", "#/jobs", `#/jobs/${made._id}`, `#/jobs/${made._id}?view=table`, `#/jobs/${made._id}?view=graph`, `#/tasks/${task._id}`,
    "#/workers", `#/workers?tag=${encodeURIComponent(PICTURE)}&search=${encodeURIComponent(SCRIPT)}`, `#/workers/${worker.id}`,
    "#/image", `#/submit?like=${made._id}`, "#/settings", "#/settings/audit", `#/${encodeURIComponent(EVIL)}`];
  const page = await open({ path: null });
  for (const path of pages) {
    await visit(page, path);
    if (path.startsWith("#/tasks")) await page.getByText(`log ${SCRIPT}`).first().waitFor();
    if (path === "#/workers") await page.getByText(`worker ${SCRIPT}`).first().waitFor();
    if (path === `#/jobs/${made._id}`) await page.getByText(`job ${SCRIPT}`).first().waitFor();
    assert.doesNotMatch(await page.title(), /^robbed$/, path);
    const foreign = await page.evaluate(() => document.querySelectorAll("#app script, #app img[src=x], #app svg[onload]").length);
    assert.equal(foreign, 0, path);
  }
});
