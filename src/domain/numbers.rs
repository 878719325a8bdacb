//! Numbers in sentences: the words that go with them.

use std::fmt::Display;

/// Whatever things are counted with.
pub trait Number: Copy + Display + PartialEq + From<u8> {}

impl<N: Copy + Display + PartialEq + From<u8>> Number for N {}

/// `1 job`, `2 jobs`.
pub fn count(number: impl Number, what: &str) -> String {
    format!("{number} {what}{}", agree(number, "", "s"))
}

/// `one` with one thing, and `many` with any other number: "was" and "were".
pub fn agree<'a, N: Number>(number: N, one: &'a str, many: &'a str) -> &'a str {
    if number == N::from(1) { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural_and_everything_else_is() {
        let counted = [0_u64, 1, 2, 21].map(|number| count(number, "job"));
        assert_eq!(counted, ["0 jobs", "1 job", "2 jobs", "21 jobs"]);
        assert_eq!([agree(1_usize, "was", "were"), agree(0_usize, "was", "were")], ["was", "were"]);
    }
}
