// Where the dashboard begins.
import { App } from "./app.js";
import { html, render } from "./lib/preact.js";

render(html`<${App} />`, document.getElementById("app"));
