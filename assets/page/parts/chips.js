// Chips that are pressed to see only some entries of a list: those with one of the statuses that are pressed.
import { number, words } from "../lib/format.js";
import { html } from "../lib/preact.js";
import { tone } from "./badge.js";

// <${StatusChips} label="Show jobs by status" statuses=${STATUSES} counts=${{ active: 3 }} chosen=${["active"]} onChange=${choose} />: of the
// `statuses`, which are shown in this order, only those that something has. With `total` there is a chip for all; with `marks` each has the
// mark by which a status is known in a picture.
export function StatusChips({ label, statuses, counts, chosen, onChange, total = null, marks = false }) {
  const toggle = (status) => onChange(chosen.includes(status) ? chosen.filter((one) => one !== status) : [...chosen, status]);
  const chip = (name, text, count, isPressed, press) => html`<button type="button" key=${name} class="chip" aria-pressed=${String(isPressed)}
    onClick=${press}>${marks && html`<span class="swatch ${tone(name)} ${name}" />`}${text} <span class="soft">${number(count)}</span></button>`;
  return html`<div class="chips" role="group" aria-label=${label}>
    ${total !== null && chip("all", "all", total, chosen.length === 0, () => onChange([]))}
    ${statuses.filter((status) => counts[status] || chosen.includes(status)).map((status) =>
      chip(status, words(status), counts[status] ?? 0, chosen.includes(status), () => toggle(status)))}
  </div>`;
}
