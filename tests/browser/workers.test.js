// Workers: what people see of them, and what they ask of them.

import assert from "node:assert/strict";

import { job, task, tasks } from "./kit/farm.js";
import { hang } from "./kit/worker.js";
import { story } from "./kit/story.js";
import { until } from "./kit/until.js";

/** The row of a table that says this. */
const row = (page, text) => page.getByRole("row").filter({ hasText: text });

/** The part of a page with this heading. */
const panel = (page, title) => page.locator(".panel", { has: page.getByRole("heading", { name: title, exact: true }) });

async function choose(page, action) {
  await page.getByRole("button", { name: "Actions" }).click();
  await page.getByRole("menuitem", { name: action, exact: true }).click();
}

story("a worker is put to sleep when its task is done, and woken again", async ({ api, open, hire }) => {
  let finish;
  const isToFinish = new Promise((resolve) => { finish = resolve; });
  await api.post("jobs", job("Long shot", [task("long"), task("next")]));
  const alder = await hire("alder", async (task, worker) => {
    await isToFinish;
    await worker.completes(task);
  });
  const page = await open({ path: "#/workers" });
  await row(page, "alder").getByRole("link", { name: "long" }).waitFor();
  await page.getByRole("checkbox", { name: "Select alder" }).check();
  await choose(page, "Sleep after its task");
  await row(page, "alder").getByText("asked to sleep after its task").waitFor();
  assert.equal((await api.get(`workers/${alder.id}`)).status, "awake");
  finish();
  // It gets no other task, though there is one.
  await row(page, "alder").getByText("asleep", { exact: true }).waitFor();
  assert.equal((await api.get("farm")).tasks.completed, 1);
  await choose(page, "Wake");
  await row(page, "alder").getByText("awake", { exact: true }).waitFor();
  await until("the next task is done", async () => (await api.get("farm")).tasks.completed === 2);
});

story("a worker is put to sleep at once, and its task goes back to the queue", async ({ api, open, hire }) => {
  await api.post("jobs", job("Shot", [task("endless")]));
  const alder = await hire("alder", hang);
  const page = await open({ path: `#/workers/${alder.id}` });
  // It is also one of its latest tasks, and named there.
  await panel(page, "What it does").getByRole("link", { name: "endless" }).waitFor();
  await choose(page, "Sleep now");
  await page.locator(".lead .badge").getByText("asleep").waitFor();
  await until("the task is queued again", async () => (await api.get("farm")).tasks["claimed-by-manager"] === 1);
});

story("many workers are asked at once, found by text, status and tag", async ({ api, open, register }) => {
  const crew = [];
  for (const name of ["oak", "ash", "elm"]) crew.push(await register(name));
  await api.patch(`workers/${crew[0].id}`, { tags: ["gpu"] });
  const page = await open({ path: "#/workers?search=oa" });
  await row(page, "oak").waitFor();
  assert.equal(await row(page, "elm").count(), 0);
  await page.getByRole("searchbox").fill("");
  await row(page, "elm").waitFor();
  await page.getByRole("combobox", { name: "Show workers with a tag" }).selectOption("gpu");
  await row(page, "elm").waitFor({ state: "detached" });
  await page.waitForURL(/tag=gpu/);
  await page.goBack();
  await page.goForward();
  await row(page, "oak").waitFor();
  assert.equal(await row(page, "elm").count(), 0);
  await page.getByRole("combobox", { name: "Show workers with a tag" }).selectOption("");
  await page.getByRole("button", { name: /^starting/ }).click();
  await page.getByRole("checkbox", { name: "Select all" }).check();
  await page.getByText("3 workers selected").waitFor();
  await choose(page, "Shut down now");
  for (const worker of crew) assert.deepEqual(await until("it is asked", () => worker.ask(), (answer) => answer.status), { status: "shutdown" });
});

story("the tags that many workers have are set together, and the others stay", async ({ api, open, register }) => {
  const [oak, elm] = [await register("oak"), await register("elm")];
  await api.patch(`workers/${oak.id}`, { tags: ["gpu", "old"] });
  await api.patch(`workers/${elm.id}`, { tags: ["old"] });
  const page = await open({ path: "#/workers" });
  await page.getByRole("checkbox", { name: "Select all" }).check();
  await choose(page, "Set tags");
  const field = page.getByRole("textbox", { name: "Tags" });
  assert.equal(await field.inputValue(), "old");
  await field.fill("big memory");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await row(page, "oak").getByText("big memory, gpu").waitFor();
  await row(page, "elm").getByText("big memory", { exact: true }).waitFor();
  assert.deepEqual((await api.get(`workers/${elm.id}`)).tags, ["big memory"]);
});

story("a worker is forgotten only after a question", async ({ api, open, register }) => {
  const oak = await register("oak");
  const page = await open({ path: `#/workers/${oak.id}` });
  await choose(page, "Forget");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await api.get("workers")).total, 1);
  await choose(page, "Forget");
  // The page may ask about it once more before it has heard that it is gone.
  page.forgive(/status of 404/);
  await page.getByRole("dialog").getByRole("button", { name: "Forget" }).click();
  await page.getByText("No workers yet").waitFor();
  assert.equal((await api.get("workers")).total, 0);
});

story("a sleep schedule is set, and its week is shown", async ({ api, open, register }) => {
  const oak = await register("oak");
  const page = await open({ path: `#/workers/${oak.id}` });
  page.forgive(/status of 400/);
  await page.getByRole("switch", { name: "Active" }).check();
  await page.getByRole("checkbox", { name: "Friday" }).check();
  await page.getByRole("textbox", { name: "Asleep from" }).fill("22:00");
  await page.getByRole("textbox", { name: "until" }).fill("26:00");
  await page.getByRole("button", { name: "Save the schedule" }).click();
  // The Manager says what is wrong. A refusal is an error in the console, too.
  await page.getByRole("alert").getByText('"26:00" is not a time of day').waitFor();
  await page.getByRole("textbox", { name: "until" }).fill("6:00");
  await page.getByRole("img", { name: /Friday: asleep 22:00 to 24:00\. Saturday: asleep 00:00 to 06:00\. Sunday: left as it is/ }).waitFor();
  await page.getByRole("button", { name: "Save the schedule" }).click();
  await page.getByText("Sleep schedule set").waitFor();
  const kept = { schedule_active: true, days_of_week: "fr", time_start: "22:00", time_end: "06:00" };
  assert.deepEqual((await api.get(`workers/${oak.id}`)).sleep_schedule, kept);
  await page.goto("#/workers");
  await row(page, "oak").getByText("fr 22:00–06:00").waitFor();
});

story("a line of the blacklist is removed", { settings: "blacklist_threshold = 1" }, async ({ api, open, register }) => {
  const shot = await api.post("jobs", job("Difficult shot", tasks(2)));
  // Somebody else could do it, so the worker is not trusted any more.
  const [oak] = [await register("oak"), await register("elm")];
  await oak.fails(await oak.takeTask(), "out of memory");
  const page = await open({ path: `#/workers/${oak.id}` });
  await row(page.getByRole("table", { name: "What it gets no more tasks of" }), "Difficult shot").waitFor();
  await page.getByRole("button", { name: "Trust again with sleep of Difficult shot" }).click();
  await page.getByText("It may have tasks of every job").waitFor();
  assert.deepEqual((await api.get("blacklist")).blacklist, []);
  assert.equal((await oak.takeTask()).job, shot._id);
});

story("why a worker gets nothing is said in words", async ({ api, open, register }) => {
  await api.post("jobs", job("Shot", [task("render", { task_type: "blender-render" })]));
  const oak = await register("oak", { taskTypes: ["file-management"] });
  await oak.ask();
  const page = await open({ path: `#/workers/${oak.id}` });
  await page.getByText(/1 kind of tasks/).click();
  await page.getByText(/1 of type blender-render:\s+not for this worker: it does not do tasks of this type/).waitFor();
});

story("the latest tasks of a worker are shown, with what came of them", async ({ api, open, register }) => {
  const shot = await api.post("jobs", job("Shot", [task("first"), task("second"), task("third")]));
  const [oak] = [await register("oak"), await register("elm")];
  await oak.fails(await oak.takeTask(), "Error: out of memory");
  await oak.completes(await oak.takeTask());
  const page = await open({ path: `#/workers/${oak.id}` });
  const latest = page.getByRole("table", { name: "The tasks that it was given last" }).getByRole("row");
  await latest.nth(2).waitFor();
  const told = async () => (await latest.allTextContents()).slice(1);
  assert.match((await told())[0], /completed/);
  assert.match((await told())[1], /soft failed.*out of memory/);
  const third = await oak.takeTask();
  await latest.filter({ hasText: "assigned" }).waitFor();
  assert.equal((await told()).length, third.name === "third" ? 3 : 2);
  await latest.nth(1).getByRole("link", { name: third.name }).click();
  await page.getByRole("heading", { name: third.name }).waitFor();
  assert.equal(third.job, shot._id);
});

const IMPATIENT = {
  settings: 'active_worker_timeout_interval = "1s"', sections: '[intervals]\nstartup_grace = "1s"\ntimeout_check = "1s"',
};

story("that a worker timed out is seen, and acknowledged", IMPATIENT, async ({ api, open, register }) => {
  const oak = await register("oak");
  await oak.ask();
  const page = await open({ path: `#/workers/${oak.id}` });
  const status = page.locator(".lead .badge");
  await status.getByText("timeout").waitFor();
  await choose(page, "Acknowledge time-out");
  await status.getByText("offline").waitFor();
  assert.equal((await api.get(`workers/${oak.id}`)).status, "offline");
});

// Below the folder of the test's own Manager.
const SCENES = { sections: '[test_tasks.test_blender_render]\njob_storage = "scenes"\nrender_output = "renders"' };

story("a test render is queued for a worker that is being tested", SCENES, async ({ api, open, register }) => {
  const oak = await register("oak", { taskTypes: ["test-blender-render"] });
  await oak.says("testing");
  const page = await open({ path: `#/workers/${oak.id}` });
  await page.locator(".lead .badge").getByText("testing").waitFor();
  await choose(page, "Test render");
  await page.getByText("Test render queued").waitFor();
  assert.equal((await oak.ask()).task.task_type, "test-blender-render");
  assert.equal((await api.get("jobs")).total, 1);
});

story("an address is copied by a click", async ({ open, register }) => {
  await register("oak");
  const page = await open({ path: "#/workers" });
  await page.getByRole("button", { name: "Copy address 127.0.0.1" }).click();
  await until("it is copied", () => page.evaluate(() => navigator.clipboard.readText()), (text) => text === "127.0.0.1");
});

story("of 2,000 workers only those are drawn that can be seen", async ({ open, register, t }) => {
  for (let i = 0; i < 2000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, j) => register(`node-${String(i + j).padStart(4, "0")}`)));
  }
  const page = await open({ path: "#/workers" });
  await row(page, "node-0000").waitFor();
  const drawn = () => page.getByRole("row").count();
  assert.ok(await drawn() < 200, `${await drawn()} rows`);
  const ms = await page.evaluate(async () => {
    const begin = performance.now();
    scrollTo(0, document.documentElement.scrollHeight);
    while (!document.body.textContent.includes("node-1999")) await new Promise(requestAnimationFrame);
    return performance.now() - begin;
  });
  assert.ok(await drawn() < 200, `${await drawn()} rows`);
  t.diagnostic(`2,000 workers: the last is drawn ${Math.round(ms)} ms after the jump to the end; ${await drawn()} rows`);
  await page.getByRole("searchbox").fill("node-1234");
  await row(page, "node-1234").waitFor();
  await until("the others are gone", async () => (await drawn()) === 2);
});
