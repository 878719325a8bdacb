// What is said of workers, and which of them are shown.

// The same worker with a `name`: what people call it need not be there.
export const named = (worker) => ({ ...worker, name: worker.nickname || worker._id });

// Has it a task in hand?
export const isBusy = ({ current_task_status: status }) => status === "active" || status === "cancel-requested";

const WISHES = { awake: "asked to wake up", asleep: "asked to sleep", shutdown: "asked to shut down" };

// What somebody wants it to do that it has not done yet: "asked to sleep after its task"; "" if nothing.
export function wish(worker) {
  if (!worker.status_requested) return "";
  const when = worker.lazy_status_request && isBusy(worker) ? " after its task" : "";
  return (WISHES[worker.status_requested] ?? `asked to be ${worker.status_requested}`) + when;
}

// The tags that are written with commas between: "gpu, big memory".
export const tagsIn = (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean);

// All tags that any of them has, sorted.
export const tagsOf = (workers) => [...new Set(workers.flatMap(({ tags }) => tags))].sort();

// Those of these tags that all of them have.
export const commonTags = (workers) => tagsOf(workers).filter((tag) => workers.every(({ tags }) => tags.includes(tag)));

// A function that says whether a worker is one of those that are looked for: with one of the statuses, with the tag, and with
// the text in something that people know it by. What is empty makes no difference.
export function filter({ statuses, tag, search }) {
  const text = search.trim().toLowerCase();
  const isFound = ({ _id, nickname, address, software, platform, tags }) =>
    [_id, nickname, address, software, platform, ...tags].some((one) => one.toLowerCase().includes(text));
  return (worker) => (statuses.length === 0 || statuses.includes(worker.status))
    && (tag === "" || worker.tags.includes(tag))
    && (text === "" || isFound(worker));
}
