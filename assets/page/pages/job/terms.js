// Changes what may be changed of a job: its priority, how many workers may be at it, and which.
import { patch } from "../../lib/api.js";
import { words } from "../../lib/lists.js";
import { html, useState } from "../../lib/preact.js";
import { Dialog } from "../../parts/dialog.js";
import { Field, wholeNumber } from "../../parts/field.js";
import { act } from "../../parts/toast.js";

export function TermsDialog({ job, onClose }) {
  const [priority, setPriority] = useState(String(job.priority));
  const [most, setMost] = useState(job.max_workers === null ? "" : String(job.max_workers));
  const [tags, setTags] = useState(job.worker_tags.join(", "));
  const problems = {
    priority: wholeNumber(priority) === null ? "It must be a whole number." : "",
    most: most.trim() !== "" && !(wholeNumber(most) >= 1) ? "It must be a whole number from 1, or empty." : "",
  };
  const isValid = !Object.values(problems).some(Boolean);
  const save = async (event) => {
    event.preventDefault();
    const change = {
      priority: wholeNumber(priority), max_workers: most.trim() === "" ? null : wholeNumber(most), worker_tags: words(tags),
    };
    if (isValid && await act(patch(`api/jobs/${job._id}`, change), "Changed; it counts at once")) onClose();
  };
  return html`<${Dialog} title=${`Change “${job.name}”`} onClose=${onClose}>
    <form onSubmit=${save}>
      <${Field} id="terms-priority" label="Priority" hint="Jobs with a higher one go first; 50 is usual." problem=${problems.priority}
        control=${(props) => html`<input ...${props} inputmode="numeric" value=${priority} onInput=${(e) => setPriority(e.target.value)} />`} />
      <${Field} id="terms-most" label="Workers at a time, at the most" hint="Empty: any number." problem=${problems.most}
        control=${(props) => html`<input ...${props} inputmode="numeric" value=${most} onInput=${(e) => setMost(e.target.value)} />`} />
      <${Field} id="terms-tags" label="Only workers with one of these tags" hint="With commas between. Empty: any worker."
        control=${(props) => html`<input ...${props} value=${tags} onInput=${(e) => setTags(e.target.value)} />`} />
      <footer>
        <button type="button" onClick=${onClose}>Cancel</button>
        <button class="primary" disabled=${!isValid}>Save</button>
      </footer>
    </form>
  <//>`;
}

