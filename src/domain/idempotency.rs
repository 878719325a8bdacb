//! Who sends a submission twice, because no answer came, gets one job of it: if the submission names itself by a key.

use jiff::{SignedDuration, Timestamp};

use super::{ids::JobId, timeout::is_older};

/// So long is a submission remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// The longest key, in characters.
const LONGEST_KEY: usize = 200;

/// A submission that names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its name, which the submitter chose.
    pub key: String,
    /// SHA-256 of all that was sent.
    pub digest: [u8; 32],
}

/// What is remembered of a submission that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The job that was made of it.
    pub job: JobId,
    /// SHA-256 of all that was sent.
    pub digest: [u8; 32],
    /// When that was.
    pub taken: Timestamp,
}

impl Receipt {
    /// Is it time to forget it?
    pub fn has_expired(&self, now: Timestamp) -> bool {
        is_older(self.taken, now, REMEMBERED)
    }
}

/// Checks a key.
pub fn check_key(key: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(key).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    match text {
        Some(text) if (1..=LONGEST_KEY).contains(&text.len()) => Ok(text.to_owned()),
        _ => Err(format!("an Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_remembered_for_a_day() {
        let taken: Timestamp = "2026-03-02T11:00:00Z".parse().unwrap();
        let receipt = Receipt { job: JobId([1; 12]), digest: [0; 32], taken };
        let day = SignedDuration::from_hours(24);
        assert!(!receipt.has_expired(taken + day));
        assert!(receipt.has_expired(taken + day + SignedDuration::from_millis(1)));
        assert!(!receipt.has_expired(taken - day), "the clock was set back");
    }

    #[test]
    fn a_key_is_visible_and_not_too_long() {
        let longest = "x".repeat(LONGEST_KEY);
        for good in ["a", "~!{}", &longest] {
            assert_eq!(check_key(good.as_bytes()).as_deref(), Ok(good));
        }
        let too_long = "x".repeat(LONGEST_KEY + 1);
        for bad in [b"".as_slice(), b"a b", b"\x7f", "é".as_bytes(), b"\xff", too_long.as_bytes()] {
            check_key(bad).unwrap_err();
        }
    }
}
