//! What is told at one moment: events, written down once for everybody.

use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::{Site, VERSION, documents, sse::event};
use crate::{
    domain::{
        ids::{JobId, TaskId},
        job::{Job, JobState},
        task::{Progress, Task},
    },
    services::{Changed, Changes, Error},
};

/// What can be listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// A job, without its settings and metadata: they never change and may be large.
    Job,
    /// A task in brief.
    Task,
    /// A worker.
    Worker,
    /// The last rendered image, of the farm or of a job.
    Image,
    /// The farm in figures, and what wants to be looked at.
    Farm,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 5] = [Self::Job, Self::Task, Self::Worker, Self::Image, Self::Farm];

    /// What its events are called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Task => "task",
            Self::Worker => "worker",
            Self::Image => "image",
            Self::Farm => "farm",
        }
    }
}

/// What somebody wants to hear of.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// These topics,
    pub topics: Vec<Topic>,
    /// and of tasks only those of this job.
    pub job: Option<JobId>,
}

/// Where in the text about tasks those of a job are.
type Places = Vec<(JobId, Range<usize>)>;

/// What is told at one moment; what there is nothing to tell of is empty.
#[derive(Debug, Default)]
pub(super) struct Turn {
    jobs: Bytes,
    tasks: Bytes,
    /// Nothing if all of it is for everybody.
    tasks_of: Option<Places>,
    workers: Bytes,
    images: Bytes,
    pub farm: Bytes,
}

/// What was found at a look at the database.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What there is to tell.
    pub turn: Turn,
    /// Whether anything was written at all since the last look.
    pub has_changes: bool,
    /// Whether so much has changed that those who listen have to look for themselves.
    pub is_too_much: bool,
}

/// That somebody who listens to these topics has to read anew what it is about.
pub(super) fn missed(topics: &[Topic]) -> Bytes {
    event("missed", None, &json!({ "topics": topics }).to_string()).into()
}

impl Turn {
    pub fn is_empty(&self) -> bool {
        [&self.jobs, &self.tasks, &self.workers, &self.images, &self.farm].into_iter().all(Bytes::is_empty)
    }

    /// The part of it that somebody wants.
    pub fn texts_for(&self, wanted: &Wanted) -> Vec<Bytes> {
        let text_about = |topic: &Topic| match topic {
            Topic::Job => self.jobs.clone(),
            Topic::Task => self.tasks_for(wanted.job),
            Topic::Worker => self.workers.clone(),
            Topic::Image => self.images.clone(),
            Topic::Farm => self.farm.clone(),
        };
        wanted.topics.iter().map(text_about).filter(|text| !text.is_empty()).collect()
    }

    fn tasks_for(&self, job: Option<JobId>) -> Bytes {
        let (Some(job), Some(tasks_of)) = (job, &self.tasks_of) else { return self.tasks.clone() };
        let of_job = tasks_of.iter().find(|(of, _)| *of == job);
        of_job.map_or_else(Bytes::new, |(_, range)| self.tasks.slice(range.clone()))
    }
}

impl Look {
    /// Looks at what has changed, at the pictures since there were `pictures`, and at the farm if that is wanted.
    pub fn at(site: &Site, pictures: u64, with_farm: bool) -> Result<Self, Error> {
        let mut look = site.services.changes()?.map_or_else(Self::default, Self::of);
        let images = site.services.pictures_since(pictures)?;
        let image = |view| {
            event(Topic::Image.as_str(), None, &Value::Object(fields(documents::image(view))).to_string())
        };
        look.turn.images = images.iter().map(image).collect::<String>().into();
        if with_farm {
            let (exchange, warnings) = site.exchange_state();
            let mut farm = fields(documents::farm(&site.services.farm(warnings)?, exchange.as_ref()));
            farm.retain(|name, _| !matches!(name.as_str(), "uptime_seconds" | "starved_jobs"));
            farm.insert("version".into(), VERSION.into());
            look.turn.farm = event(Topic::Farm.as_str(), None, &Value::Object(farm).to_string()).into();
        }
        Ok(look)
    }

    /// Nobody can tell what has changed.
    pub fn of_nothing() -> Self {
        let mut look = Self::of(Changes { jobs: None, tasks: None, workers: None });
        look.turn.images = missed(&[Topic::Image]);
        look
    }

    fn of(changes: Changes) -> Self {
        let Changes { jobs, tasks, workers } = changes;
        let is_too_much = jobs.is_none() || tasks.is_none() || workers.is_none();
        let (tasks, tasks_of) = match tasks.map(write_tasks) {
            Some((text, places)) => (text, Some(places)),
            None => (missed(&[Topic::Task]), None),
        };
        let jobs = write(Topic::Job, jobs, |(job, state)| job_in_brief(&job, &state));
        let workers = write(Topic::Worker, workers, |view| Value::Object(fields(documents::worker(&view))));
        let turn = Turn { jobs, tasks, tasks_of, workers, images: Bytes::new(), farm: Bytes::new() };
        Self { turn, has_changes: true, is_too_much }
    }
}

/// An event for each thing; or one that says that there were too many.
fn write<K: Serialize, T>(topic: Topic, things: Changed<K, T>, document: impl Fn(T) -> Value) -> Bytes {
    let Some(things) = things else { return missed(&[topic]) };
    let document = |(id, thing): (K, Option<T>)| thing.map_or_else(|| deleted(&id), &document);
    let events = things.into_iter().map(|thing| event(topic.as_str(), None, &document(thing).to_string()));
    events.collect::<String>().into()
}

/// An event for each task, those of a job together; and where these are.
fn write_tasks(tasks: Vec<((JobId, TaskId), Option<Task>)>) -> (Bytes, Places) {
    let (mut text, mut tasks_of) = (String::new(), Places::new());
    for ((job, id), task) in tasks {
        let begin = text.len();
        let document = task.as_ref().map_or_else(|| deleted(&id), task_in_brief);
        text.push_str(&event(Topic::Task.as_str(), None, &document.to_string()));
        match tasks_of.last_mut() {
            Some((last, range)) if *last == job => range.end = text.len(),
            _ => tasks_of.push((job, begin..text.len())),
        }
    }
    (text.into(), tasks_of)
}

fn job_in_brief(job: &Job, state: &JobState) -> Value {
    let mut document = fields(documents::job(job, state));
    document.retain(|name, _| !matches!(name.as_str(), "settings" | "metadata"));
    Value::Object(document)
}

fn task_in_brief(task: &Task) -> Value {
    let Progress { task_percentage, command_index, command_percentage } = task.progress;
    json!({
        "_id": task.id,
        "job": task.job,
        "name": task.name,
        "status": task.status.as_str(),
        "activity": task.activity,
        "worker": task.worker,
        "worker_id": task.worker_id,
        "task_progress_percentage": task_percentage,
        "current_command_idx": command_index,
        "command_progress_percentage": command_percentage,
        "last_updated": task.last_updated.to_string(),
    })
}

fn deleted(id: &impl Serialize) -> Value {
    json!({ "_id": id, "deleted": true })
}

/// The fields of a document.
fn fields(document: impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(document) {
        Ok(Value::Object(fields)) => fields,
        // Documents are objects, and all that is in them is JSON.
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: JobId = JobId([1; 12]);
    const B: JobId = JobId([2; 12]);

    fn texts(turn: &Turn, topics: &[Topic], job: Option<JobId>) -> Vec<Bytes> {
        turn.texts_for(&Wanted { topics: topics.to_vec(), job })
    }

    #[test]
    fn everybody_gets_what_they_want_and_of_tasks_those_of_their_job() {
        let tasks = [(A, 1), (A, 2), (B, 3)].map(|(job, id)| ((job, TaskId([id; 12])), None));
        let (jobs, workers) = (Some(vec![(A, None)]), Some(Vec::new()));
        let look = Look::of(Changes { jobs, tasks: Some(tasks.into()), workers });
        let gone = |kind: &str, id: u8| {
            let id = TaskId([id; 12]);
            format!("event: {kind}\ndata: {{\"_id\":\"{id}\",\"deleted\":true}}\n\n")
        };
        assert!(!look.is_too_much);
        let all = texts(&look.turn, &Topic::ALL, None);
        assert_eq!(all, [gone("job", 1), gone("task", 1) + &gone("task", 2) + &gone("task", 3)]);
        let tasks = [Topic::Task];
        assert_eq!(texts(&look.turn, &tasks, Some(A)), [gone("task", 1) + &gone("task", 2)]);
        assert_eq!(texts(&look.turn, &tasks, Some(B)), [gone("task", 3)]);
        assert_eq!(texts(&look.turn, &tasks, Some(JobId([3; 12]))), Vec::<Bytes>::new());
        assert_eq!(texts(&look.turn, &[Topic::Worker, Topic::Farm], None), Vec::<Bytes>::new());
    }

    #[test]
    fn of_what_is_too_much_everybody_is_told_just_that() {
        let look = Look::of(Changes { jobs: Some(Vec::new()), tasks: None, workers: Some(Vec::new()) });
        assert!(look.is_too_much);
        for job in [None, Some(A)] {
            assert_eq!(texts(&look.turn, &Topic::ALL, job), [missed(&[Topic::Task])]);
        }
        assert_eq!(missed(&[Topic::Task]), "event: missed\ndata: {\"topics\":[\"task\"]}\n\n");
    }
}
