// Whether everybody can use a page: axe-core's rules of WCAG levels A and AA.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const SOURCE = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** What is wrong with the page as it is now, a line each: the rule, and where. */
export async function violations(page) {
  await page.evaluate(await SOURCE);
  const { violations } = await page.evaluate(
    (values) => window.axe.run(document, { runOnly: { type: "tag", values }, resultTypes: ["violations"] }),
    RULES,
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, any }) => `${id}: ${help}: ${target.join(" ")}: ${any.map(({ message }) => message).join("; ")}`));
}
