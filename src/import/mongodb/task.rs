//! Tasks of 2.x.

use std::collections::BTreeMap;

use bson::RawDocument;
use jiff::Timestamp;

use super::{
    Reader, commands,
    fields::{Field, fields, need},
};
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId, made_at},
        job::MANAGER_LOCAL,
        task::{FailedBy, Progress, Task, TaskStatus},
    },
    import::loader::{Extra, ImportedTask, Item, JobOfTask},
};

/// The importance of a job that names none: that of the Server.
const JOB_PRIORITY: i32 = 50;

/// What a document in `flamenco_tasks` is.
pub(super) fn task(document: &RawDocument, reader: Reader) -> Result<Item, String> {
    Said::by(document)?.into_item(reader)
}

/// What a document says of a task.
#[derive(Default)]
struct Said<'a> {
    id: Option<[u8; 12]>,
    etag: Option<Field<'a>>,
    job: Option<JobId>,
    name: &'a str,
    status: Option<TaskStatus>,
    priority: i32,
    job_priority: Option<i32>,
    job_type: &'a str,
    task_type: &'a str,
    commands: Option<String>,
    activity: &'a str,
    parents: Vec<TaskId>,
    worker: &'a str,
    worker_id: Option<WorkerId>,
    failed_by: Vec<FailedBy>,
    timing: BTreeMap<String, f64>,
    last_worker_ping: Option<Timestamp>,
    last_updated: Option<Timestamp>,
    progress: Progress,
    /// What is the same for all tasks of the job.
    metadata: Extra,
    extra: Extra,
}

impl<'a> Said<'a> {
    fn by(document: &'a RawDocument) -> Result<Self, String> {
        let mut said = Self::default();
        for field in fields(document) {
            let field = field?;
            match field.name {
                "_id" => said.id = Some(field.id()?),
                "_etag" => said.etag = Some(field),
                "job" => said.job = Some(JobId(field.id()?)),
                "manager" | "project" | "user" => keep_id(field, &mut said.metadata)?,
                "name" => said.name = field.text()?,
                "status" => said.status = Some(known_status(field)?),
                "priority" => said.priority = field.number()?,
                "job_priority" => said.job_priority = Some(field.number()?),
                "job_type" => said.job_type = field.word()?,
                "task_type" => said.task_type = field.word()?,
                "commands" => said.commands = Some(commands::as_json(field)?),
                "activity" => said.activity = field.text()?,
                "parents" => said.parents = ids(field)?,
                "worker" => said.worker = field.text()?,
                "worker_id" => said.worker_id = Some(WorkerId(field.id()?)),
                "failed_by_workers" => said.failed_by = failed_by(field)?,
                "metrics" => said.timing = metrics(field, &mut said.extra)?,
                "last_worker_ping" => said.last_worker_ping = field.time()?,
                "last_updated" => said.last_updated = field.time()?,
                "task_progress_percentage" => said.progress.task_percentage = field.number()?,
                "current_command_idx" | "current_command_index" => {
                    said.progress.command_index = field.number()?;
                }
                "command_progress_percentage" => said.progress.command_percentage = field.number()?,
                _ => field.keep_in(&mut said.extra)?,
            }
        }
        Ok(said)
    }

    fn into_item(mut self, reader: Reader) -> Result<Item, String> {
        let id = need(self.id, "_id")?;
        let of_server = reader.has_server && self.job_type != MANAGER_LOCAL;
        let etag = self.etag(of_server)?;
        let status = need(self.status, "status")?;
        // Without a Server nobody would ever let it go on: so it is the job that waits, and people can let that go on.
        let paused = status == TaskStatus::Paused && !of_server;
        let job = JobOfTask {
            job_type: self.job_type.to_owned(),
            priority: self.job_priority.unwrap_or(JOB_PRIORITY),
            paused,
            of_server,
            metadata: std::mem::take(&mut self.metadata),
        };
        let task = Task {
            id: TaskId(id),
            job: need(self.job, "job")?,
            name: self.name.to_owned(),
            status: if paused { TaskStatus::Queued } else { status },
            priority: self.priority,
            task_type: self.task_type()?.to_owned(),
            parents: self.parents,
            activity: self.activity.to_owned(),
            worker: self.worker.to_owned(),
            worker_id: self.worker_id,
            failed_by: self.failed_by,
            last_worker_ping: self.last_worker_ping,
            started: None,
            last_updated: self.last_updated.or(self.last_worker_ping).unwrap_or_else(|| made_at(id)),
            progress: self.progress,
            timing: self.timing,
            only_for: None,
            etag,
        };
        let commands = self.commands.unwrap_or_else(|| "[]".to_owned());
        Ok(Item::Task(Box::new(ImportedTask { task, commands, extra: self.extra, job: Some(job) })))
    }

    /// The version that the Server has, if the task is one of its own.
    fn etag(&mut self, of_server: bool) -> Result<Option<String>, String> {
        match self.etag {
            Some(etag) if of_server => Ok(Some(etag.text()?.to_owned())),
            Some(etag) => etag.keep_in(&mut self.extra).map(|()| None),
            // Whatever the Server has is another one.
            None => Ok(of_server.then(String::new)),
        }
    }

    /// The first versions knew the types of jobs only, and workers supported these.
    fn task_type(&self) -> Result<&'a str, String> {
        let types = [self.task_type, self.job_type];
        let known = types.into_iter().find(|name| !name.is_empty());
        known.ok_or_else(|| "it has neither a \"task_type\" nor a \"job_type\"".to_owned())
    }
}

pub(super) fn known_status(field: Field<'_>) -> Result<TaskStatus, String> {
    let text = field.text()?;
    // It is held back at the Server, as one that is paused.
    if text == "under-construction" {
        return Ok(TaskStatus::Paused);
    }
    text.parse().map_err(|_| field.is_no("status of a task"))
}

/// An ID at the Server, as text.
fn keep_id(field: Field<'_>, metadata: &mut Extra) -> Result<(), String> {
    let value = match field.id() {
        Ok(id) => JobId(id).to_string().into(),
        Err(_) => field.as_extra()?,
    };
    metadata.insert(field.name.to_owned(), value);
    Ok(())
}

fn ids(list: Field<'_>) -> Result<Vec<TaskId>, String> {
    list.items()?.map(|id| id?.id().map(TaskId)).collect()
}

/// Workers that failed a task.
pub(super) fn failed_by(list: Field<'_>) -> Result<Vec<FailedBy>, String> {
    list.items()?
        .map(|by| {
            let (mut id, mut identifier) = (None, "");
            for field in by?.fields()? {
                let field = field?;
                match field.name {
                    "id" => id = Some(WorkerId(field.id()?)),
                    "identifier" => identifier = field.text()?,
                    other => return Err(format!("{:?} has {other:?}, which no version knows", list.name)),
                }
            }
            let id = id.ok_or_else(|| format!("{:?} has a worker without an ID", list.name))?;
            Ok(FailedBy { id, identifier: identifier.to_owned() })
        })
        .collect()
}

/// Seconds by phase of the work. Whatever else was measured is extra.
pub(super) fn metrics(metrics: Field<'_>, extra: &mut Extra) -> Result<BTreeMap<String, f64>, String> {
    let mut timing = BTreeMap::new();
    let mut others = Extra::new();
    for field in metrics.fields()? {
        let field = field?;
        if field.name != "timing" {
            field.keep_in(&mut others)?;
            continue;
        }
        for phase in field.fields()? {
            let phase = phase?;
            timing.insert(phase.name.to_owned(), phase.fraction()?);
        }
    }
    if !others.is_empty() {
        extra.insert(metrics.name.to_owned(), others.into());
    }
    Ok(timing)
}
