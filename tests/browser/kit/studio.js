// A farm in the middle of a day at a small film studio, for pictures of the dashboard.

import { Worker } from "./worker.js";

const CREW = [
  ["alder", "linux", ["gpu"]], ["ash", "linux", ["gpu"]], ["beech", "linux", ["gpu", "big memory"]], ["birch", "linux", []],
  ["cedar", "linux", []], ["chestnut", "windows", []], ["elm", "windows", []], ["hawthorn", "windows", ["gpu"]],
  ["hazel", "linux", []], ["larch", "darwin", []], ["linden", "darwin", []], ["maple", "linux", ["big memory"]],
  ["oak", "linux", ["gpu", "big memory"]], ["rowan", "linux", []], ["spruce", "linux", []], ["willow", "linux", []],
];

const NIGHTS = { schedule_active: true, days_of_week: "mo tu we th fr", time_start: "22:00", time_end: "06:00" };
const WEEKEND = { schedule_active: true, days_of_week: "sa su", time_start: "", time_end: "" };

function render(renders, name, shot, frames, more = {}) {
  return {
    name,
    job_type: "blender-render",
    settings: {
      filepath: `/shared/flamenco/jobs/lighthouse/${shot}/${shot}-light.blend`, render_output: `${renders}/lighthouse/${shot}/frame-######`,
      frames, chunk_size: 3, format: "PNG", fps: 24, output_file_extension: ".png",
    },
    metadata: { project: "The Last Lighthouse", user: "mira" },
    ...more,
  };
}

/** Fills a new Manager whose workers render into a folder; returns what is needed to find things again. */
export async function studio(manager, renders = "/render") {
  const { api } = manager;
  const workers = new Map();
  for (const [nickname, platform, tags] of CREW) {
    const worker = await Worker.register(manager, nickname, { platform });
    if (tags.length) await api.patch(`workers/${worker.id}`, { tags });
    workers.set(nickname, worker);
  }
  const crew = [...workers.values()];
  const rounds = async (job, count, from = crew) => {
    for (let i = 0; i < count; i += 1) {
      const worker = from[i % from.length];
      const { task } = await worker.ask();
      if (task?.job !== job._id) throw new Error(`no task of ${job.name} for ${worker.nickname}`);
      await worker.update(task, { task_status: "active", activity: "" });
      await worker.completes(task, ...blender(task, 3));
    }
  };

  const jobs = {};
  jobs.done = await api.post("jobs", render(renders, "sc 010 sh 020, storm at sea, final", "010_020", "1-48"));
  await rounds(jobs.done, 17);
  jobs.failed = await api.post("jobs", render(renders, "sc 010 sh 050, cliff, previews", "010_050", "1-30"));
  await rounds(jobs.failed, 3);
  await fail(jobs.failed, crew.slice(0, 3));
  jobs.lantern = await api.post("jobs", render(renders, "sc 020 sh 110, lantern room, lighting", "020_110", "1-480", { priority: 60 }));
  await rounds(jobs.lantern, 96);
  await stumble(jobs.lantern, workers.get("elm"));
  jobs.gulls = await api.post("jobs", render(renders, "sc 020 sh 130, gulls, motion blur test", "020_130", "101-220", { priority: 55 }));
  jobs.keeper = await api.post("jobs", render(renders, "sc 030 sh 010, the keeper wakes, final", "030_010", "1-240"));
  jobs.gpu = await api.post("jobs", render(renders, "sc 030 sh 040, fog volume, 4096 samples", "030_040", "1-96", { worker_tags: ["gpu"], priority: 40 }));
  jobs.credits = await api.post("jobs", render(renders, "credits, roll v012", "900_010", "1-1200", { start_paused: true }));
  jobs.starved = await api.post("jobs", {
    name: "sc 020, denoise on the new machine", tasks: [{ name: "denoise 1-24", task_type: "denoise", commands: [{ name: "exec", settings: { cmd: "denoise" } }] }],
  });
  jobs.canceled = await api.post("jobs", render(renders, "sc 040 sh 020, boat, wrong camera", "040_020", "1-60"));
  await api.post(`jobs/${jobs.canceled._id}/cancel`);

  // Most of the crew is at work, some are asleep, one has gone.
  const tasks = new Map();
  for (const nickname of CREW.map(([name]) => name).slice(0, 12)) {
    const { task } = await workers.get(nickname).ask();
    if (!task) continue;
    await workers.get(nickname).update(task, { task_status: "active", activity: "", log: blender(task, 12).join("\n") });
    tasks.set(nickname, task);
  }
  for (const nickname of ["oak", "rowan"]) {
    const worker = workers.get(nickname);
    await api.put(`workers/${worker.id}/sleep-schedule`, NIGHTS).catch(() => {});
    await api.post(`workers/${worker.id}/status`, { status: "asleep" });
    await worker.ask();
    await worker.says("asleep");
  }
  await api.put(`workers/${workers.get("maple").id}/sleep-schedule`, WEEKEND).catch(() => {});
  await workers.get("willow").signOff();
  await api.post(`workers/${workers.get("birch").id}/status`, { status: "asleep", lazy: true });
  return { jobs, workers, tasks };
}

// Each of these fails the same task, until it has failed for good.
async function fail(job, workers) {
  for (const worker of workers) {
    const { task } = await worker.ask();
    await worker.update(task, { task_status: "active", activity: "" });
    await worker.fails(task, ...blender(task, 1), "pid=4711 > Error: Cannot read file '/shared/flamenco/jobs/lighthouse/lib/cliff.blend': No such file");
  }
}

// One worker that fails until it is not trusted any more.
async function stumble(job, worker) {
  for (let i = 0; i < 3; i += 1) {
    const { task } = await worker.ask();
    await worker.update(task, { task_status: "active", activity: "" });
    await worker.fails(task, ...blender(task, 1), "pid=2201 > Error: System is out of GPU memory");
  }
}

function blender(task, lines) {
  const file = task.commands.at(-1).settings.filepath ?? "shot.blend";
  return [
    `2026-11-22T09:14:02.120441+00:00: ${task.commands.at(-1).name}: Starting`,
    `2026-11-22T09:14:02.331870+00:00: pid=4711 > Read blend: "${file}"`,
    ...Array.from({ length: lines }, (_, i) => `2026-11-22T09:14:${String(4 + 4 * i).padStart(2, "0")}.104233+00:00: pid=4711 > `
      + `Fra:${i + 1} Mem:${812 + 3 * i}.41M (Peak 1204.02M) | Time:00:0${i % 10}.31 | Remaining:00:48.12 | Scene, Final | Sample ${64 * (i + 1)}/1024`),
  ];
}

/** What they render: a lighthouse at dusk. */
export const SCENE = `<svg xmlns="http://www.w3.org/2000/svg" width="1920" height="1080" viewBox="0 0 1920 1080">
  <defs>
    <linearGradient id="sky" x2="0" y2="1"><stop stop-color="#1b2350"/><stop offset=".55" stop-color="#7b4a7d"/><stop offset="1" stop-color="#f2a56b"/></linearGradient>
    <linearGradient id="sea" x2="0" y2="1"><stop stop-color="#a45f66"/><stop offset=".35" stop-color="#3c3a63"/><stop offset="1" stop-color="#10152f"/></linearGradient>
    <linearGradient id="beam"><stop stop-color="#fff3c4" stop-opacity=".85"/><stop offset="1" stop-color="#fff3c4" stop-opacity="0"/></linearGradient>
    <linearGradient id="beam-left" x1="1" x2="0"><stop stop-color="#fff3c4" stop-opacity=".5"/><stop offset=".9" stop-color="#fff3c4" stop-opacity="0"/></linearGradient>
    <radialGradient id="glow"><stop stop-color="#fff6d0"/><stop offset=".2" stop-color="#ffe6a0" stop-opacity=".7"/><stop offset="1" stop-color="#ffe6a0" stop-opacity="0"/></radialGradient>
  </defs>
  <rect width="1920" height="700" fill="url(#sky)"/><circle cx="420" cy="690" r="90" fill="#ffd9a0"/><rect y="700" width="1920" height="380" fill="url(#sea)"/>
  <g fill="#fff" opacity=".8">${Array.from({ length: 70 }, (_, i) => `<circle cx="${(i * 727) % 1920}" cy="${(i * 311) % 380}" r="${1 + (i % 3) / 2}"/>`).join("")}</g>
  <rect y="700" width="1920" height="4" fill="#f6b77c" opacity=".5"/>
  <g fill="#ffcf9a" opacity=".35">${Array.from({ length: 22 }, (_, i) => `<rect x="${420 - 12 * (22 - i) + ((i * 53) % 40)}" y="${712 + 15 * i}" width="${24 * (22 - i) / 2}" height="3"/>`).join("")}</g>
  <path d="M1346 298 2700 180V440z" fill="url(#beam)"/><path d="M1346 298 0 120V470z" fill="url(#beam-left)"/>
  <path d="M1040 760c60-70 130-60 190-110 90-60 190-50 260 10 70 50 150 40 230 90 80 40 140 30 200 40v290H980c10-120 10-250 60-320z" fill="#171a33"/>
  <path d="M1300 650 1322 360h48l22 290z" fill="#ece4df"/><path d="M1307 560h78l6 60h-88zM1314 450h64l5 60h-74z" fill="#b23a48"/>
  <rect x="1312" y="340" width="68" height="22" fill="#2a2438"/><rect x="1324" y="270" width="44" height="70" fill="#ffe9a8"/><path d="M1314 270h64l-32-40z" fill="#b23a48"/>
  <circle cx="1346" cy="300" r="170" fill="url(#glow)"/>
  <path d="M1400 650h110v-60l-55-40-55 40z" fill="#2a2438"/><rect x="1440" y="600" width="26" height="26" fill="#ffd98a"/>
  <g fill="none" stroke="#f3e9ef" stroke-width="4" opacity=".7"><path d="M700 330q18-16 34 0 16-16 34 0M820 270q14-12 26 0 12-12 26 0M640 250q11-10 20 0 9-10 20 0"/></g>
</svg>`;
