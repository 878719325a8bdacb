// The sleep schedule of a worker, as a form, and how its week looks then.
import { put } from "../lib/api.js";
import { html, useEffect, useState } from "../lib/preact.js";
import { DAY_NAMES, DAYS, minutes, namedDays, week } from "../lib/week.js";
import { Notice } from "./notice.js";
import { toast } from "./toast.js";
import { WeekPicture } from "./week-picture.js";

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const isTime = (text) => text.trim() === "" || minutes(text) !== null;

// <${ScheduleEditor} worker=${worker} isAdmin />; whoever is no admin sees it only.
export function ScheduleEditor({ worker: { _id, sleep_schedule: kept }, isAdmin }) {
  const [draft, setDraft] = useState(kept);
  const [base, setBase] = useState(kept);
  const [problem, setProblem] = useState(null);
  const [isSaving, setSaving] = useState(false);
  const isChanged = !isSame(draft, base);
  // Somebody else changed it: what is typed here stays, but counts as a change of that.
  useEffect(() => {
    if (isSame(kept, base)) return;
    if (!isChanged) setDraft(kept);
    setBase(kept);
  }, [JSON.stringify(kept)]);

  const change = (parts) => {
    setProblem(null);
    setDraft({ ...draft, ...parts });
  };
  const undo = () => change(base);
  const save = async (event) => {
    event.preventDefault();
    setSaving(true);
    try {
      const { sleep_schedule: saved } = await put(`api/workers/${_id}/sleep-schedule`, draft);
      setDraft(saved);
      setBase(saved);
      setProblem(null);
      toast("Sleep schedule set");
    } catch (error) {
      setProblem(error.message);
    }
    setSaving(false);
  };

  const days = week(draft);
  const isEmpty = !draft.schedule_active && !draft.days_of_week && !draft.time_start && !draft.time_end;
  return html`<form class="schedule" onSubmit=${save}>
    <fieldset disabled=${!isAdmin}>
      <legend class="out-of-sight">When it sleeps</legend>
      <label class="switch"><input type="checkbox" role="switch" checked=${draft.schedule_active}
        onChange=${(event) => change({ schedule_active: event.target.checked })} />Active</label>
      <${Days} value=${draft.days_of_week} onChange=${(days) => change({ days_of_week: days })} />
      <div class="times">
        <${Time} id="sleeps-from" label="Asleep from" placeholder="midnight" value=${draft.time_start} onChange=${(time) => change({ time_start: time })} />
        <${Time} id="sleeps-until" label="until" placeholder="midnight" value=${draft.time_end} onChange=${(time) => change({ time_end: time })} />
      </div>
    </fieldset>
    <div class="outcome">
      ${isEmpty ? html`<p class="soft">It has none: it sleeps when somebody asks it to.</p>`
        : days ? html`<${WeekPicture} days=${days} isActive=${draft.schedule_active} />`
        : html`<p class="soft">Times are like 22:00, from 00:00 to 24:00.</p>`}
    </div>
    <p class="soft hint">In the local time of the Manager. An end before the start is a night, which belongs to the day on which it begins. No day
      is every day. What is set by hand in between stays until the next time to fall asleep or to wake up.</p>
    ${problem && html`<${Notice} tone="bad">${problem}<//>`}
    ${isAdmin && html`<div class="actions">
      <button class="primary" disabled=${!isChanged || isSaving}>Save the schedule</button>
      ${isChanged && html`<button type="button" class="quiet" onClick=${undo}>Undo</button>`}
    </div>`}
  </form>`;
}

function Days({ value, onChange }) {
  const chosen = value.trim() === "" ? [] : namedDays(value);
  const toggle = (day) => {
    const days = chosen.includes(day) ? chosen.filter((one) => one !== day) : [...chosen, day];
    onChange(DAYS.filter((_, i) => days.includes(i)).join(" "));
  };
  return html`<div class="days" role="group" aria-label="Days">${DAYS.map((name, day) => html`
    <label key=${name}><input type="checkbox" checked=${chosen.includes(day)} aria-label=${DAY_NAMES[day]}
      onChange=${() => toggle(day)} />${name}</label>`)}
  </div>`;
}

function Time({ id, label, placeholder, value, onChange }) {
  return html`<div class="field"><label for=${id}>${label}</label>
    <input id=${id} value=${value} placeholder=${placeholder} maxlength="5" size="8" autocomplete="off"
      aria-invalid=${String(!isTime(value))} onInput=${(event) => onChange(event.target.value)} /></div>`;
}
