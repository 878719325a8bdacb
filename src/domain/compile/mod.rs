//! Job compilers: from a job type and its settings to tasks, as Flamenco Server 2.x made them (`server-protocol.md`,
//! section 3). One file a job type; `job_types.rs` describes what each takes, and all checks go by that.

mod blender;
mod blender_render;
mod exec_command;
pub mod frames;
mod job_types;
mod paths;
mod progressive;
mod samples;
mod schema;
mod shell;
mod sleep;
mod video_chunks;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt};

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use self::{frames::FramesError, schema::given};
pub use self::{
    job_types::job_types,
    schema::{DefaultValue, JobType, Kind, Setting},
};

/// The most tasks that a job compiles to.
pub const MAX_TASKS: usize = 200_000;

/// The most bytes that the texts of a job's tasks take: names, and texts in the settings of commands. The longest job
/// with usual paths takes half of it.
pub const MAX_BYTES: usize = 100 << 20;

/// The priority of a task, unless its compiler says otherwise.
const PRIORITY: i32 = 50;

/// What a compiler is given.
#[derive(Debug, Clone)]
pub struct Submission<'a> {
    /// Which compiler.
    pub job_type: &'a str,
    /// What the submitter set.
    pub settings: &'a Map<String, Value>,
    /// When the job came in. Names of files have it.
    pub created: Timestamp,
    /// Where the day in the name of a video is told.
    pub time_zone: &'a TimeZone,
    /// The task types of all workers of the farm: what no worker can do is left out where it can be.
    pub worker_task_types: &'a BTreeSet<String>,
}

/// A task of a job that was compiled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompiledTask {
    /// What people call it. In a progressive render several have the same name.
    pub name: String,
    /// What a worker must support to be given it.
    pub task_type: &'static str,
    /// Importance within the job; higher goes first. Below that, the order of the list does.
    pub priority: i32,
    /// What the worker does, one after the other.
    pub commands: Vec<CompiledCommand>,
    /// The tasks that have to be completed first: indexes into the list, lower than its own.
    pub parents: Vec<usize>,
}

/// A command of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompiledCommand {
    /// Which command.
    pub name: &'static str,
    /// Its settings; variables are not replaced yet.
    pub settings: Map<String, Value>,
}

/// Something about a submission that its submitter must change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Which setting it is about, or `job_type`.
    pub setting: &'static str,
    /// What is wrong with it: the end of a sentence that begins with the setting's name.
    pub message: String,
}

impl Problem {
    fn new(setting: &'static str, message: impl Into<String>) -> Self {
        Self { setting, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.message)
    }
}

/// The tasks of a job, in the order in which they are to be stored; none at all is possible. Or everything that is
/// wrong with its settings, at least one thing.
pub fn compile(submission: &Submission<'_>) -> Result<Vec<CompiledTask>, Vec<Problem>> {
    let Some(job_type) = job_types().iter().find(|job_type| job_type.name == submission.job_type) else {
        return Err(vec![unknown_job_type(submission.job_type)]);
    };
    let problems = job_type.problems(submission.settings);
    if problems.is_empty() {
        let given = Given { submission, settings: job_type.settings };
        (job_type.compile)(&given).map_err(|problem| vec![problem])
    } else {
        Err(problems)
    }
}

fn unknown_job_type(name: &str) -> Problem {
    let known: Vec<_> = job_types().iter().map(|job_type| job_type.name).collect();
    let message = format!("must be one of {}, but is {}", known.join(", "), schema::shown(&name.into()));
    Problem::new("job_type", message)
}

/// A submission whose settings have been checked. What is asked for by the wrong name or type is empty.
struct Given<'a> {
    submission: &'a Submission<'a>,
    settings: &'static [Setting],
}

impl<'a> Given<'a> {
    /// The value of a setting that the job has.
    fn value(&self, name: &str) -> Option<&'a Value> {
        given(self.submission.settings, name)
    }

    fn default(&self, name: &str) -> Option<DefaultValue> {
        self.settings.iter().find(|setting| setting.name == name)?.default
    }

    /// A text, if the job has it or there is a default.
    fn text_if_any(&self, name: &str) -> Option<&'a str> {
        self.value(name).and_then(Value::as_str).or_else(|| match self.default(name) {
            Some(DefaultValue::Text(text)) => Some(text),
            Some(DefaultValue::Boolean(_)) | None => None,
        })
    }

    fn text(&self, name: &str) -> &'a str {
        self.text_if_any(name).unwrap_or_default()
    }

    fn texts(&self, name: &str) -> Vec<&'a str> {
        let items = self.value(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(Value::as_str).collect()
    }

    fn integer(&self, name: &str) -> u32 {
        let integer = self.value(name).and_then(|value| schema::integer(value, true));
        integer.and_then(|integer| u32::try_from(integer).ok()).unwrap_or_default()
    }

    fn boolean(&self, name: &str) -> bool {
        let default = matches!(self.default(name), Some(DefaultValue::Boolean(true)));
        self.value(name).and_then(Value::as_bool).unwrap_or(default)
    }

    fn frames(&self) -> Result<Vec<u32>, Problem> {
        frames::parse(self.text("frames")).map_err(|error| Problem::new("frames", frames_problem(&error)))
    }

    /// How many frames a task renders; 1 or more.
    fn chunk_size(&self) -> usize {
        (self.integer("chunk_size") as usize).max(1)
    }
}

fn frames_problem(error: &FramesError) -> String {
    format!("cannot be read: {error}")
}

/// A task with one command and no parents.
fn task(name: impl Into<String>, task_type: &'static str, command: CompiledCommand) -> CompiledTask {
    CompiledTask {
        name: name.into(),
        task_type,
        priority: PRIORITY,
        commands: vec![command],
        parents: Vec::new(),
    }
}

impl CompiledTask {
    fn after(self, parents: impl Into<Vec<usize>>) -> Self {
        Self { parents: parents.into(), ..self }
    }

    fn with_priority(self, priority: i32) -> Self {
        Self { priority, ..self }
    }

    /// The length of its texts.
    fn bytes(&self) -> usize {
        let values = self.commands.iter().flat_map(|command| command.settings.values());
        self.name.len() + values.filter_map(Value::as_str).map(str::len).sum::<usize>()
    }
}

fn command<const N: usize>(name: &'static str, settings: [(&str, Value); N]) -> CompiledCommand {
    let settings = settings.into_iter().map(|(key, value)| (key.into(), value)).collect();
    CompiledCommand { name, settings }
}

/// The tasks of a job while it is compiled; it does not grow beyond the limits.
#[derive(Default)]
struct TaskList {
    tasks: Vec<CompiledTask>,
    bytes: usize,
}

impl TaskList {
    /// Adds a task and tells its index.
    fn add(&mut self, task: CompiledTask) -> Result<usize, Problem> {
        if self.tasks.len() == MAX_TASKS {
            return Err(too_many_tasks());
        }
        self.bytes += task.bytes();
        if self.bytes > MAX_BYTES {
            let message = format!(
                "would take more than {} MiB as tasks, paths included; render them in several jobs",
                MAX_BYTES >> 20
            );
            return Err(Problem::new("frames", message));
        }
        self.tasks.push(task);
        Ok(self.tasks.len() - 1)
    }
}

fn too_many_tasks() -> Problem {
    let message = format!("is so small that there would be more than {MAX_TASKS} tasks; make it larger");
    Problem::new("chunk_size", message)
}
