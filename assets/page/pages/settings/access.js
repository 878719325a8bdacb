// Access tokens: who has one, new ones, and ends of old ones.
import { del, post } from "../../lib/api.js";
import { useData } from "../../lib/data.js";
import { html, useState } from "../../lib/preact.js";
import { useSession } from "../../lib/session.js";
import { Copy } from "../../parts/copy.js";
import { confirm, Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { Icon } from "../../parts/icon.js";
import { Empty, Notice } from "../../parts/notice.js";
import { Loaded } from "../../parts/page.js";
import { Table } from "../../parts/table.js";
import { Ago } from "../../parts/time.js";
import { act } from "../../parts/toast.js";

const ROLES = [
  { id: "viewer", text: "Viewer", meaning: "looks at everything, changes nothing" },
  { id: "admin", text: "Admin", meaning: "submits and controls jobs, handles workers, gives access" },
];

export function Access() {
  const { authentication } = useSession();
  const tokens = useData("api/tokens", { every: 30 });
  const [isNew, setNew] = useState(false);
  const revoke = async (token) => {
    const text = "Whoever uses it, a person or a script, is locked out at once.";
    if (!(await confirm({ title: `Revoke “${token.name}”?`, text, action: "Revoke", danger: true }))) return;
    await act(del(`api/tokens/${token._id}`), `${token.name} is revoked`);
    tokens.reload();
  };
  const columns = [
    { id: "name", title: "Name", head: true, cell: ({ name }) => name, sort: ({ name }) => name },
    { id: "role", title: "Role", width: "6rem", cell: ({ role }) => role, sort: ({ role }) => role },
    { id: "created", title: "Made", width: "9rem", minor: true, cell: ({ created }) => html`<${Ago} time=${created} />`, sort: ({ created }) => Date.parse(created) },
    { id: "used", title: "Last used", width: "9rem", minor: true, cell: ({ last_used }) => html`<${Ago} time=${last_used} />`,
      sort: ({ last_used }) => (last_used ? Date.parse(last_used) : null) },
    { id: "revoke", title: html`<span class="out-of-sight">Actions</span>`, width: "7rem", end: true,
      cell: (token) => html`<button type="button" aria-label=${`Revoke ${token.name}`} onClick=${() => revoke(token)}>Revoke</button>` },
  ];
  const empty = html`<div class="panel"><${Empty} icon="key" title="No access tokens yet">
    <p>A token lets a person log in here, and a script use the API. Give each its own, so that one can be revoked alone.</p>
    <button type="button" class="primary" onClick=${() => setNew(true)}>Make an access token</button>
  <//></div>`;
  return html`
    ${authentication === "none" && html`<${Notice}>This Manager is open to anybody: nobody needs a token, as long as
      <code>mode = "none"</code> stands below <code>[user_authentication]</code> in its configuration.<//>`}
    <${Loaded} of=${tokens}>${tokens.data && html`
      ${tokens.data.tokens.length > 0 && html`<div class="toolbar">
        <p class="grow soft">Each person and each script has a token of its own.</p>
        <button type="button" class="primary" onClick=${() => setNew(true)}><${Icon} name="plus" />New token</button>
      </div>`}
      <${Table} caption="Access tokens" columns=${columns} rows=${tokens.data.tokens} sort="name" empty=${empty} />`}
    <//>
    ${isNew && html`<${NewToken} onClose=${() => setNew(false)} onMade=${tokens.reload} />`}`;
}

// Asks for a name and a role, and shows the token: once.
function NewToken({ onClose, onMade }) {
  const [made, setMade] = useState(null);
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const make = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    setError(null);
    setBusy(true);
    try {
      setMade(await post("api/tokens", { name: form.get("name").trim(), role: form.get("role") }));
      onMade();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return made ? html`<${Made} token=${made} onClose=${onClose} />`
    : html`<${Dialog} title="New access token" onClose=${onClose}>
        <form onSubmit=${make}>
          ${error && html`<${Notice} tone="bad">${error.message}<//>`}
          <${Field} id="token-name" label="Name" hint="Who or what uses it: it stands in the audit beside what they do." required
            control=${(props) => html`<input ...${props} name="name" required maxlength="100" autocomplete="off" />`} />
          <fieldset class="field">
            <legend>Role</legend>
            ${ROLES.map(({ id, text, meaning }, i) => html`<label class="role" key=${id}>
              <input type="radio" name="role" value=${id} defaultChecked=${i === 0} /><span>${text} <small>${meaning}</small></span></label>`)}
          </fieldset>
          <footer>
            <button type="button" onClick=${onClose}>Cancel</button>
            <button class="primary" disabled=${isBusy}>Make it</button>
          </footer>
        </form>
      <//>`;
}

function Made({ token: { name, token }, onClose }) {
  return html`<${Dialog} title=${`The token of ${name}`} onClose=${onClose}>
    <${Notice} tone="warn">Copy it now: it is shown this once, and kept nowhere.<//>
    <${Copy} block text=${token} label="the token" />
    <p class="soft">People paste it to log in. Scripts send it in a header: <code>Authorization: Bearer TOKEN</code>.</p>
    <footer><button type="button" class="primary" onClick=${onClose}>Done</button></footer>
  <//>`;
}
