// Chromium, and pages in it that tell of everything that is wrong with them.

import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { PATIENCE } from "./until.js";

export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 380, height: 800 };

const FOLDER = join(tmpdir(), "flamenco-browser-tests");

const ARGUMENTS = [
  "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync",
  "--no-first-run", "--disable-gpu",
];

let starting = null;

/** The one browser of this process. */
export function browser() {
  starting ??= chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    // Chromium refuses to sandbox for root, which is who runs tests in containers.
    chromiumSandbox: process.getuid() !== 0,
    args: ARGUMENTS,
  });
  return starting;
}

export async function closeBrowser() {
  await (await starting)?.close();
  starting = null;
}

/**
 * A page of the Manager in a browser window of its own, at its first address. What goes wrong with it is gathered in
 * `page.faults`, and is a failure of the test: messages of the console, errors, violations of the content security policy,
 * requests to other hosts. `page.forgive(pattern)` is for what the test does to it.
 */
export async function openPage(manager, { viewport = WIDE, dark = false, path = "", token = null } = {}) {
  const context = await (await browser()).newContext({
    viewport,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    locale: "en-GB",
    timezoneId: "UTC",
    baseURL: manager.url,
  });
  context.setDefaultTimeout(PATIENCE);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(manager.url).origin });
  if (token !== null) {
    const answer = await context.request.post("api/session", { data: { token } });
    if (!answer.ok()) throw new Error(`log-in: ${answer.status()} ${await answer.text()}`);
  }
  const page = await context.newPage();
  await watch(page, context, new URL(manager.url).host);
  if (path !== null) await page.goto(path);
  return page;
}

async function watch(page, context, host) {
  page.faults = [];
  const forgiven = [];
  page.forgive = (pattern) => forgiven.push(pattern);
  const fault = (text) => {
    if (!forgiven.some((pattern) => pattern.test(text))) page.faults.push(text);
  };
  page.on("console", (message) => {
    if (["error", "warning", "assert"].includes(message.type())) {
      fault(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => fault(`error on the page: ${error.stack}`));
  page.on("crash", () => fault("the page crashed"));
  page.on("dialog", (dialog) => {
    fault(`a dialog of the browser: ${dialog.message()}`);
    dialog.dismiss();
  });
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.host !== host) fault(`a request to another host: ${url}`);
  });
  await context.exposeBinding("tellViolation", (_, text) => fault(`content security policy: ${text}`));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.tellViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
}

/**
 * Goes to an address of the dashboard, and waits until what it shows at first is read. Within the dashboard the address is
 * another at once, and the page hears of it a moment later: what is shown until then is the page before.
 */
export async function visit(page, path) {
  await page.goto(path);
  await page.evaluate(() => new Promise((heard) => { setTimeout(heard); }));
  await page.locator("h1").waitFor();
  await page.locator(".waiting").first().waitFor({ state: "detached" });
}

/** Takes a picture of a page for whoever looks into a failure. Returns where it is. */
export async function photograph(page, name) {
  await mkdir(FOLDER, { recursive: true });
  const path = join(FOLDER, `${name.replaceAll(/[^\w]+/g, "-").slice(0, 80)}.png`);
  await page.screenshot({ path, fullPage: true });
  return path;
}
