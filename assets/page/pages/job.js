// A job: how it stands, why, what failed, its tasks, and what can be done with it.
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { duration } from "../lib/format.js";
import { html, useState } from "../lib/preact.js";
import { go, href } from "../lib/router.js";
import { useIsAdmin } from "../lib/session.js";
import { useTasks } from "../lib/tasks.js";
import { Badge } from "../parts/badge.js";
import { Copy } from "../parts/copy.js";
import { deeds } from "../parts/deeds.js";
import { Explanation } from "../parts/explanation.js";
import { LastImage } from "../parts/last-image.js";
import { Menu } from "../parts/menu.js";
import { Notice } from "../parts/notice.js";
import { Loaded, Page, Panel } from "../parts/page.js";
import { Progress, progressInWords } from "../parts/progress.js";
import { Ago } from "../parts/time.js";
import { Values } from "../parts/values.js";
import { Failures } from "./job/failures.js";
import { TasksPanel } from "./job/tasks.js";
import { TermsDialog } from "./job/terms.js";

const UP = { href: href("/jobs"), text: "Jobs" };
const ENDED = ["completed", "failed", "canceled"];

export default function JobPage({ params: { id }, query }) {
  const job = useData(`api/jobs/${id}`, { topics: ["job"], merge: mergeJob });
  // Read at the same time, though they are shown further down: of a large job they are what takes longest.
  const tasks = useTasks(id);
  const isAdmin = useIsAdmin();
  const [isChanging, setChanging] = useState(false);
  const change = isAdmin && (() => setChanging(true));
  if (job.error?.status === 404 || job.data?.deleted) {
    return html`<${Page} title="This job is gone" up=${UP}><${Notice}>It was deleted, or never was: ${id}<//><//>`;
  }
  const { data } = job;
  return html`<${Page} title=${data?.name ?? "Job"} up=${UP} lead=${data && html`<${Badge} status=${data.status} />`}
      actions=${data && isAdmin && html`<${Actions} job=${data} change=${change} />`}>
    <${Loaded} of=${job}><${Shown} job=${data} tasks=${tasks} query=${query} change=${change} /><//>
    ${isChanging && html`<${TermsDialog} job=${data} onClose=${() => setChanging(false)} />`}
  <//>`;
}

// The job with what happened to it; events of other jobs change nothing.
function mergeJob(job, events) {
  const news = events.findLast(({ document }) => document._id === job._id);
  return news ? { ...job, ...news.document } : job;
}

function Shown({ job, tasks, query, change }) {
  const { by_status } = job.tasks;
  const failures = (by_status.failed ?? 0) + (by_status["soft-failed"] ?? 0);
  const isGoingOn = !ENDED.includes(job.status);
  return html`
    <section class="panel standing" aria-label="How it stands">
      <${Progress} tasks=${job.tasks} />
      <p class="soft">${progressInWords(job.tasks)}${
        job.time_left_seconds !== null && isGoingOn && html`, about <strong>${duration(job.time_left_seconds)}</strong> left`}</p>
      ${job.status !== "completed" && html`<${Explanation} of=${`jobs/${job._id}`} status=${job.status} />`}
    </section>
    ${failures > 0 && html`<${Failures} job=${job._id} count=${failures} />`}
    <${TasksPanel} job=${job._id} tasks=${tasks} query=${query} />
    <div class="columns">
      <${LastImage} job=${job._id} />
      <${About} job=${job} change=${change} />
      ${isMade(job) && html`<${Panel} title="Settings"><${Values} of=${job.settings} /><//>`}
      ${Object.keys(job.metadata).length > 0 && html`<${Panel} title="Metadata"><${Values} of=${job.metadata} /><//>`}
    </div>`;
}

// Were its tasks made of settings? Otherwise they were submitted ready-made.
const isMade = ({ settings }) => Object.keys(settings).length > 0;

// What is done most is a button of its own, the rest is in a menu.
function Actions({ job, change }) {
  const items = deeds("jobs", [job], { done: (name) => name === "delete" && go("/jobs") });
  const isOften = ({ name }) => ["pause", "resume", "cancel"].includes(name)
    || (name === "requeue-failed" && ENDED.includes(job.status));
  const rest = items.filter((item) => !isOften(item));
  const again = { text: "Submit one like it", act: () => go("/submit", { like: job._id }) };
  return html`
    ${items.filter(isOften).map(({ name, text, danger, act }) => html`
      <button type="button" key=${name} class=${danger ? "danger" : ""} onClick=${act}>${text}</button>`)}
    <${Menu} label="More" items=${[
      ...rest.filter(({ danger }) => !danger), { text: "Change priority, workers", act: change }, ...(isMade(job) ? [again] : []),
      null, ...rest.filter(({ danger }) => danger),
    ]} />`;
}

function About({ job, change }) {
  return html`<${Panel} title="About" actions=${change && html`<button type="button" onClick=${change}>Change</button>`}>
    <dl class="facts">
      <div><dt>Priority</dt><dd>${job.priority}</dd></div>
      <div><dt>Workers</dt><dd>${job.max_workers === null ? "any number" : `${job.max_workers} at the most`}${
        job.worker_tags.length > 0 && html`, with a tag of <strong>${job.worker_tags.join(", ")}</strong>`}</dd></div>
      <div><dt>Job type</dt><dd>${job.job_type}</dd></div>
      <div><dt>Submitted</dt><dd><${Ago} time=${job.created} /></dd></div>
      <div><dt>Last change</dt><dd><${Ago} time=${job.updated} /></dd></div>
      ${job.depends_on.length > 0 && html`<div><dt>Waits for</dt><dd><${OtherJobs} ids=${job.depends_on} /></dd></div>`}
      <div><dt>ID</dt><dd><${Copy} text=${job._id} label="ID" /></dd></div>
    </dl>
  <//>`;
}

// The jobs that this one waits for. One that is gone counts as completed.
function OtherJobs({ ids }) {
  const jobs = useData(ids.join(), {
    read: () => Promise.all(ids.map((id) => get(`api/jobs/${id}`).catch((error) => ({ _id: id, name: error.status === 404 ? null : id })))),
    every: 15,
  });
  return html`<ul class="bare">${(jobs.data ?? []).map(({ _id, name, status }) => html`<li key=${_id}>${name === null
    ? html`<span class="soft">a job that is gone, which counts as completed</span>`
    : html`<a href=${href(`/jobs/${_id}`)}>${name}</a> ${status && html`<${Badge} status=${status} />`}`}</li>`)}</ul>`;
}
