// The list of workers: filtered as the address says, live, and what can be done with many of them.
import { getAll } from "../lib/api.js";
import { mergeList, useData } from "../lib/data.js";
import { count } from "../lib/format.js";
import { html, useMemo, useState } from "../lib/preact.js";
import { href, useQuery } from "../lib/router.js";
import { useIsAdmin } from "../lib/session.js";
import { countByStatus, statusesIn } from "../lib/statuses.js";
import { inShort } from "../lib/week.js";
import { filter, isBusy, named, tagsOf, wish } from "../lib/workers.js";
import { Badge } from "../parts/badge.js";
import { StatusChips } from "../parts/chips.js";
import { Copy } from "../parts/copy.js";
import { JobName } from "../parts/job-name.js";
import { Menu } from "../parts/menu.js";
import { Empty } from "../parts/notice.js";
import { Loaded, Page } from "../parts/page.js";
import { SearchField } from "../parts/search.js";
import { Table } from "../parts/table.js";
import { Ago } from "../parts/time.js";
import { TagsDialog, workerDeeds } from "../parts/worker-deeds.js";

const STATUSES = ["awake", "asleep", "starting", "testing", "error", "timeout", "offline"];

// Signs of life are no events: when a worker was last seen is read anew every so many seconds.
const SEEN_EVERY = 30;

export default function WorkersPage({ query: { status = "", tag = "", search = "", sort = "name" } }) {
  const [, setQuery] = useQuery();
  const workers = useData("api/workers", {
    read: async (address) => (await getAll(address, "workers")).map(named),
    topics: ["worker"],
    merge: (list, events) => mergeList(list, events.map(({ document }) => (document.deleted ? document : named(document)))),
    every: SEEN_EVERY,
  });
  const statuses = useMemo(() => statusesIn(status, STATUSES), [status]);
  const shown = useMemo(() => workers.data?.filter(filter({ statuses, tag, search })), [workers.data, statuses, tag, search]);

  return html`<${Page} title="Workers">
    <${Loaded} of=${workers}>
      ${workers.data?.length > 0 && html`<div class="toolbar">
        <${SearchField} label="Search workers" value=${search} onChange=${(search) => setQuery({ search })} />
        <${StatusChips} label="Show workers by status" statuses=${STATUSES} counts=${countByStatus(workers.data)} total=${workers.data.length}
          chosen=${statuses} onChange=${(chosen) => setQuery({ status: chosen.join() })} />
        <${TagChoice} tags=${tagsOf(workers.data)} tag=${tag} onChange=${(tag) => setQuery({ tag })} />
      </div>`}
      <${WorkerTable} workers=${shown} sort=${sort} onSort=${(sort) => setQuery({ sort: sort === "name" ? "" : sort })}
        empty=${html`<${NoWorkers} isFiltered=${workers.data?.length > 0} clear=${() => setQuery({ status: "", tag: "", search: "" })} />`} />
    <//>
  <//>`;
}

function TagChoice({ tags, tag, onChange }) {
  if (tags.length === 0 && !tag) return null;
  const choices = tag && !tags.includes(tag) ? [...tags, tag] : tags;
  return html`<select aria-label="Show workers with a tag" value=${tag} onChange=${(event) => onChange(event.target.value)}>
    <option value="">any tag</option>
    ${choices.map((one) => html`<option key=${one} value=${one} selected=${one === tag}>${one}</option>`)}
  </select>`;
}

const COLUMNS = [
  {
    id: "name", title: "Name", width: "11rem", head: true, sort: ({ name }) => name,
    cell: (worker) => html`<a class="line" href=${href(`/workers/${worker._id}`)} title=${worker.name}>${worker.name}</a>
      <span class="under in-wide" title=${worker.software}>${[worker.platform, worker.software.replace("Flamenco-", "")].filter(Boolean).join(" · ")}</span>
      <span class="under in-narrow">${isBusy(worker) ? worker.current_task_name : ""}</span>`,
  },
  {
    id: "status", title: "Status", width: "12rem", sort: ({ status }) => STATUSES.indexOf(status),
    cell: (worker) => html`<${Badge} status=${worker.status} /><span class="under">${wish(worker)}</span>`,
  },
  {
    id: "task", title: "Does now", minor: true, sort: (worker) => (isBusy(worker) ? worker.current_task_name : null),
    cell: (worker) => html`<${DoesNow} worker=${worker} />`,
  },
  {
    id: "seen", title: "Last seen", width: "6.25rem", minor: true, sort: (worker) => -Date.parse(worker.last_activity),
    cell: (worker) => html`<${Ago} time=${worker.last_activity} />`,
  },
  {
    id: "address", title: "Address", width: "8.25rem", minor: true, sort: ({ address }) => address,
    cell: (worker) => html`<${Copy} text=${worker.address} label="address" />`,
  },
  {
    id: "tags", title: "Tags, schedule", width: "9rem", minor: true, sort: ({ tags }) => tags.join(" "),
    cell: (worker) => html`<span class="line" title=${worker.tags.join(", ")}>${worker.tags.join(", ")}</span>
      <span class="under">${inShort(worker.sleep_schedule)}</span>`,
  },
];

function DoesNow({ worker }) {
  if (isBusy(worker)) {
    return html`<a class="line" href=${href(`/tasks/${worker.current_task}`)} title=${worker.current_task_name}>${worker.current_task_name}</a>
      <span class="under"><${JobName} id=${worker.current_job} /></span>`;
  }
  const { length } = worker.blacklist;
  return html`<span class="soft">–</span>${length > 0 && html`<span class="under">${count(length, "line")} of the blacklist</span>`}`;
}

function WorkerTable({ workers, sort, onSort, empty }) {
  const isAdmin = useIsAdmin();
  const [selected, select] = useState(new Set());
  const chosen = useMemo(() => workers.filter((worker) => selected.has(worker._id)), [workers, selected]);
  return html`<div class="worker-list">
    ${isAdmin && chosen.length > 0 && html`<${Selection} workers=${chosen} clear=${() => select(new Set())} />`}
    <${Table} caption="Workers" columns=${COLUMNS} rows=${workers} nameOf=${({ name }) => name} sort=${sort} onSort=${onSort}
      selected=${isAdmin ? selected : undefined} onSelect=${select} empty=${empty} />
  </div>`;
}

// What can be done with those that are selected.
function Selection({ workers, clear }) {
  const [isTagging, setTagging] = useState(false);
  const deeds = workerDeeds(workers, { setTags: () => setTagging(true), done: (action) => action === "forget" && clear() });
  return html`<div class="toolbar selection" role="group" aria-label="Do something with the selected workers">
    <strong aria-live="polite">${count(workers.length, "worker")} selected</strong>
    <${Menu} label="Actions" items=${deeds} />
    <button type="button" class="quiet" onClick=${clear}>Clear the selection</button>
    ${isTagging && html`<${TagsDialog} workers=${workers} onClose=${() => setTagging(false)} />`}
  </div>`;
}

function NoWorkers({ isFiltered, clear }) {
  return isFiltered
    ? html`<${Empty} icon="search" title="No worker is like that">
        <button type="button" onClick=${clear}>Show all workers</button><//>`
    : html`<${Empty} icon="workers" title="No workers yet">
        <p>Start a Flamenco 2.x Worker: on the same network it finds this Manager by itself. If it does not, its
          configuration needs this:</p>
        <${Copy} block text=${`manager_url = ${location.origin}/`} label="the setting" />
      <//>`;
}
