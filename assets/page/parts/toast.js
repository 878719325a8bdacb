// What came of something that a person did: said in a corner, and gone after a while.
import { html, useEffect } from "../lib/preact.js";
import { store } from "../lib/store.js";
import { Icon } from "./icon.js";

const SECONDS = { good: 5, bad: 15 };

const shown = store([]);
let last = 0;

function say(text, tone) {
  last += 1;
  shown.set([...shown.get().slice(-3), { id: last, text, tone }]);
}

// toast("Job canceled"), toast.error("The Manager cannot be reached.")
export const toast = (text) => say(text, "good");
toast.error = (text) => say(text, "bad");

// Does something, and says how it went: await act(post("api/jobs/…/cancel"), "Canceling the job"). True if it went well.
export async function act(promise, done) {
  try {
    await promise;
  } catch (error) {
    toast.error(error.message);
    return false;
  }
  if (done) toast(done);
  return true;
}

const drop = (id) => shown.set(shown.get().filter((one) => one.id !== id));

// Where they are shown; once in the page.
export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.use().map((one) => html`<${Toast} key=${one.id} ...${one} />`)}
  </div>`;
}

function Toast({ id, text, tone }) {
  useEffect(() => {
    const timer = setTimeout(() => drop(id), SECONDS[tone] * 1000);
    return () => clearTimeout(timer);
  }, []);
  return html`<p class="toast ${tone}">
    <${Icon} name=${tone === "bad" ? "failed" : "check"} /><span>${text}</span>
    <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => drop(id)}><${Icon} name="close" /></button>
  </p>`;
}
