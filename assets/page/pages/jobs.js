// The list of jobs: filtered and sorted as the address says, live, and what can be done with many of them.
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useFarm } from "../lib/farm.js";
import { count, duration, number } from "../lib/format.js";
import { mergeJobs } from "../lib/job-list.js";
import { html, useEffect, useMemo, useState } from "../lib/preact.js";
import { href, useQuery } from "../lib/router.js";
import { useIsAdmin } from "../lib/session.js";
import { statusesIn } from "../lib/statuses.js";
import { Badge } from "../parts/badge.js";
import { StatusChips } from "../parts/chips.js";
import { deeds, PriorityDialog } from "../parts/deeds.js";
import { Icon } from "../parts/icon.js";
import { Empty } from "../parts/notice.js";
import { Loaded, Page } from "../parts/page.js";
import { Progress, progressInWords } from "../parts/progress.js";
import { SearchField } from "../parts/search.js";
import { Table } from "../parts/table.js";
import { Ago } from "../parts/time.js";

const STATUSES = ["active", "queued", "paused", "failed", "canceled", "cancel-requested", "completed"];

// So many are shown at first, and so many more each time that is asked for.
const STEP = 200;
const PAGE = 1000;

export default function JobsPage({ query: { status = "", search = "", sort = "-created" } }) {
  const [, setQuery] = useQuery();
  const [most, setMost] = useState(STEP);
  const statuses = useMemo(() => statusesIn(status, STATUSES), [status]);
  const filters = { status: statuses.join(), text: search, sort };
  useEffect(() => setMost(STEP), [status, search, sort]);

  const jobs = useData(JSON.stringify({ ...filters, most }), {
    read: () => readJobs(filters, most),
    topics: ["job"],
    merge: (list, events) => mergeJobs(list, events.map(({ document }) => document), { statuses, sort }),
  });
  const counts = useFarm().data?.jobs ?? {};
  const isFiltered = statuses.length > 0 || search !== "";

  return html`<${Page} title="Jobs" actions=${useIsAdmin() && html`<a class="button primary" href=${href("/submit")}>
      <${Icon} name="plus" />Submit a job</a>`}>
    <div class="toolbar">
      <${SearchField} label="Search jobs by name or ID" value=${search} onChange=${(search) => setQuery({ search })} />
      <${StatusChips} label="Show jobs by status" statuses=${STATUSES} counts=${counts} total=${sum(counts)} chosen=${statuses}
        onChange=${(chosen) => setQuery({ status: chosen.join() })} />
    </div>
    <${Loaded} of=${jobs}>
      <${JobTable} list=${jobs.data} sort=${sort} onSort=${(sort) => setQuery({ sort: sort === "-created" ? "" : sort })}
        empty=${html`<${NoJobs} isFiltered=${isFiltered} clear=${() => setQuery({ status: "", search: "" })} />`} />
      ${jobs.data?.next && html`<p class="more">
        <span class="soft">${number(jobs.data.jobs.length)} of ${count(jobs.data.total, "job")}</span>
        <button type="button" onClick=${() => setMost(most + STEP)}>Show more</button></p>`}
    <//>
  <//>`;
}

const sum = (counts) => Object.values(counts).reduce((all, one) => all + one, 0);

async function readJobs(filters, most) {
  let list = null;
  do {
    const rest = most - (list?.jobs.length ?? 0);
    const page = await get("api/jobs", { ...filters, limit: Math.min(rest, PAGE), after: list?.next });
    list = { ...page, jobs: [...(list?.jobs ?? []), ...page.jobs] };
  } while (list.next && list.jobs.length < most);
  return list;
}

const COLUMNS = [
  {
    id: "name", title: "Name", head: true, sort: true,
    cell: (job) => html`<a class="line" href=${href(`/jobs/${job._id}`)} title=${job.name}>${job.name}</a>
      <span class="under in-narrow"><${Badge} status=${job.status} /></span>`,
  },
  { id: "status", title: "Status", width: "9.5rem", minor: true, sort: true, cell: (job) => html`<${Badge} status=${job.status} />` },
  {
    id: "progress", title: "Progress",
    cell: (job) => html`<${Progress} tasks=${job.tasks} /><span class="under">${progressInWords(job.tasks)}</span>`,
  },
  { id: "priority", title: "Priority", width: "5.5rem", end: true, minor: true, sort: true, cell: (job) => job.priority },
  {
    id: "left", title: "Time left", width: "6.5rem", end: true, minor: true,
    cell: (job) => (job.time_left_seconds === null ? html`<span class="soft">–</span>` : duration(job.time_left_seconds)),
  },
  { id: "created", title: "Submitted", width: "7.5rem", end: true, minor: true, sort: true, cell: (job) => html`<${Ago} time=${job.created} />` },
];

function JobTable({ list: { jobs }, sort, onSort, empty }) {
  const isAdmin = useIsAdmin();
  const [selected, select] = useState(new Set());
  const chosen = useMemo(() => jobs.filter((job) => selected.has(job._id)), [jobs, selected]);
  return html`
    ${isAdmin && chosen.length > 0 && html`<${Deeds} jobs=${chosen} clear=${() => select(new Set())} />`}
    <${Table} caption="Jobs" columns=${COLUMNS} rows=${jobs} nameOf=${(job) => job.name} sort=${sort} onSort=${onSort} isSorted
      selected=${isAdmin ? selected : undefined} onSelect=${select} empty=${empty} />`;
}

function Deeds({ jobs, clear }) {
  const [isAsking, setAsking] = useState(false);
  return html`<div class="toolbar selection" role="group" aria-label="Do something with the selected jobs">
    <strong aria-live="polite">${count(jobs.length, "job")} selected</strong>
    ${deeds("jobs", jobs, { done: (name) => name === "delete" && clear() }).map(({ name, text, danger, act }) => html`
      <button type="button" key=${name} class=${danger ? "danger" : ""} onClick=${act}>${text}</button>`)}
    <button type="button" onClick=${() => setAsking(true)}>Set priority</button>
    <button type="button" class="quiet" onClick=${clear}>Clear the selection</button>
    ${isAsking && html`<${PriorityDialog} jobs=${jobs} onClose=${() => setAsking(false)} />`}
  </div>`;
}

function NoJobs({ isFiltered, clear }) {
  return isFiltered
    ? html`<${Empty} icon="search" title="No job is like that">
        <button type="button" onClick=${clear}>Show all jobs</button><//>`
    : html`<${Empty} icon="jobs" title="No jobs yet">
        <p>Submit one <a href=${href("/submit")}>with a form</a>, or with <code>flamenco-manager job submit FILE.json</code>.</p><//>`;
}
