//! Variables: `{blender}` in a task's settings becomes the path of Blender on the platform of the worker that
//! gets the task. Where the values come from is the configuration's affair.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// Who reads a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// `{name}` becomes the value on its way to a worker.
    OneWay,
    /// As well, the value becomes `{name}` when a job is submitted. That half is done by the submitting
    /// program, which learns the values from the Flamenco Server; towards workers both directions are the same.
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
    /// The value for `audience` on `platform` (in lower case): its own, or else the one for everybody.
    fn value(&self, audience: Audience, platform: &str) -> Option<&str> {
        let exactly = |audience| {
            let fits = |value: &&VariableValue| {
                value.audience == audience && value.platforms.iter().any(|name| name == platform)
            };
            self.values.iter().find(fits)
        };
        let value = exactly(audience).or_else(|| exactly(Audience::All))?.value.as_str();
        Some(match self.direction {
            Direction::OneWay => value,
            // As in Flamenco Manager 2.x: a slash follows the variable where it is used.
            Direction::TwoWay => value.trim_end_matches('/'),
        })
    }
}

/// All variables by name. Serialised it is the `variables` object that the Flamenco Server takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Variables(pub BTreeMap<String, Variable>);

impl Variables {
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
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(audience: Audience, platforms: &[&str], value: &str) -> VariableValue {
        let platforms = platforms.iter().map(ToString::to_string).collect();
        VariableValue { audience, platforms, value: value.to_owned() }
    }

    fn variables() -> Variables {
        let one = |name: &str, direction, values| (name.to_owned(), Variable { direction, values });
        Variables(BTreeMap::from([
            one(
                "blender",
                Direction::OneWay,
                vec![
                    value(Audience::All, &["linux", "darwin"], "/usr/bin/blender"),
                    value(Audience::Workers, &["linux"], "/farm/blender"),
                    value(Audience::All, &["windows"], "C:/{ffmpeg}.exe"),
                ],
            ),
            one("ffmpeg", Direction::OneWay, vec![value(Audience::Users, &["linux"], "ffmpeg")]),
            one("render", Direction::TwoWay, vec![value(Audience::All, &["linux", "windows"], "R:/")]),
        ]))
    }

    fn for_worker(text: &str, platform: &str) -> Value {
        variables().replace(json!(text), Audience::Workers, platform)
    }

    #[test]
    fn a_variable_becomes_its_value_wherever_it_stands() {
        assert_eq!(for_worker("{blender} -b {render}/x", "linux"), "/farm/blender -b R:/x");
        assert_eq!(for_worker("{{render}}", "windows"), "{R:}");
        assert_eq!(for_worker("{{{render}", "windows"), "{{R:");
    }

    #[test]
    fn the_value_for_an_audience_goes_before_the_one_for_everybody() {
        let text = || json!("{blender}");
        let replaced = |audience| variables().replace(text(), audience, "linux");
        assert_eq!(replaced(Audience::Workers), "/farm/blender");
        assert_eq!(replaced(Audience::Users), "/usr/bin/blender");
        assert_eq!(replaced(Audience::All), "/usr/bin/blender");
    }

    #[test]
    fn the_case_of_a_platform_does_not_matter() {
        assert_eq!(for_worker("{blender}", "Darwin"), "/usr/bin/blender");
    }

    #[test]
    fn what_has_no_value_stays_as_it_is() {
        for text in ["{ffmpeg}", "{unknown}", "{}", "{", "}", "{blender", "{Blender}", "f'{frame:04}'", "{é}"]
        {
            assert_eq!(for_worker(text, "linux"), text);
        }
        assert_eq!(for_worker("{blender}", "plan9"), "{blender}");
    }

    #[test]
    fn a_value_is_not_searched_for_variables() {
        let replaced = variables().replace(json!("{blender}"), Audience::Users, "windows");
        assert_eq!(replaced, "C:/{ffmpeg}.exe");
    }

    #[test]
    fn nested_texts_are_replaced_and_keys_are_not() {
        let settings = json!({"{render}": 1, "list": ["{render}", 2], "deep": {"path": "{render}/a"}});
        assert_eq!(
            variables().replace(settings, Audience::Workers, "linux"),
            json!({"{render}": 1, "list": ["R:", 2], "deep": {"path": "R:/a"}}),
        );
    }

    #[test]
    fn the_server_gets_the_variables_as_configured() {
        let render = &serde_json::to_value(variables()).unwrap()["render"];
        let values = json!([{"audience": "all", "platforms": ["linux", "windows"], "value": "R:/"}]);
        assert_eq!(*render, json!({"direction": "twoway", "values": values}));
    }

    #[test]
    fn whole_numbers_become_integers() {
        let settings = json!({"fps": 24.0, "half": 0.5, "list": [{"x": -3.0}], "zero": -0.0, "text": "24.0"});
        let expected = r#"{"fps":24,"half":0.5,"list":[{"x":-3}],"text":"24.0","zero":0}"#;
        assert_eq!(tidy_settings(settings).to_string(), expected);
    }

    #[test]
    fn a_whole_float_becomes_an_integer_as_long_as_64_bits_hold_it() {
        for (float, written) in [
            ("9007199254740992.0", "9007199254740992"),
            ("1e18", "1000000000000000000"),
            ("-9223372036854775808.0", "-9223372036854775808"),
            ("9223372036854775808.0", "9223372036854775808"),
            ("18446744073709549568.0", "18446744073709549568"),
        ] {
            let settings = serde_json::from_str(&format!(r#"{{"n":{float}}}"#)).unwrap();
            assert_eq!(tidy_settings(settings).to_string(), format!(r#"{{"n":{written}}}"#));
        }
        for float in [18_446_744_073_709_551_616.0, -1e19, 1e300] {
            assert_eq!(tidy_settings(json!({"n": float})), json!({"n": float}));
        }
    }

    #[test]
    fn settings_are_always_an_object() {
        for odd in [json!(null), json!([1]), json!("x"), json!(2.0)] {
            assert_eq!(tidy_settings(odd), json!({}));
        }
    }

    proptest! {
        #[test]
        fn a_text_without_braces_is_left_alone(text in "[^{}]*") {
            prop_assert_eq!(for_worker(&text, "linux"), text);
        }

        #[test]
        fn without_variables_every_text_is_left_alone(text in ".*") {
            let replaced = Variables::default().replace(json!(text), Audience::Workers, "linux");
            prop_assert_eq!(replaced, text);
        }

        #[test]
        fn what_stands_around_a_variable_is_left_alone(before in "[a-z{ ]*", after in "[a-z} ]*") {
            let replaced = for_worker(&format!("{before}{{render}}{after}"), "linux");
            prop_assert_eq!(replaced, format!("{before}R:{after}"));
        }

        #[test]
        fn an_integer_sent_as_a_float_arrives_as_an_integer(n in any::<i32>()) {
            prop_assert_eq!(tidy_settings(json!({"n": f64::from(n)})), json!({"n": n}));
        }
    }
}
