// Names and values of whatever a job or a command was given, as text.
import { html } from "../lib/preact.js";

// <${Values} of=${job.settings} none="…" />: an object of JSON.
export function Values({ of, none = "None." }) {
  const entries = Object.entries(of);
  if (entries.length === 0) return html`<p class="soft">${none}</p>`;
  return html`<dl class="facts values">${entries.map(([name, value]) => html`
    <div key=${name}><dt>${name}</dt><dd><${Value} value=${value} /></dd></div>`)}</dl>`;
}

function Value({ value }) {
  if (value === null || value === "") return html`<span class="soft">${value === null ? "not set" : "empty"}</span>`;
  if (typeof value === "object") return html`<pre>${JSON.stringify(value, null, 2)}</pre>`;
  return html`<span class="mono">${String(value)}</span>`;
}
