// Submits a job: a form made of what its type takes, checked as one types, with the tasks that it would have.
import { call, post } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { count, number } from "../lib/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/preact.js";
import { go, href } from "../lib/router.js";
import { useIsAdmin } from "../lib/session.js";
import { Field } from "../parts/field.js";
import { Notice } from "../parts/notice.js";
import { Loaded, Page, Panel } from "../parts/page.js";
import { Table } from "../parts/table.js";
import { problemsOfTerms, TermFields, termsFrom, termsOf } from "../parts/terms.js";
import { toast } from "../parts/toast.js";
import { JobChooser } from "./submit/chooser.js";
import { label, SettingField } from "./submit/fields.js";
import { fieldsOf, problemsOf, settingsOf } from "./submit/settings.js";

// When one has not typed for so long, in milliseconds, the Manager is asked what it thinks.
const PAUSE = 400;

export default function SubmitPage({ query: { like } }) {
  const isAdmin = useIsAdmin();
  const types = useData("api/job-types");
  const model = useData(like ? `api/jobs/${like}` : null);
  const isReady = types.data && (!like || model.data || model.error);
  return html`<${Page} title="Submit a job">
    ${isAdmin
      ? html`<${Loaded} of=${types}>${isReady && html`<${Form} types=${types.data.job_types} model=${model.data} />`}<//>`
      : html`<${Notice}>Only people with the role “admin” submit jobs.<//>`}
  <//>`;
}

function Form({ types, model }) {
  const [typeName, setTypeName] = useState(types.find(({ name }) => name === model?.job_type)?.name ?? types[0].name);
  const type = types.find(({ name }) => name === typeName);
  const [fields, setFields] = useState(() => fieldsOf(type, model?.settings));
  const [rest, setRest] = useState(() => restOf(model));
  const [touched, setTouched] = useState(new Set());
  const [hasTried, setTried] = useState(false);
  const [isSending, setSending] = useState(false);
  const form = useRef();
  const key = useRef({ text: "", key: "" });

  const choose = (name) => {
    const next = types.find((type) => type.name === name);
    setTypeName(name);
    // What both types have is kept.
    setFields({ ...fieldsOf(next), ...Object.fromEntries(next.settings.filter(({ name }) => fields[name]).map(({ name }) => [name, fields[name]])) });
    setTried(false);
  };
  const set = (name, text) => {
    setFields((fields) => ({ ...fields, [name]: text }));
    touch(name);
  };
  const setPart = (name, value) => {
    setRest((rest) => ({ ...rest, [name]: value }));
    touch(name);
  };
  const touch = (name) => setTouched((touched) => (touched.has(name) ? touched : new Set(touched).add(name)));

  const body = JSON.stringify(jobOf(type, fields, rest));
  const problems = problemsOf(type, fields);
  const plan = usePlan(body, Object.keys(problems).length === 0);
  const own = { ...(rest.name.trim() === "" && { name: "It is missing." }), ...problemsOfTerms(rest), ...problems };
  const isShown = (name) => hasTried || touched.has(name);
  const problemOf = (name) => (isShown(name) ? own[name] ?? plan.problems[name] ?? "" : "");
  const open = [...new Set([...Object.keys(own), ...Object.keys(plan.problems)])];

  const submit = async (event) => {
    event.preventDefault();
    setTried(true);
    if (open.length > 0) {
      // The first field with a problem, once it is drawn as such.
      requestAnimationFrame(() => form.current?.querySelector("[aria-invalid=true]")?.focus());
      return;
    }
    setSending(true);
    // The same job sent once more, because an answer was lost, is still one job.
    if (key.current.text !== body) key.current = { text: body, key: randomKey() };
    try {
      const job = await call("POST", "api/jobs", { body: JSON.parse(body), headers: { "idempotency-key": key.current.key } });
      toast(`Submitted: ${job.name}`);
      go(`/jobs/${job._id}`);
    } catch (error) {
      toast.error(error.message);
      setSending(false);
    }
  };

  return html`<form class="submit" ref=${form} onSubmit=${submit} noValidate>
    <${Panel} title="Job">
      <${Field} id="job-type" label="Job type" hint=${type.description} control=${(props) => html`
        <select ...${props} value=${typeName} onChange=${(event) => choose(event.target.value)}>${types.map(({ name, label }) => html`
          <option key=${name} value=${name}>${label}</option>`)}</select>`} />
      <${Field} id="job-name" label="Name" required problem=${problemOf("name")} control=${(props) => html`
        <input ...${props} value=${rest.name} autocomplete="off" onInput=${(event) => setPart("name", event.target.value)} onBlur=${() => touch("name")} />`} />
    <//>
    <${Panel} title="Settings">
      ${type.settings.map((setting) => html`<${SettingField} key=${`${typeName} ${setting.name}`} setting=${setting} text=${fields[setting.name] ?? ""}
        problem=${problemOf(setting.name)} onChange=${(text) => set(setting.name, text)} onBlur=${() => touch(setting.name)} />`)}
    <//>
    <${Panel} title="When and where">
      <${TermFields} terms=${rest} problems=${{ priority: problemOf("priority"), most: problemOf("most") }} onInput=${setPart} />
      <${JobChooser} chosen=${rest.waitsFor} onChange=${(waitsFor) => setPart("waitsFor", waitsFor)} />
      <label class="check"><input type="checkbox" checked=${rest.isPaused} onChange=${(event) => setPart("isPaused", event.target.checked)} />
        Start paused: nothing is handed out until somebody resumes it</label>
    <//>
    <${Preview} plan=${plan} open=${open} hasTried=${hasTried} />
    <div class="actions">
      <button class="primary" disabled=${isSending}>${isSending ? "Submitting …" : "Submit"}</button>
      <a class="button" href=${href("/jobs")}>Cancel</a>
    </div>
  </form>`;
}

// The rest of a job, as the form has it; that of `model`, if it is to be like another.
const restOf = (model) => ({ ...termsOf(model), name: model?.name ?? "", waitsFor: [], isPaused: false });

function jobOf(type, fields, rest) {
  const { name, waitsFor, isPaused } = rest;
  const { priority, ...terms } = termsFrom(rest);
  return {
    name: name.trim(), job_type: type.name, settings: settingsOf(type, fields), ...terms, priority: priority ?? 50,
    depends_on: waitsFor.map(({ _id }) => _id), start_paused: isPaused,
  };
}

// A new text that nobody else has. `crypto.randomUUID` is for pages that came by HTTPS.
const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const NO_PLAN = { tasks: null, problems: {}, error: "", isAsking: false };

// What the Manager would make of a job: `{ tasks, problems, error, isAsking }`. It is asked once there is nothing that can be seen to
// be wrong without asking.
function usePlan(body, isComplete) {
  const [plan, setPlan] = useState(NO_PLAN);
  useEffect(() => {
    if (!isComplete) {
      setPlan(NO_PLAN);
      return;
    }
    let isOver = false;
    setPlan((old) => ({ ...old, isAsking: true }));
    const timer = setTimeout(async () => {
      const job = JSON.parse(body);
      let next;
      try {
        // What is missing in the name is said by its field; the tasks can be made without.
        const { tasks } = await post("api/jobs", { ...job, name: job.name || "a job" }, { dry_run: true });
        next = { tasks, problems: {}, error: "" };
      } catch (error) {
        const problems = Object.fromEntries((error.problems ?? []).map(({ setting, message }) => [setting, `It ${message}.`]));
        next = { tasks: null, problems, error: Object.keys(problems).length ? "" : error.message };
      }
      if (!isOver) setPlan({ ...next, isAsking: false });
    }, PAUSE);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [body, isComplete]);
  return plan;
}

const COLUMNS = [
  { id: "name", title: "Task", head: true, cell: (task) => html`<span class="line">${task.name}</span>` },
  { id: "type", title: "Type", width: "10rem", cell: (task) => task.task_type },
  { id: "commands", title: "Commands", cell: (task) => html`<span class="line">${task.commands.map(({ name }) => name).join(", ")}</span>`, minor: true },
  { id: "parents", title: "Waits for", width: "8rem", end: true, cell: (task) => (task.parents.length ? count(task.parents.length, "task") : "") },
];

function Preview({ plan: { tasks, error, isAsking }, open, hasTried }) {
  const rows = useMemo(() => tasks?.map((task, place) => ({ ...task, _id: String(place) })), [tasks]);
  return html`<${Panel} title="What becomes of it">
    <p role="status">${tasks ? html`<strong>${count(tasks.length, "task")}</strong>`
      : isAsking ? html`<span class="soft">Asking the Manager …</span>`
      : error ? "" : html`<span class="soft">The tasks are shown as soon as the settings are complete.</span>`}</p>
    ${error && html`<${Notice} tone="bad">${error}<//>`}
    ${hasTried && open.length > 0 && html`<${Notice} tone="bad">${count(open.length, "field")} to mend: ${open.map(label).join(", ")}.<//>`}
    ${rows?.length > 0 && html`<details><summary>Show the tasks</summary>
      <div class="scrolling"><${Table} caption="Tasks that the job would have" columns=${COLUMNS} rows=${rows.slice(0, 100)} nameOf=${(task) => task.name} /></div>
      ${rows.length > 100 && html`<p class="soft">The first 100 of ${number(rows.length)}.</p>`}</details>`}
  <//>`;
}
