// Which tasks of a job wait for which, drawn, as long as there are few enough to be told apart.
import { count, words } from "../../lib/format.js";
import { html, useMemo } from "../../lib/preact.js";
import { href } from "../../lib/router.js";
import { tone } from "../../parts/badge.js";
import { layersOf } from "./layers.js";

const MOST = 200;
const BOX = { width: 200, height: 30 }, GAP = { x: 56, y: 8 };

export function Graph({ tasks, isShown }) {
  if (tasks.length > MOST) {
    return html`<p class="soft">A graph of ${count(tasks.length, "task")} would be a tangle; up to ${MOST} are drawn. The grid and the
      table show them all.</p>`;
  }
  if (!tasks.some(({ parents }) => parents.length)) {
    return html`<p class="soft">No task of this job waits for another, so there is nothing to draw.</p>`;
  }
  return html`<${Drawn} tasks=${tasks} isShown=${isShown} />`;
}

function Drawn({ tasks, isShown }) {
  // Who waits for whom never changes.
  const { at, width, height } = useMemo(() => placed(tasks), [tasks.length]);
  return html`<div class="graph" tabindex="0" role="group" aria-label="Which task waits for which, from left to right">
    <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`}>
      <g class="lines">${tasks.flatMap(({ _id, parents }, place) => parents.map((parent) => html`
        <path key=${`${_id}-${parent}`} d=${line(at[parent], at[place])} />`))}</g>
      ${tasks.map(({ _id, name, status }, place) => html`
        <a key=${_id} href=${href(`/tasks/${_id}`)} class=${`${tone(status)} ${status} ${isShown(tasks[place]) ? "" : "faded"}`}
          aria-label=${`${name}, ${words(status)}`}>
          <title>${name} · ${words(status)}</title>
          <rect x=${at[place].x} y=${at[place].y} width=${BOX.width} height=${BOX.height} rx="5" />
          <circle cx=${at[place].x + 14} cy=${at[place].y + BOX.height / 2} r="4.5" />
          <svg x=${at[place].x + 26} y=${at[place].y} width=${BOX.width - 32} height=${BOX.height}>
            <text y=${BOX.height / 2}>${name}</text></svg>
        </a>`)}
    </svg>
  </div>`;
}

// Where each task stands, in pixels; layers stand in the middle of the height.
function placed(tasks) {
  const layers = layersOf(tasks);
  const rows = Math.max(...layers.map(({ length }) => length));
  const height = rows * (BOX.height + GAP.y);
  const at = new Array(tasks.length);
  layers.forEach((layer, column) => layer.forEach((place, row) => {
    const above = (height - layer.length * (BOX.height + GAP.y)) / 2;
    at[place] = { x: 1 + column * (BOX.width + GAP.x), y: 1 + above + row * (BOX.height + GAP.y) };
  }));
  return { at, height, width: layers.length * (BOX.width + GAP.x) - GAP.x + 2 };
}

function line(from, to) {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const bend = Math.max(GAP.x / 2, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}
