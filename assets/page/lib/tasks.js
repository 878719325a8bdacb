// All tasks of a job in brief, and what becomes of them when something happens to some.
import { get, getAll } from "./api.js";
import { useData } from "./data.js";
import { useEffect, useState } from "./preact.js";

// The order in which statuses are shown, from what one looks for first.
export const TASK_STATUSES = [
  "failed", "soft-failed", "active", "cancel-requested", "queued", "claimed-by-manager", "paused", "canceled", "completed",
];

// The tasks of a job with `useData`: `{ tasks: [{ _id, name, status, task_type, worker_id, parents }], places }`, where `places` is
// the place of each ID. Parents are places, too.
export function useTasks(job) {
  return useData(`api/jobs/${job}/grid`, { read: readTasks, topics: ["task"], job, merge: mergeTasks });
}

async function readTasks(address) {
  const { tasks } = await get(address);
  return { tasks, places: new Map(tasks.map((task, place) => [task._id, place])) };
}

// The tasks with what events say of them; null when they must be read anew.
export function mergeTasks({ tasks, places }, events) {
  const merged = [...tasks];
  for (const { document } of events) {
    const place = places.get(document._id);
    if (place === undefined || document.deleted) return null;
    const { status, worker_id, activity } = document;
    merged[place] = { ...merged[place], status, worker_id, activity };
  }
  return { tasks: merged, places };
}

// How many tasks are in which status.
export function countByStatus(tasks) {
  const counts = {};
  for (const { status } of tasks) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

// The nicknames of all workers by ID, read when they are first wanted.
export function useNicknames(isWanted) {
  const [nicknames, setNicknames] = useState(new Map());
  useEffect(() => {
    if (!isWanted) return;
    getAll("api/workers", "workers").then(
      (workers) => setNicknames(new Map(workers.map((worker) => [worker._id, worker.nickname]))),
      () => {}, // The tasks are there without them.
    );
  }, [isWanted]);
  return nicknames;
}
