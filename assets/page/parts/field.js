// A field of a form with its label, a hint, and what is wrong with it; screen readers hear these with the field.
import { html } from "../lib/preact.js";

// <${Field} id="name" label="Name" hint="…" problem=${text} required control=${(props) => html`<input ...${props} … />`} />
export function Field({ id, label, hint, problem, required = false, control }) {
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  const props = {
    id, "aria-invalid": problem ? "true" : undefined, "aria-describedby": described || undefined,
    "aria-required": required ? "true" : undefined,
  };
  return html`<div class="field">
    <label for=${id}>${label}${required && html` <span class="soft" aria-hidden="true">(needed)</span>`}</label>
    ${control(props)}
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${problem && html`<p class="problem" id=${`${id}-problem`}>${problem}</p>`}
  </div>`;
}

// The whole number that is written in a text, or null.
export function wholeNumber(text) {
  const value = text.trim() === "" ? NaN : Number(text);
  return Number.isSafeInteger(value) ? value : null;
}
