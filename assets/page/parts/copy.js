// A text that is copied by a click.
import { html } from "../lib/preact.js";
import { Icon } from "./icon.js";
import { toast } from "./toast.js";

// <${Copy} text=${worker.address} />; `label` says what it is: "address". With `block` for long texts such as commands.
export function Copy({ text, label = "", block = false }) {
  return html`<button type="button" class="copy ${block ? "block" : ""}" title="Copy"
    aria-label=${`Copy ${label} ${text}`.replace("  ", " ")} onClick=${() => copy(text, label)}>
    <span>${text}</span><${Icon} name="copy" /></button>`;
}

export async function copy(text, label = "") {
  try {
    await (navigator.clipboard ? navigator.clipboard.writeText(text) : copyTheOldWay(text));
    toast(`Copied ${label || text}`);
  } catch {
    toast.error("This browser does not let the page copy. Select the text and copy it by hand.");
  }
}

// The clipboard is for pages that came by HTTPS; farms are often without.
function copyTheOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "out-of-sight";
  const focused = document.activeElement;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  if (!isCopied) throw new Error("refused");
}
