// A time as its age, which goes on; in full when pointed at.
import { ago, exactly, useNow } from "../lib/format.js";
import { html } from "../lib/preact.js";

// <${Ago} time=${job.created} />
export function Ago({ time }) {
  const at = useNow(5);
  if (!time) return "never";
  return html`<time datetime=${time} title=${exactly(time)}>${ago(time, at)}</time>`;
}
