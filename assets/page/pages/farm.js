// Farm.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function FarmPage() {
  return html`<${Page} title="Farm" />`;
}
