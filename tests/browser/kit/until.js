// Waiting for what is about to happen: tests wait for a condition, never for an amount of time.

/** How long anything may take on a machine that is busy with other things. */
export const PATIENCE = 30_000;

/**
 * Asks until the answer is `true` for `holds`, and returns that answer. An error of `ask` counts as "not yet".
 * @param {string} what is said if it never comes true
 */
export async function until(what, ask, holds = Boolean) {
  const end = Date.now() + PATIENCE;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (holds(last)) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      const shown = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`not within ${PATIENCE / 1000} s: ${what}; the last answer was ${shown}`);
    }
    await new Promise((resume) => setTimeout(resume, 25));
  }
}
