//! `audit`: what people did.

use serde_json::{Value, json};

use super::{
    Failure,
    args::AuditCommand,
    client::Client,
    tables::{print, print_json, table, text},
};

/// As much is asked for at a time.
const PAGE: usize = 1000;

/// Does what the command line asks for.
pub fn execute(manager: &Client, command: &AuditCommand, as_json: bool) -> Result<(), Failure> {
    let AuditCommand::List { limit } = command;
    let mut entries = newest(manager, *limit)?;
    // As in a log.
    entries.reverse();
    if as_json {
        print_json(&json!({ "entries": entries }))
    } else if entries.is_empty() {
        print("Nobody has done anything yet.")
    } else {
        print(&shown(&entries))
    }
}

fn newest(manager: &Client, limit: usize) -> Result<Vec<Value>, Failure> {
    let mut entries = Vec::new();
    let mut after = None;
    while entries.len() < limit {
        let mut query = vec![("limit", PAGE.min(limit - entries.len()).to_string())];
        query.extend(after.take().map(|after| ("after", after)));
        let mut page = manager.get_with("/api/audit", &query)?;
        entries.extend(page["entries"].as_array_mut().map(std::mem::take).unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    Ok(entries)
}

fn shown(entries: &[Value]) -> String {
    let mut table = table(&["WHEN", "WHO", "FROM", "WHAT", "OF WHAT", "STATUS", "MORE"]);
    for entry in entries {
        table.add_row(
            ["when", "who", "from", "action", "target", "status", "detail"].map(|field| text(entry, field)),
        );
    }
    table.to_string()
}
