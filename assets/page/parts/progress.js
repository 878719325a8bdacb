// How far a job is: a bar with a part for each status of its tasks, and the same in words.
import { count, number, percent, words } from "../lib/format.js";
import { html } from "../lib/preact.js";

// In this order from the left; what is missing in the bar is yet to be begun.
const PARTS = ["completed", "active", "cancel-requested", "soft-failed", "failed", "canceled"];

// "312 of 480 done, 14 active, 2 failed", of the `tasks` of a job's document.
export function progressInWords({ total, by_status }) {
  const done = `${number(by_status.completed ?? 0)} of ${count(total, "task")} done`;
  const rest = PARTS.slice(1).filter((status) => by_status[status]);
  return [done, ...rest.map((status) => `${number(by_status[status])} ${words(status)}`)].join(", ");
}

// <${Progress} tasks=${job.tasks} />
export function Progress({ tasks }) {
  const { total, by_status } = tasks;
  const parts = PARTS.filter((status) => by_status[status]);
  return html`<span class="progress">
    <span class="bar" role="img" aria-label=${progressInWords(tasks)}>${parts.map((status) => html`
      <span key=${status} class="part ${status}" style=${{ width: `${(100 * by_status[status]) / total}%` }} />`)}</span>
    <span class="figure">${percent(total ? (by_status.completed ?? 0) / total : 0)}</span>
  </span>`;
}
