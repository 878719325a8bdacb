//! `check`: says in plain words what is wrong with the configuration, the database and the paths, and what is left to do.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use serde_json::json;

use super::{Failure, tables::print};
use crate::{
    app::{self, StartError},
    clock::{Clock, SystemClock},
    config::{CertificateSource, Config, ConfigError, Https},
    domain::{
        numbers::{agree, count},
        variables::{Audience, Direction, ListedValue, this_platform},
    },
    store::OpenError,
    tasklogs::TaskLogs,
    tls::{About, Standing},
};

/// One thing that was looked at.
struct Finding {
    what: String,
    verdict: Verdict,
    text: String,
}

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Somebody has to see to it that it is so: it cannot be seen from here.
    Unseen,
    /// The Manager runs, but somebody has to do this before the farm renders.
    ToDo,
    Bad,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Unseen => "NOTE",
            Self::ToDo => "TODO",
            Self::Bad => "BAD",
        }
    }

    /// The same for programs.
    fn code(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Unseen => "note",
            Self::ToDo => "to-do",
            Self::Bad => "bad",
        }
    }
}

/// Looks at everything, says what it found, and returns the exit code.
pub fn check(
    found: Result<(Config, Option<PathBuf>), ConfigError>,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let findings = match found {
        Ok((config, path)) => found_out(&config, path),
        Err(error) => vec![bad("configuration", error.to_string())],
    };
    for Finding { what, verdict, text } in &findings {
        print(&if as_json {
            let good = *verdict != Verdict::Bad;
            json!({"what": what, "good": good, "verdict": verdict.code(), "text": text}).to_string()
        } else {
            format!("{:<5}{what}: {text}", verdict.word())
        })?;
    }
    let of = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (bad, to_do) = (of(Verdict::Bad), of(Verdict::ToDo));
    if !as_json {
        print(&format!("\n{}", in_all(bad, to_do)))?;
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What comes of all this.
fn in_all(bad: usize, to_do: usize) -> String {
    let is = |number: usize, what: &str| {
        format!("{} {} {what}", count(number, "thing"), agree(number, "is", "are"))
    };
    match (bad, to_do) {
        (0, 0) => "Nothing is wrong.".to_owned(),
        (0, to_do) => format!("Nothing is wrong, and {}.", is(to_do, "left to do")),
        (bad, 0) => format!("{}.", is(bad, "wrong")),
        (bad, to_do) => format!("{}, and {}.", is(bad, "wrong"), is(to_do, "left to do")),
    }
}

fn found_out(config: &Config, path: Option<PathBuf>) -> Vec<Finding> {
    let mut findings = vec![read(path)];
    match not_for_root(config) {
        Some(instead) => findings.push(instead),
        None => findings.extend([database(config), backups(config), logs(config)]),
    }
    findings.push(images(config));
    findings.extend(config.https.as_ref().map(|https| certificate(config, https)));
    findings.extend(storage(config));
    findings.extend(programs(config));
    findings.push(network(config));
    findings
}

/// Whether root looks at what belongs to the user who runs the Manager. What root may do says nothing of what that user may,
/// and what root makes that user could not write.
#[cfg(unix)]
fn not_for_root(config: &Config) -> Option<Finding> {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let folder = folder_of(&config.database_path);
    let owner = folder.metadata().ok()?.uid();
    (owner != 0).then(|| {
        to_do(
            "database and task logs",
            format!(
                "root cannot tell whether they can be used by the user to whom {} belongs; ask as that user: \
                 sudo -u '#{owner}' flamenco-manager check",
                folder.display()
            ),
        )
    })
}

#[cfg(not(unix))]
fn not_for_root(_config: &Config) -> Option<Finding> {
    None
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether the storage that all share is where the workers look for it, as far as that is seen from here.
fn storage(config: &Config) -> Vec<Finding> {
    let two_way = config.variables.0.iter().filter(|(_, variable)| variable.direction == Direction::TwoWay);
    let finding = |name: &String| {
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            values(config, name).into_iter().partition(|value| value.platform == this_platform());
        let elsewhere = in_words(&elsewhere);
        let there =
            if elsewhere.is_empty() { elsewhere } else { format!("; workers find it at {elsewhere}") };
        let Some(here) = here.first().map(|value| value.value) else {
            return good(name, format!("it has no value for {}{there}", this_platform()));
        };
        if Path::new(here).is_dir() {
            return good(name, format!("{here} is there{there}"));
        }
        to_do(
            name,
            format!(
                "{here} is not there: mount the shared storage there, or say under [variables.{name}] of \
                 manager.toml where it is{there}"
            ),
        )
    };
    two_way.map(|(name, _)| finding(name)).collect()
}

/// What workers run, which nobody sees from here.
fn programs(config: &Config) -> Vec<Finding> {
    let finding = |(name, called): (&str, &str)| {
        let values = values(config, name);
        (!values.is_empty()).then(|| {
            let at = in_words(&values);
            unseen(
                name,
                format!(
                    "see to it that workers have {called} at {at}; if it is elsewhere, say so under \
                     [variables.{name}] of manager.toml"
                ),
            )
        })
    };
    [("blender", "Blender"), ("ffmpeg", "FFmpeg")].into_iter().filter_map(finding).collect()
}

/// The values of a variable that workers get.
fn values<'a>(config: &'a Config, name: &str) -> Vec<ListedValue<'a>> {
    let all = config.variables.list(None, Some(Audience::Workers));
    all.into_iter().filter(|value| value.name == name).collect()
}

/// `/render (linux), R: (windows)`
fn in_words(values: &[ListedValue<'_>]) -> String {
    let words: Vec<_> = values.iter().map(|value| format!("{} ({})", value.value, value.platform)).collect();
    words.join(", ")
}

/// Whether workers on other machines get through to it.
fn network(config: &Config) -> Finding {
    let what = "network";
    let https = config.https.as_ref().map(|https| &https.listen);
    let ports: Vec<_> = config.listen.iter().chain(https).collect();
    if ports.iter().all(|listen| listen.is_loopback()) {
        return to_do(
            what,
            "it listens on this machine alone; for workers on other machines, and people there, set listen = \":8080\"",
        );
    }
    let mut doors: Vec<_> = ports.iter().map(|listen| format!("TCP port {}", listen.port)).collect();
    if config.ssdp_discovery {
        doors.push("UDP port 1900, by which workers find the Manager".to_owned());
    }
    unseen(what, format!("if this machine has a firewall, let through {}", doors.join(", ")))
}

fn certificate(config: &Config, https: &Https) -> Finding {
    let what = "certificate";
    let by_hand = matches!(https.certificate, CertificateSource::Own(_));
    match app::certificate_source(config, https).look() {
        Ok(None) => good(what, "there is none yet; it is made, or got by ACME, when the Manager is started"),
        Ok(Some(about)) => {
            let About { names, fingerprint, .. } = &about;
            let (day, names) = (about.last_day(), names.join(", "));
            let story = format!("for {names}; expires on {day}; its SHA-256 fingerprint is {fingerprint}");
            match about.standing(SystemClock.now()) {
                Standing::Good => good(what, story),
                Standing::EndsSoon(_) if !by_hand => good(what, format!("{story}; the Manager renews it")),
                soon @ Standing::EndsSoon(_) => good(what, format!("WARNING: {soon}, renew it: {story}")),
                wrong => bad(what, format!("{wrong}: {story}")),
            }
        }
        Err(error) => bad(what, error.to_string()),
    }
}

fn good(what: &str, text: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), verdict: Verdict::Good, text: text.into() }
}

fn unseen(what: &str, text: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), verdict: Verdict::Unseen, text: text.into() }
}

fn to_do(what: &str, text: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), verdict: Verdict::ToDo, text: text.into() }
}

fn bad(what: &str, text: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), verdict: Verdict::Bad, text: text.into() }
}

fn read(path: Option<PathBuf>) -> Finding {
    match path {
        Some(path) => good("configuration", path.display().to_string()),
        None => good("configuration", "no manager.toml found, so built-in defaults are used"),
    }
}

fn database(config: &Config) -> Finding {
    let what = "database";
    let path = config.database_path.display();
    if !config.database_path.exists() {
        let folder = folder_of(&config.database_path);
        if !folder.is_dir() {
            return bad(what, format!("{path}: the folder {} is not there; make it", folder.display()));
        }
        // Nobody sees this file, and it is gone at once.
        return match tempfile::tempfile_in(folder) {
            Ok(_) => good(what, format!("{path} is not there yet; it is made at the first start")),
            Err(error) => {
                bad(what, format!("{path}: the folder {} cannot be written: {error}", folder.display()))
            }
        };
    }
    match app::services(config, Arc::new(SystemClock)).map(|services| services.check_database()) {
        Ok(Ok(found)) => match found.trouble() {
            None => good(what, format!("{path} is in order")),
            Some(trouble) => bad(what, format!("{path} contradicts itself: {trouble}")),
        },
        Ok(Err(error)) => bad(what, format!("{path}: {error}")),
        Err(StartError::Store(OpenError::InUse { .. })) => {
            good(what, format!("{path} is in use by a running Manager"))
        }
        Err(error) => bad(what, error.to_string()),
    }
}

fn backups(config: &Config) -> Finding {
    let what = "backups";
    if config.backup.interval.is_none() {
        return good(what, "none are made automatically");
    }
    let folder = app::backups(config);
    let here = Path::new(".");
    let mut above = folder.ancestors().map(|path| if path.as_os_str().is_empty() { here } else { path });
    let there = above.find(|path| path.exists()).unwrap_or(here);
    match tempfile::tempfile_in(there) {
        Ok(_) if there == folder => good(what, format!("{} can be written", folder.display())),
        Ok(_) => good(what, format!("{} is not there yet; it is made with the first one", folder.display())),
        Err(error) => bad(what, format!("{} cannot be written: {error}", there.display())),
    }
}

fn logs(config: &Config) -> Finding {
    let what = "task logs";
    match TaskLogs::new(config.task_logs_path.clone()).check() {
        Ok(()) => good(what, format!("{} can be written", config.task_logs_path.display())),
        Err(error) => bad(what, Failure::of(&error).to_string()),
    }
}

/// Where images may come from. That there are none is nobody's mistake, and still worth knowing.
fn images(config: &Config) -> Finding {
    let what = "last rendered image";
    let reach = app::picture_reach(config);
    let folders: Vec<_> = reach
        .folders()
        .iter()
        .map(|folder| {
            let absent = if folder.is_dir() { "" } else { " (which is not there)" };
            format!("{}{absent}", folder.display())
        })
        .collect();
    if folders.is_empty() {
        return good(
            what,
            format!(
                "none is shown: give a two-way variable a value for {}, or set watch_for_latest_image",
                this_platform()
            ),
        );
    }
    good(what, format!("images are read below {}", folders.join(", ")))
}
