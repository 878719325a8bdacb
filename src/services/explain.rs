//! Why is this not running? What stands in the way of a job, a task or a worker, by the rules by which tasks are handed
//! out.

use std::cmp::Reverse;

use jiff::{Timestamp, tz::TimeZone};

use super::{Error, Services, known_worker, listing::known_job};
use crate::{
    domain::{
        assign::{holds, limit_obstacle, task_obstacle},
        explain::{Condition, of_hold, of_worker},
        ids::{JobId, TaskId, WorkerId},
        job::{Job, JobState, JobStatus},
        sleep::Wish,
        task::{Task, TaskStatus},
        worker::Worker,
    },
    store::{ReadTx, StoreError},
};

/// As many jobs are told of to whoever asks about a worker.
const JOBS: usize = 100;

/// As many reasons why no worker can take something are in a sentence.
const WHYS: usize = 3;

/// Why a job is as it is.
#[derive(Debug)]
pub struct JobExplained {
    /// The job.
    pub job: Job,
    /// How it stands.
    pub state: JobState,
    /// What stands in the way whoever asks for a task.
    pub conditions: Vec<Condition>,
    /// Its tasks that could be handed out, if nothing else stood in the way: how many by type, and to whom.
    pub ready: Vec<(String, u64, Takers)>,
}

/// Why a task is as it is.
#[derive(Debug)]
pub struct TaskExplained {
    /// The task.
    pub task: Task,
    /// What stands in the way whoever asks for a task.
    pub conditions: Vec<Condition>,
    /// To whom it could be handed out.
    pub takers: Takers,
}

/// Why a worker does what it does.
#[derive(Debug)]
pub struct WorkerExplained {
    /// The worker.
    pub worker: Worker,
    /// What keeps it from being given any task.
    pub conditions: Vec<Condition>,
    /// What it would be given if it asked now and nothing of that kept it from it.
    pub next: Option<TaskId>,
    /// Jobs with tasks that could be handed out, the most important first, and what keeps the worker from them.
    pub jobs: Vec<JobForWorker>,
}

/// Tasks of one type of a job, as a worker sees them.
#[derive(Debug)]
pub struct JobForWorker {
    /// The job.
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// The type of the tasks.
    pub task_type: String,
    /// How many there are that could be handed out.
    pub ready: u64,
    /// What keeps the worker from them.
    pub conditions: Vec<Condition>,
}

/// Which workers could take something.
#[derive(Debug, Default)]
pub struct Takers {
    /// How many could: they get it when they ask, one after the other, as soon as nothing else stands in the way.
    pub able: usize,
    /// Of so many.
    pub of: usize,
    /// What stands between it and the others, with their IDs and nicknames. One of them may be kept from it by several
    /// conditions.
    pub kept: Vec<(Condition, Vec<(WorkerId, String)>)>,
}

/// A worker, with what keeps it from being given any task.
struct Staff {
    worker: Worker,
    conditions: Vec<Condition>,
}

/// What workers are asked about: whether they could take it.
#[derive(Clone, Copy)]
struct Sought {
    job: JobId,
    /// This task of it, or any.
    task: Option<TaskId>,
    /// Is it handed out just now? If not, it says nothing that workers get something else.
    is_handed_out: bool,
}

impl Services {
    /// Why a job is running, or is not.
    pub fn explain_job(&self, id: JobId, time_zone: &TimeZone) -> Result<JobExplained, Error> {
        self.store.read(self.now(), |tx| {
            let (job, state) = known_job(tx, id)?;
            let conditions = of_job(tx, &job, &state)?;
            let staff = self.staff(tx, time_zone)?;
            let mut ready = Vec::new();
            let sought = Sought { job: id, task: None, is_handed_out: conditions.iter().all(is_about_tasks) };
            for (task_type, tasks) in tx.ready_of_job(id)? {
                let kept_by = |worker: &Worker| of_group(tx, worker, id, &state, &task_type);
                let takers = self.takers(tx, &staff, sought, kept_by)?;
                ready.push((task_type, tasks, takers));
            }
            Ok(JobExplained { job, state, conditions, ready })
        })
    }

    /// Why a task is running, or is not.
    pub fn explain_task(&self, id: TaskId, time_zone: &TimeZone) -> Result<TaskExplained, Error> {
        self.store.read(self.now(), |tx| {
            let task = tx.task(id)?.ok_or(Error::UnknownTask(id))?;
            let (job, state) = known_job(tx, task.job)?;
            let mut conditions = of_task(tx, &task)?;
            let of_job = of_job(tx, &job, &state)?.into_iter();
            conditions.extend(of_job.filter(|condition| !is_about_tasks(condition)));
            let staff = self.staff(tx, time_zone)?;
            let sought = Sought { job: task.job, task: Some(id), is_handed_out: conditions.is_empty() };
            let takers = self.takers(tx, &staff, sought, |worker| {
                let groupwise = tx.group_obstacles(worker, task.job, &state, &task.task_type)?;
                let reserved = task.only_for.is_some_and(|owner| owner != worker.id);
                let failed = tx.has_failed(worker.id, task.job, &task.task_type, id)?;
                Ok(groupwise.chain(task_obstacle(reserved, failed)).map(Condition::from).collect())
            })?;
            Ok(TaskExplained { task, conditions, takers })
        })
    }

    /// Why a worker has something to do, or has not.
    pub fn explain_worker(&self, id: WorkerId, time_zone: &TimeZone) -> Result<WorkerExplained, Error> {
        self.store.read(self.now(), |tx| {
            let Staff { worker, conditions } = self.staff_member(tx, known_worker(tx, id)?, time_zone)?;
            let next = tx.choose_task(&worker, self.policy.scheduling)?;
            let mut groups = Vec::new();
            for group in tx.ready_groups()? {
                let priority = tx.job_state(group.job)?.map(|state| state.priority);
                groups.push((Reverse(priority), group));
            }
            groups.sort_by_key(|(priority, group)| (*priority, group.job));
            groups.truncate(JOBS);
            let mut jobs = Vec::new();
            for (_, group) in groups {
                let (job, state) = known_job(tx, group.job)?;
                let mut conditions = of_group(tx, &worker, job.id, &state, &group.task_type)?;
                conditions.extend(limit_obstacle(&state).map(Condition::from));
                let (id, name) = (job.id, job.name);
                jobs.push(JobForWorker {
                    id,
                    name,
                    task_type: group.task_type,
                    ready: group.tasks,
                    conditions,
                });
            }
            Ok(WorkerExplained { worker, conditions, next, jobs })
        })
    }

    fn staff(&self, tx: &ReadTx, time_zone: &TimeZone) -> Result<Vec<Staff>, Error> {
        tx.workers()?.into_iter().map(|worker| self.staff_member(tx, worker, time_zone)).collect()
    }

    fn staff_member(&self, tx: &ReadTx, worker: Worker, time_zone: &TimeZone) -> Result<Staff, Error> {
        let is_busy = !tx.in_hand_of(worker.id)?.is_empty();
        let conditions = of_worker(&worker, is_busy, sleeps_until(&worker, self.now(), time_zone));
        Ok(Staff { worker, conditions })
    }

    /// Who could take what is sought. A worker that nothing keeps from it may still get something else first.
    fn takers(
        &self,
        tx: &ReadTx,
        staff: &[Staff],
        sought: Sought,
        kept_by: impl Fn(&Worker) -> Result<Vec<Condition>, StoreError>,
    ) -> Result<Takers, StoreError> {
        let mut takers = Takers { of: staff.len(), ..Takers::default() };
        for Staff { worker, conditions } in staff {
            let mut conditions = [kept_by(worker)?, conditions.clone()].concat();
            if conditions.is_empty() && sought.is_handed_out {
                let next = tx.choose_task(worker, self.policy.scheduling)?;
                let next = next.map(|next| tx.task(next)).transpose()?.flatten();
                conditions.extend(next.and_then(|next| something_else(&next, sought)));
            }
            if conditions.is_empty() {
                takers.able += 1;
            }
            for condition in conditions {
                takers.keep(condition, worker);
            }
        }
        Ok(takers)
    }
}

/// What a worker gets first, if that is not what is sought.
fn something_else(next: &Task, sought: Sought) -> Option<Condition> {
    if next.job != sought.job {
        return Some(Condition::OtherJobFirst(next.job));
    }
    sought.task.filter(|task| *task != next.id).map(|_| Condition::OtherTaskFirst)
}

/// Is it about some of a job's tasks, and not about all of the job?
fn is_about_tasks(condition: &Condition) -> bool {
    matches!(condition, Condition::TasksWaitForTasks(_) | Condition::HeldByServer(_))
}

impl Takers {
    fn keep(&mut self, condition: Condition, worker: &Worker) {
        let name = (worker.id, worker.nickname.clone());
        match self.kept.iter_mut().find(|(kept_by, _)| *kept_by == condition) {
            Some((_, workers)) => workers.push(name),
            None => self.kept.push((condition, vec![name])),
        }
    }
}

impl JobExplained {
    /// The answer in a sentence.
    pub fn answer(&self) -> String {
        let in_hand = self.state.tally.in_hand();
        let running = (in_hand > 0).then(|| format!("workers have {in_hand} of its tasks"));
        let some_are_ready = !self.ready.is_empty();
        let mut conditions = self.conditions.iter();
        let first = conditions.find(|condition| !(some_are_ready && is_about_tasks(condition)));
        let takers: Vec<&Takers> = self.ready.iter().map(|(.., takers)| takers).collect();
        answer(running, first, &takers)
    }
}

impl TaskExplained {
    /// The answer in a sentence.
    pub fn answer(&self) -> String {
        answer(None, self.conditions.first(), &[&self.takers])
    }
}

impl WorkerExplained {
    /// The answer in a sentence.
    pub fn answer(&self) -> String {
        match (self.conditions.first(), self.next) {
            (Some(condition), _) => format!("it {condition}"),
            (None, Some(task)) => format!("it gets task {task} when it asks"),
            (None, None) if self.jobs.is_empty() => "there is nothing to do for anybody just now".into(),
            (None, None) => "there are tasks to be done, and something keeps it from each of them".into(),
        }
    }
}

fn answer(running: Option<String>, first: Option<&Condition>, takers: &[&Takers]) -> String {
    let in_the_way = first.map(ToString::to_string).or_else(|| nobody(takers));
    match (running, in_the_way) {
        (Some(running), None) => running,
        (Some(running), Some(why)) => format!("{running}; nothing else is handed out: {why}"),
        (None, Some(why)) => why,
        (None, None) => {
            let able = takers.iter().map(|takers| takers.able).max().unwrap_or_default();
            format!("nothing stands in the way; workers who get it when they ask: {able}")
        }
    }
}

/// Why no worker can take anything, going by what stands in the way of most; nothing if one can.
fn nobody(takers: &[&Takers]) -> Option<String> {
    if takers.iter().any(|takers| takers.able > 0) {
        return None;
    }
    let first = takers.first()?;
    if first.of == 0 {
        return Some(Condition::NoWorkers.to_string());
    }
    let mut kept: Vec<_> = first.kept.iter().collect();
    kept.sort_by_key(|(_, workers)| Reverse(workers.len()));
    let why = kept.iter().take(WHYS).map(|(condition, workers)| match workers.as_slice() {
        [(_, nickname)] => format!("{nickname} {condition}"),
        workers => format!("each of {} workers {condition}", workers.len()),
    });
    Some(format!("no worker can take it now: {}", why.collect::<Vec<_>>().join(", ")))
}

/// When the worker's sleep schedule wakes it, if it is in its window.
fn sleeps_until(worker: &Worker, now: Timestamp, time_zone: &TimeZone) -> Option<Timestamp> {
    let schedule = &worker.sleep_schedule;
    let asleep = schedule.active() && schedule.wish_at(now, time_zone) == Some(Wish::Asleep);
    asleep.then(|| schedule.next_boundary(now, time_zone)).flatten()
}

/// What keeps all tasks of a job from being handed out.
fn of_job(tx: &ReadTx, job: &Job, state: &JobState) -> Result<Vec<Condition>, Error> {
    let status = state.status();
    if status.has_ended() {
        return Ok(vec![Condition::Ended(status)]);
    }
    let mut waits_for: Vec<(String, JobId, JobStatus)> = Vec::new();
    for id in tx.unfinished_jobs(&job.depends_on)? {
        let (other, state) = known_job(tx, id)?;
        waits_for.push((other.name, id, state.status()));
    }
    let mut conditions: Vec<_> = holds(state).map(|hold| of_hold(hold, &waits_for)).collect();
    conditions.extend(limit_obstacle(state).map(Condition::from));
    let held = state.tally.count(TaskStatus::Paused);
    let waiting = state.tally.waiting().saturating_sub(state.tally.ready + held);
    conditions.extend((waiting > 0).then_some(Condition::TasksWaitForTasks(waiting)));
    conditions.extend((held > 0).then_some(Condition::HeldByServer(held)));
    Ok(conditions)
}

/// What keeps a task from being handed out, apart from its job.
fn of_task(tx: &ReadTx, task: &Task) -> Result<Vec<Condition>, StoreError> {
    let mut conditions = Vec::new();
    if !task.status.is_schedulable() {
        conditions.push(Condition::Status(task.status));
    }
    let mut parents = Vec::new();
    for parent in &task.parents {
        let parent = tx.task(*parent)?.filter(|parent| parent.status != TaskStatus::Completed);
        parents.extend(parent.map(|parent| (parent.name, parent.status)));
    }
    if !parents.is_empty() {
        conditions.push(Condition::Parents(parents));
    }
    Ok(conditions)
}

/// What keeps a worker from all ready tasks of one type of a job.
fn of_group(
    tx: &ReadTx,
    worker: &Worker,
    job: JobId,
    state: &JobState,
    task_type: &str,
) -> Result<Vec<Condition>, StoreError> {
    let mut conditions: Vec<_> =
        tx.group_obstacles(worker, job, state, task_type)?.map(Condition::from).collect();
    if conditions.is_empty() && tx.first_ready(worker.id, job, task_type)?.is_none() {
        let has_failed = tx.has_failures(worker.id, job, task_type)?;
        conditions.push(if has_failed { Condition::FailedBefore } else { Condition::ReservedForAnother });
    }
    Ok(conditions)
}
