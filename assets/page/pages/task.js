// A task: how it stands, what its worker does, what became of it so far, and its log.
import { get } from "../lib/api.js";
import { mergeList, useData } from "../lib/data.js";
import { duration, exactly, words } from "../lib/format.js";
import { html, useEffect, useState } from "../lib/preact.js";
import { href } from "../lib/router.js";
import { useIsAdmin } from "../lib/session.js";
import { Badge } from "../parts/badge.js";
import { Copy } from "../parts/copy.js";
import { deeds } from "../parts/deeds.js";
import { Explanation } from "../parts/explanation.js";
import { Notice } from "../parts/notice.js";
import { Loaded, Page, Panel } from "../parts/page.js";
import { Ago } from "../parts/time.js";
import { Values } from "../parts/values.js";
import { Log } from "./task/log.js";

const UP = { href: href("/jobs"), text: "Jobs" };

// Of a larger job not all tasks are read to find out which wait for this one.
const FAMILY_OF = 2000;

export default function TaskPage({ params: { id } }) {
  const [jobId, setJobId] = useState(null);
  // Events are of the tasks of one job: which one, the first look tells.
  const task = useData(`api/tasks/${id}`, jobId ? { topics: ["task"], job: jobId, merge: mergeTask } : {});
  useEffect(() => setJobId(task.data?.job ?? jobId), [task.data?.job]);
  const job = useData(jobId && `api/jobs/${jobId}`);
  const isAdmin = useIsAdmin();
  if (task.error?.status === 404 || task.data?.deleted) {
    return html`<${Page} title="This task is gone" up=${UP}><${Notice}>It was deleted with its job, or never was: ${id}<//><//>`;
  }
  const { data } = task;
  const up = data ? { href: href(`/jobs/${data.job}`), text: job.data?.name ?? "The job" } : UP;
  return html`<${Page} title=${data?.name ?? "Task"} up=${up} lead=${data && html`<${Badge} status=${data.status} />`}
      actions=${data && isAdmin && deeds("tasks", [data]).map(({ name, text, danger, act }) => html`
        <button type="button" key=${name} class=${danger ? "danger" : ""} onClick=${act}>${text}</button>`)}>
    <${Loaded} of=${task}><${Shown} task=${data} job=${job.data} up=${up} /><//>
  <//>`;
}

// The task with what happened to it. Events are in brief: what else changes with the status is read anew.
function mergeTask(task, events) {
  const news = events.findLast(({ document }) => document._id === task._id)?.document;
  if (!news) return task;
  return news.deleted || news.status === task.status ? { ...task, ...news } : null;
}

function Shown({ task, job, up }) {
  const isWorkedOn = task.status === "active";
  return html`
    <section class="panel standing" aria-label="How it stands">
      ${task.activity && html`<p><strong>${task.activity}</strong></p>`}
      ${isWorkedOn && task.task_progress_percentage > 0 && html`<${Done} percentage=${task.task_progress_percentage} />`}
      ${!isWorkedOn && task.status !== "completed" && html`<${Explanation} of=${`tasks/${task._id}`} status=${task.status} />`}
    </section>
    <div class="columns">
      <${About} task=${task} up=${up} />
      <${History} task=${task} />
    </div>
    <${Log} task=${task} />
    <${Commands} task=${task._id} />
    <${Family} task=${task} job=${job} />`;
}

function Done({ percentage }) {
  return html`<span class="progress"><span class="bar" role="img" aria-label=${`${percentage} % done`}>
    <span class="part active" style=${{ width: `${percentage}%` }} /></span><span class="figure">${percentage} %</span></span>`;
}

function About({ task, up }) {
  const timing = Object.entries(task.metrics.timing);
  return html`<${Panel} title="About">
    <dl class="facts">
      <div><dt>Job</dt><dd><a href=${up.href}>${up.text}</a></dd></div>
      <div><dt>Worker</dt><dd>${task.worker_id
        ? html`<a href=${href(`/workers/${task.worker_id}`)}>${task.worker}</a>` : html`<span class="soft">nobody had it yet</span>`}</dd></div>
      ${task.failed_by_workers.length > 0 && html`<div><dt>Failed by</dt><dd><ul class="bare">${task.failed_by_workers.map(({ id, identifier }) => html`
        <li key=${id}><a href=${href(`/workers/${id}`)}>${identifier}</a></li>`)}</ul></dd></div>`}
      <div><dt>Task type</dt><dd>${task.task_type}</dd></div>
      <div><dt>Priority</dt><dd>${task.priority}, in a job of ${task.job_priority}</dd></div>
      ${task.last_worker_ping && html`<div><dt>Worker heard of</dt><dd><${Ago} time=${task.last_worker_ping} /></dd></div>`}
      <div><dt>Last change</dt><dd><${Ago} time=${task.last_updated} /></dd></div>
      ${timing.length > 0 && html`<div><dt>Time spent</dt><dd>${timing.map(([what, seconds]) => html`
        <div key=${what}>${what}: ${seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds)}</div>`)}</dd></div>`}
      <div><dt>ID</dt><dd><${Copy} text=${task._id} label="ID" /></dd></div>
    </dl>
  <//>`;
}

function History({ task }) {
  const history = useData(`api/tasks/${task._id}/history`, { again: `${task.status} ${task.last_updated}` });
  const entries = history.data?.history ?? [];
  return html`<${Panel} title="History">
    <${Loaded} of=${history}>
      ${entries.length === 0 && html`<p class="soft">Nothing has happened to it yet.</p>`}
      <ol class="history">${entries.toReversed().map(({ when, what, worker_id, worker, why }, i) => html`<li key=${entries.length - i}>
        <time datetime=${when} class="soft">${exactly(when)}</time>
        <span class="what">${words(what)}${worker && html` <span class="soft">·</span> ${worker_id
          ? html`<a href=${href(`/workers/${worker_id}`)}>${worker}</a>` : worker}`}</span>
        ${why && html`<span class="soft">${why}</span>`}</li>`)}</ol>
    <//>
  <//>`;
}

const PLATFORMS = { "": "its worker's platform", linux: "Linux", windows: "Windows", darwin: "macOS" };

function Commands({ task }) {
  const [platform, setPlatform] = useState("");
  const commands = useData(`api/tasks/${task}/commands${platform && `?platform=${platform}`}`);
  return html`<${Panel} title="Commands" actions=${html`<label class="check">as on
      <select value=${platform} onChange=${(event) => setPlatform(event.target.value)}>${Object.entries(PLATFORMS).map(([name, text]) => html`
        <option key=${name} value=${name}>${text}</option>`)}</select></label>`}>
    <${Loaded} of=${commands}>
      <ol class="commands">${commands.data?.commands.map(({ name, settings }, i) => html`<li key=${i}>
        <h3>${name}</h3><${Values} of=${settings ?? {}} none="It has no settings." /></li>`)}</ol>
    <//>
  <//>`;
}

// The tasks that this one waits for, and those that wait for it.
function Family({ task, job }) {
  const isSmall = job && job.tasks.total <= FAMILY_OF;
  const family = useData(job && (isSmall || task.parents.length > 0) ? `family/${task._id}` : null, {
    read: () => (isSmall ? bothSides(task) : parentsOf(task)), topics: ["task"], job: task.job, merge: mergeFamily,
  });
  if (!family.data) return null;
  const { parents, children } = family.data;
  return html`
    ${parents.length > 0 && html`<${Panel} title="It waits for"><${TaskLinks} tasks=${parents} /><//>`}
    ${children.length > 0 && html`<${Panel} title="These wait for it"><${TaskLinks} tasks=${children} /><//>`}`;
}

function mergeFamily({ parents, children }, events) {
  const changed = events.map(({ document }) => document);
  return { parents: mergeList(parents, changed, { add: false }), children: mergeList(children, changed, { add: false }) };
}

async function bothSides(task) {
  const { tasks } = await get(`api/jobs/${task.job}/grid`);
  const place = tasks.findIndex(({ _id }) => _id === task._id);
  const parents = (tasks[place]?.parents ?? []).map((parent) => tasks[parent]);
  return { parents, children: tasks.filter((other) => other.parents.includes(place)) };
}

const SOME = 50;

async function parentsOf(task) {
  const parents = task.parents.slice(0, SOME).map((id) => get(`api/tasks/${id}`).catch(() => null));
  return { parents: (await Promise.all(parents)).filter(Boolean), children: [] };
}

function TaskLinks({ tasks }) {
  return html`<ul class="links">${tasks.slice(0, SOME).map(({ _id, name, status }) => html`
    <li key=${_id}><a href=${href(`/tasks/${_id}`)}>${name}</a> <${Badge} status=${status} /></li>`)}
    ${tasks.length > SOME && html`<li class="soft">and ${tasks.length - SOME} more</li>`}</ul>`;
}
