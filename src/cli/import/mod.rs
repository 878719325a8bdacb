//! `import`: takes over what another program knows of the farm. One file for each place that it can come from.

mod config;
mod export;
mod flamenco3;
mod mongodb;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{runtime, signal};

use super::{
    Failure,
    args::{ImportCommand, ImportHow},
    tables::{print, shown, table},
};
use crate::{
    clock::{Clock, SystemClock},
    config::{Config, ConfigError},
    domain::numbers::{agree, count},
    import::{Found, ImportError, Outcome, Plan, import, progress::Progress, report::Report},
};

/// What a shell says of a program that Ctrl+C has ended.
const INTERRUPTED: u8 = 130;

/// So much of what was skipped is told to people; all of it is in the JSON document.
const SKIPS_SHOWN: usize = 20;

/// Imports what is to be imported. Who only wants an old configuration translated may not have a new one yet.
pub fn execute(
    command: &ImportCommand,
    found: Result<(Config, Option<PathBuf>), ConfigError>,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let config = || found.map(|(config, _)| config).map_err(|error| Failure::of(&error));
    match command {
        ImportCommand::Mongodb(dump) => mongodb::execute(dump, &config()?, as_json),
        ImportCommand::Flamenco3 { file, how } => flamenco3::execute(file, *how, &config()?, as_json),
        ImportCommand::Export { directory, how } => export::execute(directory, *how, &config()?, as_json),
        ImportCommand::Config { file, output } => {
            config::execute(file, output.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Something that can be imported.
struct Importable<S> {
    /// All that is found of it.
    source: S,
    /// An account of nothing yet, in which it is to be written down what becomes of it.
    report: Report,
    /// How many bytes it has, if that is known.
    bytes: Option<u64>,
    /// Is the rest of it imported, even if something has to be left out?
    in_part: bool,
    /// What else is to be said of it when all was read.
    remarks: Box<dyn FnOnce() -> Vec<String>>,
}

/// Imports it into the database of the configuration, and says what became of it.
fn run<S>(
    importable: Importable<S>,
    how: ImportHow,
    config: &Config,
    as_json: bool,
) -> Result<ExitCode, Failure>
where
    S: IntoIterator<Item = Result<Found, String>> + Send + 'static,
{
    let Importable { source, report, bytes, in_part, remarks } = importable;
    let plan = Plan {
        database: config.database_path.clone(),
        merge: how.merge,
        dry_run: how.dry_run,
        allow_skips: in_part,
    };
    let progress = Progress::of(bytes);
    let stop = stop_when_interrupted()?;
    match import(&plan, source, report, &progress, SystemClock.now(), &stop) {
        Ok(mut outcome) => {
            for remark in remarks() {
                outcome.report.remark(remark);
            }
            let skipped = outcome.report.total().skipped() > 0;
            tell(outcome, how, as_json)?;
            Ok(if skipped && !how.allow_skips { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Err(ImportError::Interrupted) => {
            progress.is_over();
            eprintln!("Interrupted: nothing was imported, and the database is as it was.");
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => {
            progress.is_over();
            Err(Failure::of(&error))
        }
    }
}

/// Something that becomes true when somebody wants the program to end. Whoever wants it twice does not have to wait.
fn stop_when_interrupted() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let mut interrupts = runtime.block_on(async { Interrupts::listen() })?;
    let said = Arc::clone(&stop);
    thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            while interrupts.next().await.is_ok() {
                if said.swap(true, Ordering::Relaxed) {
                    std::process::exit(INTERRUPTED.into());
                }
            }
        });
    })?;
    Ok(stop)
}

/// Ctrl+C, and what else politely asks a program to end.
#[cfg(unix)]
struct Interrupts(signal::unix::Signal, signal::unix::Signal);

#[cfg(unix)]
impl Interrupts {
    fn listen() -> io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) -> io::Result<()> {
        let Self(interrupt, terminate) = self;
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    }
}

/// Ctrl+C.
#[cfg(not(unix))]
struct Interrupts;

#[cfg(not(unix))]
impl Interrupts {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> io::Result<()> {
        signal::ctrl_c().await
    }
}

/// Says what became of everything: as JSON on standard output, or in words.
fn tell(outcome: Outcome, how: ImportHow, as_json: bool) -> Result<(), Failure> {
    let Outcome { mut report, is_in_place } = outcome;
    for remark in report.remarks() {
        eprintln!("note: {}", shown(remark));
    }
    for (name, documents) in report.others() {
        eprintln!(
            "note: {} ({}) is nothing of Flamenco Manager's, and is left where it is",
            shown(name),
            count(*documents, "document")
        );
    }
    if as_json {
        report.write_json(io::stdout().lock())?;
    } else {
        tell_in_words(&mut report)?;
    }
    let skipped = report.total().skipped();
    let end = match (is_in_place, how.dry_run, skipped) {
        (true, _, 0) => "Everything was imported.".to_owned(),
        (true, _, skipped) => {
            format!("{skipped} {} skipped; everything else was imported.", agree(skipped, "was", "were"))
        }
        (false, true, _) => "Nothing was changed: this was a dry run.".to_owned(),
        (false, false, skipped) => format!(
            "Nothing was imported, because {skipped} would have been skipped. Mend that where it comes from, or import the \
             rest with --allow-skips."
        ),
    };
    eprintln!("{end}");
    Ok(())
}

fn tell_in_words(report: &mut Report) -> Result<(), Failure> {
    let mut counts = table(&["", "read", "imported", "skipped"]);
    for (name, of) in report.collections() {
        counts.add_row([name, &of.read().to_string(), &of.imported().to_string(), &of.skipped().to_string()]);
    }
    print(&counts.to_string())?;
    let skipped = report.total().skipped();
    let mut stderr = io::stderr().lock();
    for skip in report.skips()?.take(SKIPS_SHOWN) {
        let skip = skip?;
        writeln!(stderr, "skipped: {}", shown(&format!("{} {}: {}", skip.collection, skip.id, skip.reason)))?;
    }
    let more = skipped.saturating_sub(SKIPS_SHOWN as u64);
    if more > 0 {
        writeln!(stderr, "… and {more} more; --json lists all of them")?;
    }
    Ok(())
}
