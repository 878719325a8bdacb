//! How long to wait before trying again what has failed.

use jiff::{SignedDuration, Unit};

/// After the first failure.
const FIRST: SignedDuration = SignedDuration::from_secs(2);

/// However often it has failed.
pub const LONGEST: SignedDuration = SignedDuration::from_mins(1);

/// The pause after so many failures in a row: twice as long each time, up to [`LONGEST`], in whole milliseconds. `chance`, from 0 to
/// 1, shortens it by as much as half, so that many who failed together do not come back together.
pub fn pause(failures: u32, chance: f64) -> SignedDuration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = (FIRST * (1 << doublings)).min(LONGEST);
    let shorter = whole.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0);
    shorter.round(Unit::Millisecond).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = (1..=8).map(|failures| pause(failures, 0.0).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause(u32::MAX, 0.0), LONGEST);
    }

    proptest! {
        #[test]
        fn chance_takes_off_half_at_the_most(failures in 1_u32..100, chance in 0.0..1.0) {
            let (whole, shorter) = (pause(failures, 0.0), pause(failures, chance));
            prop_assert!(whole / 2 <= shorter && shorter <= whole);
        }
    }
}
