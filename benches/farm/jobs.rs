//! What becomes of jobs: a large one is submitted, shown as a grid, canceled and deleted while workers are served; and tasks are handed
//! out among a thousand other jobs.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use http::Method;
use serde_json::{Value, json};

use super::{
    Args, Outcome,
    fill::Feeder,
    load::{self, Figures, Hold},
    manager::Manager,
    scenario::{self, End},
};

/// Other jobs that are there.
pub const OTHERS: u64 = 1_000;

/// Every status that a job can have.
const STATUSES: [&str; 7] =
    ["queued", "active", "paused", "completed", "failed", "canceled", "cancel-requested"];

/// The workers begin, and the Manager rests, for so long between two things that are done.
const REST: Duration = Duration::from_millis(500);

/// Before what the workers do, and behind it.
const FIRST: i64 = 90;
const LAST: i64 = 10;

/// Something that was done with the large job, all rounds together.
#[derive(Default)]
pub struct Deed {
    pub what: &'static str,
    /// From the call to its answer, each time.
    pub took: Vec<Duration>,
    /// The workers meanwhile.
    pub busy: Figures,
}

/// What was found.
pub struct Run {
    /// Tasks of the large job.
    pub tasks: u64,
    pub deeds: [Deed; 4],
    /// The workers while nothing is done.
    pub quiet: Figures,
    /// A few workers without other jobs,
    pub alone: Figures,
    /// and with them.
    pub among_others: Figures,
}

pub async fn run(args: &Args, folder: &Path, tasks: u64) -> Outcome<Run> {
    let deeds = ["submitted", "shown", "canceled", "deleted"].map(|what| Deed { what, ..Deed::default() });
    let (alone, among_others) = (Figures::default(), Figures::default());
    let mut run = Run { tasks, deeds, quiet: Figures::default(), alone, among_others };
    let manager = Manager::start(&args.binary, folder.join("large"), "").await?;
    let mut feeder = Feeder::new(manager.port())?;
    let staff = load::register(manager.port(), "worker", args.workers).await?;
    for number in 0..args.rounds {
        eprintln!("round {number}: a job of {tasks} tasks ...");
        large(args, &manager, &mut feeder, &staff, &mut run).await?;
    }
    drop(manager);
    others(args, folder, &mut run).await?;
    Ok(run)
}

/// The large job comes after everything that the workers do, so that they meet it only in the database.
async fn large(
    args: &Args,
    manager: &Manager,
    feeder: &mut Feeder,
    staff: &[String],
    run: &mut Run,
) -> Outcome<()> {
    let (port, limit, period) = (manager.port(), args.limit(), args.period());
    let cycles = args.rate * (args.seconds + 1);
    feeder.top_up(cycles).await?;
    tokio::time::sleep(REST).await;
    let staff = staff.to_vec();
    let load = tokio::spawn(async move { load::run(port, &staff, cycles, limit, Some(period)).await });
    tokio::time::sleep(REST).await;
    let began = Instant::now();
    tokio::time::sleep(limit / 3).await;
    let opened = Instant::now();

    let mut times = Vec::new();
    let started = Instant::now();
    let job = feeder.submit_large(LAST, run.tasks).await?;
    times.push((started, Instant::now()));
    tokio::time::sleep(REST).await;
    for (method, call) in [(Method::GET, "/grid"), (Method::POST, "/cancel"), (Method::DELETE, "")] {
        let started = Instant::now();
        feeder.answer(method, &format!("/api/jobs/{job}{call}"), None).await?;
        times.push((started, Instant::now()));
        tokio::time::sleep(REST).await;
    }
    let figures = load.await??;
    feeder.consumed(figures.cycles());
    run.quiet.add(figures.only(|asked| asked > began && asked < opened));
    for (deed, (started, ended)) in run.deeds.iter_mut().zip(times) {
        deed.took.push(ended - started);
        deed.busy.add(figures.only(|asked| asked > started && asked < ended));
    }
    Ok(())
}

/// Two Managers, one without other jobs and one with them, are measured in turns: what slows the machine for a while slows
/// both.
async fn others(args: &Args, folder: &Path, run: &mut Run) -> Outcome<()> {
    let mut farms = Vec::new();
    for (name, with_others) in [("alone", false), ("others", true)] {
        let more = "task_fail_after_softfail_count = 1\n";
        let manager = Manager::start(&args.binary, folder.join(name), more).await?;
        let mut feeder = Feeder::new(manager.port())?;
        let staff = load::register(manager.port(), "worker", scenario::FEW as u64).await?;
        if with_others {
            eprintln!("{OTHERS} other jobs ...");
            add_others(&manager, &mut feeder).await?;
        }
        farms.push((manager, feeder, staff));
    }
    let end = End { cycles: scenario::FEW_CYCLES / 3, limit: args.limit(), period: None };
    for number in 0..args.rounds {
        eprintln!("round {number}: handing out ...");
        for ((manager, feeder, staff), figures) in
            farms.iter_mut().zip([&mut run.alone, &mut run.among_others])
        {
            figures.add(scenario::rounds(manager, feeder, staff, end.cycles * 2, end).await?);
        }
    }
    Ok(())
}

/// Jobs of every status, with the task type that the workers do. Those with something to be done come last.
async fn add_others(manager: &Manager, feeder: &mut Feeder) -> Outcome<()> {
    let port = manager.port();
    let helpers = load::register(port, "helper", 1 + OTHERS / 100).await?;
    let [helper, holders @ ..] = helpers.as_slice() else { return Err("no workers".into()) };
    for number in 0..OTHERS {
        let status = STATUSES[usize::try_from(number)? % (STATUSES.len() - 1)];
        let priority = if matches!(status, "queued" | "paused" | "canceled") { LAST } else { FIRST };
        let job = feeder.submit_large(priority, 2).await?;
        let path = format!("/api/jobs/{job}");
        match status {
            "active" => load::take(port, helper, &job, Hold::Completed).await?,
            "paused" => feeder.post(&path, "pause").await?,
            "completed" => {
                load::take(port, helper, &job, Hold::Completed).await?;
                load::take(port, helper, &job, Hold::Completed).await?;
            }
            "failed" => load::take(port, helper, &job, Hold::Failed).await?,
            "canceled" => feeder.post(&path, "cancel").await?,
            _ => {}
        }
        feeder.call(Method::PATCH, &path, Some(json!({ "priority": LAST }))).await?;
    }
    for holder in holders {
        let job = feeder.submit_large(FIRST, 2).await?;
        load::take(port, holder, &job, Hold::InHand).await?;
        feeder.post(&format!("/api/jobs/{job}"), "cancel").await?;
    }
    let farm: Value = feeder.call(Method::GET, "/api/farm", None).await?;
    match STATUSES.iter().find(|status| farm["jobs"][**status].as_u64().is_none_or(|count| count == 0)) {
        Some(missing) => Err(format!("no other job is {missing}: {}", farm["jobs"]).into()),
        None => Ok(()),
    }
}
