//! What the Manager remembers beside the farm.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hex;
use crate::{
    domain::{
        audit, event,
        idempotency::Receipt,
        ids::{JobId, TokenId, WorkerId},
        minute::{self, Done},
        people::{self, Role},
    },
    store::SecretDigest,
};

/// Something that the Manager remembers of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub value: String,
}

/// Something that happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A worker wrote files.
    OutputProduced {
        /// When the Manager heard of it.
        at: Timestamp,
        /// Which worker.
        worker_id: WorkerId,
        /// The files, as the worker names them.
        paths: Vec<String>,
    },
}

impl From<event::Event> for Event {
    fn from(event: event::Event) -> Self {
        match event {
            event::Event::OutputProduced { at, worker, paths } => {
                Self::OutputProduced { at, worker_id: worker, paths }
            }
        }
    }
}

impl From<Event> for event::Event {
    fn from(event: Event) -> Self {
        match event {
            Event::OutputProduced { at, worker_id, paths } => {
                Self::OutputProduced { at, worker: worker_id, paths }
            }
        }
    }
}

/// Something that somebody did.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    when: Timestamp,
    who: Option<String>,
    role: Option<Role>,
    from: Option<IpAddr>,
    action: String,
    target: String,
    detail: String,
    status: Option<u16>,
}

impl From<audit::Deed> for Deed {
    fn from(deed: audit::Deed) -> Self {
        let audit::Deed { at, who, role, from, action, target, detail, status } = deed;
        Self { when: at, who, role, from, action, target, detail, status }
    }
}

impl From<Deed> for audit::Deed {
    fn from(deed: Deed) -> Self {
        let Deed { when, who, role, from, action, target, detail, status } = deed;
        Self { at: when, who, role, from, action, target, detail, status }
    }
}

/// An access token, by its hash.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessToken {
    #[serde(rename = "_id")]
    id: TokenId,
    name: String,
    role: Role,
    created: Timestamp,
    last_used: Option<Timestamp>,
    /// Of the token itself, which nobody but its owner has.
    #[serde(with = "hex")]
    sha256: SecretDigest,
}

impl From<(SecretDigest, people::AccessToken)> for AccessToken {
    fn from((sha256, token): (SecretDigest, people::AccessToken)) -> Self {
        let people::AccessToken { id, name, role, created, last_used } = token;
        Self { id, name, role, created, last_used, sha256 }
    }
}

impl From<AccessToken> for (SecretDigest, people::AccessToken) {
    fn from(token: AccessToken) -> Self {
        let AccessToken { id, name, role, created, last_used, sha256 } = token;
        (sha256, people::AccessToken { id, name, role, created, last_used })
    }
}

/// What workers did in a minute.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minute {
    /// When it begins.
    start: Timestamp,
    completed: u64,
    failed: u64,
}

impl From<(minute::Minute, Done)> for Minute {
    fn from((minute, Done { completed, failed }): (minute::Minute, Done)) -> Self {
        Self { start: minute.begin(), completed, failed }
    }
}

impl From<Minute> for (minute::Minute, Done) {
    fn from(Minute { start, completed, failed }: Minute) -> Self {
        (minute::Minute::of(start), Done { completed, failed })
    }
}

/// A submission that named itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    key: String,
    /// The job that was made of it.
    job: JobId,
    /// Of all that was sent.
    #[serde(with = "hex")]
    sha256: [u8; 32],
    taken: Timestamp,
}

impl From<(String, Receipt)> for Submission {
    fn from((key, Receipt { job, digest, taken }): (String, Receipt)) -> Self {
        Self { key, job, sha256: digest, taken }
    }
}

impl From<Submission> for (String, Receipt) {
    fn from(Submission { key, job, sha256, taken }: Submission) -> Self {
        (key, Receipt { job, digest: sha256, taken })
    }
}
