//! How fast a farm moves in: a dump of a MongoDB is made, read alone, and imported by the real binary.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bson::{Document, doc, oid::ObjectId};
use flamenco_manager::import::dump::{Dump, Wish};

use super::{Args, Outcome};

/// Tasks of a job.
const TASKS_OF_JOB: u32 = 250;

/// The last of so many jobs still have tasks to do.
const JOBS_TO_DO: u32 = 40;

/// Workers that have done them.
const WORKERS: u32 = 200;

/// How often it is looked how much memory the import has.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What was found.
pub struct Run {
    /// Documents in the dump.
    pub documents: u64,
    /// Bytes of the dump.
    pub bytes: u64,
    /// How long it took to read all of them and do nothing with them, each time.
    pub reading: Vec<Duration>,
    /// How long it took to import them, from the start of the program to its end, each time.
    pub importing: Vec<Duration>,
    /// The most resident memory of an import, in bytes.
    pub peak: u64,
    /// Bytes of the database.
    pub database: u64,
}

pub fn run(args: &Args, folder: &Path, tasks: u32) -> Outcome<Run> {
    let dump = folder.join("dump");
    eprintln!("making a dump of {tasks} tasks ...");
    let documents = u64::from(make_dump(&dump, tasks)?);
    let tasks_file = dump.join("flamenco_tasks.bson");
    let bytes = fs::metadata(&tasks_file)?.len();
    let (reading, importing) = (Vec::new(), Vec::new());
    let mut run = Run { documents, bytes, reading, importing, peak: 0, database: 0 };
    for round in 0..args.rounds {
        eprintln!("round {} of {} ...", round + 1, args.rounds);
        let begun = Instant::now();
        let read = Dump::open(&dump, &Wish { collections: vec!["flamenco_tasks".into()], database: None })?;
        let mut read_documents = 0;
        for document in read {
            document?;
            read_documents += 1;
        }
        run.reading.push(begun.elapsed());
        if read_documents != documents {
            return Err(format!("{read_documents} documents were read instead of {documents}").into());
        }
        let home = folder.join(format!("farm-{round}"));
        fs::create_dir_all(&home)?;
        let begun = Instant::now();
        run.peak = run.peak.max(import(&args.binary, &home, &dump)?);
        run.importing.push(begun.elapsed());
        let database = home.join("flamenco-manager.redb");
        run.database = fs::metadata(&database)?.len();
        fs::remove_file(database)?;
    }
    Ok(run)
}

/// Runs an import to its end, which has to be a good one. Returns its peak of memory.
fn import(binary: &Path, home: &Path, dump: &Path) -> Outcome<u64> {
    let mut command = Command::new(binary);
    command.args(["--json", "import", "mongodb"]).arg(dump).current_dir(home);
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
        "_id": id(6, number), "hashed_secret": "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        "nickname": format!("render{number}"), "address": "10.0.0.7", "status": "offline", "platform": "linux",
        "last_activity": bson::DateTime::from_millis(1_551_700_000_000), "supported_task_types": ["blender-render"],
    }
}
