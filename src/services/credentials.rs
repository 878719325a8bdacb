//! Workers' secrets: stored as slow hashes, and remembered once they were right, so that a request does not
//! cost a hash.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::hmac;
use tokio::sync::Semaphore;

use super::{Error, Services, identity::random_bytes};
use crate::domain::{
    ids::WorkerId,
    worker::{SecretHash, Worker, WorkerStatus},
};

/// Each step doubles the work. A genuine secret is 64 random characters, which no number of guesses finds;
/// the hash has to be slow only as far as two thousand workers can still sign on together.
const COST: u32 = 5;

/// As many hashes are computed at a time, so that guessing cannot take all processors.
const AT_A_TIME: usize = 1;

pub(super) struct Credentials {
    /// Made anew at every start: what is remembered is worthless to whoever reads the memory later.
    key: hmac::Key,
    verified: Mutex<HashMap<WorkerId, hmac::Tag>>,
    hashing: Semaphore,
}

impl Credentials {
    pub fn new() -> Self {
        let mut key = [0; 32];
        random_bytes(&mut key);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            verified: Mutex::default(),
            hashing: Semaphore::new(AT_A_TIME),
        }
    }

    /// Remembers that this is the worker's secret.
    fn remember(&self, worker: WorkerId, secret: &str) {
        self.lock().insert(worker, hmac::sign(&self.key, secret.as_bytes()));
    }

    pub fn forget(&self, worker: WorkerId) {
        self.lock().remove(&worker);
    }

    /// Is this known to be the worker's secret? Takes the same time whether it is or not.
    fn knows(&self, worker: WorkerId, secret: &str) -> bool {
        let tag = self.lock().get(&worker).copied();
        tag.is_some_and(|tag| hmac::verify(&self.key, secret.as_bytes(), tag.as_ref()).is_ok())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WorkerId, hmac::Tag>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services {
    /// Is this the worker's secret? If so the worker has been heard of, and one that had timed out is awake
    /// again: of those nothing is remembered, so that they are looked up.
    pub async fn authenticate(&self, id: WorkerId, secret: &str) -> Result<bool, Error> {
        if !self.credentials.knows(id, secret) {
            let Some(worker) = self.store.read(self.now(), |tx| tx.worker(id))? else { return Ok(false) };
            if !self.verify(&worker, secret).await? {
                return Ok(false);
            }
            if worker.status == WorkerStatus::Timeout {
                self.revive(id).await?;
            }
        }
        self.store.heartbeats().worker(id, self.now());
        Ok(true)
    }

    async fn verify(&self, worker: &Worker, secret: &str) -> Result<bool, Error> {
        let hash = worker.secret_hash.0.clone();
        let given = secret.to_owned();
        let hashed = self.hashed(move || bcrypt::verify(given, &hash)).await?;
        let right = hashed.inspect_err(|error| {
            tracing::error!(worker = %worker.id, %error, "the stored hash of a worker's secret cannot be used");
        });
        let right = right.unwrap_or(false);
        if right {
            self.credentials.remember(worker.id, secret);
        }
        Ok(right)
    }

    /// The hash under which a new worker's secret is stored.
    pub(super) async fn hash_secret(&self, worker: WorkerId, secret: &str) -> Result<SecretHash, Error> {
        let given = secret.to_owned();
        let hash = self.hashed(move || bcrypt::non_truncating_hash(given, COST)).await?;
        let hash = hash.map_err(|error| Error::Refused(format!("this secret cannot be used: {error}")))?;
        self.credentials.remember(worker, secret);
        Ok(SecretHash(hash))
    }

    async fn hashed<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let _turn = self.credentials.hashing.acquire().await.map_err(|_| Error::Panicked)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Panicked)
    }

    /// A worker that had timed out was heard of: it is awake, with no person needed. What was requested of
    /// it stays so.
    async fn revive(&self, id: WorkerId) -> Result<(), Error> {
        self.store
            .write(self.now(), move |tx| {
                let worker = tx.worker(id)?.filter(|worker| worker.status == WorkerStatus::Timeout);
                let Some(mut worker) = worker else { return Ok(()) };
                tracing::info!(worker = worker.identifier(), "a worker that had timed out is back");
                worker.status = WorkerStatus::Awake;
                Ok(tx.put_worker(&worker)?)
            })
            .await
    }
}
