// What people do with workers: what fits how they stand, what is asked first, and what is said of the outcome.
import { patch, post } from "../lib/api.js";
import { count } from "../lib/format.js";
import { html, useState } from "../lib/preact.js";
import { commonTags, tagsIn } from "../lib/workers.js";
import { Names, tell } from "./deeds.js";
import { confirm, Dialog } from "./dialog.js";
import { Field } from "./field.js";

// So many requests are under way at a time, where there is none for all.
const AT_A_TIME = 4;

const wants = (...statuses) => ({ status, status_requested: wanted }) => !statuses.includes(wanted || status);

// Groups of deeds: `text` is on the button, `done` in the message afterwards, `fits` says with which it makes sense.
const GROUPS = [
  [
    { text: "Wake", done: "Asked to wake up", request: { action: "awake" }, fits: wants("awake", "testing", "starting") },
    { text: "Sleep after its task", done: "Asked to sleep", request: { action: "asleep", lazy: true }, fits: wants("asleep", "shutdown", "offline") },
    { text: "Sleep now", done: "Asked to sleep now", request: { action: "asleep" }, fits: mayBeHurried("asleep") },
    { text: "Shut down after its task", done: "Asked to shut down", request: { action: "shutdown", lazy: true }, fits: wants("shutdown", "offline") },
    { text: "Shut down now", done: "Asked to shut down now", request: { action: "shutdown" }, fits: mayBeHurried("shutdown") },
  ],
  [
    {
      text: "Acknowledge time-out", done: "Time-out acknowledged", request: { action: "ack-timeout" },
      fits: ({ status }) => status === "timeout",
    },
    { text: "Test render", done: "Test render queued", each: ({ _id }) => post(`api/workers/${_id}/test-render`), fits: ({ status }) => status === "testing" },
  ],
  [
    {
      text: "Forget", done: "Forgotten", danger: true, request: { action: "forget" }, fits: () => true,
      ask: "What it has in hand goes back to the queue. A worker that still runs has to be started again to come back, as a new one.",
    },
  ],
];

// Whoever is to do something after its task may still be asked to do it now.
function mayBeHurried(wanted) {
  return ({ status, status_requested: requested, lazy_status_request: isLazy }) =>
    status !== wanted && status !== "offline" && (requested !== wanted || isLazy);
}

// What can be done with these workers (see `named`), as the items of a menu. `setTags` opens the window for tags.
export function workerDeeds(workers, { setTags, done = () => {} }) {
  const item = ({ text, danger, ...deed }) => {
    const fit = workers.filter(deed.fits);
    const act = async () => (await perform({ text, danger, ...deed }, fit)) && done(deed.request?.action);
    return { text, danger, disabled: fit.length === 0, act };
  };
  const [status, care, end] = GROUPS.map((group) => group.map(item));
  return [...status, null, ...care, { text: "Set tags", act: setTags, disabled: workers.length === 0 }, null, ...end];
}

// Asks if that is needed, does it, and says how it went. True if it was done with any.
async function perform({ text, done, danger, ask, request, each }, workers) {
  if (ask) {
    const what = workers.length === 1 ? `“${workers[0].name}”` : count(workers.length, "worker");
    const isMeant = await confirm({
      title: `${text}: ${what}?`, danger, action: text,
      text: html`${workers.length > 1 && html`<${Names} things=${workers} />`}<p>${ask}</p>`,
    });
    if (!isMeant) return false;
  }
  return tell("workers", done, workers, request ?? ((ids) => oneByOne(ids, workers, each)));
}

// What came of it for each, as the API says it of many.
async function oneByOne(ids, workers, act) {
  const byId = new Map(workers.map((worker) => [worker._id, worker]));
  const [left, outcome] = [[...ids], { done: [], refused: [] }];
  const work = async () => {
    for (let id = left.shift(); id; id = left.shift()) {
      try {
        await act(byId.get(id));
        outcome.done.push(id);
      } catch (error) {
        outcome.refused.push({ _id: id, message: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return outcome;
}

// The tags of one worker or of many: <${TagsDialog} workers=${workers} onClose=${close} />. What only some of them have stays.
export function TagsDialog({ workers, onClose }) {
  const [common] = useState(() => commonTags(workers));
  const [text, setText] = useState(common.join(", "));
  const set = async (event) => {
    event.preventDefault();
    onClose();
    const tags = (worker) => [...new Set([...worker.tags.filter((tag) => !common.includes(tag)), ...tagsIn(text)])];
    await perform({ done: "Tags set", each: (worker) => patch(`api/workers/${worker._id}`, { tags: tags(worker) }) }, workers);
  };
  const isOne = workers.length === 1;
  const hint = `With commas between them. Jobs that ask for tags go to workers that have one of them.${
    isOne ? "" : " These are the tags that all of them have; those that only some have stay as they are."}`;
  return html`<${Dialog} title=${`Tags of ${isOne ? `“${workers[0].name}”` : count(workers.length, "worker")}`} onClose=${onClose}>
    <form onSubmit=${set}>
      <${Field} id="tags" label="Tags" hint=${hint} control=${(props) => html`
        <input ...${props} value=${text} autocomplete="off" onInput=${(event) => setText(event.target.value)} />`} />
      <footer>
        <button type="button" onClick=${onClose}>Cancel</button>
        <button class="primary">Set</button>
      </footer>
    </form>
  <//>`;
}
