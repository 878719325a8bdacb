//! The command line: what can be said on it, and what is said back.

pub mod args;
mod audit;
mod backup;
mod check;
mod client;
mod crew;
mod database;
pub mod demo;
mod erase;
mod events;
mod explain;
mod export;
mod here;
mod import;
mod jobs;
pub mod logging;
mod outage;
mod paperwork;
mod people;
mod run;
mod submit;
mod tables;
mod tasks;
mod wait;
mod workers;

use std::{error::Error, io, process::ExitCode};

use clap::Subcommand;

use self::{
    args::{Args, Command, On},
    client::Client,
};
use crate::{config::Config, pictures};

/// Why a command failed, ready to be shown: what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

impl Failure {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// An error with everything behind it, in one line. Some errors say themselves what is behind them.
    fn of(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let why = cause.to_string();
            if !text.ends_with(&why) {
                text = format!("{text}: {why}");
            }
            source = cause.source();
        }
        Self(text)
    }

    /// There is nothing to do this to.
    fn no_database(config: &Config, to: &str) -> Self {
        Self(format!(
            "{}: there is no database, so there is nothing to {to}; is this the Manager's configuration, and the folder in \
             which it is started?",
            config.database_path.display()
        ))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(&error)
    }
}

/// Does what the command line says, and returns the exit code of `interface.md`, section 1.
pub fn main() -> ExitCode {
    logging::hide_expected_panics();
    let args = Args::from_command_line();
    match execute(&args) {
        Ok(code) => code,
        Err(Failure(why)) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

/// Says on stderr what went wrong.
fn complain(why: &str) {
    eprintln!("{}flamenco-manager: {why}", logging::mark_of_errors());
}

fn execute(args: &Args) -> Result<ExitCode, Failure> {
    // What needs no configuration.
    match args.action() {
        Command::Demo { keep } => {
            logging::init(args.log_level().at_most_errors(), args.json)
                .map_err(|error| Failure::of(&error))?;
            return run::demo(*keep);
        }
        Command::Completions { shell } => return paperwork::completions(*shell),
        Command::Manual { folder } => return paperwork::manual(folder),
        Command::ShrinkPicture => {
            pictures::shrink_picture()?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let found = Config::find(args.config.as_deref());
    if let Command::Check = args.action() {
        return check::check(found, args.json);
    }
    if let Command::Import(command) = args.action() {
        return import::execute(command, found, args.json);
    }
    let (config, path) = found.map_err(|error| Failure::of(&error))?;
    match args.action() {
        Command::Serve
        | Command::Demo { .. }
        | Command::Check
        | Command::Import(_)
        | Command::Completions { .. }
        | Command::Manual { .. }
        | Command::ShrinkPicture => {
            logging::init(args.log_level(), args.json).map_err(|error| Failure::of(&error))?;
            run::serve(config, path.as_deref())?;
        }
        Command::Cleanslate(confirmation) => erase::tasks(&config, *confirmation)?,
        Command::Purgequeue(confirmation) => erase::updates(&config, *confirmation)?,
        Command::Backup(what) => backup::backup(&config, what, args.json)?,
        Command::Restore(what) => backup::restore(&config, what)?,
        Command::Database(command) => return database::execute(&config, *command, args.json),
        Command::Export(export) => export::execute(&config, export, args.json)?,
        Command::Job(on) => return jobs::execute(&manager(on, &config)?, &on.command, args.json),
        Command::Task(on) => return tasks::execute(&manager(on, &config)?, &on.command, args.json),
        Command::Audit(on) => audit::execute(&manager(on, &config)?, &on.command, args.json)?,
        Command::User(on) => people::execute(on, &config, args.json)?,
        Command::Worker(on) => return workers::execute(&manager(on, &config)?, &on.command, args.json),
    }
    Ok(ExitCode::SUCCESS)
}

/// The Manager that a command is for.
fn manager<C: Subcommand>(on: &On<C>, config: &Config) -> Result<Client, Failure> {
    Client::new(on.manager.as_ref(), on.token_file.as_deref(), config)
}
