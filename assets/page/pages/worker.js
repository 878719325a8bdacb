// A worker: what it does, why it gets nothing, what it is, when it sleeps, and what it is not trusted with.
import { del, get, getAll } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { count, number } from "../lib/format.js";
import { html, useState } from "../lib/preact.js";
import { go, href } from "../lib/router.js";
import { useIsAdmin } from "../lib/session.js";
import { isBusy, named, wish } from "../lib/workers.js";
import { Badge } from "../parts/badge.js";
import { Copy } from "../parts/copy.js";
import { JobName } from "../parts/job-name.js";
import { Menu } from "../parts/menu.js";
import { Loaded, Page, Panel } from "../parts/page.js";
import { ScheduleEditor } from "../parts/schedule-editor.js";
import { Table } from "../parts/table.js";
import { Ago } from "../parts/time.js";
import { act } from "../parts/toast.js";
import { TagsDialog, workerDeeds } from "../parts/worker-deeds.js";

// Signs of life are no events, and jobs of others decide on what it gets: both are read anew every so many seconds.
const EVERY = 15;

export default function WorkerPage({ params: { id } }) {
  const worker = useData(`api/workers/${encodeURIComponent(id)}`, {
    read: async (address) => named(await get(address)),
    topics: ["worker"],
    merge: (worker, events) => {
      const news = events.map(({ document }) => document).findLast(({ _id }) => _id === id);
      // One that is gone is read once more: the Manager knows how to say so.
      if (news?.deleted) return null;
      return news ? named({ ...worker, ...news }) : worker;
    },
    every: EVERY,
  });
  const isAdmin = useIsAdmin();
  return html`<${Page} title=${worker.data?.name ?? "Worker"} up=${{ href: href("/workers"), text: "Workers" }}
    lead=${worker.data && html`<${Badge} status=${worker.data.status} /> ${wish(worker.data)}`}
    actions=${isAdmin && worker.data && html`<${Deeds} worker=${worker.data} />`}>
    <${Loaded} of=${worker}><${Worker} worker=${worker.data} isAdmin=${isAdmin} /><//>
  <//>`;
}

function Deeds({ worker }) {
  const [isTagging, setTagging] = useState(false);
  const deeds = workerDeeds([worker], { setTags: () => setTagging(true), done: (action) => action === "forget" && go("/workers") });
  return html`<${Menu} label="Actions" items=${deeds} />
    ${isTagging && html`<${TagsDialog} workers=${[worker]} onClose=${() => setTagging(false)} />`}`;
}

function Worker({ worker, isAdmin }) {
  return html`
    <div class="columns">
      <${Now} worker=${worker} />
      <${Facts} worker=${worker} />
    </div>
    <${LatestTasks} worker=${worker} />
    <${Panel} title="Sleep schedule"><${ScheduleEditor} worker=${worker} isAdmin=${isAdmin} /><//>
    <${Blacklist} worker=${worker} isAdmin=${isAdmin} />`;
}

// What it has in hand and how that stands: another text when that has changed.
const inHand = ({ current_task, current_task_status, current_task_updated }) => `${current_task} ${current_task_status} ${current_task_updated}`;

function Now({ worker }) {
  const explained = useData(`api/workers/${worker._id}/explain`, {
    every: EVERY, again: `${worker.status} ${worker.status_requested} ${inHand(worker)}`,
  });
  const isKnown = worker.current_task_name !== null;
  return html`<${Panel} title="What it does">
    ${isKnown && html`<dl class="facts">
      <div><dt>${isBusy(worker) ? "Task" : "Last task"}</dt>
        <dd><a href=${href(`/tasks/${worker.current_task}`)}>${worker.current_task_name}</a></dd></div>
      <div><dt>Job</dt><dd><a href=${href(`/jobs/${worker.current_job}`)}><${JobName} id=${worker.current_job} /></a></dd></div>
      <div><dt>Task is</dt><dd><${Badge} status=${worker.current_task_status} /></dd></div>
    </dl>`}
    <${Loaded} of=${explained}>
      <h3>${isBusy(worker) || isGiven(explained.data) ? "What it gets next" : "Why it gets nothing"}</h3>
      <${Explained} explained=${explained.data} />
    <//>
  <//>`;
}

// Will it be given a task as soon as it asks?
const isGiven = (explained) => explained?.next_task && explained.conditions.length === 0;

function Explained({ explained: { answer, conditions, jobs } }) {
  return html`<div class="explanation">
    <p>${answer}</p>
    ${conditions.length > 1 && html`<ul>${conditions.map(({ code, message }) => html`<li key=${code}>${message}</li>`)}</ul>`}
    ${jobs.length > 0 && html`<details>
      <summary>${count(jobs.length, "kind")} of tasks that could be handed out</summary>
      <ul>${jobs.map(({ _id, name, task_type: type, tasks, conditions }) => html`<li key=${`${_id} ${type}`}>
        <a href=${href(`/jobs/${_id}`)}>${name}</a>, ${number(tasks)} of type ${type}:
        ${conditions.length > 0 ? ` not for this worker: it ${conditions.map(({ message }) => message).join(", and it ")}` : " it may have them"}
      </li>`)}</ul>
    </details>`}
  </div>`;
}

function Facts({ worker }) {
  const facts = [
    ["Address", html`<${Copy} text=${worker.address} label="address" />`],
    ["ID", html`<${Copy} text=${worker._id} label="ID" />`],
    ["Platform", worker.platform],
    ["Software", worker.software || "it never said"],
    ["Last seen", html`<${Ago} time=${worker.last_activity} />`],
    ["Registered", html`<${Ago} time=${worker.registered} />`],
    ["Task types", worker.supported_task_types.join(", ") || "none"],
    ["Tags", worker.tags.join(", ") || "none"],
  ];
  return html`<${Panel} title="What it is">
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  <//>`;
}

// Of the task that it has in hand more is said above.
function LatestTasks({ worker }) {
  const latest = useData(`api/workers/${worker._id}/tasks`, { again: inHand(worker) });
  const columns = [
    { id: "task", title: "Task", head: true, cell: (task) => html`<a class="line" href=${href(`/tasks/${task._id}`)} title=${task.name}>${task.name}</a>
      <span class="under in-narrow">${task.job_name}</span>` },
    { id: "job", title: "Job", minor: true, cell: (task) => html`<a class="line" href=${href(`/jobs/${task.job}`)} title=${task.job_name}>${task.job_name}</a>` },
    { id: "what", title: "Outcome", cell: ({ what, why }) => html`<${Badge} status=${what} />${
      why && html`<span class="under" title=${why}>${why}</span>`}` },
    { id: "when", title: "When", width: "6rem", end: true, cell: ({ when }) => html`<${Ago} time=${when} />` },
  ];
  return html`<${Panel} title="Latest tasks">
    <${Loaded} of=${latest}>
      <${Table} caption="The tasks that it was given last, the newest first" columns=${columns} rows=${latest.data?.tasks} isSorted
        empty=${html`<p class="soft">It was given none yet, or they are gone with their jobs.</p>`} />
    <//>
  <//>`;
}

function Blacklist({ worker, isAdmin }) {
  const lines = useData(`api/blacklist#${worker._id}`, {
    read: async () => (await getAll("api/blacklist", "blacklist")).filter(({ worker_id: id }) => id === worker._id),
    // The worker's own document says at once when there are more or fewer.
    again: JSON.stringify(worker.blacklist),
  });
  const trust = ({ job_id: job, task_type: type, job_name: name }) =>
    act(del(`api/blacklist/${worker._id}/${job}/${encodeURIComponent(type)}`), `Trusted again with ${type} of ${name ?? job}`).then(lines.reload);
  const columns = [
    {
      id: "job", title: "Job", head: true, sort: (line) => line.job_name,
      cell: (line) => html`<a class="line" href=${href(`/jobs/${line.job_id}`)}>${line.job_name ?? line.job_id}</a>`,
    },
    { id: "type", title: "Task type", sort: (line) => line.task_type, cell: (line) => line.task_type },
    { id: "since", title: "Since", width: "7rem", minor: true, cell: (line) => html`<${Ago} time=${line._created} />` },
    isAdmin && {
      id: "trust", title: html`<span class="out-of-sight">Action</span>`, width: "8.5rem", end: true,
      cell: (line) => html`<button type="button" aria-label=${`Trust again with ${line.task_type} of ${line.job_name ?? line.job_id}`}
        onClick=${() => trust(line)}>Trust again</button>`,
    },
  ].filter(Boolean);
  return html`<${Panel} title="Blacklist">
    <${Loaded} of=${lines}>
      <${Table} caption="What it gets no more tasks of" columns=${columns} rows=${lines.data} keyOf=${(line) => `${line.job_id} ${line.task_type}`}
        empty=${html`<p class="soft">It may have tasks of every job: it has not failed too many of one.</p>`} />
    <//>
  <//>`;
}
