//! What `export` has written, read back.

use aws_lc_rs::digest::{SHA256, digest};
use serde::de::DeserializeOwned;

use super::{
    Found, Refusal,
    loader::{Extra, ImportedTask, Item},
    memory::Memory,
};
use crate::export::{Kind, folder::Folder, lines};

/// All that is in the folder, which was verified: what cannot be understood was not written by an export.
pub fn read(folder: Folder) -> impl Iterator<Item = Result<Found, String>> + Send {
    let mut begin = 0;
    Kind::ALL.into_iter().flat_map(move |kind| {
        let mut bytes_read = begin;
        begin += folder.contents(kind).map_or(0, |file| file.bytes);
        let (lines, trouble) = match folder.lines(kind) {
            Ok(lines) => (Some(lines), None),
            Err(error) => (None, Some(Err(error.to_string()))),
        };
        let found = lines.into_iter().flatten().zip(1_u64..).map(move |(line, number)| {
            let place = format!("{}, line {number}", kind.file());
            let line = line.map_err(|error| format!("{place}: {error}"))?;
            bytes_read += line.len() as u64 + 1;
            let what = item(kind, &line).map_err(Refusal::Because);
            let has_id = matches!(what, Ok(ref item) if !matches!(item, Item::Memory(_)));
            let id = if has_id { String::new() } else { place };
            Ok(Found { collection: kind.name().into(), id, what, bytes_read })
        });
        trouble.into_iter().chain(found)
    })
}

fn item(kind: Kind, line: &str) -> Result<Item, String> {
    let memory = match kind {
        Kind::Workers => {
            let (worker, seen) = parse::<lines::Worker>(line)?.into_worker()?;
            return Ok(Item::Worker { worker, seen: Some(seen), extra: Extra::new() });
        }
        Kind::Jobs => {
            let (job, state) = parse::<lines::Job>(line)?.into_job();
            return Ok(Item::Job { job, state });
        }
        Kind::Tasks => {
            let (task, commands) = parse::<lines::Task>(line)?.into_task();
            return Ok(Item::Task(Box::new(ImportedTask { task, commands, extra: Extra::new(), job: None })));
        }
        Kind::Blacklist => {
            let entry = parse::<lines::BlacklistLine>(line)?.into();
            // It has none of its own, and needs one only if its worker is not there.
            let mut id = [0; 12];
            id.copy_from_slice(&digest(&SHA256, line.as_bytes()).as_ref()[..12]);
            return Ok(Item::BlacklistLine { id, line: entry, extra: Extra::new() });
        }
        Kind::TaskUpdates => {
            let update = parse::<lines::TaskUpdate>(line)?.into();
            return Ok(Item::Update { update, extra: Extra::new() });
        }
        Kind::TaskHistories => {
            let (task, history) = parse::<lines::TaskHistory>(line)?.into();
            Memory::History(task, history)
        }
        Kind::RecentTasks => {
            let (worker, recent) = parse::<lines::RecentTasks>(line)?.into();
            Memory::RecentTasks(worker, recent)
        }
        Kind::Extras => {
            let (of, extra) = parse::<lines::Extra>(line)?.into();
            Memory::Extra(of, extra)
        }
        Kind::TaskUpdatesSetAside => Memory::SetAside(parse::<lines::SetAside>(line)?.into()),
        Kind::TasksToAskAbout => Memory::AskAgain(parse::<lines::AskAgain>(line)?.task),
        Kind::WantedLogs => Memory::WantedLog(parse::<lines::WantedLog>(line)?.into()),
        Kind::Settings => {
            let lines::Setting { name, value } = parse(line)?;
            Memory::Setting(name, value)
        }
        Kind::Events => Memory::Event(parse::<lines::Event>(line)?.into()),
        Kind::Audit => Memory::Deed(parse::<lines::Deed>(line)?.into()),
        Kind::AccessTokens => {
            let (digest, token) = parse::<lines::AccessToken>(line)?.into();
            Memory::AccessToken(digest, token)
        }
        Kind::Minutes => {
            let (minute, done) = parse::<lines::Minute>(line)?.into();
            Memory::Minute(minute, done)
        }
        Kind::Submissions => {
            let (key, receipt) = parse::<lines::Submission>(line)?.into();
            Memory::Submission(key, receipt)
        }
    };
    Ok(Item::Memory(Box::new(memory)))
}

fn parse<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| format!("it cannot be understood: {error}"))
}
