// What can be said of a job of any type, and changed later: its priority, how many workers may be at it, and which. In fields these are texts.
import { html } from "../lib/preact.js";
import { tagsIn } from "../lib/workers.js";
import { Field, wholeNumber } from "./field.js";

// The texts `{ priority, most, tags }` of a job; of a new one, if there is none.
export const termsOf = (job) => ({
  priority: String(job?.priority ?? 50), most: job?.max_workers ? String(job.max_workers) : "", tags: job?.worker_tags.join(", ") ?? "",
});

// What is wrong with them, by their names.
export function problemsOfTerms({ priority, most }) {
  return {
    ...(wholeNumber(priority) === null && { priority: "It must be a whole number." }),
    ...(most.trim() !== "" && !(wholeNumber(most) >= 1) && { most: "It must be a whole number from 1, or empty." }),
  };
}

// The same as the API takes it.
export const termsFrom = ({ priority, most, tags }) => ({
  priority: wholeNumber(priority), max_workers: wholeNumber(most), worker_tags: tagsIn(tags),
});

// <${PriorityField} value=${terms.priority} problem=${problems.priority} onInput=${set} />
export const PriorityField = ({ value, problem, onInput }) => html`
  <${Field} id="job-priority" label="Priority" hint="Jobs with a higher one go first; 50 is usual." problem=${problem}
    control=${(props) => html`<input ...${props} inputmode="numeric" value=${value} onInput=${(event) => onInput(event.target.value)} />`} />`;

// The fields of all terms: <${TermFields} terms=${terms} problems=${problems} onInput=${(name, text) => …} />
export const TermFields = ({ terms, problems, onInput }) => html`
  <div class="pair">
    <${PriorityField} value=${terms.priority} problem=${problems.priority} onInput=${(text) => onInput("priority", text)} />
    <${Field} id="job-most" label="Workers at a time, at the most" hint="Empty: any number." problem=${problems.most}
      control=${(props) => html`<input ...${props} inputmode="numeric" value=${terms.most} onInput=${(event) => onInput("most", event.target.value)} />`} />
  </div>
  <${Field} id="job-tags" label="Only workers with one of these tags" hint="With commas between. Empty: any worker." control=${(props) => html`
    <input ...${props} value=${terms.tags} autocomplete="off" onInput=${(event) => onInput("tags", event.target.value)} />`} />`;
