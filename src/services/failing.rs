//! A worker has failed a task: the facts are gathered, judged by `domain::failure`, and the verdict is
//! carried out.

use super::{
    Error,
    server_news::{News, ServerNews},
};
use crate::{
    domain::{
        failure::{FailureFacts, FailurePolicy, judge},
        ids::JobId,
        job::{JobWish, MANAGER_LOCAL},
        task::{FailedBy, Task, TaskEvent, TaskStatus},
        worker::Worker,
    },
    store::{StoreError, WriteTx},
};

/// Records that `worker` failed `task` and says what happened to the task, which is not yet kept.
pub(super) fn fail(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    policy: FailurePolicy,
    task: &mut Task,
    worker: &Worker,
) -> Result<(), Error> {
    if !task.failed_by.iter().any(|by| by.id == worker.id) {
        task.failed_by.push(FailedBy { id: worker.id, identifier: worker.identifier() });
    }
    tx.put_failure(worker.id, task.job, &task.task_type, task.id)?;
    let facts = FailureFacts {
        failed_by: task.failed_by.len() as u64,
        failures_of_worker: tx.failures(worker.id, task.job, &task.task_type)?.len() as u64,
        others_left: somebody_may_try(tx, task)?,
    };
    let verdict = judge(facts, policy);
    let event = if verdict.retry { TaskEvent::FailedSoftly } else { TaskEvent::FailedHard };
    task.status = task.status.after(event)?;
    if verdict.blacklist_worker && !tx.is_blacklisted(worker.id, task.job, &task.task_type)? {
        blacklist(tx, news, task, worker)?;
    }
    Ok(())
}

/// Does something by which tasks of a job may fail for good, and stops the job if they have become too many. It is
/// judged by new failures only: of old ones somebody knows who has requeued a task.
pub(super) fn judging_job<T>(
    tx: &mut WriteTx<'_>,
    percentage: u32,
    job: JobId,
    act: impl FnOnce(&mut WriteTx<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let failed = |tx: &WriteTx<'_>| {
        let state = tx.job_state(job)?;
        Ok::<_, Error>(state.map_or(0, |state| state.tally.count(TaskStatus::Failed)))
    };
    let before = failed(tx)?;
    let done = act(tx)?;
    if failed(tx)? > before {
        judge_job(tx, percentage, job)?;
    }
    Ok(done)
}

/// Have too many tasks of the job failed? What a Flamenco Server's job comes to is decided there.
fn judge_job(tx: &mut WriteTx<'_>, percentage: u32, id: JobId) -> Result<(), StoreError> {
    if tx.job(id)?.is_none_or(|job| job.of_server || job.job_type == MANAGER_LOCAL) {
        return Ok(());
    }
    let Some(state) = tx.job_state(id)? else { return Ok(()) };
    let goes_on = matches!(state.wish, JobWish::Run | JobWish::Pause);
    if goes_on && state.has_failed_by(percentage) {
        let (failed, total) = (state.tally.count(TaskStatus::Failed), state.tally.total());
        tracing::warn!(job = %id, failed, total, "too many tasks of a job have failed; the rest of it is canceled");
        tx.set_job_wish(id, JobWish::Fail)?;
    }
    Ok(())
}

fn somebody_may_try(tx: &WriteTx<'_>, task: &Task) -> Result<bool, StoreError> {
    if task.only_for.is_some() {
        return Ok(false);
    }
    somebody_is_trusted(tx, task.job, &task.task_type, &task.failed_by)
}

/// The worker gets no more tasks of this type of this job. If that leaves nobody, what it failed softly
/// before has failed for good.
fn blacklist(tx: &mut WriteTx<'_>, news: &ServerNews, task: &Task, worker: &Worker) -> Result<(), Error> {
    tracing::warn!(
        worker = worker.identifier(),
        job = %task.job,
        task_type = task.task_type,
        "a worker failed too many tasks of a kind and is blacklisted for it"
    );
    tx.put_blacklist(worker.id, task.job, &task.task_type)?;
    if somebody_is_trusted(tx, task.job, &task.task_type, &[])? {
        return Ok(());
    }
    for other in tx.failures(worker.id, task.job, &task.task_type)? {
        // The task that is being judged is not kept yet, and has its own verdict.
        let soft =
            tx.task(other)?.filter(|other| other.status == TaskStatus::SoftFailed && other.id != task.id);
        if let Some(other) = soft {
            fail_for_good(tx, news, other, worker)?;
        }
    }
    Ok(())
}

/// May any worker that has not failed the task itself be given tasks of this type of this job?
fn somebody_is_trusted(
    tx: &WriteTx<'_>,
    job: JobId,
    task_type: &str,
    failed_by: &[FailedBy],
) -> Result<bool, StoreError> {
    let Some(state) = tx.job_state(job)? else { return Ok(false) };
    for worker in tx.workers_in_turn()? {
        let worker = worker?;
        if !failed_by.iter().any(|by| by.id == worker.id)
            && tx.group_obstacles(&worker, job, &state, task_type)?.next().is_none()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn fail_for_good(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    mut task: Task,
    blacklisted: &Worker,
) -> Result<(), Error> {
    task.status = task.status.after(TaskEvent::FailedHard)?;
    task.activity =
        format!("Manager hard-failed task after blacklisting worker {}", blacklisted.identifier());
    task.last_updated = tx.now();
    tx.put_task(&task)?;
    let (status, activity, worker) = (Some(task.status), task.activity.clone(), task.worker.clone());
    Ok(news.tell(tx, &task, News { status, activity, worker, ..News::default() })?)
}
