// Log in.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function LoginPage() {
  return html`<${Page} title="Log in" />`;
}
