// Simulated Flamenco 2.x workers. A test says what each does, call by call, or lets it work by itself.

import { randomBytes } from "node:crypto";

import { until } from "./until.js";

const pause = () => new Promise((resume) => setTimeout(resume, 50));

const TASK_TYPES = ["sleep", "blender-render", "file-management", "exr-merge", "video-encoding", "debug"];

export class Worker {
  /** Whether it is to end its rounds (see `works`). */
  isLeaving = false;

  /** Registers a worker. It says nothing more until it is told to. */
  static async register(manager, nickname, { taskTypes = TASK_TYPES, platform = "linux" } = {}) {
    const worker = new Worker();
    worker.url = manager.url;
    worker.nickname = nickname;
    const secret = randomBytes(32).toString("hex");
    const about = { secret, platform, supported_task_types: taskTypes, nickname };
    const answer = await worker.#call("POST", "register-worker", about);
    if (answer.status !== 200) throw new Error(`register-worker: ${answer.status} ${await answer.text()}`);
    worker.id = (await answer.json())._id;
    worker.credentials = Buffer.from(`${worker.id}:${secret}`).toString("base64");
    return worker;
  }

  async signOn() {
    await this.#must("POST", "sign-on", { nickname: this.nickname });
  }

  async signOff() {
    await this.#must("POST", "sign-off");
  }

  /** Asks for a task: `{task}`, `{status}` that it has to go to first, or `{}` if there is nothing to do. */
  async ask() {
    const answer = await this.#call("POST", "task");
    if (answer.status === 200) return { task: await answer.json() };
    if (answer.status === 423) return { status: (await answer.json()).status_requested };
    if (answer.status === 204) return {};
    throw new Error(`task: ${answer.status} ${await answer.text()}`);
  }

  /** Asks until it gets a task, and begins it. */
  async takeTask() {
    const { task } = await until(`${this.nickname} gets a task`, () => this.ask(), (answer) => answer.task);
    await this.update(task, { task_status: "active", activity: "" });
    return task;
  }

  async update(task, report) {
    await this.#must("POST", `tasks/${task._id}/update`, report);
  }

  /** Adds lines to the task's log. */
  async writesLog(task, ...lines) {
    await this.update(task, { log: lines.join("\n") });
  }

  async completes(task, ...lines) {
    const log = lines.length > 0 ? { log: lines.join("\n") } : {};
    await this.update(task, { task_status: "completed", activity: "Task completed", ...log });
  }

  async fails(task, ...lines) {
    const log = lines.length > 0 ? { log: lines.join("\n") } : {};
    await this.update(task, { task_status: "failed", activity: lines.at(-1) ?? "Error", ...log });
  }

  /** Whether it may go on with its task: `{may_keep_running, reason, status_requested}`. */
  async mayIRun(task) {
    return (await this.#call("GET", `may-i-run/${task._id}`)).json();
  }

  /** Gives a task back. It may be gone by then: a genuine worker goes on, too. */
  async returns(task) {
    await this.#call("POST", `tasks/${task._id}/return`);
  }

  async says(status) {
    await this.#must("POST", `ack-status-change/${status}`);
  }

  /** The status that a sleeping worker is asked to go to, if any. */
  async statusChange() {
    const answer = await this.#call("GET", "status-change");
    return answer.status === 200 ? (await answer.json()).status_requested : null;
  }

  async produced(...paths) {
    await this.#must("POST", "output-produced", { paths });
  }

  /**
   * Goes on by itself, as genuine workers do but faster, until `isLeaving`: asks for tasks, obeys requests, and does with
   * each task what `work(task, worker)` says.
   */
  async works(work = (task) => this.completes(task, `done with ${task.name}`)) {
    let isAsleep = false;
    while (!this.isLeaving) {
      const { task, status } = isAsleep ? { status: await this.statusChange() } : await this.ask();
      if (status === "shutdown") {
        this.isLeaving = true;
      } else if (status) {
        isAsleep = status !== "awake";
        await this.says(isAsleep ? "asleep" : "awake");
      } else if (task) {
        await this.update(task, { task_status: "active", activity: "" });
        await work(task, this);
      } else {
        await pause();
      }
    }
    await this.signOff();
  }

  async #must(method, path, body) {
    const answer = await this.#call(method, path, body);
    if (!answer.ok) throw new Error(`${this.nickname}: ${path}: ${answer.status} ${await answer.text()}`);
  }

  #call(method, path, body) {
    const headers = { "user-agent": "Flamenco-Worker/2.5" };
    if (this.credentials) headers.authorization = `Basic ${this.credentials}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    return fetch(new URL(path, this.url), { method, headers, body: body && JSON.stringify(body) });
  }
}

/** Keeps a task until it may not go on with it, however long that is, and gives it back then. */
export async function hang(task, worker) {
  while (!worker.isLeaving && (await worker.mayIRun(task)).may_keep_running) await pause();
  if (!worker.isLeaving) await worker.returns(task);
}
