// Job.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function JobPage() {
  return html`<${Page} title="Job" />`;
}
