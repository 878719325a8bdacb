// What is on the farm of a test: jobs, ready made.

/** A job of tasks that sleep. */
export function job(name, tasks, more = {}) {
  return { name, tasks, ...more };
}

export function task(name, more = {}) {
  return { name, task_type: "sleep", commands: [{ name: "sleep", settings: { time_in_seconds: 1 } }], ...more };
}

/** So many tasks that are called `prefix 1`, `prefix 2`, … */
export function tasks(count, prefix = "frame", more = {}) {
  return Array.from({ length: count }, (_, index) => task(`${prefix} ${index + 1}`, more));
}
