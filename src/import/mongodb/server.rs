//! What 2.x kept for its Flamenco Server: updates that it has yet to hear, and from when its next download starts. A Manager
//! without a Server keeps them, and does nothing with them.

use bson::RawDocument;

use super::{
    Reader,
    fields::{fields, need},
    task::{failed_by, known_status, metrics},
};
use crate::{
    domain::{
        ids::{TaskId, made_at},
        task::Progress,
        task_update::TaskUpdate,
    },
    import::loader::{Extra, Item},
    store::ExtraOf,
};

/// As many lines of a log the Server is sent.
const LINES: usize = 10;

/// What a document in `task_update_queue` is.
pub(super) fn update(document: &RawDocument, reader: Reader) -> Result<Item, String> {
    let mut extra = Extra::new();
    let mut log = "";
    let (mut id, mut task, mut received) = (None, None, None);
    let mut update = TaskUpdate {
        id: [0; 12],
        task: TaskId([0; 12]),
        status: None,
        received: reader.now,
        activity: String::new(),
        progress: Progress::default(),
        log_tail: String::new(),
        worker: String::new(),
        failed_by: Vec::new(),
        timing: std::collections::BTreeMap::new(),
    };
    for field in fields(document) {
        let field = field?;
        match field.name {
            "_id" => id = Some(field.id()?),
            "task_id" => task = Some(TaskId(field.id()?)),
            "task_status" if field.text()?.is_empty() => {}
            "task_status" => update.status = Some(known_status(field)?),
            "received_on_manager" => received = field.time()?,
            "activity" => field.text()?.clone_into(&mut update.activity),
            "task_progress_percentage" => update.progress.task_percentage = field.number()?,
            "current_command_idx" | "current_command_index" => {
                update.progress.command_index = field.number()?;
            }
            "command_progress_percentage" => update.progress.command_percentage = field.number()?,
            "log" => log = field.text()?,
            "log_tail" => field.text()?.clone_into(&mut update.log_tail),
            "worker" => field.text()?.clone_into(&mut update.worker),
            "failed_by_workers" => update.failed_by = failed_by(field)?,
            "metrics" => update.timing = metrics(field, &mut extra)?,
            _ => field.keep_in(&mut extra)?,
        }
    }
    update.id = need(id, "_id")?;
    update.task = need(task, "task_id")?;
    update.received = received.unwrap_or_else(|| made_at(update.id));
    if !reader.has_server {
        return Ok(Item::Extra { of: ExtraOf::Update(update.id), extra: everything(document)? });
    }
    // Before 2.1 the whole log was queued; today the Server takes its last lines.
    if update.log_tail.is_empty() {
        update.log_tail = last_lines(log);
    }
    if !log.is_empty() && log != update.log_tail {
        extra.insert("log".into(), log.into());
    }
    Ok(Item::Update { update, extra })
}

/// What a document in `settings` is.
pub(super) fn settings(document: &RawDocument, reader: Reader) -> Result<Item, String> {
    let mut extra = Extra::new();
    let (mut id, mut values) = (None, Vec::new());
    for field in fields(document) {
        let field = field?;
        match field.name {
            "_id" => id = Some(field.id()?),
            "depsgraph_last_modified" if reader.has_server => {
                values.push((field.name.to_owned(), field.text()?.to_owned()));
            }
            _ => field.keep_in(&mut extra)?,
        }
    }
    Ok(Item::Settings { values, of: ExtraOf::Settings(need(id, "_id")?), extra })
}

fn everything(document: &RawDocument) -> Result<Extra, String> {
    let mut all = Extra::new();
    fields(document).try_for_each(|field| field?.keep_in(&mut all))?;
    Ok(all)
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.trim().lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    last.iter().flat_map(|line| [*line, "\n"]).collect()
}
