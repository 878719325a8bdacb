//! Settings as data: what a job type takes, and the check of what a job has by just that description.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{CompiledTask, Given, Problem};

/// A kind of job. Serialised it tells forms and scripts what there is to fill in.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct JobType {
    /// What a submission names.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// What it does, in a sentence or two.
    pub description: &'static str,
    /// What it takes. Jobs may have other settings too: programs that submit jobs send more than is needed, as they
    /// did to 2.x, and nobody looks at it.
    pub settings: &'static [Setting],
    /// Settings that a job may not have, and why.
    #[serde(skip)]
    pub(super) outdated: &'static [(&'static str, &'static str)],
    /// Makes the tasks of settings that have been checked.
    #[serde(skip)]
    pub(super) compile: fn(&Given<'_>) -> Result<Vec<CompiledTask>, Problem>,
}

/// One setting of a job type.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Setting {
    /// Its key.
    pub name: &'static str,
    /// What values it takes.
    #[serde(flatten)]
    pub kind: Kind,
    /// Whether a job must have it. `null` is the same as not having it.
    pub required: bool,
    /// What holds for a job that does not have it; without this, it just is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<DefaultValue>,
    /// What it means.
    pub description: &'static str,
    /// What more there is to say about a text.
    #[serde(skip)]
    pub(super) rule: Option<Rule>,
}

/// Judges a text; the error completes a sentence that begins with the setting's name.
pub(super) type Rule = fn(&str) -> Result<(), String>;

/// The values that a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type")]
pub enum Kind {
    /// A text; if there are choices, one of these, in capital or small letters.
    #[serde(rename = "string")]
    Text {
        /// All that there are, or none if any text will do.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        choices: &'static [&'static str],
    },
    /// A whole number.
    #[serde(rename = "integer")]
    Integer {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
        /// Whether it may also be written as a text, `"64"`.
        #[serde(skip)]
        or_text: bool,
    },
    /// Any number.
    #[serde(rename = "number")]
    Number {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// Yes or no.
    #[serde(rename = "boolean")]
    Boolean,
    /// A list of texts.
    #[serde(rename = "strings")]
    Texts,
}

/// What holds for a setting that is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum DefaultValue {
    /// Of a text.
    Text(&'static str),
    /// Of a yes or no.
    Boolean(bool),
}

/// Any text.
pub(super) const TEXT: Kind = Kind::Text { choices: &[] };

impl Setting {
    pub(super) const fn required(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { name, kind, required: true, default: None, description, rule: None }
    }

    pub(super) const fn optional(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { required: false, ..Self::required(name, kind, description) }
    }

    pub(super) const fn with_default(self, default: DefaultValue) -> Self {
        Self { default: Some(default), ..self }
    }

    pub(super) const fn with_rule(self, rule: Rule) -> Self {
        Self { rule: Some(rule), ..self }
    }

    fn check(&self, settings: &Map<String, Value>) -> Result<(), String> {
        let Some(value) = given(settings, self.name) else {
            return if self.required {
                Err(format!("is missing; it is {}", self.description))
            } else {
                Ok(())
            };
        };
        self.kind.check(value)?;
        match (self.rule, value.as_str()) {
            (Some(rule), Some(text)) => rule(text),
            _ => Ok(()),
        }
    }
}

impl Kind {
    fn check(self, value: &Value) -> Result<(), String> {
        let wanted = match self {
            Self::Text { choices } => match value.as_str() {
                Some(text)
                    if choices.is_empty() || choices.iter().any(|one| one.eq_ignore_ascii_case(text)) =>
                {
                    return Ok(());
                }
                Some(_) if !choices.is_empty() => choices.join(" or "),
                _ => "a text".into(),
            },
            Self::Integer { min, max, or_text } => match integer(value, or_text) {
                Some(number) if (i64::from(min)..=i64::from(max)).contains(&number) => return Ok(()),
                _ => format!("a whole number from {min} to {max}"),
            },
            Self::Number { min, max } => match value.as_f64() {
                Some(number) if (min..=max).contains(&number) => return Ok(()),
                _ => format!("a number from {min} to {max}"),
            },
            Self::Boolean if value.is_boolean() => return Ok(()),
            Self::Boolean => "true or false".into(),
            Self::Texts => match value.as_array().map(|items| items.iter().find(|item| !item.is_string())) {
                Some(None) => return Ok(()),
                Some(Some(item)) => {
                    return Err(format!("must be a list of texts, but {} is in it", shown(item)));
                }
                None => "a list of texts".into(),
            },
        };
        Err(format!("must be {wanted}, but is {}", shown(value)))
    }
}

/// The whole number that `value` is, or that it writes as a text if that may be.
pub(super) fn integer(value: &Value, or_text: bool) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) if or_text => text.trim().parse().ok(),
        _ => None,
    }
}

/// The value that a job has for a setting; `null` is none.
pub(super) fn given<'a>(settings: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    settings.get(name).filter(|value| !value.is_null())
}

/// A value as a message shows it: JSON, and not too much of it.
pub(super) fn shown(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl JobType {
    /// Everything that is wrong with `settings`, in the order of the description.
    pub(super) fn problems(&self, settings: &Map<String, Value>) -> Vec<Problem> {
        let outdated = self.outdated.iter().filter(|(name, _)| settings.get(*name).is_some_and(is_something));
        let outdated = outdated.map(|(name, why)| Problem::new(name, *why));
        let wrong = self.settings.iter().filter_map(|setting| {
            let message = setting.check(settings).err()?;
            Some(Problem::new(setting.name, message))
        });
        outdated.chain(wrong).collect()
    }
}

/// Whether a value is more than nothing; programs send `null`, `0` or an empty text for what is not set.
fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}
