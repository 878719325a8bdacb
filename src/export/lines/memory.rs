//! What the Manager remembers beside the farm.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::hex;
use crate::{
    domain::{
        audit, event,
        idempotency::Receipt,
        ids::{JobId, TaskId, TokenId, WorkerId},
        minute::{self, Done},
        people::{self, Role},
    },
    store::{ExtraOf, SecretDigest, StoreError},
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

/// What something brought along when it was imported, and the Manager has no use for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    of: ExtraKind,
    /// The ID of what it belongs to.
    #[serde(rename = "_id", with = "hex")]
    id: [u8; 12],
    extra: Map<String, Value>,
}

/// What something extra belongs to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ExtraKind {
    Task,
    Worker,
    TaskUpdate,
    BlacklistLine,
    Settings,
}

impl Extra {
    pub(in crate::export) fn of((of, text): (ExtraOf, String)) -> Result<Self, StoreError> {
        let kind = match of {
            ExtraOf::Task(_) => ExtraKind::Task,
            ExtraOf::Worker(_) => ExtraKind::Worker,
            ExtraOf::Update(_) => ExtraKind::TaskUpdate,
            ExtraOf::BlacklistLine(_) => ExtraKind::BlacklistLine,
            ExtraOf::Settings(_) => ExtraKind::Settings,
        };
        let extra = serde_json::from_str(&text);
        let extra =
            extra.map_err(|_| StoreError::Corrupt(format!("what {of:?} brought along is no JSON object")))?;
        Ok(Self { of: kind, id: of.id(), extra })
    }
}

impl From<Extra> for (ExtraOf, Map<String, Value>) {
    fn from(Extra { of, id, extra }: Extra) -> Self {
        let of = match of {
            ExtraKind::Task => ExtraOf::Task(TaskId(id)),
            ExtraKind::Worker => ExtraOf::Worker(WorkerId(id)),
            ExtraKind::TaskUpdate => ExtraOf::Update(id),
            ExtraKind::BlacklistLine => ExtraOf::BlacklistLine(id),
            ExtraKind::Settings => ExtraOf::Settings(id),
        };
        (of, extra)
    }
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
