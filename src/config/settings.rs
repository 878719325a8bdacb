//! All keys with their values in force and their meanings, for people. The meanings and the defaults are those of the
//! example file, which a test keeps true; what a file says is shown as it stands there.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::{EXAMPLE, read};
use crate::domain::setting::{Setting, Source};

/// What a file says, key by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// The keys that it has, with the line and the text of their values. Of a secret there is no text.
    values: BTreeMap<String, (usize, Option<String>)>,
}

impl Written {
    pub(super) fn note(&mut self, key: String, line: usize, text: Option<String>) {
        self.values.insert(key, (line, text));
    }

    /// All keys in the order of the example, and behind them those that only this file has: of variables.
    pub fn settings(&self) -> Vec<Setting> {
        let mut all = explained(EXAMPLE);
        for key in self.values.keys() {
            if all.iter().all(|known| known.key != *key) {
                all.push(Explained { key: key.clone(), default: String::new(), meaning: alike(&all, key) });
            }
        }
        let secrets = read::secrets();
        all.into_iter().map(|known| self.setting(known, &secrets)).collect()
    }

    fn setting(&self, known: Explained, secrets: &BTreeSet<String>) -> Setting {
        let Explained { key, default, meaning } = known;
        let secret = secrets.contains(&key);
        let (line, value, source) = match self.values.get(&key) {
            Some((line, text)) => (Some(*line), text.clone(), Source::File),
            None => (None, Some(default), Source::Default),
        };
        Setting { value: value.filter(|_| !secret), key, source, line, secret, meaning }
    }
}

/// A key of the example.
struct Explained {
    key: String,
    default: String,
    meaning: String,
}

/// Reads the example: keys with the comments above them, or else above their sections, or else above a key of that name
/// before.
fn explained(example: &str) -> Vec<Explained> {
    let mut found: Vec<Explained> = Vec::new();
    let (mut prefix, mut of_section, mut comment) = (String::new(), String::new(), String::new());
    let mut lines = example.lines();
    while let Some(line) = lines.next() {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            prefix = format!("{section}.");
            of_section = std::mem::take(&mut comment);
        } else if let Some(text) = line.strip_prefix("# ") {
            if !comment.is_empty() {
                comment.push(' ');
            }
            comment.push_str(text);
        } else if let Some((key, first)) = line.strip_prefix('#').and_then(|line| line.split_once(" = ")) {
            let key = format!("{prefix}{key}");
            let mut default = first.to_owned();
            if first == "[" {
                for line in lines.by_ref().map(|line| line.trim_start_matches('#')) {
                    default = format!("{default}\n{line}");
                    if line == "]" {
                        break;
                    }
                }
            }
            let own = [std::mem::take(&mut comment), of_section.clone()];
            let meaning = own.into_iter().find(|meaning| !meaning.is_empty());
            let meaning = meaning.unwrap_or_else(|| alike(&found, &key));
            found.push(Explained { key, default, meaning });
        } else {
            comment.clear();
        }
    }
    found
}

/// What a key means, going by the first one that is called so in any section.
fn alike(known: &[Explained], key: &str) -> String {
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let alike = known.iter().find(|known| name(&known.key) == name(key));
    alike.map(|known| known.meaning.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn settings(text: &str) -> Vec<Setting> {
        Config::from_toml(text, "manager.toml").unwrap().written.settings()
    }

    fn setting(text: &str, key: &str) -> Setting {
        settings(text).into_iter().find(|setting| setting.key == key).unwrap()
    }

    #[test]
    fn every_key_is_there_with_a_meaning() {
        let (_, keys, _) = read::read(EXAMPLE);
        let shown: BTreeSet<_> = settings("").into_iter().map(|setting| setting.key).collect();
        let sections = |key: &String| keys.iter().any(|other| other.starts_with(&format!("{key}.")));
        for key in keys.iter().filter(|key| !sections(key)) {
            assert!(shown.contains(key), "{key}");
        }
        assert_eq!(shown.len(), settings("").len(), "each is shown once");
        for setting in settings("") {
            assert!(setting.meaning.len() > 10, "{setting:?}");
            assert_eq!((setting.source, setting.line), (Source::Default, None), "{setting:?}");
        }
    }

    #[test]
    fn the_values_make_a_file_of_the_same_meaning() {
        let values = settings("").into_iter().filter_map(|setting| Some((setting.key, setting.value?)));
        let file: Vec<_> = values.map(|(key, value)| format!("{key} = {value}")).collect();
        let read = Config::from_toml(&file.join("\n"), "manager.toml").unwrap();
        // An address for HTTPS that somebody wrote down switches it on.
        assert!(read.https.is_some());
        assert_eq!(Config { written: Written::default(), https: None, ..read }, Config::default());
    }

    #[test]
    fn what_the_file_says_is_shown_as_it_stands_there_with_its_line() {
        let text = "# mine\nblacklist_threshold = 0x10\n[shaman]\ngarbage_collect = { period = '8h' }\n\
            [variables.blender]\nvalues = [\n  { platform = 'linux', value = 'b' },\n]\n\
            [variables.mine]\nvalues = []\n";
        let found = |key| {
            let Setting { value, source, line, .. } = setting(text, key);
            (value.unwrap(), source, line)
        };
        assert_eq!(found("blacklist_threshold"), ("0x10".into(), Source::File, Some(2)));
        assert_eq!(found("shaman.garbage_collect.period"), ("'8h'".into(), Source::File, Some(4)));
        assert_eq!(found("shaman.garbage_collect.max_age"), ("\"744h\"".into(), Source::Default, None));
        let values = "[\n  { platform = 'linux', value = 'b' },\n]";
        assert_eq!(found("variables.blender.values"), (values.into(), Source::File, Some(6)));
        assert_eq!(found("variables.mine.values"), ("[]".into(), Source::File, Some(10)));
        assert_eq!(
            setting(text, "variables.mine.values").meaning,
            "One value for each platform and audience."
        );
        assert!(settings(text).iter().all(|setting| !setting.key.contains("[0]")));
    }

    #[test]
    fn secrets_are_kept() {
        let text = "worker_registration_secret = 'hush'";
        let Setting { value, source, line, secret, .. } = setting(text, "worker_registration_secret");
        assert_eq!((value, source, line, secret), (None, Source::File, Some(1), true));
        let unset =
            Written::default().settings().into_iter().find(|one| one.key == "manager_secret").unwrap();
        assert_eq!((unset.value, unset.source, unset.secret), (None, Source::Default, true));
        assert!(!format!("{:?}", Config::from_toml(text, "manager.toml").unwrap().written).contains("hush"));
    }
}
