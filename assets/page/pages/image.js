// The last rendered image, as large as it goes: of the whole farm, or of one job.
import { useData } from "../lib/data.js";
import { exactly } from "../lib/format.js";
import { html, useRef } from "../lib/preact.js";
import { href, useQuery } from "../lib/router.js";
import { Copy } from "../parts/copy.js";
import { Picture, fileName, useImage } from "../parts/last-image.js";
import { Empty, Notice } from "../parts/notice.js";
import { Loaded, Page } from "../parts/page.js";
import { Ago } from "../parts/time.js";

// So many jobs can be chosen from: those that something has happened to last.
const JOBS = 50;

export default function ImagePage() {
  const [{ job = "" }, setQuery] = useQuery();
  const image = useImage(job || null);
  const stage = useRef();
  const actions = html`
    <${Choice} job=${job} onChoice=${(chosen) => setQuery({ job: chosen })} />
    ${image.data?.image && document.fullscreenEnabled
      && html`<button type="button" onClick=${() => stage.current.requestFullscreen()}>Full screen</button>`}`;
  return html`<${Page} title="Last image" actions=${actions}>
    <${Loaded} of=${image}>${image.data && html`
      <${Refused} ...${image.data} />
      ${image.data.image
        ? html`<figure class="image-page">
            <div class="darkroom" ref=${stage}><${Picture} image=${image.data.image} job=${job || null} /></div>
            <figcaption><${Facts} image=${image.data.image} /></figcaption>
          </figure>`
        : html`<${Nothing} folders=${image.data.folders} ofJob=${Boolean(job)} />`}`}
    <//>
  <//>`;
}

// Whose last image is shown.
function Choice({ job, onChoice }) {
  const jobs = useData(`api/jobs?sort=-updated&limit=${JOBS}`, { topics: ["job"], merge: mergeNames });
  const list = jobs.data?.jobs ?? [];
  const isListed = !job || list.some(({ _id }) => _id === job);
  return html`<label class="choice"><span class="out-of-sight">Image of</span>
    <select value=${job} onChange=${(event) => onChoice(event.target.value)}>
      <option value="">The whole farm</option>
      ${!isListed && html`<option value=${job}>Job ${job}</option>`}
      ${list.map(({ _id, name }) => html`<option key=${_id} value=${_id}>${name}</option>`)}
    </select></label>`;
}

// Only a job that is not in the list yet makes another list.
function mergeNames(data, events) {
  const known = new Set(data.jobs.map((job) => job._id));
  return events.every(({ document }) => known.has(document._id) !== Boolean(document.deleted)) ? data : null;
}

function Facts({ image }) {
  const { job, job_name, task, worker, worker_id, produced, width, height, path } = image;
  return html`<dl class="facts">
    ${job && html`<div><dt>Job</dt><dd><a href=${href(`/jobs/${job}`)}>${job_name ?? "deleted since"}</a></dd></div>`}
    ${task && html`<div><dt>Task</dt><dd><a href=${href(`/tasks/${task}`)}>${task}</a></dd></div>`}
    <div><dt>Worker</dt><dd>${worker ? html`<a href=${href(`/workers/${worker_id}`)}>${worker}</a>`
      : worker_id ? "forgotten since" : "not known: it was found in the watched folder"}</dd></div>
    <div><dt>When</dt><dd><${Ago} time=${produced} />, ${exactly(produced)}</dd></div>
    <div><dt>Size</dt><dd>${width} × ${height} pixels</dd></div>
    <div><dt>File</dt><dd><${Copy} text=${path} label="path" /></dd></div>
  </dl>`;
}

// That there is a newer one, and why it is not shown.
function Refused({ image, refused }) {
  if (!refused || (image && Date.parse(image.produced) >= Date.parse(refused.when))) return null;
  return html`<${Notice} tone="warn">${fileName(refused.path)} is not shown, <${Ago} time=${refused.when} />: ${refused.reason}.
    <small> (${refused.path})</small><//>`;
}

function Nothing({ folders, ofJob }) {
  if (ofJob) {
    return html`<${Empty} icon="image" title="This job has no image yet">
      <p>It appears when a worker has saved one, which workers tell at most every 30 seconds.</p><//>`;
  }
  if (folders.length === 0) {
    return html`<${Empty} icon="image" title="No images are read">
      <p>Images are read only below the folders of two-way variables, as this machine knows them, and none has a value for it.
        Set one in <code>manager.toml</code>, or <code>watch_for_latest_image</code>, and start the Manager anew:</p>
      <${Copy} block label="the setting" text=${SETTING} /><//>`;
  }
  return html`<${Empty} icon="image" title="No image yet">
    <p>It appears when a worker has saved one below ${folders.map((folder, i) => html`${i > 0 && " or "}<code key=${folder}>${folder}</code>`)}.</p><//>`;
}

const SETTING = `[variables.render]
direction = "twoway"
values = [{ platform = "linux", value = "/render" }]`;
