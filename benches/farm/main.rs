//! How fast, how big and how quickly back: the release binary driven over HTTP by simulated workers.
//!
//! ```text
//! cargo bench --bench farm -- --tasks 1000,100000,1000000 --seconds 10 --workers 200
//! ```
//!
//! What is measured, for each number N of stored tasks, on a fresh database with durable commits:
//!
//! - A **cycle** is `POST /task`, one update with `active` and a line of log, one update with
//!   `completed`; each answered, so on disk, before the next is sent. All workers go round and round on
//!   keep-alive connections. The generator runs on one thread, sends ready-made bytes and finds the
//!   task's ID by scanning, so that it takes little of the machine that it shares with the Manager.
//! - Work is measured in **rounds**. A round hands out at most nine tenths of the N queued tasks, then
//!   the clock stands still while new jobs make it N again. So a small N is measured on a short queue
//!   without paying for the refill, and a large N in one round. A measurement ends after the given
//!   seconds, or after 9 N cycles, so that a small store does not become a large one on the way.
//! - **Alone** is the same with 8 workers, where `POST /task` hardly waits for others: this is what
//!   should not depend on N. At a **steady rate** all workers begin their cycles at even intervals, as a
//!   farm does that is not at its limit: how long its workers wait.
//! - The **restart** is timed from the start of the process, after a kill -9 under load, to the first
//!   answer of `/api/version` and to the first answer to a worker's `POST /task`.
//! - The **ceiling** is this stack (hyper, warp and as many routes) answering the same requests with
//!   fixed bodies and no store, in a process of its own.
//! - The **blocked head**: 8 workers are measured alone, then blacklisted by failing a task each of a new
//!   job of high priority, and measured again with that job's tasks in front of everything they may do.
//!
//! With `--drain 3000,100000` something else is measured: so many updates wait for a Flamenco Server, which is
//! played by a thread of this program that takes them all. The workers go round at a steady rate on tasks that the
//! Server does not know. First it keeps the answer to the first batch to itself, for the workers to be measured
//! on a quiet Manager; then it answers, and everything goes out, one batch after the other. From the answer to the
//! first batch to the last one it is counted.
//!
//! With `--jobs 100000` it is measured what becomes of jobs. One of so many tasks is submitted, shown as a grid, canceled and deleted,
//! while workers go round at a steady rate on others. Then a few workers go round on two Managers in turns, of which one has a
//! thousand other jobs, of every status.
//!
//! With `--dashboards 200` it is measured what so many who listen to all events cost the workers: these go round at the limit of
//! the machine and at a steady rate, while nobody listens and while all do, in turns.
//!
//! With `--backup 1000000` it is measured what it costs the workers that a database of so many tasks is backed up, checked and
//! compacted: they go round at a steady rate, first on a quiet Manager, then while one of that is done.
//!
//! With `--import 1000000` it is measured how fast a dump of so many tasks is imported, and how fast it is read if nothing is done with
//! what is read; how fast that farm is exported and read back; and how fast one of that size comes from Flamenco 3.
//!
//! Everything stays on the loopback interface and in a temporary folder, which is deleted in the end.

mod backups;
mod canned;
mod dashboards;
mod drain;
mod fake_server;
mod fill;
mod imports;
mod jobs;
mod load;
mod manager;
mod report;
mod scenario;
mod wire;

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};

use clap::{Parser, builder::ArgPredicate};

use load::Figures;
use manager::Process;

/// Any error ends the run with its text.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What to measure.
#[derive(Debug, Parser)]
struct Args {
    /// Numbers of stored tasks
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000, 1_000_000],
          value_parser = clap::value_parser!(u64).range(500..=5_000_000))]
    tasks: Vec<u64>,
    /// Longest time of one measurement
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// Workers under load
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(8..=900))]
    workers: u64,
    /// Cycles a second of all workers together, in the measurement at a steady rate
    #[arg(long, default_value_t = 3_000,
          default_value_ifs([("drain", ArgPredicate::IsPresent, "300"), ("jobs", ArgPredicate::IsPresent, "300"),
                                ("dashboards", ArgPredicate::IsPresent, "300"), ("backup", ArgPredicate::IsPresent, "300")]),
          value_parser = clap::value_parser!(u64).range(10..=20_000))]
    rate: u64,
    /// Workers registered when memory is measured
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(..=10_000))]
    crowd: u64,
    /// Tasks of the job at the blocked head of the queue, tried with the last number of tasks; 0: not tried
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(..=120_000))]
    head: u64,
    /// Measure how so many updates go to a Flamenco Server, instead
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    drain: Vec<u64>,
    /// Measure what becomes of a job of so many tasks, instead
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=200_000), conflicts_with = "drain")]
    jobs: Option<u64>,
    /// Measure what so many open dashboards cost, instead
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=2_000), conflicts_with_all = ["drain", "jobs"])]
    dashboards: Option<u64>,
    /// Measure what it costs to care for a database of so many tasks, instead
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=5_000_000), conflicts_with_all = ["drain", "jobs", "dashboards"])]
    backup: Option<u64>,
    /// Measure how a farm of so many tasks is imported and exported, instead
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000), conflicts_with_all = ["drain", "jobs", "dashboards"])]
    import: Option<u32>,
    /// How often that is done
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Where the temporary folder is made; its filesystem is what is measured
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// The Manager to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_flamenco-manager"))]
    binary: PathBuf,
    /// Serve the canned answers on this port instead
    #[arg(long, hide = true)]
    canned: Option<u16>,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    fn limit(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Between two cycles of one worker, at the steady rate.
    fn period(&self) -> Duration {
        Duration::from_micros(1_000_000 * self.workers / self.rate)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut runtime = match args.canned {
        Some(_) => tokio::runtime::Builder::new_multi_thread(),
        None => tokio::runtime::Builder::new_current_thread(),
    };
    let outcome = runtime.enable_all().build().map_err(Into::into).and_then(|runtime| match args.canned {
        Some(port) => runtime.block_on(canned::serve(port)),
        None => runtime.block_on(measure_until_interrupted(&args)),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("farm: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An interruption drops the measurement, which ends its processes and deletes its folder.
async fn measure_until_interrupted(args: &Args) -> Outcome<()> {
    tokio::select! {
        outcome = measure(args) => outcome,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    }
}

async fn measure(args: &Args) -> Outcome<()> {
    let folder = tempfile::Builder::new().prefix("flamenco-bench-").tempdir_in(&args.folder)?;
    if !args.drain.is_empty() {
        let runs = drain::run(args, folder.path()).await?;
        println!("{}", report::drain(args, folder.path(), &runs));
        return Ok(());
    }
    if let Some(tasks) = args.jobs {
        let run = jobs::run(args, folder.path(), tasks).await?;
        println!("{}", report::jobs(args, folder.path(), &run));
        return Ok(());
    }
    if let Some(dashboards) = args.dashboards {
        let run = dashboards::run(args, folder.path(), dashboards).await?;
        println!("{}", report::dashboards(args, folder.path(), dashboards, &run));
        return Ok(());
    }
    if let Some(tasks) = args.backup {
        let run = backups::run(args, folder.path(), tasks).await?;
        println!("{}", report::backups(args, folder.path(), &run));
        return Ok(());
    }
    if let Some(tasks) = args.import {
        let run = imports::run(args, folder.path(), tasks)?;
        println!("{}", report::imports(args, folder.path(), tasks, &run));
        return Ok(());
    }
    eprintln!("the ceiling ...");
    let ceiling = ceiling(args).await?;
    let mut runs = Vec::new();
    for (index, &tasks) in args.tasks.iter().enumerate() {
        let last = index + 1 == args.tasks.len();
        runs.push(scenario::run(args, folder.path(), tasks, last).await?);
    }
    println!("{}", report::text(args, folder.path(), &ceiling, &runs));
    Ok(())
}

/// The same load on this very program serving fixed answers.
async fn ceiling(args: &Args) -> Outcome<Figures> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--canned", &port.to_string()]);
    let _canned = Process::start(&mut command, port).await?;
    let staff = load::register(port, "canned", args.workers).await?;
    load::run(port, &staff, u64::MAX, args.limit(), None).await
}

/// A port that was free a moment ago.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
