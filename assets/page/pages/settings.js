// Settings: what the Manager goes by, who may use it, and what they did.
import { html } from "../lib/preact.js";
import { href } from "../lib/router.js";
import { useIsAdmin } from "../lib/session.js";
import { Empty } from "../parts/notice.js";
import { Page } from "../parts/page.js";
import { Access } from "./settings/access.js";
import { Audit } from "./settings/audit.js";
import { Configuration } from "./settings/configuration.js";

const PARTS = [
  { id: "", text: "Configuration", draw: Configuration },
  { id: "access", text: "Access", draw: Access, isForAdmins: true },
  { id: "audit", text: "Audit", draw: Audit, isForAdmins: true },
];

export default function SettingsPage({ params }) {
  const isAdmin = useIsAdmin();
  const parts = PARTS.filter((part) => isAdmin || !part.isForAdmins);
  const part = parts.find(({ id }) => id === (params.part ?? ""));
  if (!part) {
    return html`<${Page} title="Settings"><${Empty} icon="search" title="There is nothing here for you">
      <a href=${href("/settings")}>All that you may see</a><//><//>`;
  }
  return html`<${Page} title=${part.id ? `Settings: ${part.text}` : "Settings"}>
    ${parts.length > 1 && html`<nav class="tabs" aria-label="Settings">${parts.map(({ id, text }) => html`
      <a key=${id} href=${href(id ? `/settings/${id}` : "/settings")} aria-current=${id === part.id ? "page" : undefined}>${text}</a>`)}</nav>`}
    <${part.draw} />
  <//>`;
}
