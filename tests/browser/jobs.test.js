// Jobs and tasks in the dashboard: submitted by form, watched, controlled; their tasks as a grid, a table and a graph; their logs.

import assert from "node:assert/strict";

import { violations } from "./kit/accessibility.js";
import { job, task, tasks } from "./kit/farm.js";
import { story } from "./kit/story.js";
import { until } from "./kit/until.js";
import { hang } from "./kit/worker.js";

const EVIL = `<img src="x" onerror="alert('farm')">`;

// What the page may ask about a job that is gone before it has heard so.
const GONE = /status of 404/;

const status = (page) => page.locator(".lead .badge");
const toast = (page, text) => page.locator(".toast", { hasText: text }).waitFor();

/** Waits until an element says this, or something that matches it. */
const says = (locator, text) => locator.filter({ hasText: text }).first().waitFor();

story("a job is submitted by form, and watched until its end", async ({ open, hire, api }) => {
  const page = await open({ path: "#/submit" });
  await page.getByLabel("Job type").selectOption("sleep");
  await page.getByRole("textbox", { name: "Name", exact: true }).fill(EVIL);
  await page.getByLabel("Chunk size").fill("0");
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  const size = page.getByLabel("Chunk size");
  await until("it is told", () => size.getAttribute("aria-invalid"), (isInvalid) => isInvalid === "true");
  const described = await size.getAttribute("aria-describedby");
  const told = await Promise.all(described.split(" ").map((id) => page.locator(`#${id}`).textContent()));
  assert.match(told.join(" "), /How many frames.*whole number from 1/);
  assert.equal((await api.get("jobs")).total, 0);

  await size.fill("2");
  await page.getByLabel("Frames").fill("1-8");
  await page.getByLabel("Time in seconds").fill("0");
  await page.getByText("4 tasks").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  await page.getByRole("heading", { name: EVIL }).waitFor();
  assert.equal((await api.get("jobs")).total, 1);
  assert.deepEqual(await violations(page), []);

  await says(status(page), "queued");
  await hire("worker");
  await says(status(page), "completed");
  await page.getByText("4 of 4 tasks done").waitFor();
});

story("what is wrong with a setting is said at its field, by the Manager too", async ({ open }) => {
  const page = await open({ path: "#/submit" });
  page.forgive(/400.*dry_run/);
  await page.getByLabel("Job type").selectOption("sleep");
  await page.getByLabel("Frames").fill("1-2x");
  await page.getByLabel("Chunk size").fill("1");
  await page.getByLabel("Time in seconds").fill("1");
  await says(page.locator("#setting-frames-problem"), "neither a frame nor a range");
});

story("a job is canceled, requeued, given another priority and deleted", async ({ open, hire, api }) => {
  const { _id } = await api.post("jobs", job("shot 7", tasks(5)));
  await hire("worker", hang);
  const page = await open({ path: `#/jobs/${_id}` });
  await says(status(page), "active");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  const question = page.getByRole("dialog");
  await says(question, "Cancel “shot 7”?");
  await question.getByRole("button", { name: "Cancel", exact: true }).click();
  await says(status(page), "canceled");
  await page.getByText("0 of 5 tasks done, 5 canceled").waitFor();

  await page.getByRole("button", { name: "Requeue what is not completed" }).click();
  await says(status(page), "active");
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await question.getByLabel("Priority").fill("81");
  await question.getByRole("button", { name: "Save" }).click();
  await until("the priority is 81", () => api.get(`jobs/${_id}`), ({ priority }) => priority === 81);

  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await says(question, "Delete “shot 7”?");
  page.forgive(GONE);
  await question.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "Jobs" }).waitFor();
  await page.getByText("No jobs yet").waitFor();
});

story("what failed is shown with its error, and requeued", { settings: "task_fail_after_softfail_count = 1" }, async ({ api, open, register }) => {
  const shot = await api.post("jobs", job("Shot", tasks(2)));
  const alder = await register("alder");
  await alder.fails(await alder.takeTask(), "Fra:1 Mem:12M", "Error: Cannot read file cliff.blend");
  const page = await open({ path: `#/jobs/${shot._id}` });
  await page.getByText("Error: Cannot read file cliff.blend").first().waitFor();
  await page.getByRole("link", { name: "frame 1" }).first().click();
  await page.getByRole("heading", { name: "frame 1" }).waitFor();
  await page.getByRole("button", { name: "Requeue" }).click();
  await says(status(page), "queued");
});

story("the list of jobs is filtered by its address, and many are paused at once", async ({ open, api }) => {
  for (const name of ["shot 1", "shot 2", "asset 1"]) await api.post("jobs", job(name, tasks(2)));
  const page = await open({ path: "#/jobs?search=shot" });
  const rows = page.locator("tbody tr");
  await rows.nth(1).waitFor();
  assert.equal(await rows.count(), 2);
  await page.getByLabel("Select all").click();
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await toast(page, "Paused: 2 jobs");
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: /^paused/ }).click();
  await until("the address says so", () => page.url(), (url) => url.endsWith("#/jobs?search=shot&status=paused"));
  await page.getByRole("link", { name: "shot 1" }).click();
  await says(status(page), "paused");
  await page.goBack();
  await rows.nth(1).waitFor();
  // What leaves the filter leaves the list, as it happens.
  const [{ _id }] = (await api.get("jobs?text=shot%201")).jobs;
  await api.post(`jobs/${_id}/resume`);
  await until("one is left", () => rows.count(), (count) => count === 1);
});

story("a task's log is followed, and stays where one reads", async ({ open, register, api }) => {
  const [name, line] = [`${EVIL} task`, `\u001b[31mError:\u001b[0m </pre>${EVIL}`];
  await api.post("jobs", job("logs", [task(name)]));
  const worker = await register("worker");
  const taken = await worker.takeTask();
  await worker.writesLog(taken, ...Array.from({ length: 3000 }, (_, i) => `line ${i} of the log`), line);
  const page = await open({ path: `#/tasks/${taken._id}` });
  await page.getByRole("heading", { name }).waitFor();
  const log = page.getByRole("region", { name: "Text of the log" });
  const scroll = () => log.evaluate(({ scrollTop, scrollHeight, clientHeight }) => ({ top: scrollTop, left: scrollHeight - scrollTop - clientHeight }));
  await until("its end is shown", () => log.textContent(), (text) => text.includes(`Error: </pre>${EVIL}`));
  await until("it is at the end", scroll, ({ left }) => left < 5);
  assert.deepEqual(await violations(page), []);

  await log.evaluate((element) => { element.scrollTop = 500; });
  await page.getByRole("button", { name: "Go to the end" }).waitFor();
  await worker.writesLog(taken, "news from the worker");
  await until("the news are there", () => log.textContent(), (text) => text.includes("news from the worker"));
  assert.equal((await scroll()).top, 500);

  await page.getByLabel("Search in the log").fill("LINE 1234 ");
  await page.getByText("1 place").waitFor();
  await page.getByLabel("Search in the log").press("Enter");
  await until("it is shown", scroll, ({ top }) => Math.abs(top - 1234 * 18) < 700);

  await page.getByRole("button", { name: "Go to the end" }).click();
  await worker.completes(taken, "that was all");
  await says(status(page), "completed");
  await page.getByText("Complete", { exact: true }).waitFor();
  await until("it is at the end", scroll, ({ left }) => left < 5);
});

story("a job of 10,000 tasks is a grid to point at and to walk along", async ({ open, api, t }) => {
  const { _id } = await api.post("jobs", job("ten thousand", tasks(10_000)));
  const page = await open({ path: "#/nowhere" });
  const time = async (path, shown) => {
    await page.goto("about:blank");
    const begin = performance.now();
    await page.goto(path);
    await page.locator(shown).first().waitFor();
    return performance.now() - begin;
  };
  const [empty, large] = [await time("#/nowhere", "h1"), await time(`#/jobs/${_id}`, ".frame")];
  t.diagnostic(`a page without anything: ${Math.round(empty)} ms; a job of 10,000 tasks: ${Math.round(large)} ms, ${(large / empty).toFixed(1)} times as long`);

  const cell = page.locator(".frame");
  const pointed = page.locator(".pointed");
  await cell.focus();
  await says(pointed, "frame 1 · queued");
  await cell.press("ArrowRight");
  await says(pointed, "frame 2 · queued");
  await cell.press("End");
  await says(pointed, "frame 10000 · queued");
  await cell.press("Enter");
  await page.getByRole("heading", { name: "frame 10000" }).waitFor();
  await page.goBack();
  await page.getByRole("link", { name: "Table" }).click();
  await page.getByRole("link", { name: "frame 1", exact: true }).waitFor();
  assert.ok(await page.locator("tbody tr").count() < 200);
  await page.getByLabel("Find tasks by name").fill("frame 9999");
  await page.getByRole("link", { name: "frame 9999" }).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("link", { name: "Graph" }).click();
  await page.getByText("would be a tangle").waitFor();
});

story("a graph shows which task waits for which, and a task its family", async ({ open, api }) => {
  const { _id } = await api.post("jobs", job("graph", [task("a"), task("b"), task("merge", { parents: ["a", "b"] })]));
  const page = await open({ path: `#/jobs/${_id}?view=graph` });
  const graph = page.getByRole("group", { name: "Which task waits for which" });
  const x = async (name) => (await graph.getByRole("link", { name: `${name}, queued` }).boundingBox()).x;
  assert.ok(await x("a") < await x("merge"));
  assert.deepEqual(await violations(page), []);
  await graph.getByRole("link", { name: "merge, queued" }).click();
  await page.getByRole("heading", { name: "It waits for" }).waitFor();
  await page.getByText("it waits for 2 tasks").waitFor();
});
