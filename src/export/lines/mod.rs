//! What a line is, kind by kind: read back, it is what it was. Names of fields are those of the API where it has them.
#![expect(clippy::struct_field_names, reason = "they are called as in the API")]

mod farm;
mod memory;
mod server;

use serde_json::value::RawValue;

pub use self::{
    farm::{BlacklistLine, FailedBy, HistoryEntry, Job, Metrics, RecentTasks, Task, TaskHistory, Worker},
    memory::{AccessToken, Deed, Event, Extra, Minute, Setting, Submission},
    server::{AskAgain, SetAside, TaskUpdate, WantedLog},
};
use crate::store::StoreError;

/// JSON that is kept as text, as a part of a line. Line ends between its parts become spaces, which means the same.
fn raw(text: &str, of: impl FnOnce() -> String) -> Result<Box<RawValue>, StoreError> {
    let text = text.replace(['\n', '\r'], " ");
    RawValue::from_string(text).map_err(|error| StoreError::Corrupt(format!("{} are no JSON: {error}", of())))
}

/// Bytes as hex digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], to: S) -> Result<S::Ok, S::Error> {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        to.collect_str(&digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect::<String>())
    }

    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(from)?;
        let digits: Option<Vec<_>> = text.chars().map(|sign| sign.to_digit(16)).collect();
        let digits = digits.filter(|digits| digits.len() == 2 * N);
        let digits =
            digits.ok_or_else(|| de::Error::custom(format!("{text:?} are not {} hex digits", 2 * N)))?;
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(pair[0] << 4 | pair[1]).map_err(de::Error::custom)?;
        }
        Ok(bytes)
    }
}
