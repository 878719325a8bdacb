//! How fast a farm moves in: a dump of a MongoDB is made, read alone, and imported by the real binary; what comes of that is
//! exported, and read back; and the same farm is imported as Flamenco 3 would have it.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bson::{Document, doc, oid::ObjectId};
use flamenco_manager::import::dump::{Dump, Wish};
use rusqlite::Connection;

use super::{Args, Outcome};

/// Tasks of a job.
const TASKS_OF_JOB: u32 = 250;

/// The last of so many jobs still have tasks to do.
const JOBS_TO_DO: u32 = 40;

/// Workers that have done them.
const WORKERS: u32 = 200;

/// What they know the Manager by, as it keeps it.
const HASHED_SECRET: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// How often it is looked how much memory the import has.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What was found.
pub struct Run {
    /// Bytes of the dump.
    pub bytes: u64,
    /// Bytes of the database.
    pub database: u64,
    /// Reading the dump alone, and the commands, in the order in which they were run.
    pub ways: [Way; 5],
}

/// Something that was done with all documents, several times.
pub struct Way {
    /// What.
    pub name: &'static str,
    /// With how many: documents, lines or rows.
    pub documents: u64,
    /// How long it took, from the start of the program to its end, each time.
    pub took: Vec<Duration>,
    /// The most resident memory, in bytes; nothing for what is done in this program.
    pub peak: Option<u64>,
}

impl Way {
    fn new(name: &'static str, documents: u64) -> Self {
        Self { name, documents, took: Vec::new(), peak: None }
    }

    /// Runs a command of the binary to its end.
    fn go(&mut self, binary: &Path, home: &Path, arguments: &[&str], path: &Path) -> Outcome<()> {
        fs::create_dir_all(home)?;
        let begun = Instant::now();
        let peak = run_to_its_end(Command::new(binary).args(arguments).arg(path).current_dir(home))?;
        self.took.push(begun.elapsed());
        self.peak = self.peak.max(Some(peak));
        Ok(())
    }
}

pub fn run(args: &Args, folder: &Path, tasks: u32) -> Outcome<Run> {
    let (dump, sqlite, exported) = (folder.join("dump"), folder.join("f3.sqlite"), folder.join("exported"));
    eprintln!("making a dump of {tasks} tasks, and a file of Flamenco 3 ...");
    let in_dump = u64::from(make_dump(&dump, tasks)?);
    let in_sqlite = make_sqlite(&sqlite, tasks)?;
    let in_export = in_dump + u64::from(tasks.div_ceil(TASKS_OF_JOB));
    let bytes = fs::metadata(dump.join("flamenco_tasks.bson"))?.len();
    let mut database = 0;
    let mut reading = Way::new("read alone", in_dump);
    let mut mongodb = Way::new("`import mongodb`", in_dump);
    let mut export = Way::new("`export`", in_export);
    let mut back = Way::new("`import export`", in_export);
    let mut flamenco3 = Way::new("`import flamenco3`", in_sqlite);
    for round in 0..args.rounds {
        eprintln!("round {} of {} ...", round + 1, args.rounds);
        reading.took.push(read_alone(&dump, in_dump)?);
        let home = |of: &str| folder.join(format!("farm-{round}-{of}"));
        let (first, second, third) = (home("mongodb"), home("export"), home("flamenco3"));
        mongodb.go(&args.binary, &first, &["--json", "import", "mongodb"], &dump)?;
        database = fs::metadata(first.join("flamenco-manager.redb"))?.len();
        export.go(&args.binary, &first, &["--json", "export"], &exported)?;
        fs::remove_dir_all(first)?;
        back.go(&args.binary, &second, &["--json", "import", "export"], &exported)?;
        fs::remove_dir_all(second)?;
        fs::remove_dir_all(&exported)?;
        flamenco3.go(&args.binary, &third, &["--json", "import", "flamenco3"], &sqlite)?;
        fs::remove_dir_all(third)?;
    }
    Ok(Run { bytes, database, ways: [reading, mongodb, export, back, flamenco3] })
}

/// Reads the dump and does nothing with what is read.
fn read_alone(dump: &Path, documents: u64) -> Outcome<Duration> {
    let begun = Instant::now();
    let read = Dump::open(dump, &Wish { collections: vec!["flamenco_tasks".into()], database: None })?;
    let mut read_documents = 0;
    for document in read {
        document?;
        read_documents += 1;
    }
    if read_documents != documents {
        return Err(format!("{read_documents} documents were read instead of {documents}").into());
    }
    Ok(begun.elapsed())
}

/// Runs a command to its end, which has to be a good one. Returns its peak of memory.
fn run_to_its_end(command: &mut Command) -> Outcome<u64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // It has none any more when it has ended.
        let memory = fs::read_to_string(&status).ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim_matches(|sign: char| !sign.is_ascii_digit()).parse::<u64>().ok()
        });
        peak = memory.map_or(peak, |kilobytes| peak.max(kilobytes * 1024));
        if let Some(ended) = child.try_wait()? {
            return if ended.success() {
                Ok(peak)
            } else {
                Err(format!("{command:?} ended with {ended}").into())
            };
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The same farm as a Manager of Flamenco 3 leaves it, with the columns that all its versions have. Returns how many rows are
/// counted: those of tasks, jobs and workers.
fn make_sqlite(path: &Path, tasks: u32) -> Outcome<u64> {
    let mut file = Connection::open(path)?;
    file.execute_batch(
        "CREATE TABLE workers (id integer PRIMARY KEY, created_at, uuid, secret, name, address, platform, software, status);
         CREATE TABLE jobs (id integer PRIMARY KEY, created_at, updated_at, uuid, name, job_type, priority, status, settings,
            metadata);
         CREATE TABLE tasks (id integer PRIMARY KEY, created_at, updated_at, uuid, name, type, job_id, priority, status, commands,
            worker_id);
         CREATE TABLE task_dependencies (task_id integer, dependency_id integer, PRIMARY KEY (task_id, dependency_id));",
    )?;
    let all = file.transaction()?;
    let jobs = tasks.div_ceil(TASKS_OF_JOB);
    let mut worker = all.prepare(
        "INSERT INTO workers VALUES (?1, '2024-05-06 07:08:09+00:00', 'worker-' || ?1, ?2, 'render' || ?1, '10.0.0.7', 'linux', \
         '3.5', 'offline')",
    )?;
    for number in 1..=WORKERS {
        worker.execute((number, HASHED_SECRET))?;
    }
    let mut job = all.prepare(
        "INSERT INTO jobs VALUES (?1, '2024-05-06 07:08:09+00:00', '2024-05-06 08:08:09+00:00', 'job-' || ?1, 'shot ' || ?1, \
         'simple-blender-render', 50, ?2, '{\"fps\": 24}', '{\"project\": \"film\"}')",
    )?;
    let mut task = all.prepare(
        "INSERT INTO tasks VALUES (?1, '2024-05-06 07:08:09+00:00', '2024-05-06 08:08:09+00:00', 'task-' || ?1, 'render-' || ?1, \
         'blender', ?2, 50, ?3, '[{\"name\": \"blender-render\", \"parameters\": {\"exe\": \"{blender}\", \
         \"exeArgs\": \"{blenderArgs}\", \"blendfile\": \"/film/shot.blend\", \"args\": [\"--render-output\", \
         \"/film/frames/######\", \"--render-format\", \"OPEN_EXR\", \"--render-frame\", \"1..10\"]}}]', ?4)",
    )?;
    let mut dependency = all.prepare("INSERT INTO task_dependencies VALUES (?1, ?2)")?;
    for of in 1..=jobs {
        let is_done = of + JOBS_TO_DO <= jobs;
        job.execute((of, if is_done { "completed" } else { "active" }))?;
        let first = (of - 1) * TASKS_OF_JOB + 1;
        let last = (of * TASKS_OF_JOB).min(tasks);
        for number in first..=last {
            let worker = is_done.then_some(number % WORKERS + 1);
            task.execute((number, of, if is_done { "completed" } else { "queued" }, worker))?;
        }
        for parent in first..last {
            dependency.execute((last, parent))?;
        }
    }
    drop((worker, job, task, dependency));
    all.commit()?;
    Ok(u64::from(tasks) + u64::from(jobs) + u64::from(WORKERS))
}

/// A farm that has been at work for years: nearly all jobs are done. Returns how many documents it has.
fn make_dump(folder: &Path, tasks: u32) -> Outcome<u32> {
    fs::create_dir_all(folder)?;
    let mut file = BufWriter::new(File::create(folder.join("flamenco_tasks.bson"))?);
    let jobs = tasks.div_ceil(TASKS_OF_JOB);
    for number in 0..tasks {
        let job = number / TASKS_OF_JOB;
        let is_done = job + JOBS_TO_DO < jobs;
        task(number, job, is_done).to_writer(&mut file)?;
    }
    file.flush()?;
    let mut file = BufWriter::new(File::create(folder.join("flamenco_workers.bson"))?);
    for number in 0..WORKERS {
        worker(number).to_writer(&mut file)?;
    }
    file.flush()?;
    Ok(tasks + WORKERS)
}

fn id(kind: u8, number: u32) -> ObjectId {
    let [a, b, c, d] = number.to_be_bytes();
    ObjectId::from_bytes([0x5c, 0x7d, a, b, kind, 0, 0, 0, a, b, c, d])
}

fn task(number: u32, job: u32, is_done: bool) -> Document {
    let first = number % TASKS_OF_JOB * 10 + 1;
    let last_of_job = number % TASKS_OF_JOB == TASKS_OF_JOB - 1;
    let mut task = doc! {
        "_id": id(1, number), "_etag": format!("{:040x}", number), "job": id(2, job), "manager": id(3, 1),
        "project": id(4, 1), "user": id(5, 1), "name": format!("blender-render-{first}-{}", first + 9),
        "status": if is_done { "completed" } else { "queued" }, "priority": 50_i64, "job_priority": 50_i64,
        "job_type": "blender-render", "task_type": "blender-render",
        "commands": [{
            "name": "blender_render",
            "settings": {
                "blender_cmd": "{blender}", "filepath": format!("{{job_storage}}/film/shot-{job:05}/scene.flamenco.blend"),
                "format": "OPEN_EXR", "frames": format!("{first}-{}", first + 9),
                "render_output": format!("{{render}}/film/shot-{job:05}/frames/######"), "fps": 24.0, "chunk_size": 10.0,
            },
        }],
        "last_updated": bson::DateTime::from_millis(1_551_700_000_000 + i64::from(number)),
    };
    if is_done {
        task.insert("activity", "Task completed");
        task.insert("worker", "10.0.0.7 (render7)");
        task.insert("worker_id", id(6, number % WORKERS));
        task.insert("last_worker_ping", bson::DateTime::from_millis(1_551_700_000_000 + i64::from(number)));
        task.insert(
            "metrics",
            doc! { "timing": { "rendering": 512.25, "loading blendfile": 3.5, "total": 520.0 } },
        );
    }
    if last_of_job {
        task.insert(
            "parents",
            (number + 1 - TASKS_OF_JOB.min(number + 1)..number)
                .map(|parent| id(1, parent))
                .collect::<Vec<_>>(),
        );
    }
    task
}

fn worker(number: u32) -> Document {
    doc! {
        "_id": id(6, number), "hashed_secret": HASHED_SECRET,
        "nickname": format!("render{number}"), "address": "10.0.0.7", "status": "offline", "platform": "linux",
        "last_activity": bson::DateTime::from_millis(1_551_700_000_000), "supported_task_types": ["blender-render"],
    }
}
