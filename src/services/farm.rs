//! The farm as a whole: how much there is of what, which jobs nobody will ever do, and what wants to be looked at.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{
    Disks, Error, MadeBackup, Services,
    server_queue::{ServerQueues, server_queues},
    warnings::{Found, warnings},
};
use crate::{
    domain::{
        assign::Obstacle,
        ids::{JobId, TaskId},
        job::{JobState, JobStatus},
        minute::{Done, Minute},
        numbers::agree,
        task::TaskStatus,
        warning::{Figures, Warning, Warnings, summary},
        worker::{Worker, WorkerStatus},
    },
    store::{ReadTx, ReadyGroup, StoreError},
};

/// The farm as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Farm {
    /// It in one line of words.
    pub summary: String,
    /// What wants to be looked at.
    pub warnings: Warnings,
    /// Jobs by status; a status that no job has is left out. The same goes for the others.
    pub jobs: BTreeMap<&'static str, u64>,
    /// Tasks by status.
    pub tasks: BTreeMap<&'static str, u64>,
    /// Workers by status.
    pub workers: BTreeMap<&'static str, u64>,
    /// What waits for the Server.
    pub queues: ServerQueues,
    /// How long the Manager has been running.
    pub uptime: SignedDuration,
    /// Jobs with tasks that nobody will ever do.
    pub starved_jobs: Vec<StarvedJob>,
    /// How much room there is on the disks.
    pub disks: Disks,
    /// Whether that is too little for new jobs.
    pub is_out_of_room: bool,
    /// The newest of the automatic backups.
    pub newest_backup: Option<MadeBackup>,
}

/// A job with runnable tasks that no registered worker can ever take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarvedJob {
    /// The job.
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// The types of those tasks.
    pub task_types: Vec<String>,
    /// How many such tasks there are.
    pub runnable_tasks: u64,
    /// Why nobody can take them, and so what to do.
    pub reason: String,
}

impl Services {
    /// The farm as a whole; the warnings that others have come first.
    pub fn farm(&self, others: Vec<Warning>) -> Result<Farm, Error> {
        self.store.read(self.now(), |tx| {
            let (jobs, workers, disks) = (tx.job_states()?, tx.workers()?, self.disks());
            let (queues, starved) = (server_queues(tx)?, starved_jobs(tx, &workers)?);
            let condition = self.condition();
            let found = Found {
                disks,
                least_free: self.policy.min_free_space,
                condition: &condition,
                starved: &starved,
                jobs: &jobs,
                workers: &workers,
                queues: &queues,
            };
            let warnings = warnings(tx, others, &found)?;
            let statuses = || jobs.iter().map(|(_, state)| state.status());
            Ok(Farm {
                summary: summary(figures(&jobs, &workers, tx.count_at_work()?), warnings.count()),
                warnings,
                jobs: tally(statuses().map(JobStatus::as_str)),
                tasks: count_tasks(tx)?,
                workers: tally(workers.iter().map(|worker| worker.status.as_str())),
                queues,
                uptime: tx.now().duration_since(self.started),
                starved_jobs: starved,
                disks,
                is_out_of_room: self.room().is_err(),
                newest_backup: condition.newest_backup,
            })
        })
    }

    /// What workers did in each of so many minutes up to now, the oldest first.
    pub fn minutes(&self, count: u64) -> Result<Vec<(Minute, Done)>, Error> {
        self.store.read(self.now(), |tx| Ok(tx.minutes(count)?))
    }

    /// Jobs with runnable tasks that no registered worker can ever take, offline ones included.
    pub fn starved_jobs(&self) -> Result<Vec<StarvedJob>, Error> {
        self.store.read(self.now(), |tx| Ok(starved_jobs(tx, &tx.workers()?)?))
    }
}

fn tally(names: impl Iterator<Item = &'static str>) -> BTreeMap<&'static str, u64> {
    names.fold(BTreeMap::new(), |mut counts, name| {
        *counts.entry(name).or_default() += 1;
        counts
    })
}

fn count_tasks(tx: &ReadTx) -> Result<BTreeMap<&'static str, u64>, StoreError> {
    let counts = TaskStatus::ALL.into_iter().map(|status| Ok((status.as_str(), tx.count_tasks(status)?)));
    counts.filter(|count| !matches!(count, Ok((_, 0)))).collect()
}

fn figures(jobs: &[(JobId, JobState)], workers: &[Worker], rendering: u64) -> Figures {
    use WorkerStatus as W;
    let count_jobs = |counts: fn(JobStatus) -> bool| {
        jobs.iter().filter(|(_, state)| counts(state.status())).count() as u64
    };
    let count_workers =
        |counts: fn(W) -> bool| workers.iter().filter(|worker| counts(worker.status)).count() as u64;
    Figures {
        jobs: count_jobs(|status| !status.has_ended() && status != JobStatus::Paused),
        paused: count_jobs(|status| status == JobStatus::Paused),
        workers: workers.len() as u64,
        present: count_workers(|status| !matches!(status, W::Offline | W::Shutdown | W::Timeout)),
        asleep: count_workers(|status| status == W::Asleep),
        rendering,
    }
}

pub(super) fn starved_jobs(tx: &ReadTx, workers: &[Worker]) -> Result<Vec<StarvedJob>, StoreError> {
    let mut starved: BTreeMap<JobId, StarvedJob> = BTreeMap::new();
    for group in tx.ready_groups()? {
        let Some((tasks, reason)) = starvation(tx, &group, workers)? else { continue };
        let name = tx.job(group.job)?.map(|job| job.name).unwrap_or_default();
        let job = starved.entry(group.job).or_insert_with(|| StarvedJob {
            id: group.job,
            name,
            task_types: Vec::new(),
            runnable_tasks: 0,
            reason: String::new(),
        });
        if !job.reason.is_empty() {
            job.reason.push_str("; ");
        }
        job.reason.push_str(&reason);
        job.task_types.push(group.task_type);
        job.runnable_tasks += tasks;
    }
    Ok(starved.into_values().collect())
}

/// How many tasks of the group nobody can take, and why; nothing if somebody can take each.
fn starvation(
    tx: &ReadTx,
    group: &ReadyGroup,
    workers: &[Worker],
) -> Result<Option<(u64, String)>, StoreError> {
    let ReadyGroup { job, task_type, tasks, reserved_for } = group;
    let Some(state) = tx.job_state(*job)? else { return Ok(None) };
    let (mut capable, mut obstacles) = (Vec::new(), Vec::new());
    for worker in workers.iter().filter(|worker| reserved_for.is_none_or(|owner| owner == worker.id)) {
        match tx.group_obstacles(worker, *job, &state, task_type)?.next() {
            None if !tx.has_failures(worker.id, *job, task_type)? => return Ok(None),
            None => capable.push(worker),
            Some(obstacle) => obstacles.push(obstacle),
        }
    }
    if capable.is_empty() {
        return Ok(Some((*tasks, nobody(task_type, state.worker_tags.names(), workers.len(), &obstacles))));
    }
    let failed = failed_by_all(tx, group, &capable)?;
    Ok((failed > 0).then(|| {
        let were = agree(failed, "was", "were");
        let all = match capable.len() {
            1 => "the only worker".to_owned(),
            workers => format!("all {workers} workers"),
        };
        (failed, format!("{failed} of its {task_type} tasks {were} failed by {all} left for them"))
    }))
}

/// Why nobody can do tasks of this type, going by the first thing that stands in the way of each worker.
fn nobody(task_type: &str, tags: &[String], workers: usize, obstacles: &[Obstacle]) -> String {
    let count = |obstacle| obstacles.iter().filter(|found| **found == obstacle).count();
    let able = |support: &str, have: &str| {
        let tags = match tags {
            [] => String::new(),
            [tag] => format!(" and {have} the tag {tag}"),
            tags => format!(" and {have} one of the tags {}", tags.join(", ")),
        };
        format!("{support} task type {task_type}{tags}")
    };
    match (workers, count(Obstacle::Blacklisted), count(Obstacle::LacksTag)) {
        (0, ..) => "no worker is registered".into(),
        (_, 0, 0) => format!("no registered worker may do tasks of type {task_type}"),
        (_, 0, _) => format!("there are no workers that {}", able("support", "have")),
        (_, 1, _) => format!("the only worker that {} is blacklisted for this job", able("supports", "has")),
        (_, count, _) => {
            format!("all {count} workers that {} are blacklisted for this job", able("support", "have"))
        }
    }
}

/// How many ready tasks of the group every one of the workers has failed.
fn failed_by_all(tx: &ReadTx, group: &ReadyGroup, workers: &[&Worker]) -> Result<u64, StoreError> {
    let ReadyGroup { job, task_type, .. } = group;
    let Some((first, others)) = workers.split_first() else { return Ok(0) };
    let failed_by_others = |task: TaskId| -> Result<bool, StoreError> {
        for other in others {
            if !tx.has_failed(other.id, *job, task_type, task)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let mut count = 0;
    for id in tx.failures(first.id, *job, task_type)? {
        if tx.is_ready(id)? && failed_by_others(id)? {
            count += 1;
        }
    }
    Ok(count)
}
