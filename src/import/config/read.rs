//! The keys that are read one by one, by the table of all keys.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    duration::SECOND,
    keys::{As, Fate, KEYS, bare_number, value},
    notes::Notes,
    yaml::{Node, Value},
};

/// No number without a unit that somebody wrote down as a time is meant in nanoseconds below this: it is a millisecond.
const LEAST_NANOSECONDS: i128 = 1_000_000;

/// A value for a key of `manager.toml`.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// In the words of TOML.
    pub toml: String,
    /// In the words of the old file, unless it is a list.
    pub text: String,
    /// Where in the old file.
    pub line: usize,
}

/// What the keys of a file say, by the keys of `manager.toml`. Relative paths belong to `folder`.
pub(super) fn read(tree: &Node, folder: &Path, notes: &mut Notes) -> BTreeMap<String, Given> {
    let mut reading = Reading { folder, notes, given: BTreeMap::new() };
    reading.section("", tree, KEYS);
    reading.given
}

struct Reading<'a> {
    folder: &'a Path,
    notes: &'a mut Notes,
    given: BTreeMap<String, Given>,
}

impl Reading<'_> {
    fn section(&mut self, prefix: &str, section: &Node, keys: &[(&str, Fate)]) {
        for (name, node) in section.entries() {
            if !keys.iter().any(|(known, _)| known == name) {
                self.notes.unknown(&format!("{prefix}{name}"), node);
            }
        }
        for (name, fate) in keys {
            let Some(node) = section.get(name) else { continue };
            let key = format!("{prefix}{name}");
            match *fate {
                Fate::Section(keys) => self.section(&format!("{key}."), node, keys),
                Fate::Becomes(becomes, kind) => self.value(&key, node, becomes, kind),
                Fate::WasBefore2011(becomes, kind) if !self.given.contains_key(becomes) => {
                    let text = format!(
                        "{key}: {becomes} since Flamenco Manager 2.0.11, which passed over the old name"
                    );
                    self.notes.changed(Some(node.line), Some(becomes), text);
                    self.value(&key, node, becomes, kind);
                }
                Fate::WasBefore2011(becomes, _) => {
                    let text = format!("{key}: the old name of {becomes}, which is there as well and counts");
                    self.notes.dropped(node.line, None, text);
                }
                Fate::Dropped(why) if node.value != Value::Nothing => {
                    self.notes.dropped(node.line, None, format!("{key}: {why}"));
                }
                Fate::Dropped(_) | Fate::Apart => {}
            }
        }
    }

    /// An empty value is none: 2.x has empty texts for what is not set.
    fn value(&mut self, key: &str, node: &Node, becomes: &str, kind: As) {
        let text = node.text().unwrap_or_default();
        let is_empty = match &node.value {
            Value::Nothing => true,
            Value::Text(text) => text.is_empty() && becomes != "listen" && becomes != "listen_https",
            Value::List(_) | Value::Map(_) => false,
        };
        if is_empty {
            return;
        }
        let kind = if self.seconds_were_meant(key, node.line, becomes, kind, text) {
            As::TimeIn(SECOND)
        } else {
            kind
        };
        if kind == As::Path && Path::new(text).is_relative() {
            let text =
                format!("{key}: the whole path, so that it is the same from wherever the Manager is started");
            self.notes.changed(Some(node.line), Some(becomes), text);
        }
        let Some(toml) = value(node, kind, |path| whole(self.folder, path)) else {
            let wanted = if matches!(kind, As::Paths | As::Texts) { "a list" } else { "a single value" };
            let text = format!("{key}: left out, since it is not {wanted}");
            return self.notes.ask(Some(node.line), Some(becomes), text);
        };
        self.given.insert(becomes.to_owned(), Given { toml, text: text.to_owned(), line: node.line });
    }

    /// 2.x counts nanoseconds where there is no unit, which nobody expects.
    fn seconds_were_meant(&mut self, key: &str, line: usize, becomes: &str, kind: As, text: &str) -> bool {
        let bare = bare_number(text).filter(|_| matches!(kind, As::Time | As::TimeOrNever));
        let meant = bare.is_some_and(|number| number > 0 && number < LEAST_NANOSECONDS);
        if meant {
            let text = format!(
                "{key}: {text} has no unit, which 2.x took for nanoseconds; it is taken for seconds here"
            );
            self.notes.ask(Some(line), Some(becomes), text);
        }
        meant
    }
}

/// A path of the old file as a whole one: 2.x ran in the folder of its configuration.
pub(super) fn whole(folder: &Path, path: &str) -> String {
    let whole: PathBuf = folder.join(path).components().collect();
    whole.to_string_lossy().into_owned()
}
