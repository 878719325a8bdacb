// Workers.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function WorkersPage() {
  return html`<${Page} title="Workers" />`;
}
