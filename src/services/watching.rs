//! What has changed since the last look, as it is now.

use super::{
    Error, Services, known_worker,
    listing::{WorkerView, known_job, worker_view},
};
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        job::{Job, JobState},
        task::Task,
    },
    store::Set,
};

/// Things of a kind that have changed, each as it is now unless it is gone; nothing if there are too many.
pub type Changed<K, T> = Option<Vec<(K, Option<T>)>>;

/// What has changed.
#[derive(Debug)]
pub struct Changes {
    /// Jobs.
    pub jobs: Changed<JobId, (Job, JobState)>,
    /// Tasks, each behind its job: those of a job together.
    pub tasks: Changed<(JobId, TaskId), Task>,
    /// Workers.
    pub workers: Changed<WorkerId, WorkerView>,
}

impl Services {
    /// From now on [`Services::changes`] tells what has changed. Only one can watch.
    pub fn watch(&self) {
        self.store.watch();
    }

    /// Ends that.
    pub fn stop_watching(&self) {
        self.store.stop_watching();
    }

    /// What has changed since the last time; nothing if nothing was written at all. Signs of life alone change nothing.
    pub fn changes(&self) -> Result<Option<Changes>, Error> {
        let Some(touched) = self.store.touched() else { return Ok(None) };
        self.store.read(self.now(), |tx| {
            // Up to a thousand are held at a time, and what never changes may have a megabyte each.
            let brief = |(job, state): (Job, JobState)| {
                (Job { settings: "{}".into(), metadata: "{}".into(), ..job }, state)
            };
            let jobs = each(touched.jobs, |id| Ok(unless_gone(known_job(tx, id))?.map(brief)))?;
            let tasks = each(touched.tasks, |(_, id)| Ok(tx.task(id)?))?;
            let workers = each(touched.workers, |id| {
                unless_gone(known_worker(tx, id).and_then(|worker| worker_view(tx, worker)))
            })?;
            Ok(Some(Changes { jobs, tasks, workers }))
        })
    }
}

fn each<K: Copy, T>(
    set: Set<K>,
    read: impl Fn(K) -> Result<Option<T>, Error>,
) -> Result<Changed<K, T>, Error> {
    match set {
        Set::Of(keys) => {
            keys.into_iter().map(|key| Ok((key, read(key)?))).collect::<Result<_, _>>().map(Some)
        }
        Set::TooMany => Ok(None),
    }
}

fn unless_gone<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::UnknownJob(_) | Error::UnknownWorker(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
