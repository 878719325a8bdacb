//! When a disk is nearly full, and when it is too full for anything new.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

const GB: u64 = 1_000_000_000;

/// Below this every disk is nearly full: the database and the logs of a busy day need as much.
const LITTLE: u64 = 2 * GB;

/// Nor need there be more than this on a large one.
const PLENTY: u64 = 20 * GB;

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Space {
    /// What the Manager can still write.
    pub free: u64,
    /// What there is in all.
    pub total: u64,
}

impl Space {
    /// Is it time to make room: is less than a twentieth free, within reason?
    pub fn is_nearly_full(self) -> bool {
        self.free < (self.total / 20).clamp(LITTLE, PLENTY)
    }

    /// Is there too little room to begin anything new? `least` is `min_free_space`.
    pub fn is_full(self, least: u64) -> bool {
        self.free < least
    }

    /// Can so much be written for a while, with as much left over?
    pub fn can_take(self, bytes: u64) -> bool {
        bytes <= self.free / 2
    }
}

impl fmt::Display for Space {
    #[expect(clippy::cast_precision_loss, reason = "a tenth of a gigabyte is all that is said")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gigabytes = |bytes: u64| bytes as f64 / GB as f64;
        write!(f, "{:.1} of {:.1} GB are free", gigabytes(self.free), gigabytes(self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_below_a_twentieth_but_never_above_20_gb_nor_before_2() {
        for (free, total, nearly_full) in [
            (3 * GB, 8 * GB, false),
            (LITTLE - 1, 8 * GB, true),
            (12 * GB, 250 * GB, true),
            (13 * GB, 250 * GB, false),
            (21 * GB, 10_000 * GB, false),
            (19 * GB, 10_000 * GB, true),
            (0, 0, true),
            (u64::MAX, u64::MAX, false),
        ] {
            assert_eq!(Space { free, total }.is_nearly_full(), nearly_full, "{free} of {total}");
        }
    }

    #[test]
    fn what_is_full_is_as_one_says() {
        let space = |free| Space { free, total: 8 * GB };
        assert!(space(499).is_full(500) && !space(500).is_full(500) && !space(0).is_full(0));
        assert!(space(500).can_take(250) && !space(500).can_take(251));
    }

    #[test]
    fn it_is_said_in_gigabytes() {
        let space = Space { free: 1_240_000_000, total: 250 * GB };
        assert_eq!(space.to_string(), "1.2 of 250.0 GB are free");
    }
}
