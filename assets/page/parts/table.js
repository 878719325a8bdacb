// Tables: sorted by a click on a heading, rows selected with boxes (shift: all between), gone along by the arrow keys. Of a long
// one only the rows that can be seen are drawn, so that ten thousand are as quick as ten; its rows are all equally high.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/preact.js";
import { Icon } from "./icon.js";

// So many rows are always drawn.
const FEW = 120;
// Rows drawn above and below of what can be seen, and in what steps this moves.
const SPARE = 20;

// <${Table} caption="Workers" columns=${columns} rows=${rows} />. The caption is for screen readers. Columns are
//   { id, title,
//     cell: (row) => text or html,
//     sort: (row) => a number or text; without it the column cannot be sorted by,
//     width: "8rem", end: true for figures, minor: true when a narrow screen does without it, head: true when it names the row }
// Options:
//   keyOf     what a row is known by; its `_id` otherwise
//   nameOf    what a row is called, for the labels of the boxes
//   sort      by what it is sorted, "name" or "-name"; with onSort(sort) the caller keeps it, otherwise the table does so itself
//   isSorted  the rows come as `sort` says: the caller sees to it
//   selected  a Set of keys, with onSelect(keys): rows can be selected
//   empty     what to show in place of no rows
export function Table({
  caption, columns, rows, keyOf = (row) => row._id, nameOf = keyOf, sort, onSort, isSorted = false, selected, onSelect, empty = null,
}) {
  const [ownSort, setOwnSort] = useState(sort ?? "");
  const order = onSort ? sort ?? "" : ownSort;
  const inOrder = useMemo(() => (isSorted ? rows : sorted(rows, columns, order)), [rows, columns, order, isSorted]);
  const body = useRef();
  const { from, to, height } = useVisible(body, inOrder.length);
  const isLong = inOrder.length > FEW;
  const anchor = useRef(0);
  if (rows.length === 0) return empty;

  const choose = (place, event) => {
    const isOn = event.target.checked;
    const [first, last] = event.shiftKey ? [anchor.current, place].sort((a, b) => a - b) : [place, place];
    const next = new Set(selected);
    for (const row of inOrder.slice(first, last + 1)) isOn ? next.add(keyOf(row)) : next.delete(keyOf(row));
    anchor.current = place;
    onSelect(next);
  };
  const walk = (event) => {
    const place = Number(event.target.closest("tr")?.dataset.place);
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: inOrder.length - 1 }[event.key];
    const isTyping = event.target.matches("input:not([type=checkbox]), select, textarea, [role=menuitem]");
    if (event.key === "Escape" && selected?.size) onSelect(new Set());
    if (to === undefined || Number.isNaN(place) || isTyping || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const column = event.target.closest("td, th").cellIndex;
    focusRow(body.current, Math.max(0, Math.min(inOrder.length - 1, to)), column, height);
  };

  const drawn = isLong ? inOrder.slice(from, to) : inOrder;
  const begin = isLong ? from : 0;
  return html`<div class="table ${isLong ? "long" : ""}">
    <table aria-rowcount=${inOrder.length + 1}>
      <caption class="out-of-sight">${caption}</caption>
      <colgroup>
        ${selected && html`<col class="box" />`}
        ${columns.map((column) => html`<col key=${column.id} class=${column.minor ? "minor" : ""}
          style=${column.width ? { width: column.width } : {}} />`)}
      </colgroup>
      <thead><tr aria-rowindex="1">
        ${selected && html`<th class="box"><${BoxForAll} rows=${inOrder} keyOf=${keyOf} selected=${selected} onSelect=${onSelect} /></th>`}
        ${columns.map((column) => html`<${Heading} key=${column.id} column=${column} order=${order} onOrder=${onSort ?? setOwnSort} />`)}
      </tr></thead>
      <tbody ref=${body} onKeyDown=${walk}>
        ${begin > 0 && html`<tr class="gap" key="above" aria-hidden="true"><td style=${{ height: `${begin * height}px` }} /></tr>`}
        ${drawn.map((row, i) => {
          const [key, place] = [keyOf(row), begin + i];
          const isSelected = selected?.has(key);
          return html`<tr key=${key} data-place=${place} aria-rowindex=${place + 2}
            class=${isSelected ? "selected" : ""}>
            ${selected && html`<td class="box"><input type="checkbox" checked=${isSelected}
              aria-label=${`Select ${nameOf(row)}`} onClick=${(event) => choose(place, event)} /></td>`}
            ${columns.map((column) => {
              const Cell = column.head ? "th" : "td";
              return html`<${Cell} key=${column.id} scope=${column.head ? "row" : undefined} class=${classes(column)}>${column.cell(row)}<//>`;
            })}
          </tr>`;
        })}
        ${isLong && to < inOrder.length && html`<tr class="gap" key="below" aria-hidden="true">
          <td style=${{ height: `${(inOrder.length - to) * height}px` }} /></tr>`}
      </tbody>
    </table>
  </div>`;
}

const classes = ({ minor, end }) => [minor && "minor", end && "end"].filter(Boolean).join(" ");

function Heading({ column, order, onOrder }) {
  const { id, title, sort } = column;
  const direction = order === id ? "ascending" : order === `-${id}` ? "descending" : undefined;
  return html`<th scope="col" class=${classes(column)} aria-sort=${direction}>
    ${sort
      ? html`<button type="button" onClick=${() => onOrder(direction === "ascending" ? `-${id}` : id)}>${title}${direction
          && html`<${Icon} name=${direction === "ascending" ? "up" : "down"} />`}</button>`
      : title}
  </th>`;
}

function BoxForAll({ rows, keyOf, selected, onSelect }) {
  const box = useRef();
  const isAll = selected.size > 0 && rows.every((row) => selected.has(keyOf(row)));
  useEffect(() => { box.current.indeterminate = selected.size > 0 && !isAll; });
  return html`<input ref=${box} type="checkbox" checked=${isAll} aria-label="Select all"
    onClick=${() => onSelect(new Set(isAll ? [] : rows.map(keyOf)))} />`;
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// The rows by `order`; those that are equal, and those without a value at the end, stay as they are.
export function sorted(rows, columns, order) {
  const isDown = order.startsWith("-");
  const value = columns.find(({ id }) => id === order.replace(/^-/, ""))?.sort;
  if (!value) return rows;
  const pairs = rows.map((row) => [value(row), row]);
  const isNothing = (one) => one === null || one === undefined || one === "";
  pairs.sort(([a], [b]) => {
    if (isNothing(a) || isNothing(b)) return isNothing(a) - isNothing(b);
    const difference = typeof a === "number" ? a - b : collator.compare(a, b);
    return isDown ? -difference : difference;
  });
  return pairs.map(([, row]) => row);
}

// Which rows of a long table are to be drawn: those that can be seen, and some more. `height` is that of a row.
function useVisible(body, length) {
  const [height, setHeight] = useState(40);
  const [range, setRange] = useState({ from: 0, to: 2 * SPARE + 40 });
  useLayoutEffect(() => {
    const row = body.current?.querySelector("tr[data-place]");
    const measured = row?.getBoundingClientRect().height;
    if (measured && Math.abs(measured - height) > 0.5) setHeight(measured);
  });
  useLayoutEffect(() => {
    if (length <= FEW) return;
    let frame = 0;
    const look = () => {
      frame = 0;
      if (!body.current) return;
      const above = -body.current.getBoundingClientRect().top / height;
      const inSteps = (place) => Math.floor(place / SPARE) * SPARE;
      const from = Math.max(0, Math.min(inSteps(above) - SPARE, length - SPARE));
      const to = Math.min(length, Math.max(from, inSteps(above + innerHeight / height)) + 2 * SPARE);
      setRange((old) => (old.from === from && old.to === to ? old : { from, to }));
    };
    const soon = () => { frame ||= requestAnimationFrame(look); };
    look();
    addEventListener("scroll", soon, { passive: true, capture: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", soon, { capture: true });
      removeEventListener("resize", soon);
    };
  }, [length, height]);
  return { ...range, height };
}

// Puts the focus on what can be pressed in a row, in the same column if there is something; the row comes into sight first.
function focusRow(body, place, column, height) {
  const find = () => body.querySelector(`tr[data-place="${place}"]`);
  const focus = (row) => {
    const press = "a[href], button, input";
    (row.cells[column]?.querySelector(press) ?? row.querySelector(press))?.focus();
    row.scrollIntoView({ block: "nearest" });
  };
  const row = find();
  if (row) {
    focus(row);
    return;
  }
  scrollBy(0, body.getBoundingClientRect().top + place * height - innerHeight / 2);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const row = find();
    if (row) focus(row);
  }));
}
