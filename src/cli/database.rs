//! `database`: through the running Manager if there is one, else on the file itself.

use std::{process::ExitCode, sync::Arc};

use serde_json::{Value, json, to_value};

use super::{
    Failure,
    args::DatabaseCommand,
    client::{CallError, Client},
    erase::block_on,
    tables::{print, print_json, table, text},
};
use crate::{
    app::{self, StartError},
    clock::SystemClock,
    config::Config,
    services::{Error, Services},
    store::OpenError,
};

/// Does what the command says, and returns the exit code.
pub fn execute(config: &Config, command: DatabaseCommand, as_json: bool) -> Result<ExitCode, Failure> {
    let path = config.database_path.display();
    if !config.database_path.exists() {
        return Err(Failure::no_database(config, "look at"));
    }
    let document = match app::services(config, Arc::new(SystemClock)) {
        Ok(services) => {
            of_file(&services, command).map_err(|Failure(why)| Failure::new(format!("{path}: {why}")))?
        }
        Err(StartError::Store(OpenError::InUse { .. })) => {
            of_manager(&Client::new(None, None, config)?, command)?
        }
        Err(error) => return Err(Failure::of(&error)),
    };
    if as_json {
        print_json(&document)?;
    } else {
        print(&in_words(command, &document))?;
    }
    let is_bad = command == DatabaseCommand::Check && document["contradictions"] != json!([]);
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn of_manager(manager: &Client, command: DatabaseCommand) -> Result<Value, CallError> {
    match command {
        DatabaseCommand::Check => manager.post_slow("/api/database/check"),
        DatabaseCommand::Compact => manager.post_slow("/api/database/compact"),
        DatabaseCommand::Stats => manager.get_slow("/api/database/stats"),
    }
}

/// The same as a running Manager would answer.
fn of_file(services: &Services, command: DatabaseCommand) -> Result<Value, Failure> {
    let failed = |error: Error| Failure::of(&error);
    let document = match command {
        DatabaseCommand::Check if !services.file_is_intact().map_err(failed)? => {
            return Err(Failure::new(
                "the disk does not have what was written to it: see whether it is well, and restore a backup",
            ));
        }
        DatabaseCommand::Check => to_value(services.check_database().map_err(failed)?),
        DatabaseCommand::Compact => {
            let compacted = services.compact_database().map_err(failed)?;
            block_on(async {
                services.remember_command("compact the database", "").await;
                Ok(())
            })?;
            to_value(compacted)
        }
        DatabaseCommand::Stats => to_value(services.database_size().map_err(failed)?),
    };
    document.map_err(|error| Failure::of(&error))
}

fn in_words(command: DatabaseCommand, document: &Value) -> String {
    match command {
        DatabaseCommand::Check => checked(document),
        DatabaseCommand::Compact => {
            let (before, after) = (text(document, "bytes_before"), text(document, "bytes_after"));
            format!("The database had {before} bytes and has {after}.")
        }
        DatabaseCommand::Stats => sizes(document),
    }
}

fn checked(document: &Value) -> String {
    let contradictions = document["contradictions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if contradictions.is_empty() {
        return "The database is in order.".to_owned();
    }
    let mut lines: Vec<_> = contradictions.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(others @ 1..) = document["left_out"].as_u64() {
        lines.push(format!("and {others} others"));
    }
    format!("The database contradicts itself:\n{}", lines.join("\n"))
}

fn sizes(document: &Value) -> String {
    let mut table = table(&["table", "rows", "bytes", "bytes in the file"]);
    for entry in document["tables"].as_array().into_iter().flatten() {
        table.add_row(["name", "rows", "bytes", "bytes_in_file"].map(|field| text(entry, field)));
    }
    let (bytes, free) = (text(document, "bytes"), text(document, "free_bytes"));
    format!("{table}\nThe file has {bytes} bytes; nothing is in {free} of them.")
}
