//! `backup` and `restore`.

use std::{
    fs, io,
    io::{BufRead, Write},
    path::Path,
};

use jiff::Timestamp;
use serde_json::json;

use super::{
    Failure,
    args::{Backup, Restore},
    client::Client,
    tables::{print, print_json},
};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    domain::{audit::Deed, backup::in_name, database::Check, numbers::count, people::Role},
    store::{
        OpenError, ReadTx, Store, StoreError,
        backup::{self, Head, OfFileError, Unfinished, verify},
        new_file::NewFile,
    },
};

/// Makes a backup: of a running Manager, else of the file itself.
pub fn backup(config: &Config, Backup { file }: &Backup, as_json: bool) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| about(file, error);
    if file.exists() {
        return Err(Failure::new(format!(
            "{}: this file is there already; give another name",
            file.display()
        )));
    }
    let database = &config.database_path;
    if !database.exists() {
        return Err(Failure::no_database(config, "back up"));
    }
    let mut unfinished = Unfinished::begin(file).map_err(|error| failed(&error))?;
    match backup::of_file(database, SystemClock.now(), unfinished.file()) {
        Ok(_) => {}
        Err(OfFileError::Open(OpenError::InUse { .. })) => {
            let manager = Client::new(None, None, config)?;
            io::copy(&mut manager.download("/api/backup")?, unfinished.file())
                .map_err(|error| failed(&error))?;
        }
        Err(OfFileError::Open(error)) => return Err(Failure::of(&error)),
        Err(OfFileError::Backup(error)) => return Err(failed(&error)),
    }
    let head = unfinished.finish().map_err(|error| failed(&error))?;
    let bytes = fs::metadata(file)?.len();
    if as_json {
        return print_json(&json!({"file": file, "bytes": bytes, "head": head}));
    }
    print(&format!("{}: {}; {bytes} bytes, read back and found whole.", file.display(), in_words(&head)))
}

/// Puts a backup in the place of the database.
pub fn restore(config: &Config, Restore { file, yes }: &Restore) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| about(file, error);
    let database = &config.database_path;
    let head = verify(file).map_err(|error| failed(&error))?;
    let new = NewFile::beside(database).map_err(|error| match error {
        OpenError::InUse { path } => Failure::new(format!(
            "{path}: a Manager is running on this database; stop it before a backup is put in its place"
        )),
        error => Failure::of(&error),
    })?;
    backup::restore(file, new.path()).map_err(|error| failed(&error))?;
    let now = SystemClock.now();
    if let Some(contradiction) = look_at(new.path(), now)?.trouble() {
        eprintln!("flamenco-manager: in this backup the database contradicts itself: {contradiction}");
    }
    let in_place = database.display();
    print(&format!("{}: {}.", file.display(), in_words(&head)))?;
    let kept =
        (!new.is_first()).then(|| database.with_added_extension(format!("before-restore-{}", in_name(now))));
    if kept.is_some()
        && !yes
        && !is_confirmed(&format!("It takes the place of {in_place}, with all that happened since."))?
    {
        return Err(Failure::new("nothing was restored"));
    }
    new.put_in_place(kept.as_deref()).map_err(|error| about(database, &error))?;
    print(&match kept {
        Some(kept) => format!(
            "{in_place} is this backup now. What was there is {}: remove it when all is well.",
            kept.display()
        ),
        None => format!("{in_place} is this backup now."),
    })
}

/// Makes what was restored a database of this version, with a word in the audit, and says where it contradicts itself.
fn look_at(path: &Path, now: Timestamp) -> Result<Check, Failure> {
    let store = Store::open_copy(path).map_err(|error| Failure::of(&error))?;
    let restored = Deed {
        at: now,
        who: Some("command line".to_owned()),
        role: Some(Role::Admin),
        from: None,
        action: "restore a backup".to_owned(),
        target: String::new(),
        detail: String::new(),
        status: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let written = store.write(now, move |tx| tx.push_deed(&restored));
    runtime.block_on(written).map_err(|error: StoreError| Failure::of(&error))?;
    let found = store.read(now, ReadTx::contradictions).map_err(|error: StoreError| Failure::of(&error))?;
    Ok(Check::new(found))
}

fn is_confirmed(what: &str) -> Result<bool, Failure> {
    let mut stdout = io::stdout();
    write!(stdout, "{what} Type yes to go on: ")?;
    stdout.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn about(file: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("{}: {}", file.display(), Failure::of(error)))
}

/// What is in a backup.
fn in_words(head: &Head) -> String {
    format!(
        "the farm as of {:.0}, with {}, {} and {}; made by Flamenco Manager {}, schema version {}",
        head.made,
        count(head.rows("jobs"), "job"),
        count(head.rows("tasks"), "task"),
        count(head.rows("workers"), "worker"),
        head.program,
        head.schema
    )
}
