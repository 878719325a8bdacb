// The tasks of a job as small squares, coloured by status: ten thousand at a look. They are drawn on a canvas; above it lies one
// link that follows the pointer and the arrow keys, so that a square is a real link to its task. The same is told as text below.
import { words } from "../../lib/format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../../lib/preact.js";
import { go, href } from "../../lib/router.js";
import { countByStatus } from "../../lib/statuses.js";
import { tone } from "../../parts/badge.js";
import { progressInWords } from "../../parts/progress.js";

const LARGEST = 22, SMALLEST = 7; // pixels of a cell, with the gap
const HIGHEST = 420; // cells become smaller before the grid becomes higher, and then it scrolls

// How many cells of what size stand beside each other, so that `count` of them fit.
export function arrange(count, width) {
  for (let size = LARGEST; ; size -= 1) {
    const columns = Math.max(1, Math.floor(width / size));
    const height = Math.ceil(count / columns) * size;
    if (height <= HIGHEST || size === SMALLEST) return { size, columns, height };
  }
}

export function Grid({ tasks, isShown, nicknames }) {
  const scroller = useRef();
  const canvas = useRef();
  const link = useRef();
  const width = useWidth(scroller);
  const [place, setPlace] = useState(null);
  const { size, columns, height } = useMemo(() => arrange(tasks.length, width), [tasks.length, width]);
  const current = Math.min(place ?? 0, tasks.length - 1);
  const pointed = tasks[current];

  useLayoutEffect(() => {
    const draw = () => paint(canvas.current, scroller.current, { tasks, isShown, size, columns });
    draw();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scroller.current.addEventListener("scroll", draw, { passive: true });
    scheme.addEventListener("change", draw);
    return () => {
      scroller.current?.removeEventListener("scroll", draw);
      scheme.removeEventListener("change", draw);
    };
  }, [tasks, isShown, size, columns, width]);

  const under = (event) => {
    const field = event.currentTarget.getBoundingClientRect();
    const column = Math.floor((event.clientX - field.left) / size);
    const at = Math.floor((event.clientY - field.top) / size) * columns + column;
    return column >= 0 && column < columns && at >= 0 && at < tasks.length ? at : null;
  };
  const point = (event) => {
    const at = under(event);
    if (at !== null && at !== place) setPlace(at);
  };
  const press = (event) => {
    // The link is there already, unless a finger came out of nowhere.
    const at = under(event);
    if (event.target !== link.current && at !== null) go(`/tasks/${tasks[at]._id}`);
  };
  const walk = (event) => {
    const to = step(event.key, current, { columns, tasks, isShown, page: Math.floor(scroller.current.clientHeight / size) });
    if (to === null || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setPlace(to);
    const top = Math.floor(to / columns) * size;
    const { scrollTop, clientHeight } = scroller.current;
    if (top < scrollTop) scroller.current.scrollTop = top;
    if (top + size > scrollTop + clientHeight) scroller.current.scrollTop = top + size - clientHeight;
  };

  const summary = useMemo(() => progressInWords({ total: tasks.length, by_status: countByStatus(tasks) }), [tasks]);
  return html`<div class="frames">
    <div class="frames-view" ref=${scroller} style=${{ maxHeight: `${HIGHEST}px` }}>
      <div class="frames-field" style=${{ height: `${height}px` }} onPointerMove=${point} onClick=${press}>
        <canvas ref=${canvas} role="img" aria-label=${summary} />
        ${pointed && width > 0 && html`<a ref=${link} class="frame" href=${href(`/tasks/${pointed._id}`)} draggable=${false}
          aria-label=${inWords(pointed, nicknames)} title=${place === null ? undefined : inWords(pointed, nicknames)}
          aria-describedby="frames-help" onKeyDown=${walk} onFocus=${() => place === null && setPlace(current)}
          style=${{
            width: `${size}px`, height: `${size}px`, left: `${(current % columns) * size}px`, top: `${Math.floor(current / columns) * size}px`,
          }} />`}
      </div>
    </div>
    <p class="pointed" aria-live="polite">${place !== null && pointed
      ? inWords(pointed, nicknames) : html`<span class="soft">Point at a square to see which task it is.</span>`}</p>
    <p class="out-of-sight" id="frames-help">The arrow keys go from task to task. The table shows the same tasks as text.</p>
  </div>`;
}

function inWords({ name, status, task_type, worker_id, worker, activity }, nicknames) {
  const nickname = worker_id && (nicknames.get(worker_id) || worker || "a worker");
  return [name, words(status), task_type, nickname && `on ${nickname}`, activity].filter(Boolean).join(" · ");
}

// Where a key leads from `place`; to the left and right what is not shown is passed over. Null for other keys.
function step(key, place, { columns, tasks, isShown, page }) {
  const last = tasks.length - 1;
  const along = (by) => {
    for (let at = place + by; at >= 0 && at <= last; at += by) if (isShown(tasks[at])) return at;
    return place;
  };
  const within = (at) => (at < 0 || at > last ? place : at);
  switch (key) {
    case "ArrowRight": return along(1);
    case "ArrowLeft": return along(-1);
    case "ArrowDown": return within(place + columns);
    case "ArrowUp": return within(place - columns);
    case "PageDown": return Math.min(last, place + page * columns);
    case "PageUp": return Math.max(0, place - page * columns);
    case "Home": return 0;
    case "End": return last;
    default: return null;
  }
}

// What is waiting is an outline, what was given up is crossed out: colour is not all that tells.
const OUTLINED = ["queued", "claimed-by-manager", "paused", "canceled"];
const CROSSED = ["canceled", "failed"];
const FADED = 0.12;

// Draws the cells that can be seen. The canvas is as large as the view and stays in it; the field behind scrolls.
function paint(canvas, view, { tasks, isShown, size, columns }) {
  const { clientWidth: width, clientHeight: height, scrollTop } = view;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.translate(0, -scrollTop);
  const style = getComputedStyle(view);
  const colour = (name) => style.getPropertyValue(`--${name}`);

  // All cells that look the same are one path: that is many times quicker than a path for each.
  const from = Math.floor(scrollTop / size) * columns;
  const to = Math.min(tasks.length, Math.ceil((scrollTop + height) / size) * columns);
  const looks = new Map();
  for (let place = from; place < to; place += 1) {
    const look = `${tasks[place].status} ${isShown(tasks[place])}`;
    if (!looks.has(look)) looks.set(look, []);
    looks.get(look).push(place);
  }
  const side = size - (size > 12 ? 3 : size > 8 ? 2 : 1);
  const draw = (places, shape, act) => {
    pen.beginPath();
    for (const place of places) shape((place % columns) * size, Math.floor(place / columns) * size);
    act();
  };
  for (const [look, places] of looks) {
    const [status, isBright] = look.split(" ");
    const isOutlined = OUTLINED.includes(status);
    pen.globalAlpha = isBright === "true" ? 1 : FADED;
    pen.fillStyle = pen.strokeStyle = colour(isOutlined ? "edge" : tone(status));
    pen.lineWidth = 1;
    if (isOutlined) draw(places, (x, y) => pen.rect(x + 0.5, y + 0.5, side - 1, side - 1), () => pen.stroke());
    else draw(places, (x, y) => pen.rect(x, y, side, side), () => pen.fill());
    if (!CROSSED.includes(status) || size < 10) continue;
    if (!isOutlined) pen.strokeStyle = colour("surface");
    pen.lineWidth = 1.5;
    const [a, b] = [side * 0.25, side * 0.75];
    draw(places, (x, y) => {
      pen.moveTo(x + a, y + b);
      pen.lineTo(x + b, y + a);
      if (status !== "failed") return;
      pen.moveTo(x + a, y + a);
      pen.lineTo(x + b, y + b);
    }, () => pen.stroke());
  }
}

// How wide an element is, now and whenever that changes.
function useWidth(element) {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => setWidth(element.current.clientWidth), []);
  useEffect(() => {
    const observer = new ResizeObserver(() => setWidth(element.current?.clientWidth ?? 0));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return width;
}
