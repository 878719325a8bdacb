//! A `manager.toml` made of the example: with its explanations, with values where there are any, and with notes beside them.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::notes::{Kind, Note};
use crate::config::EXAMPLE;

/// The longest line of a comment.
const WIDTH: usize = 110;

/// A `manager.toml`.
#[derive(Default)]
pub(super) struct Filled {
    pub text: String,
    /// On which lines, counted from 1, which keys stand.
    places: Vec<(RangeInclusive<usize>, String)>,
}

impl Filled {
    /// The key that stands on a line.
    pub fn key_at(&self, line: usize) -> Option<&str> {
        self.places.iter().find(|(lines, _)| lines.contains(&line)).map(|(_, key)| key.as_str())
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, text: &str) {
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                "#".clone_into(&mut line);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    /// `name = value`, for the key whose whole name is `key`.
    fn set(&mut self, key: &str, name: &str, value: &str) {
        let first = self.text.lines().count() + 1;
        self.line(&format!("{name} = {value}"));
        self.places.push((first..=self.text.lines().count(), key.to_owned()));
    }

    fn notes(&mut self, key: &str, notes: &[Note]) {
        for note in notes.iter().filter(|note| note.beside.as_deref() == Some(key)) {
            let what = if note.kind == Kind::ToDecide { "TO DECIDE: " } else { "" };
            self.comment(&format!("{what}{}", note.sentence()));
        }
    }
}

/// The example with these values, by their whole keys, and below `head`. Keys that the example does not show are those of
/// variables; they follow at the end.
pub(super) fn fill(head: &str, mut values: BTreeMap<String, String>, notes: &[Note]) -> Filled {
    let mut filled = Filled::default();
    head.lines().for_each(|line| filled.comment(line));
    filled.line("#");
    let mut section = String::new();
    let mut lines = EXAMPLE.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        }
        let Some((name, default)) = commented_out(line) else {
            filled.line(line);
            continue;
        };
        let key = format!("{section}{name}");
        let mut shown = vec![line];
        if default == "[" {
            shown.extend(lines.by_ref().take_while(|line| *line != "#]"));
            shown.push("#]");
        }
        filled.notes(&key, notes);
        match values.remove(&key) {
            Some(value) => filled.set(&key, name, &value),
            None => shown.into_iter().for_each(|line| filled.line(line)),
        }
    }
    let mut section = "";
    for (key, value) in &values {
        let (of, name) = key.rsplit_once('.').unwrap_or(("", key));
        if of != section {
            filled.line("");
            filled.line(&format!("[{of}]"));
            section = of;
        }
        filled.notes(key, notes);
        filled.set(key, name, value);
    }
    filled
}

/// The key and the value of a line such as `#listen = ":8080"`.
fn commented_out(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('#').filter(|line| !line.starts_with(' '))?.split_once(" = ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn filled(values: &[(&str, &str)], notes: &[Note]) -> Filled {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        fill("made for a test", values, notes)
    }

    #[test]
    fn without_values_it_means_what_no_file_means() {
        let config = Config::from_toml(&filled(&[], &[]).text, "manager.toml").unwrap();
        assert_eq!(config, Config { written: config.written.clone(), ..Config::default() });
    }

    #[test]
    fn values_stand_in_the_place_of_what_the_example_shows() {
        let render = "[\n    { platform = \"linux\", value = \"/r\" },\n]";
        let filled = filled(
            &[
                ("mode", "\"develop\""),
                ("variables.render.values", render),
                ("variables.mine.direction", "\"oneway\""),
                ("variables.mine.values", "[]"),
            ],
            &[],
        );
        assert!(filled.text.starts_with("# made for a test\n#\n# The configuration"), "{}", filled.text);
        assert!(filled.text.contains("you experiment with.\nmode = \"develop\"\n"), "{}", filled.text);
        assert!(
            !filled.text.contains("#mode = \"production\"") && !filled.text.contains("value = \"/render\""),
            "{}",
            filled.text
        );
        assert!(filled.text.ends_with("\n[variables.mine]\ndirection = \"oneway\"\nvalues = []\n"));
        let config = Config::from_toml(&filled.text, "manager.toml").unwrap();
        assert_eq!(config.variables.0["render"].values.len(), 1);

        let line = filled.text.lines().position(|line| line.contains("\"/r\"")).unwrap() + 1;
        assert_eq!(filled.key_at(line), Some("variables.render.values"));
        assert_eq!(filled.key_at(1), None);
    }

    #[test]
    fn notes_stand_above_their_key() {
        let note = Note {
            kind: Kind::ToDecide,
            line: Some(3),
            beside: Some("mode".into()),
            text: "word ".repeat(40),
        };
        let text = filled(&[], &[note]).text;
        let place = text.find("# TO DECIDE: line 3: word word").expect("the note");
        assert!(text[place..].find("#mode = ").unwrap() < 300);
        assert!(text.lines().all(|line| line.chars().count() <= 125), "{text}");
    }
}
