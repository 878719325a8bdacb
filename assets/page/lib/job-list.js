// The list of jobs, and what becomes of it when something happens to a job.

// What a list is sorted by, of a job's document.
const KEYS = {
  created: () => 0,
  updated: (job) => job.updated,
  priority: (job) => job.priority,
  name: (job) => job.name,
  status: (job) => job.status,
};

// The list `{ jobs, total, … }` with these changed jobs, or null when it must be read anew. `statuses` are those that it shows, none
// for all; `sort` is as in the address.
export function mergeJobs(list, documents, { statuses, sort }) {
  const news = new Map(documents.map((document) => [document._id, document]));
  const isShown = ({ status }) => statuses.length === 0 || statuses.includes(status);
  const key = KEYS[sort.replace(/^-/, "")] ?? KEYS.created;
  const jobs = [];
  let newest = "";
  for (const job of list.jobs) {
    if (job._id > newest) newest = job._id;
    const change = news.get(job._id);
    news.delete(job._id);
    if (!change) {
      jobs.push(job);
    } else if (!change.deleted && isShown(change)) {
      if (key(change) !== key(job)) return null;
      jobs.push({ ...job, ...change });
    }
  }
  // IDs begin with the time: what is not in the list is new, or changed so that it belongs there now, or is further down.
  for (const job of news.values()) {
    if (job.deleted || (isShown(job) && (job._id > newest || statuses.length > 0))) return null;
  }
  return { ...list, jobs, total: list.total - (list.jobs.length - jobs.length) };
}
