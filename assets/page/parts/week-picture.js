// The week of a sleep schedule as a picture: a bar a day, from midnight to midnight.
import { html } from "../lib/preact.js";
import { DAY, DAY_NAMES, DAYS } from "../lib/week.js";

const HOURS = [0, 6, 12, 18, 24];

// <${WeekPicture} days=${week(schedule)} isActive />
export function WeekPicture({ days, isActive }) {
  return html`<figure class="week ${isActive ? "" : "inactive"}">
    <div role="img" aria-label=${inWords(days)}>
      ${days.map((day, i) => html`<div class="day" key=${DAYS[i]}>
        <span>${DAYS[i]}</span><${Bar} ...${day} />
      </div>`)}
      <div class="day hours"><span /><div>${HOURS.map((hour) => html`<span key=${hour}>${hour}</span>`)}</div></div>
    </div>
    <figcaption>
      ${!isActive && html`<strong>Not active: nothing is asked of it.</strong>`}
      <span class="asleep">asleep</span><span class="awake">awake</span>
      ${days.some(({ isNamed }) => !isNamed) && html`<span class="left">left as it is</span>`}
    </figcaption>
  </figure>`;
}

function Bar({ isNamed, asleep }) {
  return html`<svg viewBox="0 0 ${DAY} 20" preserveAspectRatio="none" class=${isNamed ? "awake" : "left"}>
    <rect class="ground" width=${DAY} height="20" />
    ${asleep.map(({ from, to }) => html`<rect key=${from} class="asleep" x=${from} width=${to - from} height="20" />`)}
    ${HOURS.slice(1, -1).map((hour) => html`<path key=${hour} class="hour" d="M${hour * 60} 0v20" vector-effect="non-scaling-stroke" />`)}
  </svg>`;
}

const clock = (at) => `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`;

// For whoever does not see it: "Monday: asleep 22:00 to 24:00. …"
function inWords(days) {
  return days.map(({ isNamed, asleep }, i) => {
    const when = asleep.map(({ from, to }) => `asleep ${clock(from)} to ${clock(to)}`).join(", ");
    return `${DAY_NAMES[i]}: ${when || (isNamed ? "awake" : "left as it is")}.`;
  }).join(" ");
}
