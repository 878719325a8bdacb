//! The rows of the tables of Flamenco 3 in the Manager's own terms.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Row;
use serde_json::{Map, Value, json};

use super::{
    commands::{task_type, translate},
    file::{File, number, text},
    ids,
    told::Told,
};
use crate::{
    domain::{
        ids::{TaskId, WorkerId},
        job::{Job, JobState, JobWish},
        sleep::{SleepSchedule, SleepScheduleWire},
        tags::Tags,
        task::{FailedBy, Progress, Task, TaskStatus},
        worker::{SecretHash, Worker, WorkerStatus},
    },
    import::{
        Refusal,
        loader::{Extra, ImportedTask, Item},
    },
    store::BlacklistEntry,
};

/// A row: in which collection it is counted, and what it is.
pub(super) type Read = (&'static str, Result<Item, Refusal>);

/// Reads the rows of a file.
pub(super) struct Rows<'a> {
    pub file: &'a File,
    pub now: Timestamp,
    pub told: &'a Told,
}

impl Rows<'_> {
    /// A row of a table, of the columns that [`Self::query`] asks for.
    pub fn read(&self, table: &'static str, row: &Row<'_>) -> rusqlite::Result<Read> {
        Ok(match table {
            "workers" if !text(row, 12)?.is_empty() => {
                ("workers that were deleted there", Err(Refusal::NotOurs))
            }
            "workers" => (table, self.worker(row)?),
            "jobs" => (table, self.job(row)?),
            "tasks" => (table, self.task(row)?),
            "job_blocks" => (table, blacklist_line(row)?),
            _ => (table, Err(Refusal::NotOurs)),
        })
    }

    /// Asks for so many rows of a table behind row ?1: first the number of the row, then the columns as they are read below.
    pub fn query(&self, table: &str, count: usize) -> String {
        let of = |name| self.file.table(name);
        let (columns, from) = match table {
            "workers" => (
                "uuid, secret, name, address, platform, software, created_at, last_seen_at, supported_task_types, can_restart, \
                 status, deleted_at, s.worker_id, s.is_active, s.days_of_week, s.start_time, s.end_time, id, status_requested, \
                 lazy_status_request, unclean_signon_count",
                format!("{} t LEFT JOIN {} s ON s.worker_id = t.id", of("workers"), of("sleep_schedules")),
            ),
            "jobs" => (
                "t.uuid, t.name, job_type, priority, status, settings, metadata, created_at, updated_at, activity, \
                 delete_requested_at, storage_shaman_checkout_id, g.name",
                format!("{} t LEFT JOIN {} g ON g.id = t.worker_tag_id", of("jobs"), of("worker_tags")),
            ),
            "tasks" => (
                "t.uuid, t.name, t.type, t.priority, t.status, t.commands, t.created_at, t.updated_at, t.activity, \
                 t.last_touched_at, t.steps_completed, t.steps_total, t.id, j.uuid, j.created_at, w.uuid, w.created_at, w.address, \
                 w.name",
                format!(
                    "{} t LEFT JOIN {} j ON j.id = t.job_id LEFT JOIN {} w ON w.id = t.worker_id",
                    of("tasks"),
                    of("jobs"),
                    of("workers")
                ),
            ),
            "job_blocks" => (
                "t.task_type, t.created_at, j.uuid, j.created_at, w.uuid, w.created_at",
                format!(
                    "{} t LEFT JOIN {} j ON j.id = t.job_id LEFT JOIN {} w ON w.id = t.worker_id",
                    of("job_blocks"),
                    of("jobs"),
                    of("workers")
                ),
            ),
            other => ("id", format!("{} t", of(other))),
        };
        format!("SELECT t.row, {columns} FROM {from} WHERE t.row > ?1 ORDER BY t.row LIMIT {count}")
    }

    fn worker(&self, row: &Row<'_>) -> rusqlite::Result<Result<Item, Refusal>> {
        let uuid = text(row, 1)?;
        if uuid.is_empty() {
            return Ok(because("it has no UUID"));
        }
        let secret_hash = match SecretHash::from_elsewhere(&text(row, 2)?) {
            Ok(hash) => hash,
            Err(what) => return Ok(Err(Refusal::Because(format!("its secret is {what}")))),
        };
        let made = made(row, 7)?;
        let mut extra = Extra::new();
        for (name, index) in [
            ("uuid", 1),
            ("supported_task_types", 9),
            ("can_restart", 10),
            ("status", 11),
            ("status_requested", 19),
            ("lazy_status_request", 20),
            ("unclean_signon_count", 21),
        ] {
            extra.insert(name.to_owned(), text(row, index)?.into());
        }
        let wire = SleepScheduleWire {
            schedule_active: number(row, 14)?.is_some_and(|active| active != 0),
            days_of_week: text(row, 15)?,
            time_start: text(row, 16)?,
            time_end: text(row, 17)?,
        };
        let sleep_schedule = SleepSchedule::try_from(&wire).unwrap_or_else(|_| {
            self.told.count(|counts| counts.lost_schedules += 1);
            extra.insert("sleep_schedule".to_owned(), json!(wire));
            SleepSchedule::default()
        });
        let is_asked = !text(row, 19)?.is_empty();
        self.told.count(|counts| {
            counts.workers += 1;
            counts.asked += u64::from(is_asked);
        });
        let worker = Worker {
            id: ids::worker(made, &uuid),
            secret_hash,
            nickname: text(row, 3)?,
            address: text(row, 4)?,
            platform: text(row, 5)?.to_lowercase(),
            software: text(row, 6)?,
            status: WorkerStatus::Offline,
            // Nobody shall wait for it before it is there: it says what it can do when it signs on.
            supported_task_types: Vec::new(),
            requested: None,
            current_task: None,
            registered: made,
            sleep_schedule,
            sleep_checked: self.now,
            tags: self.tags_of(number(row, 18)?)?,
        };
        Ok(Ok(Item::Worker { worker, seen: ids::time(&text(row, 8)?).or(Some(made)), extra }))
    }

    fn tags_of(&self, worker: Option<i64>) -> rusqlite::Result<Tags> {
        let (tags, membership) = (self.file.table("worker_tags"), self.file.table("worker_tag_membership"));
        let sql = format!(
            "SELECT g.name FROM {membership} m, {tags} g WHERE g.id = m.worker_tag_id AND m.worker_id = ?1"
        );
        let mut statement = self.file.connection.prepare_cached(&sql)?;
        let names = statement.query_map([worker], |row| text(row, 0))?.collect::<rusqlite::Result<_>>()?;
        Ok(self.tags(names))
    }

    /// Those of the names that can be tags.
    fn tags(&self, names: Vec<String>) -> Tags {
        let count = names.len();
        let good: Vec<_> =
            names.into_iter().filter(|name| Tags::try_from(vec![name.clone()]).is_ok()).collect();
        self.told.count(|counts| counts.lost_tags += (count - good.len()) as u64);
        Tags::try_from(good).unwrap_or_default()
    }

    fn job(&self, row: &Row<'_>) -> rusqlite::Result<Result<Item, Refusal>> {
        let uuid = text(row, 1)?;
        if uuid.is_empty() {
            return Ok(because("it has no UUID"));
        }
        let (settings, mut metadata) = match (object(&text(row, 6)?), object(&text(row, 7)?)) {
            (Some(settings), Some(metadata)) => (settings, metadata),
            (None, _) => return Ok(because("its settings are no JSON object")),
            (_, None) => return Ok(because("its metadata is no JSON object")),
        };
        metadata.insert("flamenco3_uuid".to_owned(), uuid.as_str().into());
        for (name, index) in [("flamenco3_activity", 10), ("flamenco3_shaman_checkout", 12)] {
            let text = text(row, index)?;
            if !text.is_empty() {
                metadata.insert(name.to_owned(), text.into());
            }
        }
        let wish = if text(row, 11)?.is_empty() { wish(&text(row, 5)?) } else { Ok(JobWish::Delete) };
        let wish = match wish {
            Ok(wish) => wish,
            Err(reason) => return Ok(Err(reason)),
        };
        let created = made(row, 8)?;
        let job = Job {
            id: ids::job(created, &uuid),
            name: text(row, 2)?,
            job_type: text(row, 3)?,
            settings: Value::from(settings).to_string(),
            metadata: Value::from(metadata).to_string(),
            created,
            of_server: false,
            depends_on: Vec::new(),
        };
        let tag = text(row, 13)?;
        let state = JobState {
            priority: small(number(row, 4)?),
            updated: ids::time(&text(row, 9)?).unwrap_or(created),
            wish,
            worker_tags: self.tags(if tag.is_empty() { Vec::new() } else { vec![tag] }),
            ..JobState::default()
        };
        Ok(Ok(Item::Job { job, state }))
    }

    fn task(&self, row: &Row<'_>) -> rusqlite::Result<Result<Item, Refusal>> {
        let (uuid, job) = (text(row, 1)?, text(row, 14)?);
        let Some(own) = number(row, 13)? else { return Ok(because("it has no number")) };
        if job.is_empty() {
            return Ok(because("its job is not in the file"));
        }
        let status = match status(&text(row, 5)?) {
            Ok(status) => status,
            Err(reason) => return Ok(Err(reason)),
        };
        let commands = match translate(&text(row, 6)?) {
            Ok(commands) => commands,
            Err(reason) => return Ok(Err(Refusal::Because(reason))),
        };
        let was_in_hand = text(row, 5)? == "active";
        self.told.count(|counts| {
            counts.held += u64::from(!commands.can_be_done && !status.has_ended());
            counts.given_back += u64::from(was_in_hand);
            counts.uses_jobs |= commands.json.contains("{jobs}");
        });
        let made = made(row, 7)?;
        let of_flamenco_3 = text(row, 3)?;
        let worker = text(row, 16)?;
        let task = Task {
            id: ids::task(made, &job, own),
            job: ids::job(self::made(row, 15)?, &job),
            name: text(row, 2)?,
            status,
            priority: small(number(row, 4)?),
            task_type: task_type(&of_flamenco_3, commands.can_be_done),
            parents: self.parents_of(own)?,
            activity: text(row, 9)?,
            worker: if worker.is_empty() {
                String::new()
            } else {
                identifier(&text(row, 18)?, &text(row, 19)?)
            },
            worker_id: (!worker.is_empty())
                .then(|| self::made(row, 17).map(|made| ids::worker(made, &worker)))
                .transpose()?,
            failed_by: self.failures_of(own)?,
            last_worker_ping: ids::time(&text(row, 10)?),
            started: None,
            last_updated: ids::time(&text(row, 8)?).unwrap_or(made),
            progress: progress(number(row, 11)?, number(row, 12)?),
            timing: BTreeMap::new(),
            only_for: None,
            etag: None,
        };
        let mut extra = Extra::new();
        extra.insert("uuid".to_owned(), uuid.into());
        extra.insert("type".to_owned(), of_flamenco_3.into());
        Ok(Ok(Item::Task(Box::new(ImportedTask { task, commands: commands.json, extra, job: None }))))
    }

    fn parents_of(&self, task: i64) -> rusqlite::Result<Vec<TaskId>> {
        let sql = format!(
            "SELECT p.id, p.created_at, j.uuid FROM {} d, {} p, {} j \
             WHERE d.task_id = ?1 AND p.id = d.dependency_id AND j.id = p.job_id ORDER BY p.id",
            self.file.table("task_dependencies"),
            self.file.table("tasks"),
            self.file.table("jobs")
        );
        let mut statement = self.file.connection.prepare_cached(&sql)?;
        let parents =
            statement.query_map([task], |row| Ok((number(row, 0)?, made(row, 1)?, text(row, 2)?)))?;
        let ids = parents
            .map(|parent| parent.map(|(own, made, job)| ids::task(made, &job, own.unwrap_or_default())));
        ids.collect()
    }

    /// In the order in which they failed it: drivers wrote times differently, so that their texts cannot be sorted.
    fn failures_of(&self, task: i64) -> rusqlite::Result<Vec<FailedBy>> {
        let sql = format!(
            "SELECT f.created_at, w.uuid, w.created_at, w.address, w.name FROM {} f, {} w \
             WHERE f.task_id = ?1 AND w.id = f.worker_id ORDER BY w.id",
            self.file.table("task_failures"),
            self.file.table("workers")
        );
        let mut statement = self.file.connection.prepare_cached(&sql)?;
        let failures = statement.query_map([task], |row| {
            let id: WorkerId = ids::worker(made(row, 2)?, &text(row, 1)?);
            Ok((made(row, 0)?, FailedBy { id, identifier: identifier(&text(row, 3)?, &text(row, 4)?) }))
        })?;
        let mut failures = failures.collect::<rusqlite::Result<Vec<_>>>()?;
        failures.sort_by_key(|(failed, _)| *failed);
        Ok(failures.into_iter().map(|(_, failure)| failure).collect())
    }
}

fn blacklist_line(row: &Row<'_>) -> rusqlite::Result<Result<Item, Refusal>> {
    let (task_type, job, worker) = (text(row, 1)?, text(row, 3)?, text(row, 5)?);
    if job.is_empty() || worker.is_empty() {
        return Ok(because("its job or its worker is not in the file"));
    }
    let created = made(row, 2)?;
    let line = BlacklistEntry {
        worker: ids::worker(made(row, 6)?, &worker),
        job: ids::job(made(row, 4)?, &job),
        task_type: self::task_type(&task_type, true),
        created,
    };
    let id = ids::line(created, &job, &worker, &task_type);
    Ok(Ok(Item::BlacklistLine { id, line, extra: Extra::new() }))
}

/// When something was made; the beginning of time if nobody can say.
fn made(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    Ok(ids::time(&text(row, index)?).unwrap_or(Timestamp::UNIX_EPOCH))
}

fn because(reason: &str) -> Result<Item, Refusal> {
    Err(Refusal::Because(reason.to_owned()))
}

fn identifier(address: &str, name: &str) -> String {
    format!("{address} ({name})")
}

/// A JSON object; an empty text is one without keys.
fn object(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(if text.is_empty() { "null" } else { text }).ok()? {
        Value::Object(object) => Some(object),
        Value::Null => Some(Map::new()),
        _ => None,
    }
}

fn small(number: Option<i64>) -> i32 {
    let number = number.unwrap_or_default();
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}

/// What is wanted of a job that stands so.
fn wish(status: &str) -> Result<JobWish, Refusal> {
    Ok(match status {
        "active" | "completed" | "queued" => JobWish::Run,
        // What is under construction was cut off: somebody has to see what is there of it.
        "paused" | "pause-requested" | "under-construction" => JobWish::Pause,
        "canceled" | "cancel-requested" => JobWish::Cancel,
        "failed" => JobWish::Fail,
        "requeueing" => JobWish::Requeue,
        other => return Err(Refusal::Because(format!("{other:?} is no status of a job"))),
    })
}

/// How a task stands here. Nobody has it in hand any more; that it is held back is said of its job.
fn status(status: &str) -> Result<TaskStatus, Refusal> {
    Ok(match status {
        "queued" | "paused" | "active" => TaskStatus::Queued,
        "soft-failed" => TaskStatus::SoftFailed,
        "failed" => TaskStatus::Failed,
        "completed" => TaskStatus::Completed,
        "canceled" => TaskStatus::Canceled,
        other => return Err(Refusal::Because(format!("{other:?} is no status of a task"))),
    })
}

fn progress(completed: Option<i64>, total: Option<i64>) -> Progress {
    let percentage = match (completed, total) {
        (Some(completed), Some(total)) if total > 0 => completed.clamp(0, total) * 100 / total,
        _ => 0,
    };
    Progress { task_percentage: small(Some(percentage)), ..Progress::default() }
}
