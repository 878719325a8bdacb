// Where in the dashboard one is: the part of the address behind the `#`, "#/jobs/ID?status=active". So the back button works,
// every page and every filtered list has an address, and the Manager hears of none of it.
import { withQuery } from "./address.js";
import { store } from "./store.js";

const here = store(read());

function read() {
  const [path, query] = location.hash.replace(/^#/, "").split("?", 2);
  return { path: path.startsWith("/") ? path : "/", query: Object.fromEntries(new URLSearchParams(query)) };
}

addEventListener("hashchange", () => here.set(read()));

// `{ path, query }`, now and whenever it changes.
export const useLocation = () => here.use();

// The address of a page for links: href("/jobs", { status: "active" }).
export const href = (path, query) => `#${withQuery(path, query)}`;

// Goes to a page. With `replace` the one before it is forgotten by the back button.
export function go(path, query, { replace = false } = {}) {
  if (!replace) {
    location.hash = href(path, query);
    return;
  }
  history.replaceState(null, "", href(path, query));
  here.set(read());
}

// The query of this page, and a function that changes parts of it in place: setQuery({ status: "" }) drops the status.
export function useQuery() {
  const { query } = useLocation();
  const setQuery = (changes) => {
    const { path, query } = here.get();
    go(path, { ...query, ...changes }, { replace: true });
  };
  return [query, setQuery];
}

// Finds the page for a path in a table of `{ path: "/jobs/:id", … }`: `{ route, params }`, or null.
export function match(routes, path) {
  const steps = path.split("/").filter(Boolean);
  for (const route of routes) {
    const wanted = route.path.split("/").filter(Boolean);
    if (wanted.length !== steps.length) continue;
    const params = {};
    const fits = wanted.every((want, i) => {
      if (!want.startsWith(":")) return want === steps[i];
      params[want.slice(1)] = decode(steps[i]);
      return true;
    });
    if (fits) return { route, params };
  }
  return null;
}

function decode(step) {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
