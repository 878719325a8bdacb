// Settings.
import { html } from "../lib/preact.js";
import { Page } from "../parts/page.js";

export default function SettingsPage() {
  return html`<${Page} title="Settings" />`;
}
