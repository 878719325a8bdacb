//! Which days of the week a schedule names.

use std::{fmt, str::FromStr};

use jiff::civil::Weekday;

use super::BadSchedule;

const NAMES: [&str; 7] = ["mo", "tu", "we", "th", "fr", "sa", "su"];

/// A set of days of the week. The empty set stands for every day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// The set from a byte as it was stored: bit 0 is Monday, bit 6 is Sunday.
    pub fn from_bits(bits: u8) -> Result<Self, BadSchedule> {
        if bits >> NAMES.len() == 0 { Ok(Self(bits)) } else { Err(BadSchedule::Stored) }
    }

    /// The set as a byte to store: bit 0 is Monday, bit 6 is Sunday.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether `day` is one of the days; the empty set has them all.
    pub fn include(self, day: Weekday) -> bool {
        self.0 == 0 || self.0 >> day.to_monday_zero_offset() & 1 == 1
    }

    fn named(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().enumerate().filter(move |(index, _)| self.0 >> index & 1 == 1).map(|(_, name)| name)
    }
}

impl FromStr for Days {
    type Err = BadSchedule;

    /// Reads day names between spaces (or commas), of which only the first two letters count.
    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        let mut words =
            text.split(|sign: char| sign.is_whitespace() || sign == ',').filter(|word| !word.is_empty());
        words.try_fold(Self(0), |Self(bits), word| {
            let short: String = word.to_lowercase().chars().take(2).collect();
            let index = NAMES.iter().position(|name| *name == short);
            index.map(|index| Self(bits | 1 << index)).ok_or_else(|| BadSchedule::Day(word.to_owned()))
        })
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_trimmed_and_cut_to_two_lower_case_letters() {
        let days: Days = "  Monday tu\tFRIDAY, mo ".parse().unwrap();
        assert_eq!(days.to_string(), "mo tu fr");
        assert_eq!(Days::from_bits(days.bits()), Ok(days));
    }

    #[test]
    fn no_days_are_every_day() {
        let days: Days = " ".parse().unwrap();
        assert!(days.include(Weekday::Monday) && days.include(Weekday::Sunday));
        assert_eq!(days.to_string(), "");
    }

    #[test]
    fn only_the_days_named_are_included() {
        let days: Days = "tu su".parse().unwrap();
        assert!(days.include(Weekday::Tuesday) && days.include(Weekday::Sunday));
        assert!(!days.include(Weekday::Monday) && !days.include(Weekday::Saturday));
    }

    #[test]
    fn an_unknown_day_is_named_in_the_error() {
        for word in ["xyz", "m", "\u{e9}t\u{e9}", "-"] {
            assert_eq!(format!("mo {word}").parse::<Days>(), Err(BadSchedule::Day(word.to_owned())));
        }
    }

    #[test]
    fn a_byte_that_is_no_set_of_days_is_refused() {
        assert_eq!(Days::from_bits(0x80), Err(BadSchedule::Stored));
    }
}
