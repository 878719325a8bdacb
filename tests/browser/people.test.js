// Who may do what: logging in and out, viewers and admins, access tokens.

import assert from "node:assert/strict";

import { visit } from "./kit/browser.js";
import { job, tasks } from "./kit/farm.js";
import { story } from "./kit/story.js";
import { until } from "./kit/until.js";

const TOKEN = { authentication: "token" };

// A refusal is an error in the console, too.
const REFUSED = /status of (401|403|429)/;

/** Whoever has the link of the Manager's first start; and the API for the same person. */
async function admin(manager, open) {
  const page = await open({ path: null });
  // It is printed once the Manager runs.
  await page.goto(await until("the link is printed", () => manager.loginLink));
  await page.getByRole("button", { name: "Log out" }).waitFor();
  return { page, api: manager.api.as(await newToken(page, "a script", "admin")) };
}

async function newToken(page, name, role) {
  // With nothing but a cookie one has to say whose page one is.
  const headers = { origin: new URL(page.url()).origin };
  const answer = await page.context().request.post("api/tokens", { headers, data: { name, role } });
  assert.equal(answer.status(), 201, await answer.text());
  return (await answer.json()).token;
}

story("somebody logs in by the link that is printed, and out", TOKEN, async ({ manager, open }) => {
  const { page, api } = await admin(manager, open);
  page.forgive(REFUSED);
  await api.post("jobs", job("Secret shot", tasks(2)));
  await page.goto("#/jobs");
  await page.getByText("Secret shot").waitFor();
  assert.doesNotMatch(page.url(), /login/);
  await page.reload();
  await page.getByText("Secret shot").waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.doesNotMatch(await page.content(), /Secret shot/);
  assert.equal((await page.context().request.get("api/jobs")).status(), 401);
  await page.goBack();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.doesNotMatch(await page.content(), /Secret shot/);
});

story("whoever is not logged in is asked to, and is where they wanted to be afterwards", TOKEN, async ({ manager, open }) => {
  const { page, api } = await admin(manager, open);
  const shot = await api.post("jobs", job("Shot", tasks(2)));
  const token = await newToken(page, "mira", "viewer");
  const other = await open({ path: `#/jobs/${shot._id}` });
  other.forgive(REFUSED);
  await other.getByLabel("Access token").fill("wrong");
  await other.getByRole("button", { name: "Log in" }).click();
  await other.getByRole("alert").waitFor();
  await other.getByLabel("Access token").fill(token);
  await other.getByRole("button", { name: "Log in" }).click();
  await other.getByRole("heading", { name: "Shot" }).waitFor();
});

story("a viewer sees everything and can change nothing", TOKEN, async ({ manager, open, register }) => {
  const { page: adminPage, api } = await admin(manager, open);
  const shot = await api.post("jobs", job("Shot", tasks(2)));
  const oak = await register("oak");
  const frame = await oak.takeTask();
  const token = await newToken(adminPage, "mira", "viewer");
  const page = await open({ token, path: "#/" });
  await page.getByRole("link", { name: "Workers", exact: true }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Submit" }).count(), 0);
  for (const path of ["#/jobs", `#/jobs/${shot._id}`, `#/tasks/${frame._id}`, "#/workers", `#/workers/${oak.id}`]) {
    await visit(page, path);
    for (const action of ["Actions", "More", "Cancel", "Pause", "Requeue", "Change", "Save the schedule"]) {
      assert.equal(await page.getByRole("button", { name: action, exact: true }).count(), 0, `${action} on ${path}`);
    }
    assert.equal(await page.getByRole("checkbox", { name: /^Select/ }).count(), 0, path);
  }
  assert.ok(await page.getByRole("switch", { name: "Active" }).isDisabled());
  const refusal = await page.context().request.post(`api/jobs/${shot._id}/cancel`);
  assert.equal(refusal.status(), 403);
});

story("a token is made on the page, shown once, and revoked", TOKEN, async ({ manager, open }) => {
  const { page } = await admin(manager, open);
  await page.goto("#/settings/access");
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("statistics");
  await dialog.getByRole("button", { name: "Make it" }).click();
  const token = (await dialog.getByRole("button", { name: "Copy the token" }).textContent()).trim();
  await dialog.getByRole("button", { name: "Done" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("row").filter({ hasText: "statistics" }).getByText("viewer").waitFor();
  assert.ok(!(await page.content()).includes(token));
  const ask = () => fetch(new URL("api/jobs", manager.url), { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await ask()).status, 200);
  await page.getByRole("button", { name: "Revoke statistics" }).click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("row").filter({ hasText: "statistics" }).waitFor({ state: "detached" });
  assert.equal((await ask()).status, 401);
});
