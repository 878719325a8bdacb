// The frame around all pages: who one is, where one can go, and whether what is shown is true; and which page stands at which address.
import { get } from "./lib/api.js";
import { duration, useNow } from "./lib/format.js";
import { lostSince, start, stop } from "./lib/live.js";
import { html, useEffect, useErrorBoundary, useState } from "./lib/preact.js";
import { href, match, useLocation } from "./lib/router.js";
import { logOut, refreshSession, useIsAdmin, useSession, useSessionTrouble } from "./lib/session.js";
import { Question } from "./parts/dialog.js";
import { Icon } from "./parts/icon.js";
import { Empty, Notice, Waiting } from "./parts/notice.js";
import { Page } from "./parts/page.js";
import { act, Toasts } from "./parts/toast.js";

// A page is a file whose default export is drawn with `{ params, query }`. `area` is where in the navigation one is.
const ROUTES = [
  { path: "/", area: "/", load: () => import("./pages/farm.js") },
  { path: "/jobs", area: "/jobs", load: () => import("./pages/jobs.js") },
  { path: "/jobs/:id", area: "/jobs", load: () => import("./pages/job.js") },
  { path: "/tasks/:id", area: "/jobs", load: () => import("./pages/task.js") },
  { path: "/workers", area: "/workers", load: () => import("./pages/workers.js") },
  { path: "/workers/:id", area: "/workers", load: () => import("./pages/worker.js") },
  { path: "/image", area: "/image", load: () => import("./pages/image.js") },
  { path: "/submit", area: "/submit", load: () => import("./pages/submit.js") },
  { path: "/settings", area: "/settings", load: () => import("./pages/settings.js") },
  { path: "/settings/:part", area: "/settings", load: () => import("./pages/settings.js") },
  { path: "/login", load: () => import("./pages/login.js") },
  { path: "/login/:code", load: () => import("./pages/login.js") },
];

const AREAS = [
  { path: "/", icon: "farm", text: "Farm" },
  { path: "/jobs", icon: "jobs", text: "Jobs" },
  { path: "/workers", icon: "workers", text: "Workers" },
  { path: "/image", icon: "image", text: "Last image" },
  { path: "/submit", icon: "submit", text: "Submit", isForAdmins: true },
  { path: "/settings", icon: "settings", text: "Settings" },
];

const LOGIN = ROUTES.find(({ path }) => path === "/login");

export function App() {
  const session = useSession();
  const trouble = useSessionTrouble();
  const { path, query } = useLocation();
  const isIn = Boolean(session?.person);

  useEffect(() => {
    refreshSession().catch(() => {});
    // The page that is likely to be shown is on its way meanwhile; should it not come, that is said when it is to be drawn.
    match(ROUTES, path)?.route.load().catch(() => {});
  }, []);
  useEffect(() => {
    if (session || !trouble) return;
    const timer = setTimeout(() => refreshSession().catch(() => {}), 3000);
    return () => clearTimeout(timer);
  }, [session, trouble]);
  useEffect(() => {
    isIn ? start() : stop();
  }, [isIn]);

  if (!session) {
    return html`<main class="alone">${trouble
      ? html`<${Notice} tone="bad">${trouble.message} This page goes on trying.<//>` : html`<${Waiting} />`}</main>`;
  }
  const found = match(ROUTES, path);
  // Whoever is not logged in does so where they are, and is there afterwards.
  const route = isIn || found?.route.path.startsWith("/login") ? found?.route : LOGIN;
  return html`
    <a class="skip" href="#content" onClick=${skip}>Skip to the content</a>
    ${isIn && html`<${Bar} session=${session} area=${route?.area} />`}
    <div class="stage">
      <${Connection} />
      ${isIn && html`<${TokenHint} session=${session} />`}
      <main id="content" tabindex="-1" class=${isIn ? "" : "alone"}>
        ${route
          ? html`<${Routed} key=${isIn ? path : "login"} route=${route} params=${found?.params ?? {}} query=${query} />`
          : html`<${Lost} />`}
      </main>
    </div>
    <${Question} /><${Toasts} />`;
}

// The page's own address stays: it is the hash.
function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

// A page, whose file is loaded when it is first gone to.
function Routed({ route, params, query }) {
  const [page, setPage] = useState(null);
  const [error, reset] = useErrorBoundary((error) => console.error(error));
  useEffect(() => {
    let isOver = false;
    route.load().then(
      (module) => isOver || setPage(() => module.default),
      (failure) => isOver || setPage(() => () => html`<${Broken} error=${failure} again=${() => location.reload()} />`),
    );
    return () => { isOver = true; };
  }, [route]);
  if (error) return html`<${Broken} error=${error} again=${reset} />`;
  return page ? html`<${page} params=${params} query=${query} />` : html`<${Waiting} />`;
}

function Broken({ error, again }) {
  return html`<${Page} title="This page is broken">
    <${Notice} tone="bad" action=${{ text: "Try again", act: again }}>${String(error.message ?? error)}<//>
  <//>`;
}

function Lost() {
  return html`<${Page} title="There is no such page">
    <${Empty} icon="search" title="Nothing is at this address"><a href=${href("/")}>Go to the farm</a><//>
  <//>`;
}

// The navigation: beside the page where there is room, above it and folded where there is not.
function Bar({ session, area }) {
  const [isOpen, setOpen] = useState(false);
  const { path } = useLocation();
  const isAdmin = useIsAdmin();
  useEffect(() => setOpen(false), [path]);
  return html`<header class="side">
    <div class="top">
      <a class="brand" href=${href("/")}><img src="favicon.svg" alt="" width="24" height="24" /><span>${session.manager_name}</span></a>
      <button type="button" class="quiet icon-only fold" aria-expanded=${String(isOpen)} aria-controls="folded"
        aria-label="Menu" onClick=${() => setOpen(!isOpen)}><${Icon} name=${isOpen ? "close" : "menu"} /></button>
    </div>
    <div id="folded" class="folded ${isOpen ? "open" : ""}">
      <nav aria-label="Pages"><ul>${AREAS.filter((one) => isAdmin || !one.isForAdmins).map((one) => html`
        <li key=${one.path}><a href=${href(one.path)} aria-current=${one.path === area ? "page" : undefined}>
          <${Icon} name=${one.icon} />${one.text}</a></li>`)}</ul></nav>
      <${WhoAmI} session=${session} />
    </div>
  </header>`;
}

function WhoAmI({ session: { authentication, person, version } }) {
  return html`<div class="who">
    ${authentication === "none"
      ? html`<p><${Icon} name="person" /><span>Open to anybody</span></p>`
      : html`<p><${Icon} name="person" /><span><strong>${person.name}</strong> <small>${person.role}</small></span></p>
          <button type="button" onClick=${() => act(logOut())}><${Icon} name="out" />Log out</button>`}
    <p class="version">Flamenco Manager ${version}</p>
  </div>`;
}

// A log-in link works for a short time only: whoever came by one should make a token as long as there is none.
function TokenHint({ session: { authentication, person } }) {
  const [hasAny, setHasAny] = useState(null);
  const { path } = useLocation();
  // Once there is one there is no need to look again.
  const isOpen = authentication === "token" && person.role === "admin" && hasAny !== true;
  useEffect(() => {
    if (isOpen) get("api/tokens").then(({ tokens }) => setHasAny(tokens.length > 0), () => {});
  }, [isOpen, path]);
  if (!isOpen || hasAny === null || path === "/settings/access") return null;
  return html`<aside class="hint-bar" aria-label="Access">
    <span class="grow">Nobody has an access token yet. Your log-in will end; with a token you can always come back.</span>
    <a class="button" href=${href("/settings/access")}><${Icon} name="key" />Make an access token now</a>
  </aside>`;
}

// That the connection is lost. A blink is not worth a word.
function Connection() {
  const since = lostSince.use();
  const at = useNow(1);
  if (since === null || at - since < 2000) return null;
  return html`<div class="connection" role="alert"><${Icon} name="warning" />
    <span>No connection to the Manager for ${duration((at - since) / 1000)}: what is shown may be old. Trying again.</span></div>`;
}

