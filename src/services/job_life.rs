//! What people do with jobs after they were submitted: cancel, pause, resume, requeue, delete.
//!
//! What is wanted of a job is kept first, in one step, however many tasks it has; unless it is to run, none of them is
//! handed out from then on. Then the tasks follow, a bounded group at a time, so that workers are served meanwhile. If that
//! is cut off, by a crash for instance, [`Services::go_on_with_jobs`] takes it up again.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use super::{Error, Services};
use crate::{
    domain::{
        ids::{JobId, TaskId},
        job::{JobAction, JobState, JobWish},
        task::{Progress, Task, TaskEvent, TaskStatus},
    },
    store::{StoreError, WriteTx},
};

/// As many tasks are changed in one transaction.
const STEP: usize = 1000;

/// In so many turns it is looked for jobs whose tasks have yet to follow. In the first of them what is being written may
/// not be there yet.
const TURNS: u8 = 2;

impl Services {
    /// Does something with a job, to the end: when this returns its tasks have followed.
    pub async fn act_on_job(&self, id: JobId, action: JobAction) -> Result<(), Error> {
        let wish = self
            .store
            .write(self.now(), move |tx| {
                let wish = known_own_job(tx, id)?.after(action)?;
                tx.set_job_wish(id, wish)?;
                Ok::<_, Error>(wish)
            })
            .await?;
        tracing::info!(job = %id, %action, "somebody acted on a job");
        self.follow(id, wish).await
    }

    /// Lets a task be done again, and all that come behind it. Those that workers have in hand go on.
    pub async fn requeue_task(&self, id: TaskId) -> Result<(), Error> {
        self.store
            .write(self.now(), move |tx| {
                let task = tx.task(id)?.ok_or(Error::UnknownTask(id))?;
                let state = known_own_job(tx, task.job)?;
                task.status.after(TaskEvent::Requeued)?;
                // The others would be left behind.
                if state.has_tasks_to_follow() {
                    return Err(Error::Unfinished(task.job));
                }
                for behind in with_successors(tx, id)? {
                    if let Some(task) = tx.task(behind)? {
                        requeue(tx, task)?;
                    }
                }
                if state.wish != JobWish::Pause || state.status().has_ended() {
                    tx.set_job_wish(task.job, JobWish::Run)?;
                }
                Ok(())
            })
            .await
    }

    /// Goes on with what was begun with jobs and cut off, and stops jobs of which too many tasks have failed.
    pub async fn go_on_with_jobs(&self) -> Result<(), Error> {
        let one_less = |turns: u8| turns.checked_sub(1);
        if self.turns_for_jobs.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            return Ok(());
        }
        let gone_on = self.follow_all().await;
        if gone_on.is_err() {
            self.look_after_jobs();
        }
        gone_on
    }

    /// There may be jobs, now or as soon as what is being written is there, whose tasks have yet to follow.
    pub(super) fn look_after_jobs(&self) {
        self.turns_for_jobs.store(TURNS, Ordering::Relaxed);
    }

    /// A job that cannot go on holds up no other; the last error is returned.
    async fn follow_all(&self) -> Result<(), Error> {
        let mut all = Ok(());
        for (id, wish) in self.store.read(self.now(), |tx| Ok::<_, Error>(tx.jobs_to_follow()?))? {
            if let Err(error) = self.follow(id, wish).await {
                all = Err(error);
            }
        }
        all
    }

    /// Lets the tasks of a job follow what is wanted of it.
    pub(super) async fn follow(&self, id: JobId, wish: JobWish) -> Result<(), Error> {
        if wish.of_tasks().is_none() {
            return Ok(());
        }
        // Should it be cut off.
        self.look_after_jobs();
        let mut after = None;
        loop {
            let tasks = self.store.read(self.now(), |tx| Ok::<_, Error>(tx.ids_of_job(id, after, STEP)?))?;
            let Some(last) = tasks.last().copied() else { break };
            after = Some(last);
            let still = self
                .store
                .write(self.now(), move |tx| {
                    // Somebody may want something else by now.
                    if tx.job_state(id)?.is_none_or(|state| state.wish != wish) {
                        return Ok(false);
                    }
                    tasks.iter().try_for_each(|task| change_task(tx, *task, wish))?;
                    Ok::<_, Error>(true)
                })
                .await?;
            if !still {
                return Ok(());
            }
        }
        match wish {
            JobWish::Requeue | JobWish::RequeueFailed => self.let_run(id, wish).await,
            JobWish::Delete => self.forget_job(id).await,
            JobWish::Run | JobWish::Pause | JobWish::Cancel | JobWish::Fail => Ok(()),
        }
    }

    /// All tasks that are to be done again can be handed out now, and to everybody: what workers were blacklisted for
    /// may have been the job's own fault.
    async fn let_run(&self, id: JobId, wish: JobWish) -> Result<(), Error> {
        self.store
            .write(self.now(), move |tx| {
                if tx.job_state(id)?.is_some_and(|state| state.wish == wish) {
                    forget_blacklist_of(tx, id)?;
                    tx.set_job_wish(id, JobWish::Run)?;
                }
                Ok(())
            })
            .await
    }

    /// Forgets a job that has no tasks any more. Its logs go first: if that is cut off the job is still there to tell.
    async fn forget_job(&self, id: JobId) -> Result<(), Error> {
        self.logs.settle().await;
        let logs = Arc::clone(self.logs.logs());
        let removed = tokio::task::spawn_blocking(move || logs.remove_job(id)).await;
        removed.map_err(|_| Error::Panicked)??;
        self.forget_picture_of(id).await;
        self.store
            .write(self.now(), move |tx| {
                let empty = |state: &JobState| state.wish == JobWish::Delete && state.tally.total() == 0;
                if tx.job_state(id)?.as_ref().is_some_and(empty) {
                    forget_blacklist_of(tx, id)?;
                    tx.delete_job(id)?;
                }
                Ok(())
            })
            .await
    }
}

/// The state of a job that nobody but this Manager decides about.
pub(super) fn known_own_job(tx: &WriteTx<'_>, id: JobId) -> Result<JobState, Error> {
    if tx.job(id)?.ok_or(Error::UnknownJob(id))?.of_server {
        return Err(Error::OfServer(id));
    }
    let state = tx.job_state(id)?;
    Ok(state.ok_or_else(|| StoreError::Corrupt(format!("job {id} has no state")))?)
}

fn forget_blacklist_of(tx: &mut WriteTx<'_>, job: JobId) -> Result<(), StoreError> {
    let entries = tx.blacklist(None)?;
    let mut of_job = entries.iter().filter(|entry| entry.job == job);
    of_job.try_for_each(|entry| tx.forget_blacklist(entry.worker, job, &entry.task_type))
}

fn change_task(tx: &mut WriteTx<'_>, id: TaskId, wish: JobWish) -> Result<(), Error> {
    let Some(task) = tx.task(id)? else { return Ok(()) };
    match wish {
        JobWish::Run | JobWish::Pause => Ok(()),
        JobWish::Cancel => cancel(tx, task, "The job was canceled"),
        JobWish::Fail => cancel(tx, task, "Too many tasks of the job have failed"),
        JobWish::Delete => Ok(tx.delete_task(id)?),
        JobWish::RequeueFailed if task.status == TaskStatus::Completed => Ok(()),
        JobWish::Requeue | JobWish::RequeueFailed => requeue(tx, task),
    }
}

/// Cancels a task if it can be.
fn cancel(tx: &mut WriteTx<'_>, mut task: Task, why: &str) -> Result<(), Error> {
    let Ok(status) = task.status.after(TaskEvent::CancelAsked) else { return Ok(()) };
    task.status = status;
    why.clone_into(&mut task.activity);
    task.last_updated = tx.now();
    Ok(tx.put_task(&task)?)
}

/// Requeues a task if it can be: as if nobody had ever tried it.
fn requeue(tx: &mut WriteTx<'_>, mut task: Task) -> Result<(), Error> {
    let Ok(status) = task.status.after(TaskEvent::Requeued) else { return Ok(()) };
    if status.is_schedulable() {
        let failed = task.clone();
        task.failed_by.clear();
        tx.replace_failures(Some(&failed), &task)?;
        task.progress = Progress::default();
        task.timing.clear();
    }
    task.status = status;
    "Requeued".clone_into(&mut task.activity);
    task.last_updated = tx.now();
    Ok(tx.put_task(&task)?)
}

/// A task and all that wait for it, directly or by way of others.
fn with_successors(tx: &WriteTx<'_>, id: TaskId) -> Result<BTreeSet<TaskId>, StoreError> {
    let mut found = BTreeSet::from([id]);
    let mut to_look_at = vec![id];
    while let Some(parent) = to_look_at.pop() {
        for child in tx.children(parent)? {
            if found.insert(child) {
                to_look_at.push(child);
            }
        }
    }
    Ok(found)
}
