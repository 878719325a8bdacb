// Asks the Manager. Addresses are relative, "api/farm", so that the dashboard also works below a path of a proxy.
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
  heardFromManager(answer.headers.get("date"));
  if (answer.ok) return read(answer);
  if ((answer.status === 401 || answer.status === 498) && !isRepeated && path !== "api/session") {
    if (await logInAgain()) return call(method, path, { body, query, headers, isRepeated: true });
  }
  throw await whatIsWrong(answer);
}

async function send(method, address, body, headers) {
  const options = { method, headers, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "content-type": "application/json", ...headers };
  }
  try {
    return await fetch(address, options);
  } catch (error) {
    const isLate = error.name === "TimeoutError";
    throw new ApiError(isLate
      ? `The Manager did not answer within ${PATIENCE / 1000} seconds. Try again in a moment.`
      : "The Manager cannot be reached. Is it running, and is this computer on its network?");
  }
}

function withQuery(path, query = {}) {
  const filled = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(filled).toString();
  return text ? `${path}?${text}` : path;
}

async function read(answer) {
  const text = await answer.text();
  if (!text) return null;
  return answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
}

async function whatIsWrong(answer) {
  const retryAfter = Number(answer.headers.get("retry-after")) || 0;
  const document = await read(answer).catch(() => null);
  const error = document?.error;
  if (error?.message) {
    const { code, problems, message } = error;
    return new ApiError(message, { status: answer.status, code, problems, retryAfter });
  }
  const said = typeof document === "string" && document.length < 300 ? `: ${document.trim()}` : "";
  return new ApiError(`The Manager answered with status ${answer.status}${said}`, { status: answer.status, retryAfter });
}
