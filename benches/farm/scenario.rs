//! What is done with one number of stored tasks, from the empty file to the blocked head.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    Args, Outcome,
    fill::Feeder,
    load::{self, Figures},
    manager::Manager,
};

/// Workers in the measurements "alone".
pub const FEW: usize = 8;

/// Cycles in the measurements "alone": as many as the smallest store allows for, because a second of good or bad luck
/// with the disk or the neighbours must not decide.
pub const FEW_CYCLES: u64 = 9_000;

/// More tasks than are done in the moment before the Manager is killed.
const ENOUGH_TO_BE_KILLED: u64 = 10_000;

/// What was found with one number of stored tasks. Sizes are in bytes.
pub struct Run {
    pub tasks: u64,
    /// Resident memory before the first request.
    pub idle: u64,
    /// Tasks submitted per second.
    pub fill_rate: f64,
    pub alone: Figures,
    /// All workers, at the rate that was asked for.
    pub paced: Figures,
    pub load: Figures,
    /// From the start to the end of the load.
    pub peak: u64,
    pub file: u64,
    /// Resident memory with the crowd registered.
    pub crowded: u64,
    pub first_answer: Duration,
    pub first_task: Duration,
    pub blocked: Option<Blocked>,
}

/// The same workers before and after the head of the queue was closed to them.
pub struct Blocked {
    pub before: Figures,
    pub after: Figures,
}

/// A measurement ends at whichever comes first.
#[derive(Clone, Copy)]
pub struct End {
    pub cycles: u64,
    pub limit: Duration,
    /// Between the cycles of one worker, if they are made at a steady rate.
    pub period: Option<Duration>,
}

pub async fn run(args: &Args, folder: &Path, tasks: u64, with_blocked_head: bool) -> Outcome<Run> {
    eprintln!("{tasks} tasks: filling ...");
    let mut manager = Manager::start(&args.binary, folder.join(tasks.to_string()), "").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = manager.resident()?;
    let mut feeder = Feeder::new(manager.port())?;
    let fill_rate = fill(&mut feeder, tasks).await?;

    eprintln!("{tasks} tasks: measuring ...");
    let staff = load::register(manager.port(), "worker", args.workers).await?;
    let few = End { cycles: FEW_CYCLES, limit: args.limit(), period: None };
    let alone = rounds(&manager, &mut feeder, &staff[..FEW], tasks, few).await?;
    let paced = End { cycles: 9 * tasks, limit: args.limit(), period: Some(args.period()) };
    let paced = rounds(&manager, &mut feeder, &staff, tasks, paced).await?;
    let all = End { cycles: 9 * tasks, limit: args.limit(), period: None };
    let load = rounds(&manager, &mut feeder, &staff, tasks, all).await?;
    let (peak, file) = (manager.peak()?, manager.file_size()?);
    load::register(manager.port(), "crowd", args.crowd.saturating_sub(args.workers)).await?;
    let crowded = manager.resident()?;

    eprintln!("{tasks} tasks: kill -9 ...");
    feeder.top_up(tasks.max(ENOUGH_TO_BE_KILLED)).await?;
    let (first_answer, first_task) = kill_under_load(&mut manager, &staff).await?;
    let blocked = if with_blocked_head && args.head > 0 {
        eprintln!("{tasks} tasks: blocked head ...");
        // What was under way when it was killed is unknown: fill up as if all were gone.
        feeder = Feeder::new(manager.port())?;
        Some(blocked_head(args, &manager, &mut feeder).await?)
    } else {
        None
    };
    Ok(Run {
        tasks,
        idle,
        fill_rate,
        alone,
        paced,
        load,
        peak,
        file,
        crowded,
        first_answer,
        first_task,
        blocked,
    })
}

#[expect(clippy::cast_precision_loss, reason = "nobody stores 2^52 tasks")]
async fn fill(feeder: &mut Feeder, tasks: u64) -> Outcome<f64> {
    let started = Instant::now();
    feeder.top_up(tasks).await?;
    Ok(tasks as f64 / started.elapsed().as_secs_f64())
}

/// Measures in rounds, between which the queue is filled up to `tasks` again.
pub async fn rounds(
    manager: &Manager,
    feeder: &mut Feeder,
    staff: &[String],
    tasks: u64,
    end: End,
) -> Outcome<Figures> {
    let mut figures = Figures::default();
    while figures.cycles() < end.cycles && figures.took() < end.limit {
        feeder.top_up(tasks).await?;
        let cycles = (feeder.queued() * 9 / 10).min(end.cycles - figures.cycles());
        let limit = end.limit.saturating_sub(figures.took());
        let round = load::run(manager.port(), staff, cycles, limit, end.period).await?;
        feeder.consumed(round.cycles());
        figures.add(round);
    }
    Ok(figures)
}

/// Kills the Manager while everybody works, and starts it again. Returns the times to the first
/// answer, and to the first answer to a worker who wants a task.
async fn kill_under_load(manager: &mut Manager, staff: &[String]) -> Outcome<(Duration, Duration)> {
    let (port, staff) = (manager.port(), staff.to_vec());
    let worker = staff.first().ok_or("no workers")?.clone();
    let load =
        tokio::spawn(async move { load::run(port, &staff, u64::MAX, Duration::from_secs(30), None).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    manager.kill()?;
    // It ends with an error: that is the point.
    let _ = load.await?;
    let started = Instant::now();
    let first_answer = manager.start_again().await?;
    load::first_task(port, &worker).await?;
    Ok((first_answer, started.elapsed()))
}

async fn blocked_head(args: &Args, manager: &Manager, feeder: &mut Feeder) -> Outcome<Blocked> {
    let staff = load::register(manager.port(), "blocked", FEW as u64).await?;
    let end = End { cycles: FEW_CYCLES, limit: args.limit(), period: None };
    let queue = FEW_CYCLES * 2;
    let before = rounds(manager, feeder, &staff, queue, end).await?;
    let head = feeder.submit_large(90, args.head).await?;
    load::get_blacklisted(manager.port(), &staff, &head).await?;
    let after = rounds(manager, feeder, &staff, queue, end).await?;
    Ok(Blocked { before, after })
}
