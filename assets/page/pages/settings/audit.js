// What people did: who, when, what, from where.
import { get } from "../../lib/api.js";
import { moment, number } from "../../lib/format.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { Empty, Notice, Waiting } from "../../parts/notice.js";
import { SearchField } from "../../parts/search.js";
import { Table } from "../../parts/table.js";
import { Ago } from "../../parts/time.js";

const PAGE = 200;

export function Audit() {
  const [{ text = "" }, setQuery] = useQuery();
  const [read, setRead] = useState({ entries: [], next: undefined, total: 0, error: null });
  const [isBusy, setBusy] = useState(false);
  const more = async () => {
    setBusy(true);
    try {
      const { entries, next, total } = await get("api/audit", { limit: PAGE, after: read.next });
      setRead((before) => ({ entries: [...before.entries, ...entries], next, total, error: null }));
    } catch (error) {
      setRead((before) => ({ ...before, error }));
    }
    setBusy(false);
  };
  useEffect(() => {
    more();
  }, []);
  const columns = [
    { id: "when", title: "When", width: "8rem", cell: ({ when }) => html`<${Ago} time=${when} /><span class="under">${moment(when)}</span>` },
    { id: "who", title: "Who", width: "9rem", head: true, cell: ({ who, role }) => html`${who ?? "nobody known"}<span class="under">${role}</span>` },
    { id: "action", title: "What", cell: ({ action, target }) => html`${action}<span class="under mono">${target}</span>` },
    { id: "detail", title: "Detail", minor: true, cell: ({ detail }) => html`<span class="mono">${detail}</span>` },
    { id: "status", title: "Result", width: "7.5rem", minor: true,
      cell: ({ status }) => html`<${Result} status=${status} />` },
    { id: "from", title: "From", width: "9rem", minor: true, cell: ({ from }) => html`<span class="mono">${from}</span>` },
  ];
  const { entries, next, total, error } = read;
  const wanted = text.trim().toLowerCase();
  const shown = entries.filter((entry) => Object.values(entry).some((value) => String(value ?? "").toLowerCase().includes(wanted)));
  const nothing = entries.length > 0
    ? html`<${Empty} icon="search" title=${`None of the newest ${number(entries.length)} entries has that in it`} />`
    : html`<${Empty} icon="audit" title="Nobody has changed anything yet">What people do here stands in this list, for as long as it is kept.<//>`;
  return html`<div class="audit">
    <div class="toolbar">
      <${SearchField} label="Find in the entries" value=${text} onChange=${(text) => setQuery({ text })} />
      <span class="soft">${number(shown.length)} shown of ${number(total)}</span>
    </div>
    ${error && html`<${Notice} tone="bad" action=${{ text: "Try again", act: more }}>${error.message}<//>`}
    ${isBusy && entries.length === 0 ? html`<${Waiting} />` : !(error && entries.length === 0) && html`
      <${Table} caption="What people did, the newest first" columns=${columns} rows=${shown} empty=${html`<div class="panel">${nothing}</div>`} />`}
    ${next && html`<div><button type="button" disabled=${isBusy} onClick=${more}>Show older ones</button></div>`}
  </div>`;
}

function Result({ status }) {
  if (status === null) return html`<span class="soft">nobody waited for it</span>`;
  return status < 400 ? "done" : html`<span class="refused">refused, ${status}</span>`;
}
