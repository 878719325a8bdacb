// A field to search in a list: it tells what was typed when one pauses.
import { html, useEffect, useRef, useState } from "../lib/preact.js";

const PAUSE = 250;

// <${SearchField} label="Search jobs" value=${search} onChange=${setSearch} />
export function SearchField({ label, value, onChange }) {
  const [typed, setTyped] = useState(value);
  const said = useRef(value);
  // Somebody else changed it: the back button, or "show all".
  useEffect(() => {
    if (value !== said.current) setTyped(value);
    said.current = value;
  }, [value]);
  useEffect(() => {
    if (typed === said.current) return;
    const timer = setTimeout(() => {
      said.current = typed;
      onChange(typed);
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [typed]);
  return html`<input type="search" class="grow" aria-label=${label} placeholder=${label} value=${typed}
    onInput=${(event) => setTyped(event.target.value)} />`;
}
