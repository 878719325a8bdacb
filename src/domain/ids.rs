//! Identifiers of tasks, jobs, workers, access tokens and the Manager: 12-byte `ObjectId`s, written as 24 lower-case hex digits.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not 24 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an ID is 24 lower-case hex digits")]
pub struct MalformedId;

fn parse_hex(text: &str) -> Result<[u8; 12], MalformedId> {
    let digits = text.as_bytes();
    if digits.len() != 24 {
        return Err(MalformedId);
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(MalformedId),
    };
    let mut bytes = [0; 12];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Ok(bytes)
}

/// IDs are written many times for each request, which `{:02x}` for each byte is slow for.
fn write_hex(bytes: [u8; 12], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 24];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

/// When an ID was made, to the second: its first four bytes say so.
pub fn made_at([a, b, c, d, ..]: [u8; 12]) -> Timestamp {
    let seconds = u32::from_be_bytes([a, b, c, d]);
    Timestamp::from_second(seconds.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 12]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                parse_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": "^[0-9a-f]{24}$" })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|error| de::Error::custom(format!("{text:?}: {error}")))
            }
        }
    };
}

object_id! {
    /// Names a task.
    TaskId
}
object_id! {
    /// Names a job.
    JobId
}
object_id! {
    /// Names a worker.
    WorkerId
}
object_id! {
    /// Names this Manager to its Flamenco Server.
    ManagerId
}
object_id! {
    /// Names an access token.
    TokenId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_as_it_was_written() {
        let text = "5c7d0000000000000000abc9";
        assert_eq!(text.parse::<TaskId>().unwrap().to_string(), text);
    }

    #[test]
    fn anything_but_24_lower_case_hex_digits_is_refused() {
        for text in [
            "",
            "5c7d",
            "5C7D0000000000000000ABC9",
            "../../../../etc/passwd/x",
            "5c7d0000000000000000abc9a",
            "5c7d0000000000000000ab\u{e9}",
        ] {
            assert_eq!(text.parse::<TaskId>(), Err(MalformedId), "{text}");
        }
    }
}
