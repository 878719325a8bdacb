// The tasks of a job that failed, with what their logs say.
import { useData } from "../../lib/data.js";
import { number } from "../../lib/format.js";
import { html } from "../../lib/preact.js";
import { href } from "../../lib/router.js";
import { Badge } from "../../parts/badge.js";
import { Loaded, Panel } from "../../parts/page.js";

// <${Failures} job=${id} count=${failed} />: read anew when the count changes.
export function Failures({ job, count }) {
  const failures = useData(`api/jobs/${job}/failures`, { again: count });
  const { failures: list = [], total = 0 } = failures.data ?? {};
  return html`<${Panel} title="Failures">
    <${Loaded} of=${failures}>
      <ul class="failures">${list.map(({ task, name, status, worker_id, worker, line }) => html`<li key=${task}>
        <p><a href=${href(`/tasks/${task}`)}>${name}</a> <${Badge} status=${status} />${
          worker && html` <span class="soft">on ${worker_id ? html`<a href=${href(`/workers/${worker_id}`)}>${worker}</a>` : worker}</span>`}</p>
        ${line ? html`<pre>${line}</pre>` : html`<p class="soft">Its log has no line that looks like an error.</p>`}
      </li>`)}</ul>
      ${total > list.length && html`<p class="soft">The first ${number(list.length)} of ${number(total)}.</p>`}
    <//>
  <//>`;
}
