//! Whatever is done to the store, in whatever order: its indices agree with its tables, and it chooses the
//! task that a naive search through all tasks would choose.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use jiff::{SignedDuration, Timestamp};
use proptest::{collection::vec, option, prelude::*, sample};

use super::{NOW, block_on, job_id, new_job, new_task, new_worker, task_id, worker_id};
use crate::{
    domain::{
        assign::Scheduling,
        failure::blacklist_counts,
        ids::{JobId, TaskId, WorkerId},
        job::{Job, JobState, JobWish, Tally},
        tags::Tags,
        task::{FailedBy, Task, TaskStatus},
        worker::Worker,
    },
    store::{Store, StoreError, WriteTx},
};

const TYPES: [&str; 3] = ["sleep", "blender-render", "sleepy"];
const TAGS: [&str; 2] = ["cuda", "gpu"];
const JOBS: u8 = 4;
const TASKS: u8 = 12;
const WORKERS: u8 = 3;

/// Something that is done to the farm. Numbers stand for jobs, tasks and workers.
#[derive(Debug, Clone)]
enum Step {
    NewJob {
        job: u8,
        priority: i32,
        depends_on: Vec<u8>,
    },
    JobPriority(u8, i32),
    JobWorkers {
        job: u8,
        most: u32,
        tags: Vec<&'static str>,
    },
    WorkerTags {
        worker: u8,
        tags: Vec<&'static str>,
    },
    Wish(u8, JobWish),
    NewTask {
        task: u8,
        job: u8,
        task_type: &'static str,
        priority: i32,
        parents: Vec<u8>,
        only_for: Option<u8>,
    },
    Status {
        task: u8,
        status: TaskStatus,
        worker: u8,
    },
    Parents {
        task: u8,
        parents: Vec<u8>,
    },
    Priority {
        task: u8,
        priority: i32,
    },
    Failure {
        task: u8,
        worker: u8,
    },
    Blacklist {
        worker: u8,
        job: u8,
        task_type: &'static str,
    },
    Forgive {
        worker: u8,
        job: u8,
        task_type: &'static str,
    },
    DeleteTask(u8),
    DeleteJob(u8),
    DeleteWorker(u8),
    DaysPass(u8),
    Erase,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (job, task, worker) = (|| 0..JOBS, || 0..TASKS, || 0..WORKERS);
    let task_type = || sample::select(&TYPES[..]);
    let status = sample::select(&TaskStatus::ALL[..]);
    // Jobs that run are the rule, or there would be little to choose from.
    let wish = prop_oneof![Just(JobWish::Run), sample::select(&JobWish::ALL[..])];
    let priority = || sample::select(vec![i32::MIN, -1, 0, 50, 51, i32::MAX]);
    let parents = || vec(task(), 0..4);
    let tags = || vec(sample::select(&TAGS[..]), 0..2);
    let step = prop_oneof![
        4 => (job(), priority(), vec(job(), 0..3)).prop_map(
            |(job, priority, depends_on)| Step::NewJob { job, priority, depends_on }
        ),
        1 => (job(), 0..4u32, tags()).prop_map(|(job, most, tags)| Step::JobWorkers { job, most, tags }),
        1 => (worker(), tags()).prop_map(|(worker, tags)| Step::WorkerTags { worker, tags }),
        2 => (job(), priority()).prop_map(|(job, priority)| Step::JobPriority(job, priority)),
        4 => (job(), wish).prop_map(|(job, wish)| Step::Wish(job, wish)),
        8 => (task(), job(), task_type(), priority(), parents(), option::weighted(0.1, worker())).prop_map(
            |(task, job, task_type, priority, parents, only_for)| Step::NewTask {
                task, job, task_type, priority, parents, only_for
            }
        ),
        8 => (task(), status, worker()).prop_map(|(task, status, worker)| Step::Status { task, status, worker }),
        2 => (task(), parents()).prop_map(|(task, parents)| Step::Parents { task, parents }),
        2 => (task(), priority()).prop_map(|(task, priority)| Step::Priority { task, priority }),
        4 => (task(), worker()).prop_map(|(task, worker)| Step::Failure { task, worker }),
        2 => (worker(), job(), task_type()).prop_map(
            |(worker, job, task_type)| Step::Blacklist { worker, job, task_type }
        ),
        1 => (worker(), job(), task_type()).prop_map(
            |(worker, job, task_type)| Step::Forgive { worker, job, task_type }
        ),
        2 => task().prop_map(Step::DeleteTask),
        1 => job().prop_map(Step::DeleteJob),
        1 => worker().prop_map(Step::DeleteWorker),
        1 => (1..9u8).prop_map(Step::DaysPass),
        1 => Just(Step::Erase),
    ];
    vec(step, 1..60)
}

/// What is done to the store.
type Change = Box<dyn FnMut(&mut WriteTx<'_>) -> Result<(), StoreError> + Send>;

fn change(act: impl FnMut(&mut WriteTx<'_>) -> Result<(), StoreError> + Send + 'static) -> Change {
    Box::new(act)
}

/// The farm as plain lists, with no index at all.
struct Model {
    now: Timestamp,
    jobs: BTreeMap<JobId, ModelJob>,
    tasks: BTreeMap<TaskId, Task>,
    workers: BTreeMap<WorkerId, Worker>,
    blacklist: BTreeMap<(WorkerId, JobId, String), Timestamp>,
}

/// A job, as far as it is not how its tasks stand.
struct ModelJob {
    priority: i32,
    wish: JobWish,
    depends_on: Vec<JobId>,
    max_workers: Option<NonZeroU32>,
    worker_tags: Tags,
}

fn named(tags: &[&str]) -> Tags {
    Tags::try_from(tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>()).unwrap()
}

impl Model {
    fn new() -> Self {
        let worker = |number| match number {
            0 => new_worker(number, &["sleep"]),
            1 => new_worker(number, &["blender-render", "sleep"]),
            _ => new_worker(number, &["sleepy", "nothing", "sleep", "blender-render"]),
        };
        let workers = (0..WORKERS).map(|number| (worker_id(number), worker(number)));
        Self {
            now: NOW,
            jobs: BTreeMap::new(),
            tasks: BTreeMap::new(),
            workers: workers.collect(),
            blacklist: BTreeMap::new(),
        }
    }

    /// Does the step here, and says how to do the same to the store; nothing if it is not possible.
    fn take(&mut self, step: &Step) -> Option<Change> {
        match *step {
            Step::NewTask { task, job, task_type, priority, ref parents, only_for } => {
                let task = Task {
                    priority,
                    parents: parents.iter().copied().map(task_id).collect(),
                    only_for: only_for.map(worker_id),
                    ..new_task(task, job, task_type)
                };
                let possible = self.jobs.contains_key(&task.job) && !self.tasks.contains_key(&task.id);
                possible.then(|| {
                    self.tasks.insert(task.id, task.clone());
                    change(move |tx| tx.insert_task(&task, "[]"))
                })
            }
            Step::Status { task, status, worker } => {
                let worker = worker_id(worker);
                let in_hand = status.is_in_hand();
                if in_hand && !self.workers.contains_key(&worker) {
                    return None;
                }
                self.put(task, |task| {
                    task.status = status;
                    if in_hand {
                        task.worker_id = Some(worker);
                    }
                })
            }
            Step::Parents { task, ref parents } => {
                self.put(task, |task| task.parents = parents.iter().copied().map(task_id).collect())
            }
            Step::Priority { task, priority } => self.put(task, |task| task.priority = priority),
            Step::Failure { task, worker } => self.fail(task_id(task), worker_id(worker)),
            Step::Blacklist { worker, job, task_type } => {
                let (worker, job) = (worker_id(worker), job_id(job));
                self.workers.contains_key(&worker).then(|| {
                    self.blacklist.insert((worker, job, task_type.into()), self.now);
                    change(move |tx| tx.put_blacklist(worker, job, task_type))
                })
            }
            Step::Forgive { worker, job, task_type } => {
                let (worker, job) = (worker_id(worker), job_id(job));
                self.blacklist.remove(&(worker, job, task_type.into()));
                Some(change(move |tx| tx.forget_blacklist(worker, job, task_type)))
            }
            ref other => self.take_job(other),
        }
    }

    /// The steps that are about a job as a whole.
    fn take_job(&mut self, step: &Step) -> Option<Change> {
        match *step {
            Step::NewJob { job, priority, ref depends_on } => {
                let on_others = depends_on.iter().filter(|on| **on != job);
                let job = Job { depends_on: on_others.copied().map(job_id).collect(), ..new_job(job) };
                let is_new = !self.jobs.contains_key(&job.id);
                is_new.then(|| {
                    let new = ModelJob {
                        priority,
                        wish: JobWish::Run,
                        depends_on: job.depends_on.clone(),
                        max_workers: None,
                        worker_tags: Tags::default(),
                    };
                    self.jobs.insert(job.id, new);
                    change(move |tx| tx.insert_job(&job, priority))
                })
            }
            Step::JobPriority(job, priority) => {
                let job = job_id(job);
                self.jobs.get_mut(&job)?.priority = priority;
                Some(change(move |tx| tx.set_job_priority(job, priority)))
            }
            Step::JobWorkers { job, most, ref tags } => {
                let (job, max_workers, worker_tags) = (job_id(job), NonZeroU32::new(most), named(tags));
                let own = self.jobs.get_mut(&job)?;
                (own.max_workers, own.worker_tags) = (max_workers, worker_tags.clone());
                Some(change(move |tx| tx.set_job_workers(job, max_workers, worker_tags.clone())))
            }
            Step::WorkerTags { worker, ref tags } => {
                let worker = self.workers.get_mut(&worker_id(worker))?;
                worker.tags = named(tags);
                let worker = worker.clone();
                Some(change(move |tx| tx.put_worker(&worker)))
            }
            Step::Wish(job, wish) => {
                let job = job_id(job);
                self.jobs.get_mut(&job)?.wish = wish;
                Some(change(move |tx| tx.set_job_wish(job, wish)))
            }
            ref other => self.take_away(other),
        }
    }

    fn take_away(&mut self, step: &Step) -> Option<Change> {
        match *step {
            Step::DeleteTask(task) => {
                let task = task_id(task);
                self.tasks.remove(&task);
                Some(change(move |tx| tx.delete_task(task)))
            }
            Step::DeleteJob(job) => {
                let job = job_id(job);
                let empty = self.tasks.values().all(|task| task.job != job);
                empty.then(|| {
                    self.jobs.remove(&job);
                    change(move |tx| tx.delete_job(job))
                })
            }
            Step::DeleteWorker(worker) => {
                let worker = worker_id(worker);
                let idle = |task: &Task| !task.status.is_in_hand() || task.worker_id != Some(worker);
                self.tasks.values().all(idle).then(|| {
                    self.workers.remove(&worker);
                    self.blacklist.retain(|(blacklisted, ..), _| *blacklisted != worker);
                    change(move |tx| tx.delete_worker(worker))
                })
            }
            Step::DaysPass(days) => {
                self.now += SignedDuration::from_hours(24 * i64::from(days));
                None
            }
            _ => {
                self.jobs.clear();
                self.tasks.clear();
                self.blacklist.clear();
                Some(change(|tx| tx.erase_tasks().map(drop)))
            }
        }
    }

    fn put(&mut self, task: u8, edit: impl FnOnce(&mut Task)) -> Option<Change> {
        let task = self.tasks.get_mut(&task_id(task))?;
        edit(task);
        let task = task.clone();
        Some(change(move |tx| tx.put_task(&task)))
    }

    fn fail(&mut self, task: TaskId, worker: WorkerId) -> Option<Change> {
        let task = self.tasks.get_mut(&task).filter(|_| self.workers.contains_key(&worker))?;
        if task.failed_by.iter().all(|by| by.id != worker) {
            task.failed_by.push(FailedBy { id: worker, identifier: String::new() });
        }
        let task = task.clone();
        Some(change(move |tx| {
            tx.put_task(&task)?;
            tx.put_failure(worker, task.job, &task.task_type, task.id)
        }))
    }

    /// How a job stands, counted from the start.
    fn state(&self, id: JobId) -> JobState {
        let mut tally = Tally::default();
        for task in self.tasks.values().filter(|task| task.job == id) {
            tally.add(task.status, self.is_ready(task), 1);
        }
        JobState { tally, wish: self.jobs[&id].wish, ..JobState::default() }
    }

    /// May it run, going by what is wanted of it and by the jobs that it depends on?
    fn may_run(&self, id: JobId) -> bool {
        let ModelJob { wish, depends_on, .. } = &self.jobs[&id];
        let is_done = |on: &JobId| !self.jobs.contains_key(on) || !self.state(*on).blocks_dependents();
        *wish == JobWish::Run && depends_on.iter().all(is_done)
    }

    /// `interface.md`, section 3, "Choosing a task", word by word; and what is new about jobs.
    fn choose(&self, worker: &Worker, scheduling: Scheduling) -> Option<TaskId> {
        let in_hand = |job: JobId| {
            self.tasks.values().filter(|task| task.job == job && task.status.is_in_hand()).count()
        };
        let may_have = |task: &&Task| {
            let listed = self.blacklist.get(&(worker.id, task.job, task.task_type.clone()));
            let ModelJob { max_workers, worker_tags, .. } = &self.jobs[&task.job];
            let tags = worker_tags.names();
            worker.supported_task_types.contains(&task.task_type)
                && self.is_ready(task)
                && self.may_run(task.job)
                && max_workers.is_none_or(|most| in_hand(task.job) < most.get() as usize)
                && (tags.is_empty() || tags.iter().any(|tag| worker.tags.names().contains(tag)))
                && !listed.is_some_and(|created| blacklist_counts(*created, self.now))
                && !task.failed_by.iter().any(|by| by.id == worker.id)
                && task.only_for.is_none_or(|only| only == worker.id)
        };
        let importance = |task: &&Task| {
            let share = if scheduling == Scheduling::Fair { in_hand(task.job) } else { 0 };
            (Reverse(self.jobs[&task.job].priority), share, Reverse(task.priority), task.id)
        };
        self.tasks.values().filter(may_have).min_by_key(importance).map(|task| task.id)
    }

    fn is_ready(&self, task: &Task) -> bool {
        let is_done =
            |parent| self.tasks.get(parent).is_none_or(|parent| parent.status == TaskStatus::Completed);
        task.status.is_schedulable() && task.parents.iter().all(is_done)
    }

    /// The store says what this model says, and does not contradict itself.
    fn compare(&self, store: &Store) -> Result<(), TestCaseError> {
        store
            .read(self.now, |tx| {
                let says = |name: &str, holds: bool| {
                    if holds { Ok(()) } else { Err(StoreError::Corrupt(name.into())) }
                };
                let contradictions = tx.contradictions()?;
                says(&contradictions.join("; "), contradictions.is_empty())?;
                for worker in self.workers.values() {
                    for scheduling in [Scheduling::Fifo, Scheduling::Fair] {
                        let naive = self.choose(worker, scheduling);
                        let chosen = tx.choose_task(worker, scheduling)?;
                        let text =
                            format!("{chosen:?} instead of {naive:?} for {:?}, {scheduling:?}", worker.id);
                        says(&text, chosen == naive)?;
                    }
                }
                for number in 0..TASKS {
                    let id = task_id(number);
                    says("another task", tx.task(id)?.as_ref() == self.tasks.get(&id))?;
                    let ready = self.tasks.get(&id).is_some_and(|task| self.is_ready(task));
                    says("ready or not", tx.is_ready(id)? == ready)?;
                }
                for status in TaskStatus::ALL {
                    let naive = self.tasks.values().filter(|task| task.status == status).count();
                    says("the count", tx.count_tasks(status)? == naive as u64)?;
                }
                let groups: BTreeSet<_> = self
                    .tasks
                    .values()
                    .filter(|task| self.is_ready(task) && self.may_run(task.job))
                    .map(|task| (task.job, task.task_type.clone()))
                    .collect();
                let there =
                    tx.ready_groups()?.into_iter().map(|group| (group.job, group.task_type)).collect();
                says("the groups", groups == there)
            })
            .map_err(|error| TestCaseError::fail(error.to_string()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_indices_are_true_after_any_sequence_of_changes(steps in steps()) {
        let mut model = Model::new();
        let store = Store::in_memory().unwrap();
        let workers: Vec<_> = model.workers.values().cloned().collect();
        super::change(&store, move |tx| workers.iter().try_for_each(|worker| tx.insert_worker(worker))).unwrap();
        block_on(async {
            for step in &steps {
                if let Some(act) = model.take(step) {
                    store.write(model.now, act).await.map_err(|error| TestCaseError::fail(format!("{step:?}: {error}")))?;
                }
            }
            Ok::<_, TestCaseError>(())
        })?;
        model.compare(&store)?;
    }
}
