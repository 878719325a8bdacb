//! `check`: says in plain words what is wrong with the configuration, the database and the paths.

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
    domain::variables::this_platform,
    store::OpenError,
    tasklogs::TaskLogs,
    tls::{About, Standing},
};

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    good: bool,
    text: String,
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
    for Finding { what, good, text } in &findings {
        print(&if as_json {
            json!({"what": what, "good": good, "text": text}).to_string()
        } else {
            format!("{:<5}{what}: {text}", if *good { "ok" } else { "BAD" })
        })?;
    }
    let all_good = findings.iter().all(|finding| finding.good);
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn found_out(config: &Config, path: Option<PathBuf>) -> Vec<Finding> {
    let mut findings = vec![read(path), database(config), logs(config), images(config)];
    findings.extend(config.https.as_ref().map(|https| certificate(config, https)));
    findings
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

fn good(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { what, good: true, text: text.into() }
}

fn bad(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { what, good: false, text: text.into() }
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
        let folder = config.database_path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
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
    match app::services(config, Arc::new(SystemClock)).map(|services| services.contradictions()) {
        Ok(Ok(found)) if found.is_empty() => good(what, format!("{path} is in order")),
        Ok(Ok(found)) => bad(what, format!("{path} contradicts itself: {}", found.join("; "))),
        Ok(Err(error)) => bad(what, format!("{path}: {error}")),
        Err(StartError::Store(OpenError::InUse { .. })) => {
            good(what, format!("{path} is in use by a running Manager"))
        }
        Err(error) => bad(what, error.to_string()),
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
