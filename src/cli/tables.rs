//! Tables for people, and the way to the screen.

use std::io::{self, Write};

use comfy_table::{Table, presets};
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

/// A text without signs that steer the terminal: whoever registers a worker chooses its name.
fn shown(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { char::REPLACEMENT_CHARACTER } else { sign }).collect()
}

/// Prints a document as JSON.
pub fn print_json(document: &Value) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(document).map_err(|error| Failure::of(&error))?)
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
}
