// From a form to a job and back: what is written in the fields of a job type, what is wrong with it, and the settings that it makes.

// What the fields of a type hold, as they are written: of `settings` that are given, otherwise of the defaults.
export function fieldsOf(type, settings = {}) {
  return Object.fromEntries(type.settings.map((setting) => [setting.name, written(setting, settings[setting.name] ?? setting.default)]));
}

function written({ type }, value) {
  if (type === "boolean") return value === undefined ? "" : String(value === true);
  if (type === "strings") return Array.isArray(value) ? value.join("\n") : "";
  return value === undefined || value === null ? "" : String(value);
}

// The settings that are written in the fields; what is empty is left out.
export function settingsOf(type, fields) {
  const entries = type.settings.map((setting) => [setting.name, read(setting, fields[setting.name] ?? "")]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function read({ type }, text) {
  if (type === "boolean") return text === "" ? undefined : text === "true";
  if (type === "strings") {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    return lines.length ? lines : undefined;
  }
  if (text.trim() === "") return undefined;
  if (type !== "integer" && type !== "number") return text;
  // What is no number goes as it is: the Manager says what it should be.
  const value = Number(text);
  return Number.isNaN(value) ? text : value;
}

// What can be seen to be wrong without asking the Manager, by the setting's name.
export function problemsOf(type, fields) {
  const found = type.settings.map((setting) => [setting.name, problem(setting, fields[setting.name] ?? "")]);
  return Object.fromEntries(found.filter(([, what]) => what));
}

function problem({ type, required, min, max }, text) {
  if (text.trim() === "") return required ? "It is missing." : "";
  if (type !== "integer" && type !== "number") return "";
  const value = Number(text);
  const isWrong = Number.isNaN(value) || value < min || value > max || (type === "integer" && !Number.isInteger(value));
  return isWrong ? `It must be a ${type === "integer" ? "whole number" : "number"} from ${min} to ${max}.` : "";
}
