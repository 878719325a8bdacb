// What people do with jobs and tasks: what fits how they stand, what is asked first, and what is said of the outcome.
import { post } from "../lib/api.js";
import { count } from "../lib/format.js";
import { html, useState } from "../lib/preact.js";
import { confirm, Dialog } from "./dialog.js";
import { wholeNumber } from "./field.js";
import { PriorityField } from "./terms.js";
import { toast } from "./toast.js";

const isOneOf = (...statuses) => ({ status }) => statuses.includes(status);
const atWork = ({ tasks }) => (tasks.by_status.active ?? 0) + (tasks.by_status["cancel-requested"] ?? 0);

// `text` is on the button, `done` in the message afterwards; `ask` says what is not seen at once, where that is worth a question, and
// `title` is that question, if it is not the text with a name.
const DEEDS = {
  jobs: {
    pause: { text: "Pause", done: "Paused", fits: isOneOf("queued", "active") },
    resume: { text: "Resume", done: "Resumed", fits: isOneOf("paused") },
    "requeue-failed": {
      text: "Requeue what is not completed", done: "Requeued", fits: isOneOf("active", "failed", "canceled", "paused"),
    },
    requeue: {
      text: "Requeue all tasks", done: "Requeued", fits: isOneOf("active", "completed", "failed", "canceled", "paused"),
      title: (what) => `Requeue all tasks of ${what}?`,
      ask: () => "Tasks that are completed are done once more, too. What they wrote before is overwritten.",
    },
    cancel: {
      text: "Cancel", done: "Canceled", danger: true, fits: isOneOf("queued", "active", "paused"),
      ask: () => "Workers stop what they have in hand, and that work is lost. The rest is not done. It can be requeued later.",
    },
    delete: {
      text: "Delete", done: "Deleted", danger: true, fits: () => true,
      ask: (jobs) => {
        const busy = jobs.reduce((sum, job) => sum + atWork(job), 0);
        return `Tasks and logs are gone for good; what was rendered stays. ${
          busy ? `${count(busy, "task is", "tasks are")} in the hands of workers, which stop.` : ""}`;
      },
      // The person has been told that workers are at it.
      more: (jobs) => (jobs.some(atWork) ? { force: true } : {}),
    },
  },
  tasks: {
    requeue: {
      text: "Requeue", done: "Requeued",
      fits: isOneOf("completed", "failed", "canceled", "soft-failed", "cancel-requested", "paused"),
    },
    cancel: {
      text: "Cancel", done: "Canceled", danger: true,
      fits: isOneOf("queued", "claimed-by-manager", "active", "soft-failed", "paused"),
      ask: () => "If a worker has it in hand it stops, and that work is lost. It can be requeued later.",
    },
  },
};

const NAMES = { jobs: ["job"], tasks: ["task"], workers: ["worker"] };
// The API takes so many at once.
const AT_ONCE = 1000;
// So many are named in a question.
const NAMED = 8;

// The deeds that fit at least one of these, as the items of a menu or as buttons: `[{ name, text, danger, act }]`.
export function deeds(kind, things, { done } = {}) {
  return Object.entries(DEEDS[kind])
    .map(([name, deed]) => ({ name, deed, fit: things.filter(deed.fits) }))
    .filter(({ fit }) => fit.length > 0)
    .map(({ name, deed, fit }) => ({
      name, text: deed.text, danger: deed.danger, act: async () => { (await perform(kind, name, fit)) && done?.(name); },
    }));
}

// Asks if that is needed, does it, and says how it went. True if it was done with any.
async function perform(kind, name, things) {
  const { text, done, danger, ask, more, title = (what) => `${text} ${what}?` } = DEEDS[kind][name];
  if (ask) {
    const what = things.length === 1 ? `“${things[0].name}”` : count(things.length, ...NAMES[kind]);
    const isMeant = await confirm({
      title: title(what), danger, action: text, no: "Leave it",
      text: html`${things.length > 1 && html`<${Names} things=${things} />`}<p>${ask(things)}</p>`,
    });
    if (!isMeant) return false;
  }
  return tell(kind, done, things, { action: name, ...more?.(things) });
}

export function Names({ things }) {
  return html`<ul class="names">
    ${things.slice(0, NAMED).map((thing) => html`<li key=${thing._id}>${thing.name}</li>`)}
    ${things.length > NAMED && html`<li>and ${count(things.length - NAMED, "more", "more")}</li>`}
  </ul>`;
}

// Does it with each of them, and tells with how many it was done and what was refused. `request` is what the API is asked, or a
// function of IDs that does what it has no request for and answers in the same way.
export async function tell(kind, done, things, request) {
  const carryOut = typeof request === "function" ? request : (ids) => post(`api/${kind}/actions`, { ...request, ids });
  const names = new Map(things.map((thing) => [thing._id, thing.name]));
  const ids = [...names.keys()];
  const outcome = { done: [], refused: [] };
  try {
    for (let i = 0; i < ids.length; i += AT_ONCE) {
      const part = await carryOut(ids.slice(i, i + AT_ONCE));
      outcome.done.push(...part.done);
      outcome.refused.push(...part.refused);
    }
  } catch (error) {
    toast.error(error.message);
  }
  const { length } = outcome.done;
  if (length) toast(length === 1 ? `${done}: ${names.get(outcome.done[0])}` : `${done}: ${count(length, ...NAMES[kind])}`);
  for (const { _id, message } of outcome.refused.slice(0, 3)) toast.error(`${names.get(_id)}: ${message}`);
  if (outcome.refused.length > 3) toast.error(`${count(outcome.refused.length, "refusal")} in all.`);
  return length > 0;
}

// Asks for the priority of jobs and sets it: <${PriorityDialog} jobs=${jobs} onClose=${close} />.
export function PriorityDialog({ jobs, onClose }) {
  const [priority, setPriority] = useState(String(jobs[0].priority));
  const value = wholeNumber(priority);
  const set = async (event) => {
    event.preventDefault();
    if (value === null) return;
    onClose();
    await tell("jobs", `Priority ${value}`, jobs, { action: "priority", priority: value });
  };
  const what = jobs.length === 1 ? `“${jobs[0].name}”` : count(jobs.length, "job");
  return html`<${Dialog} title=${`Priority of ${what}`} onClose=${onClose}>
    <form onSubmit=${set}>
      <${PriorityField} value=${priority} problem=${value === null && "It must be a whole number."} onInput=${setPriority} />
      <footer>
        <button type="button" onClick=${onClose}>Cancel</button>
        <button class="primary" disabled=${value === null}>Set</button>
      </footer>
    </form>
  <//>`;
}
