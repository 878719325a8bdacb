// What a job is called, where only its ID is known.
import { get } from "../lib/api.js";
import { useEffect, useState } from "../lib/preact.js";

// Names never change: each is read once.
const names = new Map();

async function read(id) {
  try {
    return (await get(`api/jobs/${id}`)).name;
  } catch {
    // It is gone, or it will be read another time.
    names.delete(id);
    return null;
  }
}

// <${JobName} id=${worker.current_job} />
export function JobName({ id }) {
  const [name, setName] = useState(null);
  useEffect(() => {
    let isOver = false;
    if (!names.has(id)) names.set(id, read(id));
    names.get(id).then((name) => isOver || setName(name));
    return () => { isOver = true; };
  }, [id]);
  return name ?? `job ${id}`;
}
