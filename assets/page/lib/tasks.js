// All tasks of a job in brief, kept true; and who works on them.
import { get, getAll } from "./api.js";
import { useData } from "./data.js";
import { useEffect, useState } from "./preact.js";
import { mergeTasks } from "./task-list.js";

// The tasks of a job with `useData`: `{ tasks: [{ _id, name, status, task_type, worker_id, parents }], places }`, where `places` is
// the place of each ID. Parents are places, too.
export function useTasks(job) {
  return useData(`api/jobs/${job}/grid`, { read: readTasks, topics: ["task"], job, merge: mergeTasks });
}

async function readTasks(address) {
  const { tasks } = await get(address);
  return { tasks, places: new Map(tasks.map((task, place) => [task._id, place])) };
}

// The nicknames of all workers by ID; none as long as they are not known.
export function useNicknames() {
  const [nicknames, setNicknames] = useState(new Map());
  useEffect(() => {
    getAll("api/workers", "workers").then(
      (workers) => setNicknames(new Map(workers.map((worker) => [worker._id, worker.nickname]))),
      () => {}, // The tasks are there without them.
    );
  }, []);
  return nicknames;
}
