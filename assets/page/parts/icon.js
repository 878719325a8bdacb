// The icons: lines on a grid of 16, in the colour of the text around them. They are never all that tells something.
import { html } from "../lib/preact.js";

const SHAPES = {
  farm: "M2 13.5V7l4 2.5V7l4 2.5V3h4v10.5zM5 13.5v-1.5M8 13.5v-1.5M11 13.5v-1.5",
  jobs: "M2.5 4h2M2.5 8h2M2.5 12h2M7 4h6.5M7 8h6.5M7 12h6.5",
  workers: "M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3",
  image: "M2.5 3h11v10h-11zM2.5 11l3.2-3.4 2.6 2.6 1.9-1.7 3.3 3M10.4 6.2h.2",
  submit: "M8 10.5v-8M5 5.2L8 2.5l3 2.7M2.5 10v3.5h11V10",
  settings: "M2.5 4.5h6M11.5 4.5h2M2.5 11.5h2M7.5 11.5h6M8.5 3v3h3V3zM4.5 10v3h3v-3z",
  person: "M8 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 8 8zM3 13.5c.5-2.6 2.4-3.8 5-3.8s4.5 1.2 5 3.8",
  out: "M9.5 3h-6v10h6M7 8h7M11.5 5.5L14 8l-2.5 2.5",
  key: "M5.3 12.5a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM7.3 7.7L13 2.5M10.5 4.8l2 2",
  audit: "M3.5 2.5h9v11h-9zM6 5.5h4M6 8h4M6 10.5h2.5",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  close: "M4 4l8 8M12 4l-8 8",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  down: "M4 6.5L8 10.5l4-4",
  up: "M4 9.5L8 5.5l4 4",
  right: "M6.5 4L10.5 8l-4 4",
  left: "M9.5 4L5.5 8l4 4",
  copy: "M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.4 3.4",
  plus: "M8 3v10M3 8h10",
  download: "M8 2.5v8M5 7.8L8 10.5l3-2.7M2.5 11.5v2h11v-2",
  warning: "M8 2.5l6 11H2zM8 6.8v3M8 11.8h.01",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.3v3.5M8 5.2h.01",
  check: "M3 8.5l3.2 3.2L13 4.5",
  // Statuses: each has a shape of its own.
  completed: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM5.3 8.2l1.9 1.9 3.5-3.9",
  active: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.7 5.5v5l3.8-2.5z",
  waiting: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z",
  paused: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.5 5.8v4.4M9.5 5.8v4.4",
  failed: "M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
  again: "M8 2l6 6-6 6-6-6zM8 5.3v3.2M8 10.7h.01",
  canceled: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM3.9 12.1l8.2-8.2",
  stopping: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6 6h4v4H6z",
  asleep: "M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6z",
  offline: "M2.5 8h11",
};

// An icon: <${Icon} name="jobs" />. Screen readers pass over it: say in words what it stands for.
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${SHAPES[name]} /></svg>`;
}
