//! The variables: of version 1, where `path_replacement` has the two-way ones, and of version 2, where values have audiences.

use std::collections::BTreeMap;

use super::{
    keys::quoted,
    notes::Notes,
    yaml::{Node, Value},
};

/// What 2.x has for variables that the file does not name. Its examples for `blender` and `ffmpeg` are not among them:
/// those paths exist nowhere.
type Defaults = &'static [(&'static str, &'static str, [(&'static str, &'static str); 3])];

const OF_VERSION_1: Defaults = &[
    ("render", "twoway", [("linux", "/render"), ("windows", "R:"), ("darwin", "/Volume/render")]),
    (
        "job_storage",
        "twoway",
        [("linux", "/shared/flamenco-jobs"), ("windows", "S:"), ("darwin", "/Volume/shared/flamenco-jobs")],
    ),
];

const JOBS: [(&str, &str); 3] = [
    ("linux", "/shared/flamenco/jobs"),
    ("windows", "S:/flamenco/jobs"),
    ("darwin", "/Volumes/Shared/flamenco/jobs"),
];

const OF_VERSION_2: Defaults = &[
    (
        "render",
        "twoway",
        [
            ("linux", "/shared/flamenco/render"),
            ("windows", "S:/flamenco/render"),
            ("darwin", "/Volumes/Shared/flamenco/render"),
        ],
    ),
    ("job_storage", "twoway", JOBS),
    ("shaman", "oneway", JOBS),
];

/// For whom a value is, as 2.x looks it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Audience {
    Workers,
    Users,
}

/// A variable as 2.x has it in its table: the values by platform and audience.
#[derive(Debug, Default)]
struct Variable {
    two_way: bool,
    values: BTreeMap<String, BTreeMap<Audience, String>>,
}

/// All variables of the file, as keys and values of `manager.toml`.
pub(super) fn translate(file: &Node, version: u32, notes: &mut Notes) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (section, two_way) in [("variables", false), ("path_replacement", true)] {
        let Some(node) = file.get(section) else { continue };
        if !matches!(node.value, Value::Map(_) | Value::Nothing) {
            notes.ask(
                Some(node.line),
                None,
                format!("{section}: these are no variables, so they are left out"),
            );
        }
        for (name, node) in node.entries() {
            let key = format!("{section}.{name}");
            let Some(variable) = read(&key, node, two_way, notes) else { continue };
            if variables.insert(name.clone(), variable).is_some() {
                let text = format!(
                    "{key}: there is a variable of this name in `variables`, too; this one counts, as in 2.x"
                );
                notes.ask(Some(node.line), Some(&beside(name)), text);
            }
        }
    }
    let mut values = BTreeMap::new();
    for (name, variable) in variables {
        variable.write(&name, &mut values);
    }
    add_defaults(version, &mut values, notes);
    values
}

/// The key of `manager.toml` beside which a note on a variable stands.
fn beside(name: &str) -> String {
    format!("variables.{name}.values")
}

fn read(key: &str, node: &Node, two_way: bool, notes: &mut Notes) -> Option<Variable> {
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
    let line = Some(node.line);
    if name.is_empty() || !name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_' || sign == '-')
    {
        let text = format!("{key:?}: left out, since the name of a variable is of letters, digits, _ and -");
        notes.ask(line, None, text);
        return None;
    }
    if node.entries().is_empty() {
        notes.ask(line, None, format!("{key}: left out, since it has no values"));
        return None;
    }
    let mut variable = Variable { two_way, ..Variable::default() };
    match node.get("values") {
        Some(values) => variable.read_version_2(key, node, values, notes),
        None => variable.read_version_1(key, node, notes),
    }
    Some(variable)
}

impl Variable {
    /// A value for each platform.
    fn read_version_1(&mut self, key: &str, node: &Node, notes: &mut Notes) {
        for (platform, value) in node.entries() {
            match &value.value {
                Value::Text(text) if !text.is_empty() => {
                    self.add(key, value.line, platform, &[Audience::Workers, Audience::Users], text, notes);
                }
                Value::Nothing | Value::Text(_) => {}
                Value::List(_) | Value::Map(_) => {
                    let text = format!("{key}.{platform}: left out, since a value is a single text");
                    notes.ask(Some(value.line), None, text);
                }
            }
        }
    }

    /// A direction, and a list of values with their platforms and audiences.
    fn read_version_2(&mut self, key: &str, node: &Node, values: &Node, notes: &mut Notes) {
        match node.get("direction").and_then(Node::text) {
            Some("twoway") => self.two_way = true,
            Some("oneway") => self.two_way = false,
            other => {
                let other = other.unwrap_or_default();
                let text = format!(
                    "{key}.direction: {other:?} is neither \"oneway\" nor \"twoway\"; 2.x took it for \"oneway\""
                );
                notes.ask(Some(node.line), None, text);
            }
        }
        notes.unknown_keys(key, node, &["direction", "values"]);
        let Value::List(values) = &values.value else { return };
        for (index, value) in values.iter().enumerate() {
            self.read_value(&format!("{key}.values[{index}]"), value, notes);
        }
    }

    fn read_value(&mut self, key: &str, node: &Node, notes: &mut Notes) {
        notes.unknown_keys(key, node, &["audience", "platform", "platforms", "value"]);
        let audiences: &[Audience] = match node.get("audience").and_then(Node::text).unwrap_or_default() {
            "" | "all" => &[Audience::Workers, Audience::Users],
            "workers" => &[Audience::Workers],
            "users" => &[Audience::Users],
            other => {
                let text = format!("{key}: left out, since nobody is of the audience {other:?}");
                return notes.ask(Some(node.line), None, text);
            }
        };
        let value = node.get("value").and_then(Node::text).unwrap_or_default();
        let one = node.get("platform").and_then(Node::text).filter(|platform| !platform.is_empty());
        let several = node.get("platforms").and_then(Node::texts).unwrap_or_default();
        let platforms: Vec<_> = one.into_iter().chain(several).collect();
        if platforms.is_empty() {
            let text = format!("{key}: left out, since it says for no platform that it is for it");
            notes.ask(Some(node.line), None, text);
        }
        for platform in platforms {
            self.add(key, node.line, platform, audiences, value, notes);
        }
    }

    /// Notes a value, over one that was there before, as 2.x does.
    fn add(
        &mut self,
        key: &str,
        line: usize,
        platform: &str,
        audiences: &[Audience],
        value: &str,
        notes: &mut Notes,
    ) {
        let mut value = value.to_owned();
        if self.two_way {
            if value.contains('\\') {
                value = value.replace('\\', "/");
                let text = format!(
                    "{key}: backslashes have become forward slashes, for paths are looked for with those"
                );
                notes.changed(Some(line), None, text);
            }
            value.truncate(value.trim_end_matches('/').len());
            if value.is_empty() {
                let text = format!(
                    "{key}: left out, since a two-way variable stands for a folder, and this is none"
                );
                return notes.ask(Some(line), None, text);
            }
        }
        let for_platform = self.values.entry(platform.trim().to_lowercase()).or_default();
        for audience in audiences {
            for_platform.insert(*audience, value.clone());
        }
    }

    fn write(&self, name: &str, values: &mut BTreeMap<String, String>) {
        let mut lines = String::new();
        for (platform, by_audience) in &self.values {
            let workers = by_audience.get(&Audience::Workers);
            let users = by_audience.get(&Audience::Users);
            let each = if workers == users {
                vec![("all", workers)]
            } else {
                vec![("workers", workers), ("users", users)]
            };
            for (audience, value) in each.into_iter().filter_map(|(audience, value)| Some((audience, value?)))
            {
                lines += &line(platform, audience, value);
            }
        }
        let direction = if self.two_way { "twoway" } else { "oneway" };
        values.insert(format!("variables.{name}.direction"), quoted(direction));
        values.insert(beside(name), format!("[\n{lines}]"));
    }
}

fn line(platform: &str, audience: &str, value: &str) -> String {
    let [platform, audience, value] = [platform, audience, value].map(quoted);
    format!("    {{ platform = {platform}, audience = {audience}, value = {value} }},\n")
}

/// What the file does not name is as 2.x has it, and not as it is here otherwise.
fn add_defaults(version: u32, values: &mut BTreeMap<String, String>, notes: &mut Notes) {
    for name in ["blender", "ffmpeg"] {
        if !values.contains_key(&beside(name)) {
            let text = format!(
                "variables.{name} is not in the file, and 2.x has but an example for it: see whether this is right"
            );
            notes.ask(None, Some(&beside(name)), text);
        }
    }
    for (name, direction, paths) in if version == 1 { OF_VERSION_1 } else { OF_VERSION_2 } {
        if values.contains_key(&beside(name)) {
            continue;
        }
        let lines: String = paths.iter().map(|(platform, value)| line(platform, "all", value)).collect();
        values.insert(format!("variables.{name}.direction"), quoted(direction));
        values.insert(beside(name), format!("[\n{lines}]"));
        let text = format!("variables.{name} is not in the file; this is what 2.x has then");
        notes.changed(None, Some(&beside(name)), text);
    }
}
