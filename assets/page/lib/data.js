// Documents of the Manager that a part of the page shows, and keeps true by what happens.
import { get } from "./api.js";
import { listen, listening } from "./live.js";
import { useEffect, useRef, useState } from "./preact.js";

// Changes come in bursts: what comes within this time is drawn once.
const GATHER = 100;
// The least time between two reads because something has changed.
const CALM = 1000;

// Reads `address`, such as "api/jobs?limit=50", or nothing if it is null; `{ data, error, reload }`. What was read stays
// until something else was. Options:
//   read    how to read it, if not by one GET: read(address) promises the data
//   topics  read again when something happens there: ["job"], ["task"], …
//   job     of tasks only those of this job
//   merge   merge(data, events) makes new data of the old and of `[{ topic, document }]`, so that nothing needs to be read
//   every   read again every so many seconds
//   again   a text or number: read again when it is another
export function useData(address, { read = get, topics = [], job = null, merge = null, every = 0, again = null } = {}) {
  const [{ data, error }, setState] = useState({ data: null, error: null });
  const current = useRef({});
  // What the last drawing gave counts, however long an effect lives.
  Object.assign(current.current, { read, merge });

  useEffect(() => {
    if (!address) return;
    const own = { isOver: false, isReading: false, isAgain: false, data: null, events: [], timers: new Set() };
    const after = (delay, act) => {
      const timer = setTimeout(() => {
        own.timers.delete(timer);
        act();
      }, delay);
      own.timers.add(timer);
    };

    const readNow = async () => {
      if (own.isReading) {
        own.isAgain = true;
        return;
      }
      own.isReading = true;
      // What happens while it is read may or may not be in it.
      own.events = [];
      let outcome;
      try {
        outcome = { data: await current.current.read(address), error: null };
      } catch (error) {
        outcome = { data: own.data, error };
      }
      if (own.isOver) return;
      own.data = outcome.data;
      setState(outcome);
      apply();
      after(CALM, () => {
        own.isReading = false;
        if (own.isAgain) {
          own.isAgain = false;
          readNow();
        }
      });
    };

    const apply = () => {
      const events = own.events;
      own.events = [];
      if (own.data === null || events.length === 0) return;
      const merged = events.every((event) => event.document) ? current.current.merge?.(own.data, events) : null;
      if (!merged) {
        readNow();
      } else if (merged !== own.data) {
        own.data = merged;
        setState({ data: merged, error: null });
      }
    };

    const heard = (topic, document) => {
      own.events.push({ topic, document });
      if (own.events.length === 1) after(GATHER, apply);
    };

    current.current.reload = readNow;
    const unlisten = topics.length ? listen(topics, heard, job) : null;
    listening(topics, job).then(() => own.isOver || readNow());
    const repeat = every ? setInterval(() => document.hidden || readNow(), every * 1000) : 0;
    return () => {
      own.isOver = true;
      unlisten?.();
      clearInterval(repeat);
      own.timers.forEach(clearTimeout);
    };
  }, [address, topics.join(), job, every]);

  const reload = () => current.current.reload?.();
  const isOld = useRef(false);
  useEffect(() => {
    if (isOld.current) reload();
    isOld.current = true;
  }, [again]);
  return { data, error, reload };
}

// A list with what has happened to its entries: changed ones replaced, deleted ones left out, new ones at the end, or where `add`
// is false, left out.
export function mergeList(list, documents, { add = true } = {}) {
  const news = new Map(documents.map((document) => [document._id, document]));
  const merged = [];
  for (const entry of list) {
    const change = news.get(entry._id);
    news.delete(entry._id);
    if (!change) merged.push(entry);
    else if (!change.deleted) merged.push({ ...entry, ...change });
  }
  if (add) merged.push(...[...news.values()].filter((document) => !document.deleted));
  return merged;
}
