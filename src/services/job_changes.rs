//! What people change about a job while it is there: its priority, how many workers may be at it, and which.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{Error, Services, job_life::known_own_job};
use crate::domain::{ids::JobId, tags::Tags};

/// How many workers may be at a job at a time; nothing: any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Option<u32>")]
pub struct MaxWorkers(pub Option<NonZeroU32>);

impl TryFrom<Option<u32>> for MaxWorkers {
    type Error = &'static str;

    fn try_from(number: Option<u32>) -> Result<Self, &'static str> {
        match number.map(NonZeroU32::new) {
            Some(None) => {
                Err("max_workers is 0, so that nobody could ever do the job; use null for no limit")
            }
            limit => Ok(Self(limit.flatten())),
        }
    }
}

/// A change of a job; what is not given stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobChange {
    /// Its importance among jobs.
    #[serde(default, deserialize_with = "given")]
    pub priority: Option<i32>,
    /// How many workers may be at it.
    #[serde(default, deserialize_with = "given")]
    pub max_workers: Option<MaxWorkers>,
    /// Which workers may do it.
    #[serde(default, deserialize_with = "given")]
    pub worker_tags: Option<Tags>,
}

impl JobChange {
    /// Nothing but another priority.
    pub fn priority(priority: i32) -> Self {
        Self { priority: Some(priority), max_workers: None, worker_tags: None }
    }
}

/// A field that is there, even if it is null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Services {
    /// Changes a job, which counts from the next task on that is handed out. What workers have in hand they finish.
    pub async fn change_job(&self, id: JobId, change: JobChange) -> Result<(), Error> {
        let JobChange { priority, max_workers, worker_tags } = change;
        if priority.is_none() && max_workers.is_none() && worker_tags.is_none() {
            let why = "nothing is to be changed: name priority, max_workers or worker_tags";
            return Err(Error::Refused(why.to_owned()));
        }
        self.store
            .write(self.now(), move |tx| {
                let state = known_own_job(tx, id)?;
                let priority = priority.unwrap_or(state.priority);
                let max_workers = max_workers.map_or(state.max_workers, |MaxWorkers(limit)| limit);
                let worker_tags = worker_tags.clone().unwrap_or(state.worker_tags);
                tx.set_job_priority(id, priority)?;
                Ok(tx.set_job_workers(id, max_workers, worker_tags)?)
            })
            .await
    }
}
