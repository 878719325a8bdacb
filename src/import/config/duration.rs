//! Times as Flamenco Manager 2.x reads them, which are Go's: `"1h30m"`, `"1.5s"`, `"-1s"`; and how they are written here.

const MICROSECOND: i128 = 1_000;
const MILLISECOND: i128 = 1_000 * MICROSECOND;
/// In nanoseconds, as everything here.
pub(super) const SECOND: i128 = 1_000 * MILLISECOND;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
/// 2.x counts days of 24 hours.
pub(super) const DAY: i128 = 24 * HOUR;

/// Digits beyond which a number is none of a time.
const MOST_DIGITS: usize = 18;

/// The nanoseconds of a time with its units; nothing for any other text.
pub(super) fn parse(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0;
    loop {
        let (number, after) = rest.split_at(rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.')?);
        let unit_ends = after.find(|sign: char| sign.is_ascii_digit() || sign == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_ends);
        total += nanoseconds(number, in_unit(unit)?)?;
        if after.is_empty() {
            return Some(sign * total);
        }
        rest = after;
    }
}

fn in_unit(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

/// `number` times `unit`, where the number may have a fraction.
fn nanoseconds(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let plain = !digits.is_empty() && digits.len() <= MOST_DIGITS && !fraction.contains('.');
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok().filter(|_| plain)?);
    Some(digits.parse::<i128>().ok()? * unit / scale)
}

/// The time as `manager.toml` has it, in the largest unit in which it is a whole number. There is none below a millisecond:
/// what is less is rounded up.
pub(super) fn written(nanoseconds: i128) -> String {
    for (unit, name) in [(HOUR, "h"), (MINUTE, "m"), (SECOND, "s")] {
        if nanoseconds % unit == 0 && nanoseconds != 0 {
            return format!("{}{name}", nanoseconds / unit);
        }
    }
    match nanoseconds {
        0 => "0s".to_owned(),
        _ => format!("{}ms", (nanoseconds + MILLISECOND - 1).div_euclid(MILLISECOND)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_2x_are_read_and_written() {
        for (text, expected) in [
            ("10m", "10m"),
            ("10m0s", "10m"),
            ("336h0m0s", "336h"),
            ("1h30m", "90m"),
            ("1.5h", "90m"),
            (".5s", "500ms"),
            ("90s", "90s"),
            ("1m30.5s", "90500ms"),
            ("250ms", "250ms"),
            ("1us", "1ms"),
            ("1500\u{b5}s", "2ms"),
            ("0", "0s"),
            ("0s", "0s"),
            ("-1s", "-1s"),
            ("+5s", "5s"),
        ] {
            assert_eq!(parse(text).map(written).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_of_2x_is_none() {
        for text in
            ["", "-", "10", "s", "1d", "10 s", "1.2.3s", ".s", "1e3s", "99999999999999999999h", "tomorrow"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.a-z\u{b5}]*") {
            parse(&text).map(written);
        }

        #[test]
        fn what_is_written_is_the_same_time(milliseconds in 1..4_000_000_000_000_i128) {
            prop_assert_eq!(parse(&written(milliseconds * MILLISECOND)), Some(milliseconds * MILLISECOND));
        }
    }
}
