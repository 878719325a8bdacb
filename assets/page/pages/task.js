// Task.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function TaskPage() {
  return html`<${Page} title="Task" />`;
}
