// Chooses the jobs that have to be completed before another.
import { useData } from "../../lib/data.js";
import { html, useState } from "../../lib/preact.js";
import { Badge } from "../../parts/badge.js";
import { Icon } from "../../parts/icon.js";
import { SearchField } from "../../parts/search.js";

const SOME = 6;

// <${JobChooser} chosen=${[{ _id, name }]} onChange=${set} />
export function JobChooser({ chosen, onChange }) {
  const [search, setSearch] = useState("");
  const query = new URLSearchParams({ text: search, limit: SOME, status: "queued,active,paused,failed,canceled" });
  const found = useData(search ? `api/jobs?${query}` : null);
  const isNew = ({ _id }) => !chosen.some((one) => one._id === _id);
  const jobs = search ? (found.data?.jobs ?? []).filter(isNew) : [];
  const add = ({ _id, name }) => {
    onChange([...chosen, { _id, name }]);
    setSearch("");
  };
  return html`<div class="field" role="group" aria-labelledby="waits-for">
    <span class="label" id="waits-for">Starts when these jobs are completed</span>
    ${chosen.length > 0 && html`<ul class="chips chosen">${chosen.map((job) => html`<li key=${job._id}>
      <button type="button" class="chip" aria-label=${`Do not wait for ${job.name}`} onClick=${() => onChange(chosen.filter((one) => one !== job))}>
        ${job.name}<${Icon} name="close" /></button></li>`)}</ul>`}
    <${SearchField} label="Find a job by name or ID" value=${search} onChange=${setSearch} />
    <div class="found" role="status">${search && found.data && jobs.length === 0 && html`<p class="soft">No open job is called that.</p>`}
      ${jobs.map((job) => html`<button type="button" key=${job._id} onClick=${() => add(job)}>
        <${Icon} name="plus" /><span>${job.name}</span><${Badge} status=${job.status} /></button>`)}</div>
  </div>`;
}
