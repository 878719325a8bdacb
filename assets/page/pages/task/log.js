// The log of a task, as it is written: it follows unless one scrolls up, is searched here or at the Manager, and is downloaded.
import { get } from "../../lib/api.js";
import { count, number } from "../../lib/format.js";
import { html, useEffect, useRef, useState } from "../../lib/preact.js";
import { readEvents } from "../../lib/stream.js";
import { Icon } from "../../parts/icon.js";
import { Notice } from "../../parts/notice.js";
import { Panel } from "../../parts/page.js";
import { Lines, plain } from "./lines.js";

// As many lines from the end are read at first: logs may be long.
const TAIL = 5000;
// A tab that nobody looks at gives its connection back after this time, in milliseconds: a browser has six to a host.
const HIDDEN_FOR = 20_000;
const AGAIN_AFTER = 3000;

export function Log({ task }) {
  const view = useRef();
  const field = useRef();
  const lines = useRef();
  const [isWhole, setWhole] = useState(false);
  const [isWrapped, setWrapped] = useState(false);
  const [target, setTarget] = useState(null);
  const [size, setSize] = useState({ count: 0, dropped: 0 });
  const sticking = useSticking(view);

  useEffect(() => { lines.current = new Lines(field.current); }, []);
  const { state, error } = useFollowing(task, isWhole, {
    begin: () => lines.current.clear(),
    text: (text) => lines.current.append(text),
    restart: () => lines.current.mark("The task was started anew; here begins the log of that run."),
    drawn: () => {
      setSize({ count: lines.current.count, dropped: lines.current.dropped });
      sticking.toEnd();
    },
  });
  useEffect(() => {
    const range = target !== null && lines.current.line(target);
    if (!range) return;
    sticking.set(false);
    show(view.current, range);
    mark("log-here", [range]);
    setTarget(null);
  }, [target, size.count]);
  useEffect(() => sticking.toEnd(), [isWrapped]);

  const isCut = !isWhole && size.count + size.dropped >= TAIL;
  return html`<${Panel} title="Log" actions=${html`<span class="log-state ${state}" role="status">${STATES[state]}</span>`}>
    <div class="toolbar">
      <${Find} lines=${lines} view=${view} size=${size.count} task=${task} isCut=${isCut} onFound=${() => sticking.set(false)}
        showLine=${(line) => { setWhole(true); setTarget(line); }} />
      <label class="check"><input type="checkbox" checked=${isWrapped} onChange=${(event) => setWrapped(event.target.checked)} /> Wrap lines</label>
      <label class="check"><input type="checkbox" checked=${sticking.is} onChange=${(event) => sticking.set(event.target.checked)} /> Follow</label>
      <a class="button" href=${`api/tasks/${task._id}/log?download=true`} download><${Icon} name="download" />Download</a>
    </div>
    ${error && html`<${Notice} tone="warn">${error} Trying again.<//>`}
    ${isCut && html`<p class="soft">These are the last ${number(size.count)} lines.${" "}
      <button type="button" class="link" onClick=${() => setWhole(true)}>Show the whole log</button></p>`}
    ${size.dropped > 0 && html`<p class="soft">${count(size.dropped, "line")} before these are not kept here: download the log to see them.</p>`}
    <div class="log ${isWrapped ? "wrapped" : ""}" ref=${view} tabindex="0" role="region" aria-label="Text of the log">
      <div ref=${field} />
      ${size.count === 0 && html`<p class="soft">${state === "ended" ? "Nothing was written." : "Nothing has been written yet."}</p>`}
    </div>
    ${!sticking.is && size.count > 0 && html`<button type="button" class="to-end" onClick=${() => sticking.set(true)}>
      <${Icon} name="down" />Go to the end${state === "live" && " and follow"}</button>`}
  <//>`;
}

const STATES = { live: "Live", reading: "Reading …", ended: "Complete", waiting: "Not connected" };
const ENDED = ["completed", "failed", "canceled"];

// Reads the log and all that is added to it, while the tab is looked at. `state` is "reading", "live", "ended" or "waiting".
function useFollowing(task, isWhole, on) {
  const [{ state, error }, setState] = useState({ state: "reading", error: "" });
  const current = useRef(on);
  current.current = on;
  const [run, setRun] = useState(0);
  const isOver = ENDED.includes(task.status);
  const hasEnded = state === "ended";
  // It was requeued, and goes on.
  useEffect(() => { if (hasEnded && !isOver) setRun((run) => run + 1); }, [hasEnded, isOver]);

  useEffect(() => {
    let [lastId, stop, timer, frame, isDone] = [null, null, 0, 0, false];
    // The same again is no news: lines come often.
    const say = (state, error = "") => setState((old) => (old.state === state && old.error === error ? old : { state, error }));
    const drawn = () => { frame ||= requestAnimationFrame(() => { frame = 0; current.current.drawn(); }); };
    const onEvent = ({ name, id, data }) => {
      lastId = id ?? lastId;
      if (name === "log") current.current.text(data);
      if (name === "restart") current.current.restart();
      if (name === "end") isDone = true;
      say(isDone ? "ended" : "live");
      drawn();
    };
    const open = async () => {
      if (stop || isDone) return;
      const own = stop = new AbortController();
      const tail = isWhole ? "" : `&tail=${TAIL}`;
      try {
        // That nothing is added does not mean that nothing is heard.
        const quiet = setTimeout(() => own.signal.aborted || say("live"), 1000);
        own.signal.addEventListener("abort", () => clearTimeout(quiet));
        await readEvents(`api/tasks/${task._id}/log?follow=true${tail}`, { lastId, signal: own.signal, onEvent });
        clearTimeout(quiet);
        if (isDone) return;
        throw new Error("The Manager has ended the connection.");
      } catch (failure) {
        if (own.signal.aborted) return;
        own.abort();
        say("waiting", failure.message);
        stop = null;
        timer = setTimeout(open, AGAIN_AFTER);
      }
    };
    const close = () => {
      clearTimeout(timer);
      stop?.abort();
      stop = null;
    };
    const looked = () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(close, HIDDEN_FOR);
      else open();
    };
    current.current.begin();
    say("reading");
    drawn();
    if (!document.hidden) open();
    document.addEventListener("visibilitychange", looked);
    return () => {
      document.removeEventListener("visibilitychange", looked);
      cancelAnimationFrame(frame);
      isDone = true;
      close();
    };
  }, [task._id, isWhole, run]);
  return { state, error };
}

// Whether the view stays at the end: it does until one scrolls up, and again when one is back at the end.
function useSticking(view) {
  const [is, setIs] = useState(true);
  const sticks = useRef(true);
  const toEnd = () => { if (sticks.current) view.current.scrollTop = view.current.scrollHeight; };
  const set = (value) => {
    sticks.current = value;
    setIs(value);
    toEnd();
  };
  useEffect(() => {
    const element = view.current;
    let last = 0;
    const scrolled = () => {
      const { scrollTop, scrollHeight, clientHeight } = element;
      const isUp = scrollTop < last - 1;
      last = scrollTop;
      const isAtEnd = scrollHeight - scrollTop - clientHeight < 24;
      if (sticks.current && isUp && !isAtEnd) set(false);
      if (!sticks.current && !isUp && isAtEnd) set(true);
    };
    element.addEventListener("scroll", scrolled, { passive: true });
    // What is laid out anew may be higher than was thought.
    const observer = new ResizeObserver(toEnd);
    observer.observe(element.firstElementChild);
    return () => {
      element.removeEventListener("scroll", scrolled);
      observer.disconnect();
    };
  }, []);
  return { is, set, toEnd };
}

// The field to search in what is shown, and from there in the whole log.
function Find({ lines, view, size, task, isCut, onFound, showLine }) {
  const [part, setPart] = useState("");
  const [{ found, at }, setFound] = useState({ found: [], at: -1 });
  useEffect(() => {
    const timer = setTimeout(() => {
      const found = lines.current.find(part);
      mark("log-found", found);
      setFound((old) => ({ found, at: Math.min(old.at, found.length - 1) }));
    }, 150);
    return () => clearTimeout(timer);
  }, [part, size]);
  useEffect(() => () => ["log-found", "log-here"].forEach((name) => mark(name, [])), []);

  const goTo = (by) => {
    if (found.length === 0) return;
    // From the end, where one is, to what is before.
    const next = at < 0 ? (by > 0 ? 0 : found.length - 1) : (at + by + found.length) % found.length;
    setFound({ found, at: next });
    onFound();
    mark("log-here", [found[next]]);
    show(view.current, found[next]);
  };
  const typed = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    goTo(event.shiftKey ? -1 : 1);
  };
  return html`
    <input type="search" class="grow" aria-label="Search in the log" placeholder="Search in the log" value=${part}
      onInput=${(event) => { setPart(event.target.value); setFound({ found: [], at: -1 }); }} onKeyDown=${typed} />
    ${part && html`<span class="soft nowrap" role="status">${found.length === 0 ? "Not found" : at < 0
        ? count(found.length, "place") : `${number(at + 1)} of ${number(found.length)}`}</span>
      <button type="button" class="icon-only" aria-label="Previous place" disabled=${!found.length} onClick=${() => goTo(-1)}><${Icon} name="up" /></button>
      <button type="button" class="icon-only" aria-label="Next place" disabled=${!found.length} onClick=${() => goTo(1)}><${Icon} name="down" /></button>`}
    ${part && isCut && html`<${FindInAll} key=${part} task=${task} part=${part} showLine=${showLine} />`}`;
}

// Asks the Manager where in the whole log a text is.
function FindInAll({ task, part, showLine }) {
  const [answer, setAnswer] = useState(null);
  const search = async () => {
    setAnswer({ matches: [], isSearching: true });
    const found = await get(`api/tasks/${task._id}/log`, { search: part }).catch((error) => ({ matches: [], error: error.message }));
    setAnswer(found);
  };
  if (!answer) return html`<button type="button" onClick=${search}>Search the whole log</button>`;
  const { matches, truncated, error, isSearching } = answer;
  return html`<div class="in-all">
    <p class="soft" role="status">${error ?? (isSearching ? "Searching …" : matches.length === 0 ? "It is nowhere in the whole log."
      : `In the whole log on ${truncated ? "more than " : ""}${count(matches.length, "line")}:`)}</p>
    ${matches.length > 0 && html`<ol>${matches.map(({ line, text }) => html`<li key=${line}>
      <button type="button" class="link" onClick=${() => showLine(line)}>line ${number(line)}</button> <code>${plain(text)}</code></li>`)}</ol>`}
  </div>`;
}

// Marks ranges of text without touching it; a browser that cannot still scrolls to them.
function mark(name, ranges) {
  if (globalThis.Highlight) CSS.highlights.set(name, new Highlight(...ranges));
}

// Scrolls so that a range is in the middle. Its block is laid out first: only then it is known where in it the range is.
function show(view, range) {
  range.startContainer.parentElement.scrollIntoView({ block: "nearest" });
  requestAnimationFrame(() => {
    const [at, frame] = [range.getBoundingClientRect(), view.getBoundingClientRect()];
    view.scrollTop += at.top - frame.top - view.clientHeight / 2;
    if (at.left < frame.left || at.right > frame.right) view.scrollLeft += at.left - frame.left - 80;
  });
}
