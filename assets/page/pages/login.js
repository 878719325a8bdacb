// Logging in: by the link that the Manager prints, by an access token, or at the Flamenco Server.
import { count } from "../lib/format.js";
import { html, useEffect, useState } from "../lib/preact.js";
import { go, href, useLocation } from "../lib/router.js";
import { askServerForToken, currentPerson, logIn, useSession } from "../lib/session.js";
import { Notice, Waiting } from "../parts/notice.js";
import { Page } from "../parts/page.js";

export default function LoginPage({ params }) {
  const { authentication, person, manager_name } = useSession();
  const title = person ? "You are logged in" : "Log in";
  const ways = { none: Open, server: ByServer, token: ByToken };
  const Way = authentication !== "none" && person && !params.code ? Already : ways[authentication];
  return html`<div class="login">
    <p class="brand"><img src="favicon.svg" alt="" width="32" height="32" /><span>${manager_name}</span></p>
    <${Page} title=${authentication === "none" ? "No log-in needed" : title}>
      <${Way} code=${params.code} person=${person} />
    <//>
  </div>`;
}

function Open() {
  return html`<p>This Manager is open to anybody who can reach it. To change that, set <code>mode = "token"</code> below${" "}
    <code>[user_authentication]</code> in its configuration.</p>
    <p><a class="button primary" href=${href("/")}>Go to the farm</a></p>`;
}

function Already({ person }) {
  return html`<p>You are <strong>${person.name}</strong>, who may ${person.role === "admin" ? "do everything" : "look at everything"}.</p>
    <p><a class="button primary" href=${href("/")}>Go to the farm</a></p>`;
}

// By a link, whose code stands in the address, or by a token.
function ByToken({ code }) {
  const { error, isBusy, enter } = useLogIn(logIn);
  useEffect(() => {
    if (code) enter({ code });
  }, [code]);
  return html`
    <${Trouble} error=${error} />
    ${isBusy && html`<${Waiting} />`}
    <${TokenForm} enter=${enter} isBusy=${isBusy} />
    <details class="soft">
      <summary>I have no token</summary>
      <p>While nobody has one, the Manager prints a log-in link when it starts: look where it runs, or into its log. Otherwise ask somebody
        who has a token for another, or make one on the Manager's machine:</p>
      <p><code>flamenco-manager user token create NAME --role admin</code></p>
    </details>`;
}

// At the Flamenco Server: if one is logged in there already, that is all. Scripts have access tokens even so, and people may.
function ByServer() {
  const [loginURL, setLoginURL] = useState(null);
  const server = useLogIn(async () => {
    const answer = await askServerForToken();
    setLoginURL(answer.loginURL);
  });
  const token = useLogIn(logIn);
  useEffect(() => {
    server.enter();
  }, []);
  return html`
    <p>The Flamenco Server knows who you are: log in there, and you come back here.</p>
    <${Trouble} error=${server.error} again=${server.enter} />
    ${server.isBusy && html`<${Waiting} />`}
    ${loginURL && html`<p><a class="button primary" href=${loginURL}>Log in at the Flamenco Server</a></p>`}
    <details open=${Boolean(token.error)}>
      <summary class="soft">I have an access token</summary>
      <${Trouble} error=${token.error} />
      <${TokenForm} enter=${token.enter} isBusy=${token.isBusy} />
    </details>`;
}

// A way to log in, `{ error, isBusy, enter }`: `enter` tries it, and goes on to the farm. Who was asked to log in on another page stays
// there, and sees it as soon as the session is one.
function useLogIn(way) {
  const { path } = useLocation();
  const [{ error, isBusy }, set] = useState({ error: null, isBusy: false });
  const enter = async (proof) => {
    set({ error: null, isBusy: true });
    try {
      await way(proof);
      set({ error: null, isBusy: false });
      if (currentPerson() && path.startsWith("/login")) go("/", {}, { replace: true });
    } catch (failure) {
      set({ error: failure, isBusy: false });
    }
  };
  return { error, isBusy, enter };
}

function Trouble({ error, again }) {
  const wait = error?.retryAfter > 0 && html` <span>Wait ${count(error.retryAfter, "second")}.</span>`;
  return error && html`<${Notice} tone="bad" action=${again && { text: "Try again", act: again }}>${error.message}${wait}<//>`;
}

function TokenForm({ enter, isBusy }) {
  const { manager_name } = useSession();
  const submit = (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get("token").trim();
    if (token) enter({ token });
  };
  return html`<form onSubmit=${submit}>
    <input type="text" name="username" autocomplete="username" value=${manager_name} readonly hidden />
    <div class="field">
      <label for="token">Access token</label>
      <input id="token" name="token" type="password" autocomplete="current-password" required spellcheck="false" />
    </div>
    <button class="primary" disabled=${isBusy}>Log in</button>
  </form>`;
}
