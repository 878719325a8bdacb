// Changes what may be changed of a job.
import { patch } from "../../lib/api.js";
import { html, useState } from "../../lib/preact.js";
import { Dialog } from "../../parts/dialog.js";
import { problemsOfTerms, TermFields, termsFrom, termsOf } from "../../parts/terms.js";
import { act } from "../../parts/toast.js";

export function TermsDialog({ job, onClose }) {
  const [terms, setTerms] = useState(() => termsOf(job));
  const problems = problemsOfTerms(terms);
  const isValid = Object.keys(problems).length === 0;
  const save = async (event) => {
    event.preventDefault();
    if (isValid && await act(patch(`api/jobs/${job._id}`, termsFrom(terms)), "Changed; it counts at once")) onClose();
  };
  return html`<${Dialog} title=${`Change “${job.name}”`} onClose=${onClose}>
    <form onSubmit=${save}>
      <${TermFields} terms=${terms} problems=${problems} onInput=${(name, text) => setTerms({ ...terms, [name]: text })} />
      <footer>
        <button type="button" onClick=${onClose}>Cancel</button>
        <button class="primary" disabled=${!isValid}>Save</button>
      </footer>
    </form>
  <//>`;
}
