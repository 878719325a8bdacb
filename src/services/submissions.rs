//! Submissions that name themselves by a key, so that one that is sent twice is taken once.

use super::{Error, Services};
use crate::{
    domain::{
        idempotency::{Claim, Receipt},
        ids::JobId,
        job::JobWish,
    },
    store::{Rows, Tx, WriteTx},
};

impl Services {
    /// The job that was made of this submission when it came before.
    pub fn submitted_before(&self, claim: &Claim) -> Result<Option<JobId>, Error> {
        self.store.read(self.now(), |tx| earlier_job(tx, claim))
    }

    /// Forgets submissions that came so long ago that nobody repeats them any more.
    pub async fn clean_up_submissions(&self) -> Result<usize, Error> {
        if self.store.read(self.now(), |tx| Ok::<_, Error>(!tx.has_expired_receipts()?))? {
            return Ok(0);
        }
        self.store.write(self.now(), |tx| Ok(tx.forget_expired_receipts()?)).await
    }
}

/// The job that was made of this submission when it came before, if it is still there: one that was deleted, or is being
/// deleted, is taken anew. It is an error if the key was another submission's.
pub(super) fn earlier_job<T: Rows>(tx: &Tx<T>, claim: &Claim) -> Result<Option<JobId>, Error> {
    let Some(Receipt { job, digest, taken: _ }) =
        tx.receipt(&claim.key)?.filter(|receipt| !receipt.has_expired(tx.now()))
    else {
        return Ok(None);
    };
    if tx.job_state(job)?.is_none_or(|state| state.wish == JobWish::Delete) {
        return Ok(None);
    }
    if digest != claim.digest {
        return Err(Error::KeyReused { key: claim.key.clone(), job });
    }
    Ok(Some(job))
}

/// Remembers that this job was made of this submission.
pub(super) fn remember(tx: &mut WriteTx<'_>, claim: &Claim, job: JobId) -> Result<(), Error> {
    let receipt = Receipt { job, digest: claim.digest, taken: tx.now() };
    Ok(tx.put_receipt(&claim.key, &receipt)?)
}
