//! Variables, from what is configured to what a worker gets.

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
    for text in ["{ffmpeg}", "{unknown}", "{}", "{", "}", "{blender", "{Blender}", "f'{frame:04}'", "{é}"] {
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
fn the_list_has_what_holds_on_a_platform_and_what_an_audience_reads() {
    let variables = variables();
    let listed = |platform, audience| -> Vec<_> {
        let list = variables.list(platform, audience).into_iter();
        list.map(|value| format!("{} {} {}", value.name, value.platform, value.value)).collect()
    };
    assert_eq!(
        listed(Some("Linux"), Some(Audience::Users)),
        ["blender linux /usr/bin/blender", "ffmpeg linux ffmpeg", "render linux R:"]
    );
    assert_eq!(
        listed(None, Some(Audience::Workers)),
        [
            "blender darwin /usr/bin/blender",
            "blender linux /farm/blender",
            "blender windows C:/{ffmpeg}.exe",
            "render linux R:",
            "render windows R:"
        ]
    );
    assert_eq!(
        listed(Some("linux"), None),
        [
            "blender linux /usr/bin/blender",
            "blender linux /farm/blender",
            "ffmpeg linux ffmpeg",
            "render linux R:"
        ]
    );
    assert_eq!(listed(Some("plan9"), None), Vec::<String>::new());
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
