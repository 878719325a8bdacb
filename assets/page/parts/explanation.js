// Why a job or a task is running or not: the answer in a sentence, and all that stands in the way.
import { useData } from "../lib/data.js";
import { count } from "../lib/format.js";
import { html } from "../lib/preact.js";
import { href } from "../lib/router.js";
import { Notice } from "./notice.js";

const EVERY = 10;

// <${Explanation} of="jobs/ID" status=${job.status} />: it is asked for anew when the status changes, and now and then.
export function Explanation({ of, status }) {
  const explained = useData(`api/${of}/explain`, { every: EVERY, again: status });
  if (!explained.data) return explained.error && html`<${Notice} tone="warn">${explained.error.message}<//>`;
  const { answer, conditions, ready, workers } = explained.data;
  // A task has one line about workers, a job has one for each type of its tasks that are ready.
  const types = ready ?? (workers.total > 0 && status === "queued" ? [{ workers }] : []);
  const isMore = conditions.length > 1 || types.some(({ workers }) => workers.conditions.length > 0);
  return html`<div class="explanation">
    <p>${answer}</p>
    ${isMore && html`<details>
      <summary>Details</summary>
      ${conditions.length > 0 && html`<ul>${conditions.map(({ code, message }) => html`<li key=${code}>${message}</li>`)}</ul>`}
      ${types.map(({ task_type, tasks, workers }) => html`<${Takers} key=${task_type} type=${task_type} tasks=${tasks} workers=${workers} />`)}
    </details>`}
  </div>`;
}

function Takers({ type, tasks, workers: { able, total, conditions } }) {
  return html`<div>
    <p>${type && html`${count(tasks, "task")} of type <strong>${type}</strong> ${tasks === 1 ? "is" : "are"} ready: `}${
      able} of ${count(total, "worker")} can take ${tasks === 1 || !type ? "it" : "one"} now.</p>
    <ul>${conditions.map(({ code, count: many, message, workers }) => html`<li key=${code}>
      <strong>${count(many, "worker")}</strong>: ${message} <span class="soft">(${workers.map(({ _id, nickname }, i) => html`${i > 0 && ", "}<a
        key=${_id} href=${href(`/workers/${_id}`)}>${nickname || _id}</a>`)}${many > workers.length && " and more"})</span></li>`)}</ul>
  </div>`;
}
