//! `cleanslate` and `purgequeue`: through the running Manager if there is one, else on the file itself.

use std::{
    io::{self, BufRead, Write},
    sync::Arc,
};

use super::{Failure, args::Confirmation, client::Client, tables::print};
use crate::{
    app::{self, StartError},
    clock::SystemClock,
    config::Config,
    domain::numbers,
    services::{Error, Services},
    store::OpenError,
};

/// Something that can be erased.
struct Erasable {
    /// What one of them is called.
    name: &'static str,
    /// What those read who look what was done.
    deed: &'static str,
    /// What is lost with it.
    warning: &'static str,
    count: fn(&Services) -> Result<u64, Error>,
    /// The same, asked of a running Manager: where, and which field.
    count_at: (&'static str, &'static str),
    erase: fn(&Services) -> Result<u64, Failure>,
    erase_at: &'static str,
}

/// Erases all tasks.
pub fn tasks(config: &Config, confirmation: Confirmation) -> Result<(), Failure> {
    let tasks = Erasable {
        name: "task",
        deed: "erase all tasks",
        warning: "All jobs go with them; workers and task logs stay.",
        count: Services::count_tasks,
        count_at: ("/as-json", "nr_of_tasks"),
        erase: |services| block_on(services.erase_tasks()),
        erase_at: "/api/tasks",
    };
    tasks.erase(config, confirmation)
}

/// Erases all queued task updates.
pub fn updates(config: &Config, confirmation: Confirmation) -> Result<(), Failure> {
    let updates = Erasable {
        name: "queued task update",
        deed: "erase queued task updates",
        warning: "What they say is lost: the Flamenco Server will never hear of it.",
        count: Services::count_updates,
        count_at: ("/as-json", "upstream_queue_size"),
        erase: |services| block_on(services.purge_updates()),
        erase_at: "/api/task-update-queue",
    };
    updates.erase(config, confirmation)
}

impl Erasable {
    fn erase(&self, config: &Config, confirmation: Confirmation) -> Result<(), Failure> {
        if !config.database_path.exists() {
            return Err(Failure::no_database(config, "erase"));
        }
        match app::services(config, Arc::new(SystemClock)) {
            Ok(services) => {
                let count = (self.count)(&services).map_err(|error| Failure::of(&error))?;
                self.confirm(count, confirmation)?;
                let erased = (self.erase)(&services)?;
                block_on(async {
                    services.remember_command(self.deed, "").await;
                    Ok(())
                })?;
                self.report(erased)
            }
            Err(StartError::Store(OpenError::InUse { .. })) => {
                let manager = Client::new(None, None, config)?;
                let (path, field) = self.count_at;
                self.confirm(manager.get(path)?[field].as_u64().unwrap_or(0), confirmation)?;
                self.report(manager.delete(self.erase_at)?["erased"].as_u64().unwrap_or(0))
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }

    fn confirm(&self, count: u64, confirmation: Confirmation) -> Result<(), Failure> {
        if confirmation.yes {
            return Ok(());
        }
        let mut stdout = io::stdout();
        write!(
            stdout,
            "This erases {}. {} Type yes to go on: ",
            numbers::count(count, self.name),
            self.warning
        )?;
        stdout.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if answer.trim() == "yes" { Ok(()) } else { Err(Failure::new("nothing was erased")) }
    }

    fn report(&self, erased: u64) -> Result<(), Failure> {
        print(&format!("{} erased.", numbers::count(erased, self.name)))
    }
}

/// Does on the file itself what a running Manager would do.
pub fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(work).map_err(|error| Failure::of(&error))
}
