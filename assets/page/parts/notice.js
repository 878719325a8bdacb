// Short messages in the page: something to know, something wrong, something that is yet to come, nothing there.
import { html, useEffect, useState } from "../lib/preact.js";
import { Icon } from "./icon.js";

const ICONS = { bad: "failed", warn: "warning", good: "completed", calm: "info" };

// <${Notice} tone="warn" action=${{ text: "Try again", act }}>words<//>: "bad", "warn", "good" or "calm".
export function Notice({ tone = "calm", action, children }) {
  return html`<div class="notice ${tone}" role=${tone === "bad" ? "alert" : "status"}>
    <${Icon} name=${ICONS[tone]} /><div class="words">${children}</div>
    ${action && html`<button type="button" onClick=${action.act}>${action.text}</button>`}
  </div>`;
}

// That something is being read; said only if it takes a while.
export function Waiting() {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), 400);
    return () => clearTimeout(timer);
  }, []);
  return html`<p class="waiting" role="status">${isLong && "Asking the Manager …"}</p>`;
}

// Where a list would be: <${Empty} icon="jobs" title="No jobs yet">how there will be one<//>.
export function Empty({ icon = "info", title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><p class="title">${title}</p><div>${children}</div></div>`;
}
