// The farm at a glance: what it does, what is wrong, and where to look.
import { ago, clock, count, duration, number, useNow, words } from "../lib/format.js";
import { useData } from "../lib/data.js";
import { useFarm } from "../lib/farm.js";
import { mergeJobs } from "../lib/job-list.js";
import { html, useState } from "../lib/preact.js";
import { href, useQuery } from "../lib/router.js";
import { Badge, tone } from "../parts/badge.js";
import { Chart } from "../parts/chart.js";
import { Copy } from "../parts/copy.js";
import { Icon } from "../parts/icon.js";
import { LastImage } from "../parts/last-image.js";
import { Empty, Notice } from "../parts/notice.js";
import { Loaded, Page, Panel } from "../parts/page.js";
import { Progress } from "../parts/progress.js";
import { Table } from "../parts/table.js";

// So many jobs and warnings are shown at first.
const FEW_JOBS = 8;
const FEW_WARNINGS = 5;

// Which jobs are to do, and in which order they are.
const OPEN = ["active", "queued", "paused", "cancel-requested"];
const SORT = "-priority";

export default function FarmPage() {
  const farm = useFarm();
  return html`<${Page} title="Farm" lead=${farm.data?.summary}>
    <${Loaded} of=${farm}>${farm.data && html`
      <${Warnings} warnings=${farm.data.warnings} leftOut=${farm.data.warnings_left_out} />
      <div class="farm">
        <div class="column">
          <${Throughput} />
          <${Jobs} />
        </div>
        <div class="column">
          <${Workers} workers=${farm.data.workers} />
          <${LastImage} />
          ${farm.data.exchange && html`<${ServerQueue} farm=${farm.data} />`}
        </div>
      </div>`}
    <//>
  <//>`;
}

function Warnings({ warnings, leftOut }) {
  const [isOpen, setOpen] = useState(false);
  if (warnings.length === 0) return null;
  const shown = isOpen ? warnings : warnings.slice(0, FEW_WARNINGS);
  const rest = warnings.length - shown.length;
  return html`<section class="warnings" aria-labelledby="warnings">
    <h2 id="warnings"><${Icon} name="warning" />${count(warnings.length + leftOut, "thing needs", "things need")} a look</h2>
    <ul>${shown.map((warning, i) => html`<li key=${i}><${Warning} ...${warning} /></li>`)}</ul>
    ${rest > 0 && html`<button type="button" class="link" onClick=${() => setOpen(true)}>Show ${number(rest)} more</button>`}
    ${rest === 0 && leftOut > 0 && html`<p class="soft">${number(leftOut)} more are not listed.</p>`}
  </section>`;
}

function Warning({ message, since, job, task, worker }) {
  const at = useNow(30);
  const places = [
    task && { text: "Task", to: href(`/tasks/${task}`) },
    job && { text: "Job", to: href(`/jobs/${job}`) },
    worker && { text: "Worker", to: href(`/workers/${worker}`) },
  ].filter(Boolean);
  return html`<p>${message}${since && html` <small>${ago(since, at)}</small>`}</p>
    <span class="places">${places.map(({ text, to }) => html`<a key=${text} href=${to}>${text}<${Icon} name="right" /></a>`)}</span>`;
}

// How many hours are shown, and how many minutes are one point of the line.
const SPANS = [{ hours: 1, step: 1 }, { hours: 6, step: 5 }, { hours: 24, step: 15 }];

function Throughput() {
  const [query, setQuery] = useQuery();
  const span = SPANS.find(({ hours }) => String(hours) === query.hours) ?? SPANS[1];
  const history = useData(`api/farm/history?hours=${span.hours}`, { every: 30 });
  const choice = html`<div class="chips" role="group" aria-label="Hours shown">${SPANS.map(({ hours }) => html`
    <button type="button" class="chip" key=${hours} aria-pressed=${String(hours === span.hours)}
      onClick=${() => setQuery({ hours })}>${hours} h</button>`)}</div>`;
  return html`<${Panel} title="Tasks done per minute" actions=${choice}>
    <${Loaded} of=${history}>${history.data && html`<${Line} history=${history.data} span=${span} />`}<//>
  <//>`;
}

function Line({ history, span }) {
  const [point, setPoint] = useState(null);
  const { times, completed, failed } = perMinute(history, span.step);
  const sum = (values) => values.reduce((all, one) => all + one, 0);
  const done = sum(history.completed);
  const failures = sum(history.failed);
  const words = `${count(done, "task")} completed and ${failures || "none"} failed in the last ${count(span.hours, "hour")}`;
  const at = (place) => `${clock(times[place] * 1000)}: ${figure(completed[place])} done and ${figure(failed[place])} failed a minute`;
  return html`<figure>
    <${Chart} times=${times} label=${words} onPoint=${setPoint}
      lines=${[{ color: "good", values: completed }, { color: "bad", values: failed }]} />
    <figcaption>${point === null || times[point] === undefined ? words : at(point)}</figcaption>
  </figure>`;
}

const figure = (value) => (Number.isInteger(value) ? number(value) : value.toFixed(1));

// The means of so many minutes each, up to now; `times` are in seconds.
export function perMinute({ start, step_seconds, completed, failed }, step) {
  const first = completed.length % step;
  const groups = Math.floor(completed.length / step);
  const mean = (values) => Array.from({ length: groups }, (_, i) => {
    const part = values.slice(first + i * step, first + (i + 1) * step);
    return part.reduce((all, one) => all + one, 0) / step;
  });
  const begin = Date.parse(start) / 1000;
  const times = Array.from({ length: groups }, (_, i) => begin + (first + i * step) * step_seconds);
  return { times, completed: mean(completed), failed: mean(failed) };
}

function Jobs() {
  const jobs = useData(`api/jobs?status=${OPEN.join()}&sort=${SORT}&limit=${FEW_JOBS}`, { topics: ["job"], merge: mergeOpen });
  const columns = [
    { id: "name", title: "Job", head: true, cell: (job) => html`<a class="line" href=${href(`/jobs/${job._id}`)} title=${job.name}>${job.name}</a>` },
    { id: "status", title: "Status", width: "7.5rem", minor: true, cell: (job) => html`<${Badge} status=${job.status} />` },
    { id: "done", title: "Progress", width: "27%", cell: (job) => html`<${Progress} tasks=${job.tasks} />` },
    { id: "left", title: "Time left", width: "7.5rem", end: true, cell: (job) => timeLeft(job) },
  ];
  const more = jobs.data && jobs.data.total - jobs.data.jobs.length;
  const all = html`<a href=${href("/jobs")}>${more > 0 ? `All jobs, ${number(more)} more to do` : "All jobs"}</a>`;
  return html`<${Panel} title="Jobs to do" actions=${all}>
    <${Loaded} of=${jobs}>${jobs.data && html`
      <${Table} caption="Jobs to do, the most important first" columns=${columns} rows=${jobs.data.jobs} isSorted empty=${NoJobs} />`}<//>
  <//>`;
}

const timeLeft = (job) => (job.time_left_seconds === null ? html`<span class="soft">unknown</span>` : duration(job.time_left_seconds));

// The jobs to do with these changes; one that goes makes room for another, so then they are read anew.
export function mergeOpen(data, events) {
  const merged = mergeJobs(data, events.map(({ document }) => document), { statuses: OPEN, sort: SORT });
  return merged?.jobs.length === data.jobs.length ? merged : null;
}

const NoJobs = html`<${Empty} icon="jobs" title="Nothing to do">
  <p>Submit a blend file: <a href=${href("/submit")}>with a form</a>, or on the command line:</p>
  <${Copy} block text="flamenco-manager submit FILE.blend --frames 1-250" label="the command" />
<//>`;

// In this order: who works first, who is of no use last.
const WORKER_STATUSES = ["awake", "starting", "testing", "asleep", "error", "timeout", "offline"];

function Workers({ workers }) {
  const statuses = WORKER_STATUSES.filter((status) => workers[status]);
  const total = statuses.reduce((sum, status) => sum + workers[status], 0);
  const all = html`<a href=${href("/workers")}>All workers</a>`;
  return html`<${Panel} title="Workers" actions=${all}>
    ${total === 0 ? html`<${NoWorkers} />` : html`
      <div class="share" aria-hidden="true">${statuses.map((status) => html`
        <span key=${status} class=${tone(status)} style=${{ flexGrow: workers[status] }} />`)}</div>
      <ul class="counts">${statuses.map((status) => html`<li key=${status}>
        <a href=${href("/workers", { status })}><${Badge} status=${status} /><strong>${number(workers[status])}</strong></a></li>`)}</ul>`}
  <//>`;
}

function NoWorkers() {
  return html`<${Empty} icon="workers" title="No workers yet">
    <p>Start a Flamenco 2.x Worker with this in its configuration:</p>
    <${Copy} block text=${`manager_url = ${location.origin}/`} label="the setting" />
  <//>`;
}

// What the Flamenco Server has yet to hear.
function ServerQueue({ farm: { exchange, queues } }) {
  const at = useNow(5);
  const { standstill, conversations } = exchange;
  const since = (time) => (time ? `, the oldest ${ago(time, at)}` : "");
  const failing = Object.entries(conversations).filter(([, { failures_in_a_row }]) => failures_in_a_row > 0);
  return html`<${Panel} title="Flamenco Server">
    ${standstill && html`<${Notice} tone="bad">Nothing is said to it until ${clock(standstill.until)}: ${standstill.reason}<//>`}
    <dl class="facts">
      <div><dt>To tell</dt><dd>${count(queues.task_updates, "task update")}${since(queues.task_updates_since)}</dd></div>
      <div><dt>To ask about</dt><dd>${count(queues.tasks_to_ask_about, "task")}</dd></div>
      <div><dt>Logs it wants</dt><dd>${number(queues.wanted_logs)}${since(queues.wanted_logs_since)}</dd></div>
      ${queues.task_updates_set_aside > 0 && html`<div><dt>Refused by it</dt>
        <dd>${count(queues.task_updates_set_aside, "task update")}${queues.last_set_aside && html`:
          <a href=${href(`/tasks/${queues.last_set_aside.task}`)}>${queues.last_set_aside.reason}</a>`}</dd></div>`}
      ${failing.map(([topic, { failures_in_a_row, last_error, next_try }]) => html`<div key=${topic}><dt>${words(topic)}</dt>
        <dd>failed ${count(failures_in_a_row, "time")} in a row${next_try && `, tried again ${ago(next_try, at)}`}: ${last_error?.message}</dd></div>`)}
    </dl>
  <//>`;
}
