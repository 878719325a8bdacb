//! Why something is not running.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{
        explain::Condition,
        ids::{JobId, TaskId, WorkerId},
        job::JobStatus,
        task::TaskStatus,
        worker::WorkerStatus,
    },
    services::{JobExplained, JobForWorker, Takers, TaskExplained, WorkerExplained},
};

/// As many workers are named of those that the same thing stands in the way of.
const NAMED: usize = 20;

/// Why a job is running, or is not.
#[derive(Serialize, JsonSchema)]
pub struct JobExplanation<'a> {
    _id: JobId,
    /// The answer in a sentence.
    answer: String,
    /// What stands in the way whoever asks for a task.
    conditions: Vec<ConditionDocument>,
    /// What people call it.
    name: &'a str,
    /// Its tasks that could be handed out, if nothing else stood in the way, by type.
    ready: Vec<ReadyTasks<'a>>,
    status: JobStatus,
}

/// Why a task is running, or is not.
#[derive(Serialize, JsonSchema)]
pub struct TaskExplanation<'a> {
    _id: TaskId,
    /// The answer in a sentence.
    answer: String,
    /// What stands in the way whoever asks for a task.
    conditions: Vec<ConditionDocument>,
    job: JobId,
    /// What people call it.
    name: &'a str,
    status: TaskStatus,
    workers: TakersDocument<'a>,
}

/// Why a worker has something to do, or has not.
#[derive(Serialize, JsonSchema)]
pub struct WorkerExplanation<'a> {
    _id: WorkerId,
    /// The answer in a sentence.
    answer: String,
    /// What keeps it from being given any task.
    conditions: Vec<ConditionDocument>,
    /// Jobs with tasks that could be handed out, the most important first, a hundred at the most.
    jobs: Vec<JobOfWorker<'a>>,
    /// The task that it would be given now if no condition kept it from it.
    next_task: Option<TaskId>,
    /// What people call it.
    nickname: &'a str,
    status: WorkerStatus,
}

/// One condition that stands in the way.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Condition")]
struct ConditionDocument {
    /// What programs know it by.
    code: &'static str,
    /// What it is, and what to do.
    message: String,
}

/// Tasks of one type that could be handed out.
#[derive(Serialize, JsonSchema)]
struct ReadyTasks<'a> {
    task_type: &'a str,
    /// How many there are.
    tasks: u64,
    workers: TakersDocument<'a>,
}

/// Which workers could take something.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Takers")]
struct TakersDocument<'a> {
    /// How many get it when they ask, one after the other, as soon as nothing else stands in the way.
    able: usize,
    /// What stands between it and the others.
    conditions: Vec<WorkersCondition<'a>>,
    /// How many workers there are.
    total: usize,
}

/// One condition that stands between something and some workers.
#[derive(Serialize, JsonSchema)]
struct WorkersCondition<'a> {
    /// What programs know it by.
    code: &'static str,
    /// How many workers it keeps from it.
    count: usize,
    /// What it is, and what to do: a sentence of which the worker is the subject.
    message: String,
    /// Some of them.
    workers: Vec<WorkerName<'a>>,
}

/// Which worker.
#[derive(Serialize, JsonSchema)]
struct WorkerName<'a> {
    _id: WorkerId,
    nickname: &'a str,
}

/// Tasks of one type of a job, as a worker sees them.
#[derive(Serialize, JsonSchema)]
struct JobOfWorker<'a> {
    _id: JobId,
    /// What keeps the worker from them: sentences of which the worker is the subject.
    conditions: Vec<ConditionDocument>,
    /// What people call the job.
    name: &'a str,
    task_type: &'a str,
    /// How many there are that could be handed out.
    tasks: u64,
}

/// Why a job is running, or is not.
pub fn job_explanation(explained: &JobExplained) -> JobExplanation<'_> {
    let JobExplained { job, state, conditions: in_the_way, ready } = explained;
    let ready = ready.iter().map(|(task_type, tasks, of)| ReadyTasks {
        task_type,
        tasks: *tasks,
        workers: takers(of),
    });
    JobExplanation {
        _id: job.id,
        answer: explained.answer(),
        conditions: conditions(in_the_way),
        name: &job.name,
        ready: ready.collect(),
        status: state.status(),
    }
}

/// Why a task is running, or is not.
pub fn task_explanation(explained: &TaskExplained) -> TaskExplanation<'_> {
    let TaskExplained { task, conditions: in_the_way, takers: of } = explained;
    TaskExplanation {
        _id: task.id,
        answer: explained.answer(),
        conditions: conditions(in_the_way),
        job: task.job,
        name: &task.name,
        status: task.status,
        workers: takers(of),
    }
}

/// Why a worker has something to do, or has not.
pub fn worker_explanation(explained: &WorkerExplained) -> WorkerExplanation<'_> {
    let WorkerExplained { worker, conditions: in_the_way, next, jobs } = explained;
    WorkerExplanation {
        _id: worker.id,
        answer: explained.answer(),
        conditions: conditions(in_the_way),
        jobs: jobs.iter().map(job_of_worker).collect(),
        next_task: *next,
        nickname: &worker.nickname,
        status: worker.status,
    }
}

fn job_of_worker(job: &JobForWorker) -> JobOfWorker<'_> {
    let JobForWorker { id, name, task_type, ready, conditions: in_the_way } = job;
    JobOfWorker { _id: *id, conditions: conditions(in_the_way), name, task_type, tasks: *ready }
}

fn conditions(conditions: &[Condition]) -> Vec<ConditionDocument> {
    let document =
        |condition: &Condition| ConditionDocument { code: condition.code(), message: condition.to_string() };
    conditions.iter().map(document).collect()
}

fn takers(takers: &Takers) -> TakersDocument<'_> {
    let Takers { able, of, kept } = takers;
    let conditions = kept.iter().map(|(condition, workers)| WorkersCondition {
        code: condition.code(),
        count: workers.len(),
        message: condition.to_string(),
        workers: workers.iter().take(NAMED).map(|(id, nickname)| WorkerName { _id: *id, nickname }).collect(),
    });
    TakersDocument { able: *able, conditions: conditions.collect(), total: *of }
}
