// A story: a test with a Manager, its API, and as many pages and workers as it wants. All of them end with it.

import { after, test } from "node:test";

import { closeBrowser, openPage, photograph } from "./browser.js";
import { Manager } from "./manager.js";
import { PATIENCE } from "./until.js";
import { Worker } from "./worker.js";

after(closeBrowser);

/** How long a whole story may take. It is there to end one that goes round for ever: each wait has a limit of its own. */
const LONGEST = 10 * PATIENCE;

/**
 * @param {string} name a sentence
 * @param {object} options how the Manager is configured (see `Manager.start`)
 * @param {(cast: {manager, api, open, hire, t}) => Promise<void>} tell
 */
export function story(name, options, tell) {
  if (tell === undefined) return story(name, {}, options);
  test(name, { timeout: LONGEST }, async (t) => {
    const pages = [];
    const crew = [];
    const manager = await Manager.start(options);
    /** A page in a window of its own. */
    const open = async (how) => {
      const page = await openPage(manager, how);
      pages.push(page);
      return page;
    };
    const register = (nickname, about) => Worker.register(manager, nickname, about);
    /** A worker that works by itself until the story ends. */
    const hire = async (nickname, work) => {
      const worker = await register(nickname);
      crew.push(worker);
      // It may be in the middle of something when the Manager ends.
      worker.works(work).catch((error) => worker.isLeaving || t.diagnostic(`${nickname} gave up: ${error.message}`));
      return worker;
    };
    try {
      await tell({ manager, api: manager.api, open, register, hire, t });
      const faults = pages.flatMap((page) => page.faults);
      if (faults.length > 0) throw new Error(faults.join("\n"));
    } catch (error) {
      await report(t, name, manager, pages);
      throw error;
    } finally {
      await Promise.allSettled(pages.map((page) => page.context().close()));
      for (const worker of crew) worker.isLeaving = true;
      await manager.remove();
    }
  });
}

async function report(t, name, manager, pages) {
  for (const [index, page] of pages.entries()) {
    for (const fault of page.faults) t.diagnostic(fault);
    if (page.isClosed()) continue;
    const picture = await photograph(page, `${name} ${index + 1}`).catch((error) => error.message);
    t.diagnostic(`page ${index + 1} at ${page.url()}: ${picture}`);
  }
  t.diagnostic(`the Manager's last words:\n${manager.lastWords()}`);
}
