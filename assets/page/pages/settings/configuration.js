// All settings with their values and where these come from, and the variables with their values for each platform.
import { useData } from "../../lib/data.js";
import { html } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { Copy } from "../../parts/copy.js";
import { Empty } from "../../parts/notice.js";
import { Loaded, Panel } from "../../parts/page.js";
import { SearchField } from "../../parts/search.js";
import { Table } from "../../parts/table.js";

// What belongs together, in the order in which people look for it; a setting is in the first group that it fits.
const GROUPS = [
  ["Flamenco Server", /^(flamenco$|manager_(id|secret)|download_|task_update_push|cancel_task_fetch)/],
  ["Encryption", /^(tls|acme_|listen_https)/],
  ["Who may use it", /^(user_authentication|worker_registration_secret)/],
  ["Tasks and workers", /^(active_|task_cleanup|job_|worker_cleanup|blacklist|task_fail|scheduling|watch_for|intervals|test_tasks|task_log)/],
  ["File store", /^shaman/],
  ["The Manager", /./],
];
const ORDER = ["The Manager", "Encryption", "Who may use it", "Tasks and workers", "Flamenco Server", "File store"];

export function Configuration() {
  const [{ text = "" }, setQuery] = useQuery();
  const settings = useData("api/settings");
  const variables = useData("api/variables");
  const wanted = text.trim().toLowerCase();
  const matches = (...texts) => texts.some((one) => String(one ?? "").toLowerCase().includes(wanted));
  return html`
    <div class="toolbar">
      <${SearchField} label="Find a setting" value=${text} onChange=${(text) => setQuery({ text })} />
      ${settings.data?.file && html`<span class="soft">Read from <${Copy} text=${settings.data.file} label="the path" /></span>`}
    </div>
    <${Loaded} of=${[settings, variables]}>${settings.data && variables.data && html`
      <${Settings} settings=${settings.data.settings.filter(({ key, value, meaning }) => !key.startsWith("variables.") && matches(key, value, meaning))} />
      <${Variables} variables=${variables.data.variables.filter(({ name, value }) => matches(name, value))} isFiltered=${wanted !== ""} />`}
    <//>`;
}

function Settings({ settings }) {
  const columns = [
    { id: "key", title: "Setting", head: true, width: "46%",
      cell: ({ key, meaning }) => html`<span class="mono">${key}</span><span class="meaning">${meaning}</span>` },
    { id: "value", title: "Value", cell: (setting) => html`<${Value} ...${setting} />` },
    { id: "source", title: "From", width: "9rem", minor: true,
      cell: ({ source, line }) => (source === "file" ? `file${line ? `, line ${line}` : ""}` : html`<span class="soft">default</span>`) },
  ];
  if (settings.length === 0) return html`<${Empty} icon="search" title="No setting is like that" />`;
  const groupOf = ({ key }) => GROUPS.find(([, pattern]) => pattern.test(key))[0];
  return ORDER.map((title) => {
    const rows = settings.filter((setting) => groupOf(setting) === title);
    return rows.length > 0 && html`<${Panel} key=${title} title=${title}><div class="settings">
      <${Table} caption=${title} columns=${columns} rows=${rows} keyOf=${(setting) => setting.key} /></div><//>`;
  });
}

function Value({ value, secret, source }) {
  if (secret) return html`<span class="soft">${source === "file" ? "set, and kept secret" : "not set"}</span>`;
  // As it is written in the file, quotes and all.
  if (value === null || value === '""') return html`<span class="soft">not set</span>`;
  return html`<span class="mono ${source === "file" ? "own" : ""}">${value}</span>`;
}

const PLATFORMS = ["linux", "windows", "darwin"];

function Variables({ variables, isFiltered }) {
  const rows = Object.values(Object.groupBy(variables, ({ name, audience }) => `${name} ${audience}`)).map((values) => ({
    ...values[0], values: Object.fromEntries(values.map(({ platform, value }) => [platform, value])),
  }));
  const others = [...new Set(variables.map(({ platform }) => platform))].filter((platform) => !PLATFORMS.includes(platform));
  const columns = [
    { id: "name", title: "Variable", head: true, width: "22%",
      cell: ({ name, direction, audience }) => html`<span class="mono">{${name}}</span>
        <span class="meaning">${direction === "twoway" ? "two-way" : "one-way"}${audience !== "all" && `, for ${audience}`}</span>` },
    ...[...PLATFORMS, ...others].map((platform) => ({
      id: platform, title: platform, cell: ({ values }) => html`<span class="mono">${values[platform] ?? ""}</span>`,
    })),
  ];
  if (rows.length === 0 && isFiltered) return null;
  return html`<${Panel} title="Variables">
    <${Table} caption="Variables and their values by platform" columns=${columns} rows=${rows} keyOf=${({ name, audience }) => `${name} ${audience}`}
      empty=${html`<${Empty} title="No variables" />`} />
  <//>`;
}
