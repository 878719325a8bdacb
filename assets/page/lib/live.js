// What happens on the farm, as it happens: one stream of events for the whole tab.
import { now } from "./format.js";
import { refreshSession } from "./session.js";
import { store } from "./store.js";

// A browser keeps six connections to a host: a tab that nobody looks at gives its own back after this time.
const HIDDEN_FOR = 20_000;
const LONGEST_WAIT = 15_000;

// Since when there has been no connection, in milliseconds of the Manager's clock; null while there is one.
export const lostSince = store(null);

// `{ topics, job, listener }` of everybody who listens.
const listeners = new Set();

let isOn = false;
let stream = null; // the open EventSource, and what it tells of
let coming = null; // the one that will replace it
let failures = 0;
let timer = 0;
let isResting = false; // because nobody looks at the tab
let hasMissed = false; // while there was no stream
let version = null;

export function start() {
  isOn = true;
  adjust();
}

export function stop() {
  isOn = false;
  close();
  lostSince.set(null);
}

// Calls `listener(topic, document)` for what happens, until the function that it returns is called. Topics are "job", "task",
// "worker", "farm" and "image"; with `job` only the tasks of that job come, as long as nobody else wants others. The document is null
// when something was missed: then read anew whatever it is about.
export function listen(topics, listener, job = null) {
  const entry = { topics, job, listener };
  listeners.add(entry);
  later(adjust, 20);
  return () => {
    listeners.delete(entry);
    later(adjust, 20);
  };
}

// Waits, though not for long, until these topics are listened to: what is read after that cannot have been missed. What is read
// without is read once more when they are.
export async function listening(topics, job = null) {
  for (const end = Date.now() + 1000; isOn && !covers(topics, job);) {
    if (Date.now() > end) {
      hasMissed = true;
      return;
    }
    await new Promise((go) => setTimeout(go, 15));
  }
}

const covers = (topics, job) => stream !== null && topics.every((topic) => stream.wanted.topics.includes(topic))
  && (!topics.includes("task") || !stream.wanted.job || stream.wanted.job === job);

function wanted() {
  const all = [...listeners];
  // The farm always: it tells of another version.
  const topics = [...new Set(["farm", ...all.flatMap((entry) => entry.topics)])].sort();
  const jobs = new Set(all.filter((entry) => entry.topics.includes("task")).map((entry) => entry.job));
  return { topics, job: jobs.size === 1 ? [...jobs][0] : null };
}

const isSame = (a, b) => a.job === b.job && a.topics.join() === b.topics.join();

function later(act, delay) {
  clearTimeout(timer);
  timer = setTimeout(act, delay);
}

function close() {
  clearTimeout(timer);
  stream?.source.close();
  coming?.source.close();
  stream = coming = null;
}

// Opens a stream that tells of what is wanted now. The old one goes on until then, so that nothing is missed.
function adjust() {
  const want = wanted();
  if (!isOn || isResting || isSame((coming ?? stream)?.wanted ?? { topics: [] }, want)) return;
  coming?.source.close();
  const query = new URLSearchParams({ topics: want.topics.join() });
  if (want.job) query.set("job", want.job);
  const opened = { source: new EventSource(`api/events?${query}`), wanted: want };
  coming = opened;
  opened.source.onopen = () => isOpen(opened);
  opened.source.onerror = () => isBroken(opened);
  for (const topic of want.topics) {
    opened.source.addEventListener(topic, (event) => tell(topic, JSON.parse(event.data)));
  }
  opened.source.addEventListener("missed", (event) => {
    for (const topic of JSON.parse(event.data).topics) tell(topic, null);
  });
}

function isOpen(opened) {
  stream?.source.close();
  stream = opened;
  coming = null;
  failures = 0;
  lostSince.set(null);
  if (!hasMissed) return;
  hasMissed = false;
  refreshSession().catch(() => {});
  for (const topic of opened.wanted.topics) tell(topic, null);
}

function isBroken(broken) {
  broken.source.close();
  if (broken === coming) coming = null;
  else if (broken === stream) stream = null;
  else return;
  hasMissed = true;
  if (lostSince.get() === null) lostSince.set(now());
  // Somebody who was logged out gets no stream either.
  if (failures > 0) refreshSession().catch(() => {});
  const wait = Math.min(LONGEST_WAIT, 500 * 2 ** failures) * (0.75 + Math.random() / 2);
  failures += 1;
  later(adjust, wait);
}

function tell(topic, document) {
  if (topic === "farm" && document) reloadIfNew(document.version);
  for (const { topics, job, listener } of [...listeners]) {
    const isOfOther = topic === "task" && job && document?.job && document.job !== job;
    if (topics.includes(topic) && !isOfOther) listener(topic, document);
  }
}

// A Manager of another version has another page. It is loaded once: were it still the old one, that would never end.
function reloadIfNew(running) {
  version ??= running;
  if (running === version || sessionStorage.getItem("reloaded-for") === running) return;
  sessionStorage.setItem("reloaded-for", running);
  location.reload();
}

addEventListener("online", () => later(adjust, 0));

let resting = 0;
function lookedAt() {
  clearTimeout(resting);
  if (document.hidden) {
    resting = setTimeout(rest, HIDDEN_FOR);
  } else {
    isResting = false;
    later(adjust, 0);
  }
}

function rest() {
  isResting = true;
  hasMissed = true;
  close();
}

document.addEventListener("visibilitychange", lookedAt);
lookedAt();
