//! What people ask of workers.

use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{
    Error, Services,
    care::follow_schedule,
    known_worker,
    releasing::release_all,
    server_news::News,
    server_tasks::{LAST_MODIFIED, SLATE},
};
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        sleep::SleepSchedule,
        tags::Tags,
        task::TaskEvent,
        worker::{StatusRequest, Worker, WorkerStatus},
    },
    store::{StoreError, WriteTx},
};

impl Services {
    /// Asks a worker to go to another status, at once or, `lazy`, when its task has ended.
    pub async fn request_status(&self, id: WorkerId, status: WorkerStatus, lazy: bool) -> Result<(), Error> {
        match status {
            WorkerStatus::Awake | WorkerStatus::Asleep | WorkerStatus::Shutdown => {
                self.change_worker(id, move |worker| worker.requested = Some(StatusRequest { status, lazy }))
                    .await
            }
            _ => Err(Error::Refused(format!(
                "a worker cannot be asked to be {status}: use awake, asleep or shutdown"
            ))),
        }
    }

    /// Gives a worker other tags. What it has in hand it finishes.
    pub async fn set_worker_tags(&self, id: WorkerId, tags: Tags) -> Result<(), Error> {
        self.change_worker(id, move |worker| worker.tags.clone_from(&tags)).await
    }

    /// Somebody has seen that a worker timed out: it counts as offline.
    pub async fn acknowledge_timeout(&self, id: WorkerId) -> Result<(), Error> {
        self.store
            .write(self.now(), move |tx| {
                let mut worker = known_worker(tx, id)?;
                if worker.status != WorkerStatus::Timeout {
                    let status = worker.status;
                    return Err(Error::Refused(format!("this worker has not timed out, it is {status}")));
                }
                worker.status = WorkerStatus::Offline;
                Ok(tx.put_worker(&worker)?)
            })
            .await
    }

    /// Forgets a worker. Its tasks go back to the queue.
    pub async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        self.forget_worker_if(id, "worker was removed", |_, _| Ok(true)).await.map(drop)
    }

    /// Forgets a worker if `still` holds, and returns whether it did.
    pub(super) async fn forget_worker_if(
        &self,
        id: WorkerId,
        reason: &'static str,
        still: impl Fn(&WriteTx<'_>, &Worker) -> Result<bool, StoreError> + Send + 'static,
    ) -> Result<bool, Error> {
        let news = self.news.clone();
        let notes = self.store.write(self.now(), move |tx| {
            let worker = known_worker(tx, id)?;
            if !still(tx, &worker)? {
                return Ok(None);
            }
            let notes = release_all(tx, &news, id, reason)?;
            tx.delete_worker(id)?;
            tracing::info!(worker = worker.identifier(), reason, "a worker was forgotten");
            Ok::<_, Error>(Some(notes))
        });
        let Some(notes) = notes.await? else { return Ok(false) };
        self.write_notes(notes);
        self.credentials.forget(id);
        Ok(true)
    }

    /// Trusts a worker again with tasks of this type of this job, and returns whether it was blacklisted for them.
    pub async fn forget_blacklist_line(
        &self,
        worker: WorkerId,
        job: JobId,
        task_type: String,
    ) -> Result<bool, Error> {
        self.store
            .write(self.now(), move |tx| {
                known_worker(tx, worker)?;
                let counted = tx.is_blacklisted(worker, job, &task_type)?;
                tx.forget_blacklist(worker, job, &task_type)?;
                Ok(counted)
            })
            .await
    }

    /// Gives a worker another sleep schedule and applies it at once.
    pub async fn set_sleep_schedule(
        &self,
        id: WorkerId,
        schedule: SleepSchedule,
        tz: TimeZone,
    ) -> Result<(), Error> {
        self.store
            .write(self.now(), move |tx| {
                let mut worker = known_worker(tx, id)?;
                worker.sleep_schedule = schedule;
                worker.sleep_checked = tx.now();
                if let Some(wish) = schedule.wish_at(tx.now(), &tz) {
                    follow_schedule(&mut worker, wish);
                }
                Ok(tx.put_worker(&worker)?)
            })
            .await
    }

    /// Stops a task for good; a worker that has it is told when it asks.
    pub async fn cancel_task(&self, id: TaskId) -> Result<(), Error> {
        let news = self.news.clone();
        self.store
            .write(self.now(), move |tx| {
                let mut task = tx.task(id)?.ok_or(Error::UnknownTask(id))?;
                task.status = task.status.after(TaskEvent::CancelAsked)?;
                task.activity = "Manager was asked to cancel the task".into();
                task.last_updated = tx.now();
                tx.put_task(&task)?;
                let (status, activity) = (Some(task.status), task.activity.clone());
                Ok(news.tell(tx, &task, News { status, activity, ..News::default() })?)
            })
            .await
    }

    /// Erases all tasks and jobs, and returns how many tasks there were.
    pub async fn erase_tasks(&self) -> Result<u64, Error> {
        let slate = Uuid::new_v4().to_string();
        self.store
            .write(self.now(), move |tx| {
                // The Server is to send all of its tasks anew, also those of a download that is under way.
                tx.forget_setting(LAST_MODIFIED)?;
                tx.put_setting(SLATE, &slate)?;
                Ok(tx.erase_tasks()?)
            })
            .await
    }

    /// Erases all updates that the Server has not heard, and returns how many there were.
    pub async fn purge_updates(&self) -> Result<u64, Error> {
        self.store.write(self.now(), |tx| Ok(tx.purge_updates()?)).await
    }
}
