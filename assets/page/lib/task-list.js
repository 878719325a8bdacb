// The tasks of a job, and what becomes of them when something happens to some.

// The order in which statuses are shown, from what one looks for first.
export const TASK_STATUSES = [
  "failed", "soft-failed", "active", "cancel-requested", "queued", "claimed-by-manager", "paused", "canceled", "completed",
];

// The tasks with what events say of them; null when they must be read anew.
export function mergeTasks({ tasks, places }, events) {
  const merged = [...tasks];
  for (const { document } of events) {
    const place = places.get(document._id);
    if (place === undefined || document.deleted) return null;
    const { status, worker_id, worker, activity } = document;
    merged[place] = { ...merged[place], status, worker_id, worker, activity };
  }
  return { tasks: merged, places };
}
