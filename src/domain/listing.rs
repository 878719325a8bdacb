//! Which entries of a list somebody gets to see, and in which order. How they are cut into pages is `paging`.

use jiff::Timestamp;

use super::{
    ids::{JobId, TaskId, WorkerId},
    job::{Job, JobState, JobStatus},
    paging::{Key, Window},
    task::{Task, TaskStatus},
    worker::{Worker, WorkerStatus},
};

/// One of a few things that have names.
pub trait Choice: Copy + 'static {
    /// All there are.
    const ALL: &'static [Self];

    /// Its name, as people write it.
    fn name(self) -> &'static str;
}

/// The one with this name. The error says which there are.
fn choose<C: Choice>(what: &str, name: &str) -> Result<C, String> {
    let found = C::ALL.iter().copied().find(|choice| choice.name() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = C::ALL.iter().map(|choice| choice.name()).collect();
        format!("{what}={name}: use {}", names.join(", "))
    })
}

macro_rules! choices {
    ($($choice:ty { $($variant:ident => $name:expr,)* })*) => {
        $(impl Choice for $choice {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        })*
    };
}

choices! {
    JobSort {
        Created => "created",
        Updated => "updated",
        Priority => "priority",
        Name => "name",
        Status => "status",
    }
    TaskSort {
        Id => "id",
        Priority => "priority",
        Name => "name",
        Status => "status",
        Updated => "updated",
    }
    WorkerSort {
        Nickname => "nickname",
        Status => "status",
        LastActivity => "last_activity",
    }
}

macro_rules! statuses {
    ($($status:ty),*) => {
        $(impl Choice for $status {
            const ALL: &'static [Self] = &<$status>::ALL;

            fn name(self) -> &'static str {
                self.as_str()
            }
        })*
    };
}

statuses!(JobStatus, TaskStatus, WorkerStatus);

/// What a list of jobs goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSort {
    /// When it came in: the order of the IDs.
    Created,
    /// When one of its tasks last changed status.
    Updated,
    /// Its importance.
    Priority,
    /// What people call it.
    Name,
    /// How it stands, by the letter.
    Status,
}

impl JobSort {
    /// What a job is compared by.
    pub fn key(self, job: &Job, state: &JobState) -> Key {
        match self {
            Self::Created => Key::IdAlone,
            Self::Updated => Key::time(state.updated),
            Self::Priority => Key::Number(state.priority.into()),
            Self::Name => Key::Text(job.name.clone()),
            Self::Status => Key::Text(state.status().as_str().to_owned()),
        }
    }
}

/// What a list of tasks goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskSort {
    /// The order in which they were submitted.
    Id,
    /// Its importance within the job.
    Priority,
    /// What people call it.
    Name,
    /// Where it stands, by the letter.
    Status,
    /// When anything about it last changed.
    Updated,
}

impl TaskSort {
    /// What a task is compared by.
    pub fn key(self, task: &Task) -> Key {
        match self {
            Self::Id => Key::IdAlone,
            Self::Priority => Key::Number(task.priority.into()),
            Self::Name => Key::Text(task.name.clone()),
            Self::Status => Key::Text(task.status.as_str().to_owned()),
            Self::Updated => Key::time(task.last_updated),
        }
    }
}

/// What a list of workers goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerSort {
    /// What people call it.
    Nickname,
    /// What it does, by the letter.
    Status,
    /// When it was last heard of.
    LastActivity,
}

impl WorkerSort {
    /// What a worker is compared by.
    pub fn key(self, worker: &Worker, last_activity: Timestamp) -> Key {
        match self {
            Self::Nickname => Key::Text(worker.nickname.clone()),
            Self::Status => Key::Text(worker.status.as_str().to_owned()),
            Self::LastActivity => Key::time(last_activity),
        }
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order<C> {
    /// What it goes by; equals go by their IDs.
    pub by: C,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Default for Order<JobSort> {
    /// The newest first.
    fn default() -> Self {
        Self { by: JobSort::Created, descending: true }
    }
}

impl Default for Order<TaskSort> {
    fn default() -> Self {
        Self { by: TaskSort::Id, descending: false }
    }
}

impl Default for Order<WorkerSort> {
    fn default() -> Self {
        Self { by: WorkerSort::Nickname, descending: false }
    }
}

impl<C: Choice> Order<C> {
    /// Reads `name`, or `-name` for the largest first.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        Ok(Self { by: choose("sort", name)?, descending })
    }
}

/// What somebody wants to see of a list; all of it, if nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter<S> {
    /// In one of these statuses.
    statuses: Vec<S>,
    /// Of one of these types.
    types: Vec<String>,
    /// With this in its name, ID or the like; in lower case.
    text: String,
}

impl<S: Choice + PartialEq> Filter<S> {
    /// Reads `status`, `type` and `text`; the first two are lists with commas.
    pub fn parse(statuses: &str, types: &str, text: &str) -> Result<Self, String> {
        let statuses = words(statuses).map(|name| choose("status", name)).collect::<Result<_, _>>()?;
        let types = words(types).map(str::to_owned).collect();
        Ok(Self { statuses, types, text: text.to_lowercase() })
    }

    /// Does it let everything through?
    pub fn is_open(&self) -> bool {
        self.statuses.is_empty() && self.types.is_empty() && self.text.is_empty()
    }

    fn admits(&self, status: S, types: &[String], texts: impl FnOnce() -> Vec<String>) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&status))
            && (self.types.is_empty() || types.iter().any(|of| self.types.contains(of)))
            && (self.text.is_empty() || texts().iter().any(|text| text.to_lowercase().contains(&self.text)))
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}

impl Filter<JobStatus> {
    /// Is this job to be seen?
    pub fn admits_job(&self, job: &Job, state: &JobState) -> bool {
        self.admits(state.status(), std::slice::from_ref(&job.job_type), || {
            vec![job.name.clone(), job.id.to_string()]
        })
    }
}

impl Filter<TaskStatus> {
    /// Is this task to be seen?
    pub fn admits_task(&self, task: &Task) -> bool {
        self.admits(task.status, std::slice::from_ref(&task.task_type), || {
            vec![task.name.clone(), task.id.to_string()]
        })
    }
}

impl Filter<WorkerStatus> {
    /// Is this worker to be seen? Its types are the task types that it supports.
    pub fn admits_worker(&self, worker: &Worker) -> bool {
        self.admits(worker.status, &worker.supported_task_types, || {
            vec![worker.nickname.clone(), worker.address.clone(), worker.id.to_string()]
        })
    }
}

/// What is wanted of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<S, C, I> {
    /// Which entries.
    pub filter: Filter<S>,
    /// In which order.
    pub order: Order<C>,
    /// Which of them.
    pub window: Window<I>,
}

/// What is wanted of the list of jobs.
pub type JobQuery = Query<JobStatus, JobSort, JobId>;
/// What is wanted of the list of a job's tasks.
pub type TaskQuery = Query<TaskStatus, TaskSort, TaskId>;
/// What is wanted of the list of workers.
pub type WorkerQuery = Query<WorkerStatus, WorkerSort, WorkerId>;

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(statuses: &str, types: &str, text: &str) -> Filter<TaskStatus> {
        Filter::parse(statuses, types, text).unwrap()
    }

    fn admits(filter: &Filter<TaskStatus>, status: TaskStatus, kind: &str, texts: &[&str]) -> bool {
        filter.admits(status, &[kind.to_owned()], || texts.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_filter_of_nothing_lets_everything_through() {
        for nothing in [filter("", "", ""), filter(",", " , ", "")] {
            assert!(nothing.is_open());
            assert!(admits(&nothing, TaskStatus::Failed, "sleep", &[]));
        }
    }

    #[test]
    fn what_is_let_through_meets_every_condition_in_one_of_its_values() {
        let both = filter("failed, active", "sleep,blender-render", "SHOT");
        assert!(!both.is_open());
        assert!(admits(&both, TaskStatus::Failed, "sleep", &["x", "my Shot 1"]));
        assert!(admits(&both, TaskStatus::Active, "blender-render", &["shot"]));
        assert!(!admits(&both, TaskStatus::Queued, "sleep", &["shot"]));
        assert!(!admits(&both, TaskStatus::Failed, "slee", &["shot"]));
        assert!(!admits(&both, TaskStatus::Failed, "sleep", &["sho", "t"]));
        assert!(admits(&filter("", "", "É"), TaskStatus::Failed, "x", &["é"]));
    }

    #[test]
    fn an_unknown_status_or_order_is_refused_with_all_that_there_are() {
        let error = Filter::<JobStatus>::parse("active,done", "", "").unwrap_err();
        assert_eq!(
            error,
            "status=done: use queued, active, completed, failed, canceled, paused, cancel-requested"
        );
        let error = Order::<WorkerSort>::parse("-name").unwrap_err();
        assert_eq!(error, "sort=name: use nickname, status, last_activity");
    }

    #[test]
    fn an_order_is_read_with_its_direction() {
        assert_eq!(Order::parse("name"), Ok(Order { by: JobSort::Name, descending: false }));
        assert_eq!(Order::parse("-created"), Ok(Order::<JobSort>::default()));
    }
}
