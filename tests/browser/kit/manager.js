// A Manager to test: a process of its own, in a temporary folder of its own, at a port that the system chose.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Api } from "./api.js";
import { PATIENCE } from "./until.js";

const BINARY = process.env.FLAMENCO_MANAGER
  ?? new URL("../../../target/debug/flamenco-manager", import.meta.url).pathname;

/** As many lines of its log are shown when a test fails. */
const SHOWN = 40;

export class Manager {
  /** Everything it wrote to its log, a parsed JSON object a line. */
  log = [];
  /** Where people and workers reach it, with a slash at the end. Stays the same when it is started again. */
  url = null;
  /** The link that logs somebody in, if one was printed. */
  loginLink = null;
  #process = null;
  #kill = () => this.#process?.kill("SIGKILL");

  /** @param {string} settings more lines of manager.toml, from before its first section */
  static async start({ authentication = "none", settings = "", sections = "" } = {}) {
    const manager = new Manager();
    manager.folder = await mkdtemp(join(tmpdir(), "flamenco-browser-test-"));
    manager.configure = (port) => writeFile(join(manager.folder, "manager.toml"), `
listen = "127.0.0.1:${port}"
ssdp_discovery = false
${settings}
[user_authentication]
mode = "${authentication}"
${sections}`);
    process.on("exit", manager.#kill);
    await manager.restart();
    return manager;
  }

  /** Starts it, again or for the first time. */
  async restart() {
    await this.configure(this.url === null ? 0 : new URL(this.url).port);
    // Times on the page are local times: here, in every test, those of Greenwich.
    const env = { PATH: process.env.PATH, TZ: "UTC" };
    this.#process = spawn(BINARY, ["--json", "--config", "manager.toml"], { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"] });
    this.ended = once(this.#process, "exit");
    this.url = await this.#running();
    this.api ??= new Api(this.url);
  }

  /** The URL at which it runs, once its log says so. */
  #running() {
    return new Promise((resolve, reject) => {
      const fail = (how) => () => reject(new Error(`the Manager ${how}:\n${this.lastWords()}`));
      const slow = setTimeout(fail("does not start"), PATIENCE);
      this.ended.then(fail("ended at once"), reject);
      const heard = (line) => {
        this.loginLink = line.match(/https?:\/\/\S+?#\/login\/[\w-]+/)?.[0] ?? this.loginLink;
        const entry = line.startsWith("{") ? JSON.parse(line) : { message: line };
        this.log.push(entry);
        if (entry.message !== "Flamenco Manager is running") return;
        clearTimeout(slow);
        resolve(entry.url);
      };
      for (const output of [this.#process.stdout, this.#process.stderr]) {
        createInterface({ input: output }).on("line", heard);
      }
    });
  }

  /** Ends it as a service manager does, and waits until it has ended. */
  async stop() {
    this.#process.kill("SIGTERM");
    const slow = setTimeout(this.#kill, PATIENCE);
    const [code] = await this.ended;
    clearTimeout(slow);
    if (code !== 0) throw new Error(`the Manager ended with ${code}:\n${this.lastWords()}`);
  }

  /** Ends it if it runs, and removes what it wrote. */
  async remove() {
    if (this.#process.exitCode === null) await this.stop();
    process.off("exit", this.#kill);
    await rm(this.folder, { recursive: true, force: true });
  }

  lastWords() {
    return this.log.slice(-SHOWN).map((entry) => JSON.stringify(entry)).join("\n");
  }
}
