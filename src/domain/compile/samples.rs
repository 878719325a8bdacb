//! How a progressive render divides its samples among passes, and its frames among the tasks of a pass
//! (`server-protocol.md`, section 3.7).

/// The passes: the first and the last sample of each, counted from 1. They begin with few samples, for a quick
/// preview, and grow until one has `cap`; the remaining samples are divided evenly. `cap` is at least 1.
///
/// Flamenco Server 2.x stumbled over 20 samples and fewer, where the first passes by this rule have no sample at
/// all: these are left out.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers from 0 to `count`")]
pub(super) fn passes(count: u32, cap: u32) -> Vec<(u32, u32)> {
    const EXPONENT: f64 = 5.0 / 3.0;
    /// There are so many growing passes if `cap` does not stop them.
    const GROWING: f64 = 4.0;
    let (n, cap) = (f64::from(count), f64::from(cap));
    let mut passes = Vec::new();
    let mut add = |last: f64, next: f64| {
        let (first, last) = (last.floor() as u32 + 1, next.floor() as u32);
        if first <= last {
            passes.push((first, last));
        }
    };
    // The order of these operations shows in the result: it is that of 2.x, rounding errors included.
    let start = n / 40.0;
    let slope = (n - start).powf(1.0 / EXPONENT) / (GROWING - 1.0);
    let mut last = 0.0;
    for pass in 0_u32.. {
        let next = ((slope * f64::from(pass)).powf(EXPONENT) + start).round_ties_even();
        if last >= n || next - last > cap {
            break;
        }
        add(last, next);
        last = next;
    }
    let step = (n - last) / ((n - last) / cap).ceil();
    while last < n {
        let next = (last + step).min(n);
        add(last, next);
        last = next;
    }
    passes
}

/// How many frames a task of a pass renders: as many as `samples_per_task` allows for `samples` a frame, or one less
/// where that leaves more for the last task of all. `frames` is how many there are; the result is 1 or more.
pub(super) fn frames_per_task(samples_per_task: u64, frames: u64, samples: u32) -> u64 {
    let most = (samples_per_task / u64::from(samples.max(1))).max(1);
    if most <= 2 {
        return most;
    }
    let (rest, rest_of_fewer) = (frames % most, frames % (most - 1));
    if 0 < rest && rest < rest_of_fewer { most - 1 } else { most }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_samples_are_divided_too() {
        assert_eq!(passes(20, 20), [(1, 4), (5, 10), (11, 20)]);
        assert_eq!(passes(2, 10), [(1, 1), (2, 2)]);
        assert_eq!(passes(1, 10), [(1, 1)]);
        assert_eq!(passes(0, 10), []);
    }

    proptest! {
        #[test]
        fn each_sample_is_in_one_pass_and_no_pass_is_too_large(count in 1..3000_u32, cap in 1..500_u32) {
            let passes = passes(count, cap);
            let mut next = 1;
            for (first, last) in passes {
                prop_assert_eq!(first, next);
                prop_assert!(last >= first && last - first < cap);
                next = last + 1;
            }
            prop_assert_eq!(next, count + 1);
        }

        #[test]
        fn a_task_renders_a_frame_at_least(all: u64, frames: u64, samples: u32) {
            prop_assert!(frames_per_task(all, frames, samples) >= 1);
        }
    }
}
