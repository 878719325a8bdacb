// Worker.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function WorkerPage() {
  return html`<${Page} title="Worker" />`;
}
