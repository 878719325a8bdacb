//! Workers: the programs that do the tasks, and what the Manager asks of them.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    ids::{TaskId, WorkerId},
    sleep::SleepSchedule,
    tags::Tags,
};

/// A registered worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// Its identity, and its user name.
    pub id: WorkerId,
    /// Hash of the secret that it registered with.
    pub secret_hash: SecretHash,
    /// What people call it: its host's name. Not unique.
    pub nickname: String,
    /// The address that it last signed on or registered from.
    pub address: String,
    /// `linux`, `windows`, `darwin`, …
    pub platform: String,
    /// The program that it says it is, with its version; empty when it never said.
    pub software: String,
    /// What it does.
    pub status: WorkerStatus,
    /// The task types that it can do.
    pub supported_task_types: Vec<String>,
    /// What somebody wants it to do, until it says that it did.
    pub requested: Option<StatusRequest>,
    /// The task that it was last given; cleared when it signs on.
    pub current_task: Option<TaskId>,
    /// When it registered.
    pub registered: Timestamp,
    /// When it sleeps.
    pub sleep_schedule: SleepSchedule,
    /// Up to when the boundaries of the sleep schedule have been acted on.
    pub sleep_checked: Timestamp,
    /// The jobs that it may do among those that ask for tags.
    pub tags: Tags,
}

impl Worker {
    /// How people know it: `address (nickname)`.
    pub fn identifier(&self) -> String {
        if self.nickname.is_empty() {
            self.address.clone()
        } else {
            format!("{} ({})", self.address, self.nickname)
        }
    }

    /// Does it do tasks of this type?
    pub fn supports(&self, task_type: &str) -> bool {
        self.supported_task_types.iter().any(|supported| supported == task_type)
    }

    /// The status that it has to go to before it gets another task.
    pub fn requested_status(&self) -> Option<WorkerStatus> {
        self.requested.map(|request| request.status)
    }
}

/// A worker's secret as it is stored: a slow hash. Not even the hash is for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash(pub String);

impl SecretHash {
    /// What a hash from elsewhere may have cost: 2 to the power of this. Each more takes twice as long to compare with, at
    /// every start of a worker.
    const COSTLIEST: u32 = 16;

    /// A hash that was made elsewhere, word for word, so that the worker need not register anew. An error says what it is
    /// instead.
    pub fn from_elsewhere(text: &str) -> Result<Self, String> {
        let parts: bcrypt::HashParts = text.parse().map_err(|_| "no bcrypt hash".to_owned())?;
        match parts.get_cost() {
            ..=Self::COSTLIEST => Ok(Self(text.to_owned())),
            cost => Err(format!("a hash of the cost {cost}, which is too much")),
        }
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// A wish for another status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRequest {
    /// The status wanted.
    pub status: WorkerStatus,
    /// Wait until the current task has ended.
    pub lazy: bool,
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum WorkerStatus {
    /// Registered or signed on; has not asked for a task yet.
    Starting,
    /// Asks for tasks and does them.
    Awake,
    /// Asks for nothing until it is woken.
    Asleep,
    /// Says that it cannot work just now.
    Error,
    /// Does test tasks only.
    Testing,
    /// Signed off.
    Offline,
    /// Was awake and has not been heard of for too long.
    Timeout,
    /// Only ever requested: the worker ends, and signs off as it does.
    Shutdown,
}

impl WorkerStatus {
    /// All statuses.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Awake,
        Self::Asleep,
        Self::Error,
        Self::Testing,
        Self::Offline,
        Self::Timeout,
        Self::Shutdown,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Awake => "awake",
            Self::Asleep => "asleep",
            Self::Error => "error",
            Self::Testing => "testing",
            Self::Offline => "offline",
            Self::Timeout => "timeout",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for WorkerStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no status of a worker"))
    }
}

impl Serialize for WorkerStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for WorkerStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for status in WorkerStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
    }

    #[test]
    fn a_hash_is_not_shown() {
        assert!(!format!("{:?}", SecretHash("$2b$05$abcdef".into())).contains("abcdef"));
    }
}
