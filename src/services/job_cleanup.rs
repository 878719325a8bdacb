//! Jobs that ended long ago are forgotten, if that is wanted.

use jiff::SignedDuration;

use super::{Error, Services};
use crate::{
    domain::{
        ids::JobId,
        job::{JobAction, JobState, JobWish},
        timeout::{is_older, job_is_past},
    },
    store::{Rows, StoreError, Tx, WriteTx},
};

impl Services {
    /// Deletes the Manager's own jobs that ended and were not changed for `job_cleanup_max_age`, with their tasks and logs,
    /// and returns which.
    pub async fn clean_up_jobs(&self) -> Result<Vec<JobId>, Error> {
        let Some(age) = self.policy.overdue.ended_job else { return Ok(Vec::new()) };
        let past = self.store.read(self.now(), |tx| {
            let mut past = Vec::new();
            for (id, state) in tx.job_states()? {
                if is_past(tx, id, &state, age)? {
                    past.push(id);
                }
            }
            Ok::<_, Error>(past)
        })?;
        let mut deleted = Vec::new();
        for id in past {
            if self.store.write(self.now(), move |tx| begin_to_delete(tx, id, age)).await? {
                tracing::info!(job = %id, "a job that ended long ago is deleted");
                self.follow(id, JobWish::Delete).await?;
                deleted.push(id);
            }
        }
        Ok(deleted)
    }
}

/// Begins to delete a job, unless somebody has done something with it since it was found, and returns whether it did.
fn begin_to_delete(tx: &mut WriteTx<'_>, id: JobId, age: SignedDuration) -> Result<bool, Error> {
    let Some(state) = tx.job_state(id)? else { return Ok(false) };
    let is_past = is_past(tx, id, &state, age)?;
    if is_past {
        tx.set_job_wish(id, state.after(JobAction::Delete { force: false })?)?;
    }
    Ok(is_past)
}

fn is_past<T: Rows>(
    tx: &Tx<T>,
    id: JobId,
    state: &JobState,
    age: SignedDuration,
) -> Result<bool, StoreError> {
    // Most jobs are too young, and need no other look.
    if !is_older(state.updated, tx.now(), age) || tx.job(id)?.is_none_or(|job| job.of_server) {
        return Ok(false);
    }
    Ok(job_is_past(state, somebody_waits(tx, id)?))
}

/// Does a job that has not ended depend on this one?
pub(super) fn somebody_waits<T: Rows>(tx: &Tx<T>, id: JobId) -> Result<bool, StoreError> {
    for dependent in tx.dependents(id)? {
        if tx.job_state(dependent)?.is_some_and(|state| !state.status().has_ended()) {
            return Ok(true);
        }
    }
    Ok(false)
}
