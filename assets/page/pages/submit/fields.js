// The field of a setting, by its type.
import { html } from "../../lib/preact.js";
import { Field } from "../../parts/field.js";

// <${SettingField} setting=${setting} text=${text} problem=${problem} onChange=${set} onBlur=${touch} />; what is in a field is a text.
export function SettingField({ setting, text, problem, onChange, onBlur }) {
  const { name, description, required } = setting;
  const events = { onInput: (event) => onChange(event.target.value), onBlur };
  return html`<${Field} id=${`setting-${name}`} label=${label(name)} hint=${sentence(description)} problem=${problem} required=${required}
    control=${(props) => control(setting, { ...props, ...events }, text)} />`;
}

function control({ type, choices, required, min, max, default: usual }, props, text) {
  if (choices || type === "boolean") {
    const options = choices ? choices.map((choice) => [choice, choice]) : [["true", "yes"], ["false", "no"]];
    // Without a default there is nothing that holds by itself.
    const isOpen = !required || text === "";
    return html`<select ...${props} value=${text}>
      ${isOpen && usual === undefined && html`<option value="">${required ? "choose" : "not set"}</option>`}
      ${options.map(([value, shown]) => html`<option key=${value} value=${value}>${shown}</option>`)}</select>`;
  }
  if (type === "strings") return html`<textarea ...${props} rows="3" class="mono" spellcheck=${false} value=${text} placeholder="One to a line" />`;
  const isNumber = type === "integer" || type === "number";
  const range = isNumber && `${min} to ${max.toLocaleString("en")}`;
  return html`<input ...${props} value=${text} autocomplete="off" spellcheck=${false} class=${isNumber ? "short" : "mono"}
    inputmode=${type === "integer" ? "numeric" : isNumber ? "decimal" : undefined} title=${range || undefined} />`;
}

// "chunk_size" is "Chunk size".
export const label = (name) => sentence(name.replaceAll("_", " "));

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
