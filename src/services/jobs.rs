//! Jobs come in: settings from which tasks are compiled, or a ready-made list of tasks. A job is checked whole, and then
//! appears whole.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    num::NonZeroU32,
};

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Error, MaxWorkers, Services,
    submissions::{earlier_job, remember},
};
use crate::domain::{
    compile::{CompiledTask, Submission, compile},
    idempotency::Claim,
    ids::{JobId, TaskId},
    job::{Job, JobWish, MANAGER_LOCAL},
    tags::Tags,
    task::{Progress, Task, TaskStatus},
    variables::KnownPaths,
};

/// How large a submission may be.
pub mod limits {
    /// Tasks of a job.
    pub const TASKS: usize = 200_000;
    /// Commands of a task.
    pub const COMMANDS: usize = 1_000;
    /// Parents of a task.
    pub const PARENTS: usize = 10_000;
    /// Parents of all tasks of a job together: all are written at once, and everybody else waits meanwhile.
    pub const ALL_PARENTS: usize = 300_000;
    /// Jobs that a job waits for.
    pub const DEPENDENCIES: usize = 1_000;
    /// Bytes of the metadata, as JSON.
    pub const METADATA: usize = 1 << 20;
    /// Characters of a name of a job or a task.
    pub const NAME: usize = 1_000;
    /// Characters of a job type, a task type or the name of a command.
    pub const WORD: usize = 100;
}

/// The priority of a job or a task that names none.
const DEFAULT_PRIORITY: i32 = 50;

/// A job as it is submitted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// What people call it.
    pub name: String,
    /// Importance among jobs; higher goes first.
    #[serde(default = "default_priority")]
    pub priority: i32,
    /// What kind of job it is.
    #[serde(default = "custom")]
    pub job_type: String,
    /// What its tasks are made from, by the compiler of its type.
    #[serde(default)]
    pub settings: Option<Map<String, Value>>,
    /// Whatever the submitter wants to keep with it.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Whether it waits until somebody resumes it.
    #[serde(default)]
    pub start_paused: bool,
    /// The jobs that have to be completed first.
    #[serde(default)]
    pub depends_on: Vec<JobId>,
    /// How many workers may be at it at a time.
    #[serde(default)]
    pub max_workers: MaxWorkers,
    /// Only workers with one of these tags may do it; none: any worker.
    #[serde(default)]
    pub worker_tags: Tags,
    /// Its tasks, if they are ready-made; those that are equal otherwise are handed out in this order.
    #[serde(default)]
    pub tasks: Option<Vec<NewTask>>,
    /// The platform on whose paths it was made, in the words of the configuration's variables: `linux`, `windows`, …
    #[serde(default)]
    pub submitter_platform: Option<String>,
}

/// A task as it is submitted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// What people call it; unique within the job.
    pub name: String,
    /// What a worker must support to be given it.
    pub task_type: String,
    /// Importance within the job; higher goes first.
    #[serde(default = "default_priority")]
    pub priority: i32,
    /// What the worker does, one after the other.
    pub commands: Vec<NewCommand>,
    /// Names of other tasks of this job that have to be completed first.
    #[serde(default)]
    pub parents: Vec<String>,
}

/// A command as it is submitted.
#[derive(Debug, Clone, Deserialize, JsonSchema, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct NewCommand {
    /// Which command.
    pub name: String,
    /// Its settings.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

fn default_priority() -> i32 {
    DEFAULT_PRIORITY
}

fn custom() -> String {
    "custom".into()
}

/// A job that was checked, with its tasks, and is not taken in yet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The job; nobody but this plan knows its ID.
    pub job: Job,
    /// Its importance among jobs.
    pub priority: i32,
    /// Whether it waits until somebody resumes it.
    pub start_paused: bool,
    /// How many workers may be at it at a time.
    pub max_workers: Option<NonZeroU32>,
    /// Only workers with one of these tags may do it; none: any worker.
    pub worker_tags: Tags,
    /// Its tasks.
    pub tasks: Vec<PlannedTask>,
}

/// A task of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTask {
    /// What people call it.
    pub name: String,
    /// What a worker must support to be given it.
    pub task_type: String,
    /// Importance within the job.
    pub priority: i32,
    /// The commands, as JSON text.
    pub commands: String,
    /// The tasks that have to be completed first: places in the list.
    pub parents: Vec<usize>,
}

impl Services {
    /// Checks a submission and makes its tasks, if they are to be made from settings. Paths that two-way variables stand
    /// for become these first. Nothing is kept. A large job takes a second or two.
    pub fn plan_job(&self, new: NewJob, time_zone: &TimeZone) -> Result<Plan, Error> {
        check_job(&new).map_err(Error::Refused)?;
        self.check_dependencies(&new.depends_on)?;
        let now = self.now();
        let paths = self.policy.variables.known_paths(new.submitter_platform.as_deref());
        let NewJob { name, priority, job_type, settings, metadata, start_paused, depends_on, .. } = new;
        let (settings, tasks) = match (settings, new.tasks) {
            (Some(settings), None) => {
                let settings = paths.to_variables(settings);
                let tasks = self.compile(&job_type, &settings, now, time_zone)?;
                (settings, tasks)
            }
            (None, Some(tasks)) => (Map::new(), ready_made(tasks, &paths).map_err(Error::Refused)?),
            (Some(_), Some(_)) | (None, None) => {
                let why = "a job has either settings, from which its tasks are made, or a list of tasks";
                return Err(Error::Refused(why.to_owned()));
            }
        };
        let id = JobId(self.identities.next(now));
        let (settings, metadata) = (Value::Object(settings).to_string(), Value::Object(metadata).to_string());
        let job = Job { id, name, job_type, settings, metadata, created: now, of_server: false, depends_on };
        let (MaxWorkers(max_workers), worker_tags) = (new.max_workers, new.worker_tags);
        Ok(Plan { job, priority, start_paused, max_workers, worker_tags, tasks })
    }

    /// A job that is forgotten before this one is taken in counts as completed, so that it need not be looked for again.
    fn check_dependencies(&self, depends_on: &[JobId]) -> Result<(), Error> {
        if depends_on.len() > limits::DEPENDENCIES {
            let count = depends_on.len();
            let most = limits::DEPENDENCIES;
            return Err(Error::Refused(format!("depends_on names {count} jobs; at most {most} are allowed")));
        }
        let mut seen = HashSet::new();
        self.store.read(self.now(), |tx| {
            for job in depends_on {
                if !seen.insert(job) {
                    return Err(Error::Refused(format!("depends_on names job {job} twice")));
                }
                match tx.job_state(*job)? {
                    Some(state) if state.wish == JobWish::Delete => {
                        let why = format!("depends_on names job {job}, which is being deleted");
                        return Err(Error::Refused(why));
                    }
                    Some(_) => {}
                    None => {
                        return Err(Error::Refused(format!(
                            "depends_on names job {job}, which is not known"
                        )));
                    }
                }
            }
            Ok(())
        })
    }

    fn compile(
        &self,
        job_type: &str,
        settings: &Map<String, Value>,
        created: Timestamp,
        time_zone: &TimeZone,
    ) -> Result<Vec<PlannedTask>, Error> {
        let (_, worker_task_types) = self.workers_in_brief()?;
        let submission =
            Submission { job_type, settings, created, time_zone, worker_task_types: &worker_task_types };
        let tasks = compile(&submission).map_err(Error::BadSettings)?;
        tasks
            .into_iter()
            .map(|CompiledTask { name, task_type, priority, commands, parents }| {
                let commands = serde_json::to_string(&commands)
                    .map_err(|error| Error::Refused(format!("task {name:?}: {error}")))?;
                Ok(PlannedTask { name, task_type: task_type.to_owned(), priority, commands, parents })
            })
            .collect()
    }

    /// Takes in a job: it and all its tasks appear in one transaction, or nothing does. If the same submission came
    /// before, by its `claim`, nothing happens and the ID is that of the job which was made then. Without room on the disks
    /// it is refused.
    pub async fn submit(&self, plan: Plan, claim: Option<Claim>) -> Result<JobId, Error> {
        let Plan { job, priority, start_paused, max_workers, worker_tags, tasks } = plan;
        let now = self.now();
        let (id, title, count) = (job.id, job.name.clone(), tasks.len());
        let ids: Vec<_> = tasks.iter().map(|_| TaskId(self.identities.next(now))).collect();
        let new_task = |(planned, task): (PlannedTask, &TaskId)| {
            let PlannedTask { name, task_type, priority, commands, parents } = planned;
            let task = Task {
                id: *task,
                job: id,
                name,
                status: TaskStatus::Queued,
                priority,
                task_type,
                parents: parents.into_iter().map(|place| ids[place]).collect(),
                activity: String::new(),
                worker: String::new(),
                worker_id: None,
                failed_by: Vec::new(),
                last_worker_ping: None,
                started: None,
                last_updated: now,
                progress: Progress::default(),
                timing: BTreeMap::new(),
                only_for: None,
                etag: None,
            };
            (task, commands)
        };
        let tasks: Vec<_> = tasks.into_iter().zip(&ids).map(new_task).collect();
        let room = self.room();
        let taken = self
            .store
            .write(now, move |tx| {
                let earlier = claim.as_ref().map(|claim| earlier_job(tx, claim)).transpose()?.flatten();
                if let Some(earlier) = earlier {
                    return Ok(earlier);
                }
                room.clone()?;
                if let Some(claim) = &claim {
                    remember(tx, claim, id)?;
                }
                tx.insert_job(&job, priority)?;
                tx.set_job_workers(id, max_workers, worker_tags.clone())?;
                if start_paused {
                    tx.set_job_wish(id, JobWish::Pause)?;
                }
                tasks.iter().try_for_each(|(task, commands)| tx.insert_task(task, commands))?;
                Ok::<_, Error>(id)
            })
            .await?;
        if taken == id {
            tracing::info!(job = %id, name = title, tasks = count, "a job came in");
        }
        Ok(taken)
    }
}

/// Checks what all submissions have.
fn check_job(job: &NewJob) -> Result<(), String> {
    check_text("the name of the job", &job.name, limits::NAME)?;
    check_text("job_type", &job.job_type, limits::WORD)?;
    if job.job_type == MANAGER_LOCAL {
        return Err(format!("job_type {MANAGER_LOCAL:?} is kept for the Manager's own test renders"));
    }
    if let Some(platform) = &job.submitter_platform {
        check_text("submitter_platform", platform, limits::WORD)?;
    }
    let metadata = serde_json::to_string(&job.metadata).map_or(usize::MAX, |text| text.len());
    if metadata > limits::METADATA {
        return Err(format!("metadata has {metadata} bytes; at most {} are allowed", limits::METADATA));
    }
    Ok(())
}

/// Checks a list of tasks, and puts variables for paths.
fn ready_made(tasks: Vec<NewTask>, paths: &KnownPaths<'_>) -> Result<Vec<PlannedTask>, String> {
    let parents = check_tasks(&tasks)?;
    tasks
        .into_iter()
        .zip(parents)
        .map(|(task, parents)| {
            let NewTask { name, task_type, priority, mut commands, parents: _ } = task;
            for command in &mut commands {
                command.settings = paths.to_variables(std::mem::take(&mut command.settings));
            }
            let commands =
                serde_json::to_string(&commands).map_err(|error| format!("task {name:?}: {error}"))?;
            Ok(PlannedTask { name, task_type, priority, commands, parents })
        })
        .collect()
}

/// Checks tasks, and returns for each the places of its parents in the list.
fn check_tasks(tasks: &[NewTask]) -> Result<Vec<Vec<usize>>, String> {
    check_count("the job", "tasks", tasks.len(), limits::TASKS)?;
    let links: usize = tasks.iter().map(|task| task.parents.len()).sum();
    if links > limits::ALL_PARENTS {
        return Err(format!(
            "its tasks have {links} parents in all; at most {} are allowed: let many tasks wait for one that does \
             nothing and waits for all their parents",
            limits::ALL_PARENTS
        ));
    }
    let mut places = HashMap::with_capacity(tasks.len());
    for (place, task) in tasks.iter().enumerate() {
        check_task(task).map_err(|why| format!("task {place} ({:?}): {why}", task.name))?;
        if let Some(first) = places.insert(task.name.as_str(), place) {
            return Err(format!("tasks {first} and {place} have the same name {:?}", task.name));
        }
    }
    let parents = tasks.iter().map(|task| find_parents(task, &places)).collect::<Result<Vec<_>, _>>()?;
    match find_cycle(&parents) {
        Some(place) => Err(format!("task {:?} waits for itself, by way of its parents", tasks[place].name)),
        None => Ok(parents),
    }
}

fn check_task(task: &NewTask) -> Result<(), String> {
    check_text("its name", &task.name, limits::NAME)?;
    check_text("task_type", &task.task_type, limits::WORD)?;
    check_count("it", "commands", task.commands.len(), limits::COMMANDS)?;
    if task.parents.len() > limits::PARENTS {
        return Err(format!(
            "it has {} parents; at most {} are allowed",
            task.parents.len(),
            limits::PARENTS
        ));
    }
    task.commands
        .iter()
        .try_for_each(|command| check_text("the name of a command", &command.name, limits::WORD))
}

fn check_text(what: &str, text: &str, limit: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} holds a control character: {text:?}"));
    }
    match text.chars().count() {
        length if length > limit => {
            Err(format!("{what} has {length} characters; at most {limit} are allowed"))
        }
        _ => Ok(()),
    }
}

fn check_count(whose: &str, what: &str, count: usize, limit: usize) -> Result<(), String> {
    match count {
        0 => Err(format!("{whose} has no {what}")),
        count if count > limit => Err(format!("{whose} has {count} {what}; at most {limit} are allowed")),
        _ => Ok(()),
    }
}

fn find_parents(task: &NewTask, places: &HashMap<&str, usize>) -> Result<Vec<usize>, String> {
    let mut found = Vec::with_capacity(task.parents.len());
    let mut seen = HashSet::with_capacity(task.parents.len());
    for parent in &task.parents {
        let place = places.get(parent.as_str());
        let place = place.ok_or_else(|| format!("task {:?} has an unknown parent {parent:?}", task.name))?;
        if !seen.insert(*place) {
            return Err(format!("task {:?} names its parent {parent:?} twice", task.name));
        }
        found.push(*place);
    }
    Ok(found)
}

/// The place of a task that waits for itself, if one does: what is left after all tasks that can be done, in
/// whatever order, are done.
fn find_cycle(parents: &[Vec<usize>]) -> Option<usize> {
    let mut children = vec![Vec::new(); parents.len()];
    for (child, parents) in parents.iter().enumerate() {
        for parent in parents {
            children[*parent].push(child);
        }
    }
    let mut waits_for: Vec<usize> = parents.iter().map(Vec::len).collect();
    let mut can_be_done: VecDeque<usize> =
        (0..parents.len()).filter(|place| waits_for[*place] == 0).collect();
    while let Some(done) = can_be_done.pop_front() {
        for child in &children[done] {
            waits_for[*child] -= 1;
            if waits_for[*child] == 0 {
                can_be_done.push_back(*child);
            }
        }
    }
    let stuck = |place: &usize| waits_for[*place] > 0;
    // From any that is stuck, going back to a parent that is stuck ends in the cycle itself.
    let mut place = (0..parents.len()).find(stuck)?;
    for _ in 0..parents.len() {
        place = parents[place].iter().copied().find(stuck).unwrap_or(place);
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(tasks: &Value) -> NewJob {
        serde_json::from_value(json!({"name": "shot", "tasks": tasks})).unwrap()
    }

    fn task(name: &str, parents: &[&str]) -> Value {
        json!({"name": name, "task_type": "sleep", "commands": [{"name": "echo"}], "parents": parents})
    }

    fn check(job: &NewJob) -> Result<Vec<Vec<usize>>, String> {
        check_job(job)?;
        check_tasks(job.tasks.as_deref().unwrap_or_default())
    }

    fn refusal(job: &NewJob) -> String {
        check(job).unwrap_err()
    }

    #[test]
    fn parents_are_found_wherever_they_stand_in_the_list() {
        let job = job(&json!([task("last", &["a", "b"]), task("a", &[]), task("b", &["a"])]));
        assert_eq!(check(&job), Ok(vec![vec![1, 2], vec![], vec![1]]));
    }

    #[test]
    fn what_is_missing_is_given_its_default() {
        let job = job(&json!([task("a", &[])]));
        assert_eq!(
            (job.priority, job.job_type.as_str(), job.tasks.as_ref().unwrap()[0].priority),
            (50, "custom", 50)
        );
    }

    #[test]
    fn a_job_without_tasks_and_a_task_without_commands_are_refused() {
        assert_eq!(refusal(&job(&json!([]))), "the job has no tasks");
        let idle = json!([{"name": "a", "task_type": "sleep", "commands": []}]);
        assert_eq!(refusal(&job(&idle)), "task 0 (\"a\"): it has no commands");
    }

    #[test]
    fn names_are_unique_and_parents_known() {
        let twins = job(&json!([task("a", &[]), task("b", &[]), task("a", &[])]));
        assert_eq!(refusal(&twins), "tasks 0 and 2 have the same name \"a\"");
        assert_eq!(refusal(&job(&json!([task("a", &["x"])]))), "task \"a\" has an unknown parent \"x\"");
    }

    #[test]
    fn a_cycle_is_refused_and_a_task_in_it_named() {
        assert_eq!(
            refusal(&job(&json!([task("a", &["a"])]))),
            "task \"a\" waits for itself, by way of its parents"
        );
        let cycle = job(&json!([task("behind", &["a"]), task("a", &["b"]), task("b", &["a"])]));
        assert!(["a", "b"].iter().any(|name| refusal(&cycle).contains(&format!("task \"{name}\" waits"))));
    }

    #[test]
    fn absurd_names_are_refused() {
        let mut long = job(&json!([task("a", &[])]));
        long.name = "x".repeat(1001);
        assert_eq!(refusal(&long), "the name of the job has 1001 characters; at most 1000 are allowed");
        let odd = job(&json!([task("a\u{0}", &[])]));
        assert!(refusal(&odd).contains("control character"));
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let mut large = job(&json!([task("a", &[])]));
        large.metadata.insert("x".into(), Value::String("x".repeat(limits::METADATA)));
        assert!(refusal(&large).starts_with("metadata has 1048"), "{}", refusal(&large));

        let names: Vec<_> = (0..5_000).map(|place| place.to_string()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut tasks: Vec<_> = names.iter().map(|name| task(name, &[])).collect();
        tasks.extend((0..61).map(|place| task(&format!("behind {place}"), &names)));
        let tangled = refusal(&job(&Value::Array(tasks)));
        assert!(tangled.starts_with("its tasks have 305000 parents in all"), "{tangled}");
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let misspelt = json!({"name": "shot", "tasks": [], "prority": 7});
        let error = serde_json::from_value::<NewJob>(misspelt).unwrap_err().to_string();
        assert!(error.contains("prority") && error.contains("priority"), "{error}");
    }
}
