// Logging in: by the link that the Manager prints, by an access token, or at the Flamenco Server.
import { count } from "../lib/format.js";
import { html, useEffect, useState } from "../lib/preact.js";
import { go, href, useLocation } from "../lib/router.js";
import { askServerForToken, logIn, useSession } from "../lib/session.js";
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

function ByToken({ code }) {
  const { path } = useLocation();
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(Boolean(code));
  const enter = async (proof) => {
    setBusy(true);
    setError(null);
    try {
      await logIn(proof);
      // Who was sent here from another page is there again by now; who came by the link goes to the farm.
      if (path.startsWith("/login")) go("/", {}, { replace: true });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  useEffect(() => {
    if (code) enter({ code });
  }, [code]);
  const submit = (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get("token").trim();
    if (token) enter({ token });
  };
  return html`
    ${error && html`<${Notice} tone="bad">${error.message}${error.retryAfter > 0 && html` <span>Wait ${count(error.retryAfter, "second")}.</span>`}<//>`}
    ${isBusy && html`<${Waiting} />`}
    <form onSubmit=${submit}>
      <input type="text" name="username" autocomplete="username" value=${useSession().manager_name} readonly hidden />
      <div class="field">
        <label for="token">Access token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required spellcheck="false" />
      </div>
      <button class="primary" disabled=${isBusy}>Log in</button>
    </form>
    <details class="soft">
      <summary>I have no token</summary>
      <p>While nobody has one, the Manager prints a log-in link when it starts: look where it runs, or into its log. Otherwise ask somebody
        who has a token for another, or make one on the Manager's machine:</p>
      <p><code>flamenco-manager user token create NAME --role admin</code></p>
    </details>`;
}

function ByServer() {
  const [error, setError] = useState(null);
  const [loginURL, setLoginURL] = useState(null);
  const { path } = useLocation();
  const enter = async () => {
    setError(null);
    try {
      const answer = await askServerForToken();
      setLoginURL(answer.loginURL ?? null);
      if (!answer.loginURL && path.startsWith("/login")) go("/", {}, { replace: true });
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => {
    enter();
  }, []);
  return html`
    <p>The Flamenco Server knows who you are: log in there, and you come back here.</p>
    ${error && html`<${Notice} tone="bad" action=${{ text: "Try again", act: enter }}>${error.message}<//>`}
    ${loginURL ? html`<p><a class="button primary" href=${loginURL}>Log in at the Flamenco Server</a></p>` : !error && html`<${Waiting} />`}`;
}
