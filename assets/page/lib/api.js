// Asks the Manager. Addresses are relative, "api/farm", so that the dashboard also works below a path of a proxy.
import { withQuery } from "./address.js";
import { heardFromManager } from "./format.js";

const PATIENCE = 20_000;

// Why something could not be done, in words for people. `status` is 0 when the Manager could not be reached.
export class ApiError extends Error {
  constructor(message, { status = 0, code = "", problems = [], retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { status, code, problems, retryAfter });
  }
}

// What to do when the Manager does not know who asks; set by the session. Says whether it is worth asking once more.
let logInAgain = async () => false;
export const onUnauthenticated = (act) => { logInAgain = act; };

export const get = (path, query) => call("GET", path, { query });
export const post = (path, body, query) => call("POST", path, { body, query });
export const put = (path, body) => call("PUT", path, { body });
export const patch = (path, body) => call("PATCH", path, { body });
export const del = (path) => call("DELETE", path, {});

// All entries of a list that comes in pages: getAll("api/workers", "workers").
export async function getAll(path, name, query = {}) {
  const entries = [];
  let after;
  do {
    const page = await get(path, { limit: 1000, ...query, after });
    entries.push(...page[name]);
    after = page.next;
  } while (after);
  return entries;
}

// One request. The answer is a JSON document, or text if it is not JSON, or null if there is none.
export async function call(method, path, { body, query, headers = {}, isRepeated = false } = {}) {
  const answer = await send(method, withQuery(path, query), body, headers);
  if (answer.isOk) return answer.document;
  if ((answer.status === 401 || answer.status === 498) && !isRepeated && path !== "api/session") {
    if (await logInAgain()) return call(method, path, { body, query, headers, isRepeated: true });
  }
  throw whatIsWrong(answer);
}

async function send(method, address, body, headers) {
  const options = { method, headers, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "content-type": "application/json", ...headers };
  }
  try {
    const answer = await fetch(address, options);
    heardFromManager(answer.headers.get("date"));
    const { ok: isOk, status } = answer;
    return { isOk, status, document: await read(answer), retryAfter: Number(answer.headers.get("retry-after")) || 0 };
  } catch (error) {
    throw new ApiError(FAULTS[error.name] ?? "The Manager cannot be reached. Is it running, and is this computer on its network?");
  }
}

// By the names that browsers give to errors.
const FAULTS = {
  TimeoutError: `The Manager did not answer within ${PATIENCE / 1000} seconds. Try again in a moment.`,
  SyntaxError: "The answer cannot be read. Is there a proxy on the way that answers in place of the Manager?",
};

async function read(answer) {
  const text = await answer.text();
  if (!text) return null;
  return answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
}

function whatIsWrong({ status, document, retryAfter }) {
  const error = document?.error;
  if (error?.message) {
    const { code, problems, message } = error;
    return new ApiError(message, { status, code, problems, retryAfter });
  }
  const said = typeof document === "string" && document.length < 300 ? `: ${document.trim()}` : "";
  return new ApiError(`The Manager answered with status ${status}${said}`, { status, retryAfter });
}
