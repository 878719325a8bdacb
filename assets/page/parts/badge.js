// A status: by its word, a shape and a colour.
import { words } from "../lib/format.js";
import { html } from "../lib/preact.js";
import { Icon } from "./icon.js";

// For jobs, tasks and workers alike, and for what becomes of a task: a status that two of them have means the same.
const LOOKS = {
  active: ["busy", "active"],
  completed: ["good", "completed"],
  queued: ["calm", "waiting"],
  "claimed-by-manager": ["calm", "waiting"],
  paused: ["calm", "paused"],
  "soft-failed": ["warn", "again"],
  failed: ["bad", "failed"],
  canceled: ["calm", "canceled"],
  "cancel-requested": ["warn", "stopping"],
  awake: ["good", "completed"],
  starting: ["busy", "active"],
  testing: ["busy", "active"],
  asleep: ["calm", "asleep"],
  error: ["bad", "failed"],
  timeout: ["bad", "failed"],
  offline: ["calm", "offline"],
  shutdown: ["calm", "offline"],
  assigned: ["busy", "active"],
  released: ["calm", "waiting"],
  requeued: ["calm", "waiting"],
};

// What colour stands for a status: "good", "busy", "warn", "bad" or "calm". In style sheets: var(--good) and so on.
export const tone = (status) => LOOKS[status]?.[0] ?? "calm";

// <${Badge} status="active" />; `text` where another word than the status is better.
export function Badge({ status, text = words(status) }) {
  const [tone, shape] = LOOKS[status] ?? ["calm", "waiting"];
  return html`<span class="badge ${tone}"><${Icon} name=${shape} />${text}</span>`;
}
