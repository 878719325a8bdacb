//! Variables: `{blender}` in a task's settings becomes the path of Blender on the platform of the worker that
//! gets the task. Where the values come from is the configuration's affair.

mod two_way;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use two_way::KnownPaths;

/// Who reads a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Everybody.
    All,
    /// The workers, when they get a task.
    Workers,
    /// The people who submit jobs.
    Users,
}

/// Which way a variable is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// `{name}` becomes the value on its way to a worker.
    OneWay,
    /// As well, the value becomes `{name}` at the beginning of a path when a job is submitted. Towards workers both
    /// directions are the same.
    TwoWay,
}

/// One value of a variable, and for whom it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VariableValue {
    /// Who reads this value.
    pub audience: Audience,
    /// The platforms on which it holds, in lower case: `linux`, `windows`, `darwin`, …
    pub platforms: Vec<String>,
    /// What stands in for `{name}`.
    pub value: String,
}

/// A variable: at most one value for each platform and audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Which way it is replaced.
    pub direction: Direction,
    /// Its values, as configured.
    pub values: Vec<VariableValue>,
}

impl Variable {
    /// What stands in for `{name}` for `audience` on `platform` (in lower case).
    fn value(&self, audience: Audience, platform: &str) -> Option<&str> {
        Some(self.text(self.choose(audience, platform)?))
    }

    /// The value for `audience` on `platform`: its own, or else the one for everybody.
    fn choose(&self, audience: Audience, platform: &str) -> Option<&VariableValue> {
        let exactly = |audience| {
            let fits = |value: &&VariableValue| {
                value.audience == audience && value.platforms.iter().any(|name| name == platform)
            };
            self.values.iter().find(fits)
        };
        exactly(audience).or_else(|| exactly(Audience::All))
    }

    /// The platforms on which there is a value; if there is an `only` (in lower case), just that.
    fn platforms(&self, only: Option<&str>) -> BTreeSet<&str> {
        let all = self.values.iter().flat_map(|value| &value.platforms).map(String::as_str);
        all.filter(|platform| only.is_none_or(|only| only == *platform)).collect()
    }

    fn text<'a>(&self, value: &'a VariableValue) -> &'a str {
        match self.direction {
            Direction::OneWay => &value.value,
            // As in Flamenco Manager 2.x: a slash follows the variable where it is used.
            Direction::TwoWay => value.value.trim_end_matches('/'),
        }
    }
}

/// A value as people and scripts see it: of one variable on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedValue<'a> {
    /// The variable.
    pub name: &'a str,
    /// Which way it is replaced.
    pub direction: Direction,
    /// Where the value holds.
    pub platform: &'a str,
    /// For whom the value is.
    pub audience: Audience,
    /// What stands in for `{name}`.
    pub value: &'a str,
}

/// The platform that this program was built for, as variables call it.
pub fn this_platform() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// All variables by name. Serialised it is the `variables` object that the Flamenco Server takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Variables(pub BTreeMap<String, Variable>);

impl Variables {
    /// All values by name and platform; with a platform those that hold there, with an audience those that it reads.
    #[must_use]
    pub fn list(&self, platform: Option<&str>, audience: Option<Audience>) -> Vec<ListedValue<'_>> {
        let only = platform.map(str::to_lowercase);
        let mut listed = Vec::new();
        for (name, variable) in &self.0 {
            for platform in variable.platforms(only.as_deref()) {
                let values: Vec<_> = match audience {
                    Some(audience) => variable.choose(audience, platform).into_iter().collect(),
                    None => variable
                        .values
                        .iter()
                        .filter(|value| value.platforms.iter().any(|on| on == platform))
                        .collect(),
                };
                listed.extend(values.into_iter().map(|value| ListedValue {
                    name,
                    direction: variable.direction,
                    platform,
                    audience: value.audience,
                    value: variable.text(value),
                }));
            }
        }
        listed
    }

    /// `settings` of a command with each `{name}` replaced by its value for `audience` on `platform`.
    ///
    /// Texts in lists and in nested objects are replaced too (Flamenco Manager 2.x stopped at the top level,
    /// where all texts of its own job types are); keys never are. A name without a value for that audience and
    /// platform stays as it is. A value is not searched for further variables.
    #[must_use]
    pub fn replace(&self, settings: Value, audience: Audience, platform: &str) -> Value {
        let platform = platform.to_lowercase();
        each_leaf(settings, &|leaf| match leaf {
            Value::String(text) => Value::String(self.expand(&text, audience, &platform)),
            other => other,
        })
    }

    fn expand(&self, text: &str, audience: Audience, platform: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(brace) = rest.find('{') {
            let (before, from_brace) = rest.split_at(brace);
            expanded.push_str(before);
            let (value, after) = self
                .placeholder(from_brace, audience, platform)
                .unwrap_or_else(|| from_brace.split_at('{'.len_utf8()));
            expanded.push_str(value);
            rest = after;
        }
        expanded.push_str(rest);
        expanded
    }

    /// The value of the `{name}` with which `text` begins, and what follows it.
    fn placeholder<'a>(
        &'a self,
        text: &'a str,
        audience: Audience,
        platform: &str,
    ) -> Option<(&'a str, &'a str)> {
        let inside = text.strip_prefix('{')?;
        // Stopping at a second brace keeps a text full of them cheap, and finds the variable in `{{name}}`.
        let (name, after) = inside.split_at(inside.find(['{', '}'])?);
        let value = self.0.get(name)?.value(audience, platform)?;
        Some((value, after.strip_prefix('}')?))
    }
}

/// `settings` as workers take them: an object (anything else becomes an empty one), with whole numbers as
/// integers.
///
/// `24.0` becomes `24`, because workers refuse a float where they expect an integer, and JSON from programs
/// that know only floats is full of them. A float that no 64-bit integer can hold stays one.
#[must_use]
pub fn tidy_settings(settings: Value) -> Value {
    match settings {
        Value::Object(_) => each_leaf(settings, &whole_number_as_integer),
        _ => Value::Object(Map::new()),
    }
}

fn whole_number_as_integer(leaf: Value) -> Value {
    let Some(float) = leaf.as_f64().filter(|float| leaf.is_f64() && float.fract() == 0.0) else {
        return leaf;
    };
    // A whole float is written with all its digits, so reading them back is exact, or fails at the bounds.
    let digits = format!("{float:.0}");
    let integer = digits.parse::<i64>().map(Value::from).or_else(|_| digits.parse::<u64>().map(Value::from));
    integer.unwrap_or(leaf)
}

/// `value` with everything in it that is neither list nor object put through `change`.
fn each_leaf(value: Value, change: &impl Fn(Value) -> Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| each_leaf(item, change)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, field)| (key, each_leaf(field, change))).collect()
        }
        leaf => change(leaf),
    }
}

#[cfg(test)]
mod tests;
