//! Looking for a text in a log, however large: line by line, with little in memory.

use std::io::{self, BufRead, BufReader, Read};

use super::{LogError, LogFile, read::size};

/// As many lines are found at the most.
const MOST: usize = 1000;
/// As many bytes of a line are looked at; a worker sends no longer ones.
const LINE: u64 = 64 << 10;
/// As many characters of a line are shown,
const SHOWN: usize = 500;
/// and as many before what was found in it, when that is further on.
const BEFORE: usize = 100;

/// What was found in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The first lines with the text, each with its number, from 1.
    pub lines: Vec<(u64, String)>,
    /// Whether there are more.
    pub truncated: bool,
}

impl LogFile {
    /// The lines in which a text is found, whether in capitals or not: the first 1000. Of a very long line the first 64 KiB
    /// are looked at, and the part with the text is shown.
    pub fn search(self, text: &str) -> Result<Found, LogError> {
        let path = self.path().to_owned();
        search(BufReader::new(self.into_text()), &text.to_lowercase()).map_err(LogError::read(&path))
    }
}

fn search(mut log: impl BufRead, wanted: &str) -> io::Result<Found> {
    let mut found = Found::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if log.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if size(line.len()) == LINE && !line.ends_with(b"\n") {
            log.skip_until(b'\n')?;
        }
        let text = String::from_utf8_lossy(&line);
        let lower = text.to_lowercase();
        let Some(at) = lower.find(wanted) else { continue };
        if found.lines.len() == MOST {
            found.truncated = true;
            break;
        }
        found.lines.push((number, shown(text.trim_end(), lower[..at].chars().count())));
    }
    Ok(found)
}

/// The part of a line that is shown when what was found in it begins with this character.
fn shown(line: &str, at: usize) -> String {
    let skipped = if at + BEFORE < SHOWN { 0 } else { at - BEFORE };
    let part: String = line.chars().skip(skipped).take(SHOWN).collect();
    let is_cut = line.chars().nth(skipped + SHOWN).is_some();
    format!("{}{part}{}", if skipped > 0 { "…" } else { "" }, if is_cut { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(log: &str, text: &str) -> Vec<(u64, String)> {
        search(log.as_bytes(), text).unwrap().lines
    }

    #[test]
    fn lines_are_found_whether_in_capitals_or_not_and_counted_from_one() {
        let log = "Error: a\nb\r\nan ERROR\n\nÜBER\nthe last error";
        let expected =
            [(1, "Error: a".to_owned()), (3, "an ERROR".to_owned()), (6, "the last error".to_owned())];
        assert_eq!(found(log, "error"), expected);
        assert_eq!(found(log, "über"), [(5, "ÜBER".to_owned())]);
        assert_eq!(found(log, "nothing"), []);
        assert_eq!(found("", "x"), []);
    }

    #[test]
    fn no_more_than_a_thousand_lines_are_found_and_it_is_said_that_there_are_more() {
        let all = search("x\n".repeat(MOST).as_bytes(), "x").unwrap();
        assert_eq!((all.lines.len(), all.truncated), (MOST, false));
        let more = search("x\n".repeat(MOST + 1).as_bytes(), "x").unwrap();
        assert_eq!((more.lines.len(), more.truncated), (MOST, true));
    }

    #[test]
    fn of_a_long_line_the_part_with_the_text_is_shown() {
        let line = format!("{}needle{}", "ö".repeat(2000), "x".repeat(2000));
        let lines = found(&format!("{line}\nneedle\n"), "needle");
        assert_eq!((lines.len(), lines[0].0), (2, 1));
        assert_eq!(lines[0].1, format!("…{}needle{}…", "ö".repeat(BEFORE), "x".repeat(SHOWN - BEFORE - 6)));
    }

    #[test]
    fn a_line_without_end_takes_little_memory_and_the_next_one_is_the_next() {
        let log = format!("{}needle\nneedle\n", "x".repeat(100_000));
        assert_eq!(found(&log, "needle"), [(2, "needle".to_owned())]);
    }

    #[test]
    fn what_is_no_utf_8_is_searched_all_the_same() {
        assert_eq!(search(&b"caf\xe9 Needle\n"[..], "needle").unwrap().lines.len(), 1);
    }
}
