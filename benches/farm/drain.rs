//! The queue for the Flamenco Server is emptied, and workers are served meanwhile.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use flamenco_manager::{
    domain::{
        ids::TaskId,
        task::{Progress, TaskStatus},
        task_update::TaskUpdate,
    },
    store::{ReadTx, Store, StoreError},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    Args, Outcome,
    fake_server::{Batch, FakeServer},
    fill::Feeder,
    load::{self, Figures},
    manager::{self, Manager},
};

/// Updates that are stored in one transaction.
const STEP: u64 = 5_000;

/// The workers begin, and the queue rests, for so long; and what happens so soon after the last answer counts as neither.
const REST: Duration = Duration::from_millis(500);

/// What was found with one number of waiting updates, all rounds together.
#[derive(Default)]
pub struct Run {
    pub updates: u64,
    /// Does the Server take compressed batches?
    pub gzip: bool,
    /// Updates that went out between the answer to the first batch and to the last,
    pub drained: u64,
    /// and how long that took.
    pub took: Duration,
    /// Of this, while a batch was on its way to the Server,
    pub sending: Duration,
    /// and while the Server had it.
    pub at_server: Duration,
    /// Processor time that the Server took.
    pub server_cpu: Duration,
    /// Processor time that the Manager took, but for what it took to serve the workers.
    pub cpu: Duration,
    /// The Manager's most resident memory, in bytes.
    pub peak: u64,
    /// Workers while nothing goes out,
    pub quiet: Figures,
    /// and while the queue is emptied.
    pub busy: Figures,
}

/// Measures every number of updates, with a Server that takes gzip and one that does not; in rounds, so that what
/// slows the machine for a while slows all of them.
pub async fn run(args: &Args, folder: &Path) -> Outcome<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for &updates in &args.drain {
        runs.extend([false, true].map(|gzip| Run { updates, gzip, ..Run::default() }));
    }
    for number in 0..args.rounds {
        for (place, run) in runs.iter_mut().enumerate() {
            eprintln!("round {number}: {} updates, gzip {} ...", run.updates, run.gzip);
            let folder = folder.join(format!("{number}-{place}"));
            round(args, &folder, run).await?;
            // Its logs stay to the end: ext4 without a journal makes new files slowly for some minutes after many were deleted.
            fs::remove_file(folder.join(manager::DATABASE))?;
        }
    }
    Ok(runs)
}

/// The Server keeps the first batch until the workers have been measured for a while; then everything goes out.
async fn round(args: &Args, folder: &Path, run: &mut Run) -> Outcome<()> {
    fs::create_dir(folder)?;
    fill(&folder.join(manager::DATABASE), run.updates).await?;
    let server = FakeServer::start(run.gzip)?;
    let manager = Manager::start(&args.binary, folder.to_owned(), &below(&server)).await?;
    let (port, limit, period) = (manager.port(), args.limit(), args.period());
    let cycles = args.rate * (args.seconds + 1);
    Feeder::new(port)?.top_up(cycles).await?;
    let staff = load::register(port, "worker", args.workers).await?;
    let load = tokio::spawn(async move { load::run(port, &staff, cycles, limit, Some(period)).await });

    tokio::time::sleep(REST).await;
    let (began, cpu_before) = (Instant::now(), manager.processor_time()?);
    tokio::time::sleep(limit / 3).await;
    let (opened, cpu_quiet) = (Instant::now(), manager.processor_time()?);
    server.answer();
    while server.updates() < run.updates {
        if opened.elapsed() > limit {
            return Err(format!("only {} updates came within {limit:?}", server.updates()).into());
        }
        // A look now and then costs the two cores next to nothing. No figure hangs on when the end is seen: the Server
        // notes its own times, and what the workers cost is taken off up to this moment.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (closed, cpu_after) = (Instant::now(), manager.processor_time()?);
    let figures = load.await??;
    if server.out_of_order() {
        return Err("updates came out of order, or twice".into());
    }
    let for_workers =
        cpu_quiet.saturating_sub(cpu_before).mul_f64((closed - opened).div_duration_f64(opened - began));
    run.cpu += cpu_after.saturating_sub(cpu_quiet).saturating_sub(for_workers);
    run.peak = run.peak.max(manager.peak()?);
    let batches = server.batches();
    run.add(&batches);
    if let [first, .., last] = batches.as_slice() {
        let (first, last) = (first.answered, last.answered);
        run.busy.add(figures.only(|asked| asked > first && asked < last));
        run.quiet.add(figures.only(|asked| asked > began && asked < opened || asked > last + REST));
    }
    tokio::time::sleep(REST).await;
    drop(manager);
    check_empty(&folder.join(manager::DATABASE))
}

impl Run {
    /// The first batch was ready and waited: the clock starts with its answer.
    fn add(&mut self, batches: &[Batch]) {
        let [first, rest @ ..] = batches else { return };
        let Some(last) = rest.last() else { return };
        self.took += last.answered - first.answered;
        for batch in rest {
            self.drained += batch.updates;
            self.sending += batch.received_in;
            self.at_server += batch.answered_in;
            self.server_cpu += batch.cpu;
        }
    }
}

/// What the Manager's configuration says of the Server.
fn below(server: &FakeServer) -> String {
    format!(
        "flamenco = \"http://127.0.0.1:{}/\"\n\
         manager_id = \"650000000000000000000001\"\n\
         manager_secret = \"secret\"\n",
        server.port()
    )
}

/// A database with so many updates in its queue.
async fn fill(database: &Path, updates: u64) -> Outcome<()> {
    let store = Store::open(database)?;
    for start in (0..updates).step_by(usize::try_from(STEP)?) {
        let step = start..updates.min(start + STEP);
        let stored = store.write(Timestamp::UNIX_EPOCH, move |tx| {
            step.clone().try_for_each(|number| tx.push_update(&update(number)))
        });
        stored.await.map_err(|error: StoreError| error.to_string())?;
    }
    store.close();
    Ok(())
}

/// What the Server has taken must have left the queue on disk.
fn check_empty(database: &Path) -> Outcome<()> {
    let left = Store::open(database)?.read(Timestamp::UNIX_EPOCH, ReadTx::count_updates)?;
    if left == 0 { Ok(()) } else { Err(format!("{left} updates are still in the queue").into()) }
}

/// An update as a rendering worker causes it: every fourth one has a new status, all have ten lines of log.
fn update(number: u64) -> TaskUpdate {
    let received = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_790_000_000) + millis(number);
    let mut id = [0x65; 12];
    id[4..].copy_from_slice(&number.to_be_bytes());
    let mut task = [0x64; 12];
    task[4..].copy_from_slice(&(number / 4).to_be_bytes());
    let line = |sample: u64| {
        format!(
            "{received}: pid=4711 > Fra:{number} Mem:243.92M (Peak 301.12M) | Time:00:01.25 | Rendering {sample} / 64 samples\n"
        )
    };
    TaskUpdate {
        id,
        task: TaskId(task),
        status: number.is_multiple_of(4).then_some(TaskStatus::Active),
        received,
        activity: format!("rendered frame {number}, \"042-lighting.blend\""),
        progress: Progress { task_percentage: 42, command_index: 1, command_percentage: 17 },
        log_tail: (0..10).map(line).collect(),
        worker: "render-node-17 (10.0.0.17)".to_owned(),
        failed_by: Vec::new(),
        timing: BTreeMap::from([("blender-render".to_owned(), 12.25), ("merge-exr".to_owned(), 0.5)]),
    }
}

fn millis(number: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(number).unwrap_or_default())
}
