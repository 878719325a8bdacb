// Jobs.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function JobsPage() {
  return html`<${Page} title="Jobs" />`;
}
