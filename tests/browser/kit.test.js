// The kit itself: a page that does what no page may do is found out.

import { story } from "./kit/story.js";
import { until } from "./kit/until.js";

const MISDEEDS = [
  { about: /console warning: careful/, act: () => console.warn("careful") },
  { about: /error on the page: Error: thrown/, act: () => setTimeout(() => { throw new Error("thrown"); }) },
  {
    about: /content security policy: style-src-attr/,
    act: () => document.body.setAttribute("style", "color: red"),
  },
  { about: /content security policy: connect-src/, act: () => fetch("http://127.0.0.2:9/").catch(() => {}) },
  { about: /a dialog of the browser: hello/, act: () => alert("hello") },
];

story("what is wrong with a page is noticed", async ({ open }) => {
  const page = await open();
  for (const { about, act } of MISDEEDS) {
    await page.evaluate(act);
    await until(`${about} is noticed`, () => page.faults.some((fault) => about.test(fault)));
    page.faults.length = 0;
  }
  // Where no policy forbids it, a request to another host is noticed all the same.
  await page.goto("api/openapi.json");
  await page.evaluate(() => fetch("http://127.0.0.2:9/").catch(() => {}));
  const request = "a request to another host: http://127.0.0.2:9/";
  await until("the request is noticed", () => page.faults.includes(request));
  // All that was done above is meant, also what is noticed only now.
  page.forgive(/./);
  page.faults.length = 0;
});
