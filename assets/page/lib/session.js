// Who uses this page, and what they may do.
import { ApiError, del, get, onUnauthenticated, post } from "./api.js";
import { store } from "./store.js";

// What `GET api/session` says: `{ authentication, person, manager_name, version }`; null as long as it is not known.
const session = store(null);

// Why it is not known: an ApiError, or null.
const trouble = store(null);

export const currentPerson = () => session.get()?.person ?? null;
export const useSession = () => session.use();
export const useSessionTrouble = () => trouble.use();

// May this person change anything?
export const useIsAdmin = () => session.use()?.person?.role === "admin";

// How often it was asked: an answer that a later one has overtaken counts for nothing.
let asked = 0;

// Asks the Manager who this is. Says whether it is anybody.
export async function refreshSession() {
  const own = asked += 1;
  try {
    const document = await get("api/session");
    if (own === asked) take(document);
    return document.person !== null;
  } catch (error) {
    if (own === asked) trouble.set(error);
    throw error;
  }
}

// Logs in with `{ code }` of a link or an access `{ token }`.
export async function logIn(proof) {
  const document = await post("api/session", proof);
  asked += 1;
  take(document);
}

export async function logOut() {
  await del("api/session");
  forgetServerToken();
  await refreshSession();
}

function take(document) {
  trouble.set(null);
  // The same again is no news: nothing is drawn anew.
  if (JSON.stringify(document) !== JSON.stringify(session.get())) session.set(document);
}

// Below a Flamenco Server it is that Server that knows people: it gives this page a token, which then goes to the Manager as
// a cookie. Where that needs a log-in at the Server first, the answer is the address to do so.
export async function askServerForToken() {
  const { tokenURL, loginURL } = await get("jwt/token-urls");
  let answer;
  try {
    answer = await fetch(tokenURL, { credentials: "include", cache: "no-store", signal: AbortSignal.timeout(15_000) });
  } catch {
    throw new ApiError(`The Flamenco Server at ${new URL(tokenURL).origin} cannot be reached from this computer.`);
  }
  if (answer.status === 403) return { loginURL };
  const text = (await answer.text()).trim();
  if (!answer.ok) throw new ApiError(`The Flamenco Server refused (status ${answer.status}): ${text.slice(0, 200)}`);
  // Nothing but a token: what else is in a cookie says for whom and how long it is.
  if (!/^[\w.-]+$/.test(text)) throw new ApiError("The Flamenco Server answered with something that is no token.");
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `jwtToken=${text}; Path=/; Max-Age=86400; SameSite=Strict${secure}`;
  await refreshSession();
  return {};
}

function forgetServerToken() {
  document.cookie = "jwtToken=; Path=/; Max-Age=0; SameSite=Strict";
}

// A token of the Server is valid for hours: a new one comes without a word as long as one is logged in there.
onUnauthenticated(async () => {
  if (session.get()?.authentication === "server") {
    try {
      const { loginURL } = await askServerForToken();
      if (!loginURL) return true;
    } catch (error) {
      console.warn(error.message);
    }
  }
  await refreshSession();
  return false;
});
