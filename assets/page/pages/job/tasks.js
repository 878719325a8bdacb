// The tasks of a job: as a grid of frames, as a table, and as a graph; the chips above, which say what the colours mean, filter all three.
import { number } from "../../lib/format.js";
import { html, useMemo, useState } from "../../lib/preact.js";
import { href, useQuery } from "../../lib/router.js";
import { useIsAdmin } from "../../lib/session.js";
import { countByStatus, statusesIn } from "../../lib/statuses.js";
import { TASK_STATUSES } from "../../lib/task-list.js";
import { useNicknames } from "../../lib/tasks.js";
import { Badge } from "../../parts/badge.js";
import { StatusChips } from "../../parts/chips.js";
import { deeds } from "../../parts/deeds.js";
import { Loaded, Panel } from "../../parts/page.js";
import { SearchField } from "../../parts/search.js";
import { Table } from "../../parts/table.js";
import { Graph } from "./graph.js";
import { Grid } from "./grid.js";

const VIEWS = { grid: "Grid", table: "Table", graph: "Graph" };

// <${TasksPanel} job=${id} tasks=${what useTasks gave} query=${query} />; what is shown how is in the address.
export function TasksPanel({ job, tasks, query }) {
  const [, setQuery] = useQuery();
  const view = VIEWS[query.view] ? query.view : "grid";
  const statuses = statusesIn(query.tasks ?? "", TASK_STATUSES);
  return html`<${Panel} title="Tasks">
    <nav class="tabs" aria-label="How the tasks are shown">${Object.entries(VIEWS).map(([name, text]) => html`
      <a key=${name} href=${href(`/jobs/${job}`, { ...query, view: name === "grid" ? "" : name })}
        aria-current=${name === view ? "true" : undefined}>${text}</a>`)}</nav>
    <${Loaded} of=${tasks}>
      <${Shown} tasks=${tasks.data?.tasks} view=${view} statuses=${statuses} search=${query.find ?? ""} setQuery=${setQuery} />
    <//>
  <//>`;
}

function Shown({ tasks, view, statuses, search, setQuery }) {
  const nicknames = useNicknames();
  const isShown = useMemo(() => filter(statuses, search), [statuses.join(), search]);
  const counts = useMemo(() => countByStatus(tasks), [tasks]);
  return html`
    <div class="toolbar legend">
      <${StatusChips} label="Show tasks by status" statuses=${TASK_STATUSES} counts=${counts} chosen=${statuses} marks
        onChange=${(chosen) => setQuery({ tasks: chosen.join() })} />
      <${SearchField} label="Find tasks by name" value=${search} onChange=${(find) => setQuery({ find })} />
    </div>
    ${view === "grid" && html`<${Grid} tasks=${tasks} isShown=${isShown} nicknames=${nicknames} />`}
    ${view === "table" && html`<${TaskTable} tasks=${tasks} isShown=${isShown} nicknames=${nicknames} />`}
    ${view === "graph" && html`<${Graph} tasks=${tasks} isShown=${isShown} />`}`;
}

// Says whether a task is one of those that are looked for.
function filter(statuses, search) {
  const part = search.toLowerCase();
  return ({ status, name, _id }) => (statuses.length === 0 || statuses.includes(status))
    && (!part || name.toLowerCase().includes(part) || _id === part);
}

function TaskTable({ tasks, isShown, nicknames }) {
  const isAdmin = useIsAdmin();
  const [selected, select] = useState(new Set());
  const rows = useMemo(() => tasks.filter(isShown), [tasks, isShown]);
  const chosen = useMemo(() => rows.filter((task) => selected.has(task._id)), [rows, selected]);
  const columns = useMemo(() => columnsWith(nicknames), [nicknames]);
  return html`
    ${isAdmin && chosen.length > 0 && html`<div class="toolbar selection" role="group" aria-label="Do something with the selected tasks">
      <strong aria-live="polite">${number(chosen.length)} selected</strong>
      ${deeds("tasks", chosen).map(({ name, text, danger, act }) => html`
        <button type="button" key=${name} class=${danger ? "danger" : ""} onClick=${act}>${text}</button>`)}
      <button type="button" class="quiet" onClick=${() => select(new Set())}>Clear the selection</button>
    </div>`}
    <${Table} caption="Tasks" columns=${columns} rows=${rows} nameOf=${(task) => task.name}
      selected=${isAdmin ? selected : undefined} onSelect=${select}
      empty=${html`<p class="soft">No task is like that.</p>`} />`;
}

const columnsWith = (nicknames) => [
  {
    id: "name", title: "Name", head: true, sort: (task) => task.name,
    cell: (task) => html`<a class="line" href=${href(`/tasks/${task._id}`)} title=${task.name}>${task.name}</a>${
      task.activity && html`<span class="under" title=${task.activity}>${task.activity}</span>`}`,
  },
  { id: "status", title: "Status", width: "11rem", sort: (task) => TASK_STATUSES.indexOf(task.status), cell: (task) => html`<${Badge} status=${task.status} />` },
  { id: "type", title: "Type", width: "10rem", minor: true, sort: (task) => task.task_type, cell: (task) => task.task_type },
  {
    id: "worker", title: "Worker", width: "12rem", minor: true, sort: (task) => nicknames.get(task.worker_id) ?? "",
    cell: ({ worker_id: id, worker }) => id && html`<a class="line" href=${href(`/workers/${id}`)}>${nicknames.get(id) || worker || "a worker"}</a>`,
  },
];
