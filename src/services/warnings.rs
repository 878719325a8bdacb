//! What of the farm wants to be looked at by somebody: gathered here, judged and put into words by `domain::warning`.

use super::{Condition, Disks, Error, StarvedJob, care::last_seen, server_queue::ServerQueues};
use crate::{
    domain::{
        ids::JobId,
        job::{JobState, JobStatus},
        task::TaskStatus,
        warning::{Warning, Warnings, is_recent},
        worker::{Worker, WorkerStatus},
    },
    store::ReadTx,
};

/// What has been found out about the farm.
pub(super) struct Found<'a> {
    pub disks: Disks,
    /// `min_free_space`
    pub least_free: u64,
    pub condition: &'a Condition,
    pub starved: &'a [StarvedJob],
    pub jobs: &'a [(JobId, JobState)],
    pub workers: &'a [Worker],
    pub queues: &'a ServerQueues,
}

/// All warnings there are, behind those that somebody else has.
pub(super) fn warnings(tx: &ReadTx, others: Vec<Warning>, found: &Found) -> Result<Warnings, Error> {
    let Found { disks, least_free, condition, starved, jobs, workers, queues } = found;
    let mut warnings = Warnings::default();
    for warning in others.into_iter().chain(disks.warnings(*least_free)).chain(condition.warnings()) {
        warnings.add(|| Ok::<_, Error>(warning))?;
    }
    for StarvedJob { id, name, runnable_tasks, reason, .. } in *starved {
        warnings.add(|| Ok::<_, Error>(Warning::starved_job(*id, name, *runnable_tasks, reason)))?;
    }
    for (id, state) in jobs.iter().filter(|(_, state)| has_failed_lately(tx, state)) {
        let (failed, total) = (state.tally.count(TaskStatus::Failed), state.tally.total());
        warnings.add(|| {
            let name = tx.job_name(*id)?.unwrap_or_default();
            Ok::<_, Error>(Warning::job_failed(*id, &name, state.updated, failed, total))
        })?;
    }
    for worker in workers.iter().filter(|worker| worker.status == WorkerStatus::Error) {
        warnings.add(|| Ok::<_, Error>(Warning::worker_error(worker.id, &worker.nickname)))?;
    }
    for worker in workers.iter().filter(|worker| worker.status == WorkerStatus::Timeout) {
        warnings.add(|| {
            let last_seen = last_seen(tx, worker)?;
            Ok::<_, Error>(Warning::worker_timeout(worker.id, &worker.nickname, last_seen))
        })?;
    }
    of_blacklist(tx, &mut warnings, workers)?;
    of_queues(tx, &mut warnings, queues)?;
    Ok(warnings)
}

fn has_failed_lately(tx: &ReadTx, state: &JobState) -> bool {
    state.status() == JobStatus::Failed && is_recent(state.updated, tx.now())
}

fn of_blacklist(tx: &ReadTx, warnings: &mut Warnings, workers: &[Worker]) -> Result<(), Error> {
    for entry in tx.blacklist(None)?.into_iter().filter(|entry| is_recent(entry.created, tx.now())) {
        let Some(worker) = workers.iter().find(|worker| worker.id == entry.worker) else { continue };
        warnings.add(|| {
            let name = tx.job_name(entry.job)?.unwrap_or_default();
            let (worker, job) = ((worker.id, worker.nickname.as_str()), (entry.job, name.as_str()));
            Ok::<_, Error>(Warning::blacklisted(worker, job, &entry.task_type, entry.created))
        })?;
    }
    Ok(())
}

fn of_queues(tx: &ReadTx, warnings: &mut Warnings, queues: &ServerQueues) -> Result<(), Error> {
    let aside = queues.last_set_aside.as_ref().map(|aside| {
        Warning::updates_set_aside(queues.set_aside, aside.update.task, aside.at, &aside.reason)
    });
    let old = queues.oldest_update.and_then(|since| Warning::old_queue(queues.updates, since, tx.now()));
    aside.into_iter().chain(old).try_for_each(|warning| warnings.add(|| Ok(warning)))
}
