//! Keys: byte strings that sort as the tables need it. What is written here is a file format.

use jiff::Timestamp;

use super::StoreError;
use crate::domain::{
    assign::{Descending, Rank},
    ids::{JobId, TaskId, WorkerId},
};

/// Ends a text inside a key. No task type holds it.
const END: u8 = 0;

/// A key that is put together part by part.
#[derive(Debug, Clone, Default)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub fn new() -> Self {
        Self(Vec::with_capacity(64))
    }

    pub fn task(self, id: TaskId) -> Self {
        self.bytes(&id.0)
    }

    pub fn job(self, id: JobId) -> Self {
        self.bytes(&id.0)
    }

    pub fn worker(self, id: WorkerId) -> Self {
        self.bytes(&id.0)
    }

    /// A task type. Anything behind a NUL, which no genuine type holds, is cut off.
    pub fn task_type(self, task_type: &str) -> Self {
        let until_end = task_type.split(char::from(END)).next().unwrap_or_default();
        self.bytes(until_end.as_bytes()).bytes(&[END])
    }

    pub fn place(self, place: u64) -> Self {
        self.bytes(&place.to_be_bytes())
    }

    pub fn descending(self, number: i32) -> Self {
        self.bytes(&Descending::of(number).0.to_be_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

impl std::ops::Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Takes a key apart, part by part.
pub(super) struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    pub fn task(&mut self) -> Result<TaskId, StoreError> {
        self.array().map(TaskId)
    }

    pub fn job(&mut self) -> Result<JobId, StoreError> {
        self.array().map(JobId)
    }

    pub fn worker(&mut self) -> Result<WorkerId, StoreError> {
        self.array().map(WorkerId)
    }

    pub fn task_type(&mut self) -> Result<&'a str, StoreError> {
        let end = self.0.iter().position(|byte| *byte == END).ok_or_else(malformed)?;
        let text = std::str::from_utf8(&self.0[..end]).map_err(|_| malformed())?;
        self.0 = &self.0[end + 1..];
        Ok(text)
    }

    pub fn place(&mut self) -> Result<u64, StoreError> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn descending(&mut self) -> Result<i32, StoreError> {
        self.array().map(|bytes| Descending(u32::from_be_bytes(bytes)).number())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (array, rest) = self.0.split_first_chunk().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(*array)
    }
}

fn malformed() -> StoreError {
    StoreError::Corrupt("a key is too short".into())
}

/// The smallest key behind all keys that begin with `prefix`; none when there is no such key.
pub(super) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

/// The key of a head in [`super::Table::ReadyHeads`], taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub job_priority: i32,
    pub priority: i32,
    pub task: TaskId,
    pub job: JobId,
}

impl Head {
    pub fn key(&self, task_type: &str) -> Key {
        Key::new()
            .task_type(task_type)
            .descending(self.job_priority)
            .descending(self.priority)
            .task(self.task)
            .job(self.job)
    }

    pub fn from_key(key: &[u8]) -> Result<(&str, Self), StoreError> {
        let mut parts = Parts(key);
        let task_type = parts.task_type()?;
        let head = Self {
            job_priority: parts.descending()?,
            priority: parts.descending()?,
            task: parts.task()?,
            job: parts.job()?,
        };
        Ok((task_type, head))
    }

    pub fn rank(&self) -> Rank {
        Rank::new(self.job_priority, self.priority, self.task)
    }
}

pub(super) fn time_bytes(time: Timestamp) -> [u8; 8] {
    time.as_millisecond().to_be_bytes()
}

pub(super) fn time_from(bytes: &[u8]) -> Result<Timestamp, StoreError> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("a time is not 8 bytes".into()))?;
    time_from_millis(i64::from_be_bytes(bytes))
}

pub(super) fn time_from_millis(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn number_from(bytes: &[u8]) -> Result<u64, StoreError> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("a number is not 8 bytes".into()))?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_of_a_head_is_a_file_format() {
        let head = Head { job_priority: 50, priority: -1, task: TaskId([0xaa; 12]), job: JobId([0xbb; 12]) };
        let mut expected = b"sleep\0".to_vec();
        expected.extend([0x7f, 0xff, 0xff, 0xcd, 0x80, 0, 0, 0]);
        expected.extend([0xaa; 12]);
        expected.extend([0xbb; 12]);
        assert_eq!(*head.key("sleep"), *expected);
        assert_eq!(Head::from_key(&expected).unwrap(), ("sleep", head));
    }

    #[test]
    fn a_short_key_is_an_error() {
        assert!(Head::from_key(b"sleep").is_err());
        assert!(Head::from_key(b"sleep\0\x01").is_err());
    }

    proptest! {
        #[test]
        fn the_successor_ends_the_keys_with_a_prefix(prefix: Vec<u8>, tail: Vec<u8>) {
            let inside = [prefix.clone(), tail].concat();
            match successor(&prefix) {
                Some(end) => {
                    prop_assert!(inside < end);
                    prop_assert!(!end.starts_with(&prefix));
                }
                None => prop_assert!(prefix.iter().all(|byte| *byte == u8::MAX)),
            }
        }
    }
}
