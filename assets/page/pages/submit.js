// Submit.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function SubmitPage() {
  return html`<${Page} title="Submit" />`;
}
