//! Records as bytes: one byte that says which version of the layout follows, then bincode.
//!
//! A layout that was ever released keeps its number and its decoder for good.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::domain::numbers::count;

/// No record is larger than this; a length in a damaged file that claims more is an error, not an
/// allocation.
const LIMIT: usize = 64 << 20;

/// What is larger than this is not written, because it might not be read again: while reading, a number of
/// one byte counts as eight towards [`LIMIT`].
const LARGEST: usize = LIMIT / 8;

const CONFIG: Configuration<LittleEndian, Varint, Limit<LIMIT>> = bincode::config::standard().with_limit();

/// Something that is kept as one record.
pub(super) trait Record: Sized {
    /// The layout that is written today.
    type Layout<'a>: Serialize + Deserialize<'a>
    where
        Self: 'a;

    /// Its version.
    const VERSION: u8;

    /// What it is, for error texts.
    const WHAT: &'static str;

    fn to_layout(&self) -> Self::Layout<'_>;

    fn from_layout(layout: Self::Layout<'_>) -> Result<Self, StoreError>;
}

pub(super) fn encode<R: Record>(record: &R) -> Result<Vec<u8>, StoreError> {
    encode_layout::<R>(&record.to_layout())
}

/// The same, for those who have the layout already.
pub(super) fn encode_layout<R: Record>(layout: &R::Layout<'_>) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(R::VERSION);
    bincode::serde::encode_into_std_write(layout, &mut bytes, CONFIG)
        .map_err(|error| StoreError::Corrupt(format!("{} cannot be stored: {error}", R::WHAT)))?;
    if bytes.len() > LARGEST {
        return Err(StoreError::TooLarge { what: R::WHAT, bytes: bytes.len() });
    }
    Ok(bytes)
}

pub(super) fn decode<R: Record>(bytes: &[u8]) -> Result<R, StoreError> {
    let (layout, left) = begin::<R, _>(bytes)?;
    if left > 0 {
        return Err(damaged::<R>(&format!("{} left over", count(left, "byte"))));
    }
    R::from_layout(layout)
}

/// Reads the first fields of a record and leaves the others alone, which may be large.
pub(super) fn decode_begin<'a, R: Record, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    begin::<R, T>(bytes).map(|(fields, _)| fields)
}

/// Reads what the bytes of a record begin with, and says how many are left.
fn begin<'a, R: Record, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, usize), StoreError> {
    let (version, body) = bytes.split_first().ok_or_else(|| damaged::<R>("it is empty"))?;
    if *version != R::VERSION {
        return Err(damaged::<R>(&format!("version {version} of its layout is not known to this program")));
    }
    let (fields, read) = bincode::serde::borrow_decode_from_slice(body, CONFIG)
        .map_err(|error| damaged::<R>(&error.to_string()))?;
    Ok((fields, body.len() - read))
}

fn damaged<R: Record>(why: &str) -> StoreError {
    StoreError::Corrupt(format!("{} cannot be read: {why}", R::WHAT))
}
