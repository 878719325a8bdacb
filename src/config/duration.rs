//! Times in the configuration: `"500ms"`, `"90s"`, `"1h30m"`, `"14d"`.

use std::time::Duration;

/// The longest time that makes sense, about a century: what is far beyond it is a slip, and would lead out of
/// the calendar.
const LONGEST: Duration = Duration::from_hours(36_500 * 24);

/// Reads numbers with their units `ms`, `s`, `m`, `h`, `d` (24 hours), one or several; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    loop {
        let (number, after) = rest.split_at(rest.find(|sign: char| !sign.is_ascii_digit())?);
        let unit_ends = after.find(|sign: char| sign.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_ends);
        total = total.checked_add(in_unit(number.parse().ok()?, unit)?)?;
        if after.is_empty() {
            return (total <= LONGEST).then_some(total);
        }
        rest = after;
    }
}

fn in_unit(count: u64, unit: &str) -> Option<Duration> {
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(count)),
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_a_number_with_its_unit() {
        for (text, expected) in [
            ("500ms", Duration::from_millis(500)),
            ("90s", Duration::from_secs(90)),
            ("10m", Duration::from_mins(10)),
            ("336h", Duration::from_hours(336)),
            ("14d", Duration::from_hours(336)),
            ("1h30m", Duration::from_mins(90)),
            ("10m0s", Duration::from_mins(10)),
            (" 0s ", Duration::ZERO),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            "10",
            "s",
            "10 s",
            "-1s",
            "1.5h",
            "10min",
            "10S",
            "1w",
            "36501d",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z ]*") {
            parse(&text);
        }

        #[test]
        fn seconds_are_read_back(seconds in 0..3_000_000_000_u64) {
            prop_assert_eq!(parse(&format!("{seconds}s")), Some(Duration::from_secs(seconds)));
        }
    }
}
