// The frame of a page: its heading, which gets the keyboard's focus when one comes to it, what can be done, and its content.
import { html, useEffect, useRef } from "../lib/preact.js";
import { useSession } from "../lib/session.js";
import { Icon } from "./icon.js";
import { Notice, Waiting } from "./notice.js";

// The first page is where one began: its heading is not jumped to.
let isFirst = true;

// <${Page} title="Jobs" actions=${buttons} up=${{ href: "#/jobs", text: "Jobs" }}>content<//>. `title` is a text; `lead` stands below it.
export function Page({ title, lead, actions, up, children }) {
  const heading = useRef();
  const session = useSession();
  useEffect(() => {
    document.title = [title, session?.manager_name].filter(Boolean).join(" · ");
  }, [title, session?.manager_name]);
  useEffect(() => {
    if (!isFirst) {
      scrollTo(0, 0);
      heading.current.focus({ preventScroll: true });
    }
    isFirst = false;
  }, []);
  return html`
    <header class="page-head">
      <div class="page-title">
        ${up && html`<a class="up" href=${up.href}><${Icon} name="left" />${up.text}</a>`}
        <h1 tabindex="-1" ref=${heading}>${title}</h1>
        ${lead && html`<p class="lead">${lead}</p>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>
    ${children}`;
}

// Content that has to be read first: <${Loaded} of=${[jobs, workers]}>…<//> with what `useData` gave. Shows what went wrong, and
// what was read before below it.
export function Loaded({ of, children }) {
  const failed = [of].flat().find((one) => one.error);
  const isMissing = [of].flat().some((one) => one.data === null);
  return html`
    ${failed && html`<${Notice} tone="bad" action=${{ text: "Try again", act: failed.reload }}>${failed.error.message}<//>`}
    ${!isMissing && children}
    ${isMissing && !failed && html`<${Waiting} />`}`;
}

// A part of a page with a heading: <${Panel} title="Workers" actions=${…}>…<//>.
export function Panel({ title, actions, children }) {
  return html`<section class="panel">
    <header><h2>${title}</h2>${actions}</header>
    ${children}
  </section>`;
}
