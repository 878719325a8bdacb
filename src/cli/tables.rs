//! Tables for people, and the way to the screen.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde_json::Value;

use super::Failure;

/// A table with these headings.
pub fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(headings);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// The text of a field; `-` for one that is empty or not there.
pub fn text(document: &Value, field: &str) -> String {
    match &document[field] {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        Value::String(text) => shown(text),
        other => other.to_string(),
    }
}

/// The texts of a list, with commas.
pub fn list(document: &Value, field: &str) -> String {
    let items = document[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<_> = items.iter().filter_map(Value::as_str).map(shown).collect();
    if texts.is_empty() { "-".into() } else { texts.join(", ") }
}

/// A thing with a line for each of its fields.
pub fn fields(fields: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut table = table(&["", ""]);
    table.set_header(Vec::<String>::new());
    for (name, value) in fields {
        table.add_row([name, &value]);
    }
    // There is no heading, but a line for it.
    table.to_string().trim_start().to_owned()
}

/// How long ago the moment in a field was, in one unit: "5 min".
pub fn age(document: &Value, field: &str, now: Timestamp) -> String {
    let Some(moment) = document[field].as_str().and_then(|text| text.parse::<Timestamp>().ok()) else {
        return "-".into();
    };
    // The clock of the Manager may be ahead of this one.
    let seconds = (now.as_second() - moment.as_second()).max(0);
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        86_400.. => format!("{} d", seconds / 86_400),
    }
}

/// A text without signs that steer the terminal: whoever registers a worker chooses its name.
pub fn shown(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { char::REPLACEMENT_CHARACTER } else { sign }).collect()
}

/// Prints a document as JSON.
pub fn print_json(document: &Value) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(document).map_err(|error| Failure::of(&error))?)
}

/// Prints a piece of a log as it is; in a terminal without what steers it, because a log says what its worker likes.
pub fn print_log(piece: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() {
        let text = String::from_utf8_lossy(piece);
        let harmless = |sign: char| !sign.is_control() || matches!(sign, '\n' | '\t');
        let shown: String = text.chars().filter(|sign| harmless(*sign)).collect();
        stdout.write_all(shown.as_bytes())
    } else {
        stdout.write_all(piece)
    }
}

/// Prints lines. That nobody reads on, as with `| head`, is no failure.
pub fn print(lines: &str) -> Result<(), Failure> {
    let trimmed: Vec<_> = lines.lines().map(str::trim_end).collect();
    match writeln!(io::stdout(), "{}", trimmed.join("\n")) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_name_steers_the_terminal() {
        let document =
            json!({"nickname": "a\u{1b}[31m\nb", "types": ["x\u{7}", "y"], "none": "", "number": 7});
        assert_eq!(text(&document, "nickname"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(list(&document, "types"), "x\u{fffd}, y");
        assert_eq!([text(&document, "none"), text(&document, "number")], ["-", "7"]);
    }

    #[test]
    fn an_age_has_one_unit() {
        let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        for (moment, expected) in [
            ("2026-08-01T12:00:07.5Z", "0 s"),
            ("2026-08-01T11:59:01Z", "59 s"),
            ("2026-08-01T11:59:00Z", "1 min"),
            ("2026-08-01T11:00:00Z", "1 h"),
            ("2026-07-31T12:00:00Z", "1 d"),
            ("2025-08-01T12:00:00Z", "365 d"),
            ("yesterday", "-"),
        ] {
            assert_eq!(age(&json!({"created": moment}), "created", now), expected, "{moment}");
        }
    }
}
