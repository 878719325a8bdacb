//! Workers of 2.x, and for what they were blacklisted.

use bson::{RawBsonRef, RawDocument};
use jiff::{SignedDuration, Timestamp};

use super::{
    Reader,
    fields::{Field, fields, need},
};
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId, made_at},
        sleep::{SleepSchedule, SleepScheduleWire},
        tags::Tags,
        worker::{SecretHash, StatusRequest, Worker, WorkerStatus},
    },
    import::loader::{Extra, Item},
    store::BlacklistEntry,
};

/// What a document in `flamenco_workers` is.
pub(super) fn worker(document: &RawDocument, reader: Reader) -> Result<Item, String> {
    let mut extra = Extra::new();
    let (mut id, mut secret_hash, mut current_task, mut seen) = (None, None, None, None);
    let (mut nickname, mut address, mut platform, mut software) = ("", "", "", "");
    let (mut status, mut requested, mut lazy) = (WorkerStatus::Offline, None, false);
    let (mut task_types, mut job_types) = (Vec::new(), None);
    let (mut sleep_schedule, mut next_check) = (SleepSchedule::default(), None);
    for field in fields(document) {
        let field = field?;
        match field.name {
            "_id" => id = Some(field.id()?),
            "hashed_secret" => secret_hash = Some(secret(field)?),
            "nickname" => nickname = field.text()?,
            "address" => address = field.text()?,
            "platform" => platform = field.text()?,
            "software" => software = field.text()?,
            "status" => status = self::status(field, &mut extra)?.unwrap_or(WorkerStatus::Offline),
            "status_requested" => requested = self::status(field, &mut extra)?,
            "lazy_status_request" => lazy = field.truth()?,
            "current_task" => current_task = Some(TaskId(field.id()?)),
            "last_activity" => seen = field.time()?,
            "supported_task_types" => task_types = words(field)?,
            "supported_job_types" => job_types = Some(field),
            "sleep_schedule" => (sleep_schedule, next_check) = schedule(field, &mut extra)?,
            // It has a collection of its own.
            "blacklist" if field.is_empty_list() => {}
            _ => field.keep_in(&mut extra)?,
        }
    }
    match job_types {
        // The first versions knew the types of jobs only.
        Some(job_types) if task_types.is_empty() => task_types = words(job_types)?,
        Some(job_types) => job_types.keep_in(&mut extra)?,
        None => {}
    }
    let id = need(id, "_id")?;
    let worker = Worker {
        id: WorkerId(id),
        secret_hash: need(secret_hash, "hashed_secret")?,
        nickname: nickname.to_owned(),
        address: address.to_owned(),
        platform: platform.to_owned(),
        software: software.to_owned(),
        // Nobody is that; it is what a worker does before it is gone.
        status: if status == WorkerStatus::Shutdown { WorkerStatus::Offline } else { status },
        supported_task_types: task_types,
        requested: requested.map(|status| StatusRequest { status, lazy }),
        current_task,
        registered: made_at(id),
        sleep_schedule,
        sleep_checked: checked_until(next_check, reader.now),
        tags: Tags::default(),
    };
    Ok(Item::Worker { worker, seen, extra })
}

/// The hash of a secret.
fn secret(field: Field<'_>) -> Result<SecretHash, String> {
    let text = match field.value {
        RawBsonRef::Binary(binary) => std::str::from_utf8(binary.bytes).unwrap_or_default(),
        _ => field.text()?,
    };
    SecretHash::from_elsewhere(text).map_err(|what| format!("{:?} is {what}", field.name))
}

/// A status; nothing for an empty text. One that is not known is extra: workers soon say anew what they do.
fn status(field: Field<'_>, extra: &mut Extra) -> Result<Option<WorkerStatus>, String> {
    match field.text()? {
        "" => Ok(None),
        // What it was called before 2.1.
        "down" => Ok(Some(WorkerStatus::Offline)),
        text => {
            let known = text.parse().ok();
            if known.is_none() {
                field.keep_in(extra)?;
            }
            Ok(known)
        }
    }
}

fn words(list: Field<'_>) -> Result<Vec<String>, String> {
    list.items()?.map(|word| Ok(word?.word()?.to_owned())).collect()
}

/// A sleep schedule, and when it is to be looked at next.
fn schedule(field: Field<'_>, extra: &mut Extra) -> Result<(SleepSchedule, Option<Timestamp>), String> {
    let (mut wire, mut next_check, mut others) = (SleepScheduleWire::default(), None, Extra::new());
    for part in field.fields()? {
        let part = part?;
        match part.name {
            "schedule_active" => wire.schedule_active = part.truth()?,
            "days_of_week" => part.text()?.clone_into(&mut wire.days_of_week),
            "start" | "time_start" => wire.time_start = time_of_day(part)?,
            "end" | "time_end" => wire.time_end = time_of_day(part)?,
            "next_check" => next_check = part.time()?,
            _ => part.keep_in(&mut others)?,
        }
    }
    if !others.is_empty() {
        extra.insert(field.name.to_owned(), others.into());
    }
    let schedule = SleepSchedule::try_from(&wire).map_err(|error| format!("{:?}: {error}", field.name))?;
    Ok((schedule, next_check))
}

/// `{time: "HH:MM"}`, or the text alone. Seconds are of no use.
fn time_of_day(field: Field<'_>) -> Result<String, String> {
    let text = match field.value {
        RawBsonRef::Document(document) => {
            let time = fields(document).find(|part| part.as_ref().is_ok_and(|part| part.name == "time"));
            time.transpose()?.map_or(Ok(""), Field::text)?
        }
        _ => field.text()?,
    };
    let end = text.match_indices(':').nth(1).map_or(text.len(), |(place, _)| place);
    Ok(text[..end].to_owned())
}

/// Up to when the boundaries of a schedule were acted on: if 2.x had yet to act on one that is past now, it is acted on here.
fn checked_until(next_check: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let shortly_before = next_check.and_then(|next| next.checked_sub(SignedDuration::from_millis(1)).ok());
    shortly_before.map_or(now, |before| before.min(now))
}

/// What a document in `worker_blacklist` is.
pub(super) fn blacklist_line(document: &RawDocument) -> Result<Item, String> {
    let mut extra = Extra::new();
    let (mut id, mut created, mut worker, mut job, mut task_type) = (None, None, None, None, None);
    for field in fields(document) {
        let field = field?;
        match field.name {
            "_id" => id = Some(field.id()?),
            "_created" => created = field.time()?,
            "worker_id" => worker = Some(WorkerId(field.id()?)),
            "job_id" => job = Some(JobId(field.id()?)),
            "task_type" => task_type = Some(field.word()?.to_owned()),
            _ => field.keep_in(&mut extra)?,
        }
    }
    let id = need(id, "_id")?;
    let line = BlacklistEntry {
        worker: need(worker, "worker_id")?,
        job: need(job, "job_id")?,
        task_type: need(task_type, "task_type")?,
        created: created.unwrap_or_else(|| made_at(id)),
    };
    Ok(Item::BlacklistLine { id, line, extra })
}
