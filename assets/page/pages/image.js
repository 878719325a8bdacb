// Last image.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function ImagePage() {
  return html`<${Page} title="Last image" />`;
}
