// A live view of the farm: asks the API every two seconds and shows the answers, always as text.
const EVERY = 2000, PATIENCE = 5000, JOBS = 50;
const $ = (id) => document.getElementById(id);

async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  // The Manager's own time: the clock of this computer may differ.
  return { ...await answer.json(), now: Date.parse(answer.headers.get("date")) || Date.now() };
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = node.dataset.s = text;
}

// Shows an item each, in order. What is there already is kept, and the keyboard's focus with it.
function list(parent, template, items, fill) {
  const there = new Map([...parent.children].map((child) => [child.dataset.id, child]));
  items.forEach((item, place) => {
    const child = there.get(item._id) ?? $(template).content.firstElementChild.cloneNode(true);
    there.delete(item._id);
    child.dataset.id = item._id;
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    fill(item, (name) => child.querySelector(`[data-f=${name}]`));
  });
  for (const gone of there.values()) gone.remove();
}

const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

function ago(then, now) {
  const seconds = Math.max(0, Math.round((now - Date.parse(then)) / 1000));
  if (seconds < 5) return "now";
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= 2 * length) return `${count(Math.floor(seconds / length), unit)} ago`;
  }
  return `${seconds} s ago`;
}

function showJob(job, field) {
  const { total, by_status } = job.tasks;
  const done = by_status.completed ?? 0, failed = by_status.failed ?? 0, active = by_status.active ?? 0;
  put(field("name"), job.name);
  put(field("status"), job.status);
  const bar = field("bar");
  [bar.max, bar.value] = [total, done];
  bar.setAttribute("aria-label", `Tasks done of ${job.name}`);
  const parts = [`${done.toLocaleString("en")} of ${total.toLocaleString("en")}`];
  if (active) parts.push(`${active.toLocaleString("en")} active`);
  if (failed) parts.push(`${failed.toLocaleString("en")} failed`);
  put(field("count"), parts.join(", "));
}

const isBusy = (worker) => ["active", "cancel-requested"].includes(worker.current_task_status);

function showWorker(worker, now, field) {
  put(field("name"), worker.nickname || worker._id);
  put(field("address"), worker.address);
  put(field("status"), worker.status);
  const types = [...new Set(worker.blacklist.map((line) => line.task_type))];
  const notes = [];
  if (worker.status_requested) notes.push(`asked to be ${worker.status_requested}`);
  if (types.length) notes.push(`blacklisted for ${types.join(", ")}`);
  put(field("note"), notes.join("; "));
  const log = field("log");
  log.hidden = !isBusy(worker);
  log.href = `/api/tasks/${worker.current_task}/log`;
  log.setAttribute("aria-label", `Log of the task of ${worker.nickname}`);
  put(field("seen"), ago(worker.last_activity, now));
}

function inWords(farm, workers) {
  const jobs = (...names) => names.reduce((sum, name) => sum + (farm.jobs[name] ?? 0), 0);
  const open = jobs("queued", "active"), ended = jobs("completed", "failed", "canceled"), failed = jobs("failed");
  const busy = workers.filter(isBusy).length;
  const work = workers.length ? `${busy} of ${count(workers.length, "worker")} at work` : "no workers yet";
  if (open) return `${count(open, "job")} to do, ${work}.`;
  if (!ended) return `No jobs yet, ${work}.`;
  const how = failed ? `${failed} of them failed` : "none failed";
  return `Nothing to do: ${count(ended, "job has", "jobs have")} ended, ${how}.`;
}

function show(farm, { jobs, total }, { workers, now }) {
  put($("state"), inWords(farm, workers));
  $("starving").hidden = farm.starved_jobs.length === 0;
  list($("starving").querySelector("ul"), "starved-job", farm.starved_jobs, (job, field) => {
    put(field("name"), job.name);
    put(field("reason"), job.reason);
  });
  $("jobs").className = jobs.length ? "" : "none";
  list($("jobs").tBodies[0], "job", jobs, showJob);
  const more = total > jobs.length ? `The newest ${jobs.length} of ${count(total, "job")}.` : "";
  put($("jobs-note"), jobs.length ? more : "Submit one with: flamenco-manager job submit FILE.json");
  $("workers").className = workers.length ? "" : "none";
  list($("workers").tBodies[0], "worker", workers, (worker, field) => showWorker(worker, now, field));
  const hint = `Start a Flamenco 2.x Worker with manager_url = ${location.origin}/ in its configuration.`;
  put($("workers-note"), workers.length ? "" : hint);
}

let lost = null;

async function look() {
  try {
    if (!$("version").textContent) {
      const [{ manager_name }, { version }] = await Promise.all([get("/as-json"), get("/api/version")]);
      put($("name"), manager_name);
      document.title = manager_name;
      put($("version"), `Flamenco Manager ${version}`);
    }
    const answers = await Promise.all([get("/api/farm"), get(`/api/jobs?limit=${JOBS}`), get("/api/workers")]);
    lost = null;
    show(...answers);
    $("main").hidden = false;
  } catch (error) {
    console.warn(error);
    lost ??= new Date().toLocaleTimeString();
    const old = $("main").hidden ? "" : " Below is what it said last.";
    put($("trouble"), `The Manager cannot be reached since ${lost}; trying again.${old}`);
  }
  $("trouble").hidden = lost === null;
  $("state").hidden = lost !== null;
  $("main").className = lost === null ? "" : "stale";
  setTimeout(look, EVERY);
}

look();
