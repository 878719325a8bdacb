//! What care for a large database costs the workers: it is backed up, checked and compacted while they go round.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    Args, Outcome,
    fill::Feeder,
    load::{self, Figures},
    manager::Manager,
};

/// The workers begin, and the Manager rests, for so long before something is done.
const REST: Duration = Duration::from_millis(500);

/// Something that was done with the database, all rounds together.
pub struct Deed {
    pub what: &'static str,
    arguments: [&'static str; 2],
    /// From the start of the command to its end, each time.
    pub took: Vec<Duration>,
    /// The workers before.
    pub quiet: Figures,
    /// The workers meanwhile.
    pub busy: Figures,
}

/// What was found. Sizes are in bytes.
pub struct Run {
    pub tasks: u64,
    pub deeds: [Deed; 3],
    /// Of the database.
    pub file: u64,
    /// Of the last backup.
    pub backup: u64,
    /// The most resident memory of the Manager before anything was done, and in the end.
    pub memory: [u64; 2],
}

pub async fn run(args: &Args, folder: &Path, tasks: u64) -> Outcome<Run> {
    let folder = folder.join("care");
    let manager = Manager::start(&args.binary, folder.clone(), "[backup]\ninterval = \"0s\"\n").await?;
    let mut feeder = Feeder::new(manager.port())?;
    eprintln!("{tasks} tasks: filling ...");
    feeder.top_up(tasks).await?;
    let staff = load::register(manager.port(), "worker", args.workers).await?;
    let file = manager.file_size()?;
    let before = manager.peak()?;
    let deed = |what, arguments| {
        let (took, quiet, busy) = (Vec::new(), Figures::default(), Figures::default());
        Deed { what, arguments, took, quiet, busy }
    };
    let mut deeds = [
        deed("backed up", ["backup", "farm.backup"]),
        deed("checked", ["database", "check"]),
        deed("compacted", ["database", "compact"]),
    ];
    let mut backup = 0;
    for number in 0..args.rounds {
        for deed in &mut deeds {
            eprintln!("round {number}: {} ...", deed.what);
            measure(args, &manager, &mut feeder, &staff, tasks, deed).await?;
        }
        backup = fs::metadata(folder.join("farm.backup"))?.len();
        fs::remove_file(folder.join("farm.backup"))?;
    }
    Ok(Run { tasks, deeds, file, backup, memory: [before, manager.peak()?] })
}

/// Lets the workers go round: first on a quiet Manager, then while something is done.
async fn measure(
    args: &Args,
    manager: &Manager,
    feeder: &mut Feeder,
    staff: &[String],
    tasks: u64,
    deed: &mut Deed,
) -> Outcome<()> {
    let (port, limit, period) = (manager.port(), args.limit() * 3, args.period());
    let cycles = args.rate * (args.seconds * 3 + 1);
    feeder.top_up(tasks).await?;
    tokio::time::sleep(REST).await;
    let staff = staff.to_vec();
    let load = tokio::spawn(async move { load::run(port, &staff, cycles, limit, Some(period)).await });
    tokio::time::sleep(REST).await;
    let began = Instant::now();
    tokio::time::sleep(args.limit()).await;
    let started = Instant::now();
    let mut command = manager.command(&deed.arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let ended = Instant::now();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let figures = load.await??;
    feeder.consumed(figures.cycles());
    deed.took.push(ended - started);
    deed.quiet.add(figures.only(|asked| asked > began && asked < started));
    deed.busy.add(figures.only(|asked| asked > started && asked < ended));
    Ok(())
}
