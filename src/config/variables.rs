//! The `[variables.NAME]` sections, and the variables that exist without any.

use std::collections::BTreeSet;

use super::{
    kinds::{AUDIENCE, DIRECTION, MAYBE_EMPTY_TEXT, PLATFORM, PLATFORMS},
    section::Section,
};
use crate::domain::variables::{Audience, Direction, Variable, VariableValue, Variables};

/// The variables that users of Flamenco know, with values for a plain farm: Blender and `FFmpeg` from the
/// system, and the shared storage mounted at `/render` and `/shared`.
pub(super) fn defaults() -> Variables {
    const EVERY_PLATFORM: &[&str] = &["linux", "windows", "darwin"];
    let per_platform = |linux, windows, darwin| {
        vec![value(&["linux"], linux), value(&["windows"], windows), value(&["darwin"], darwin)]
    };
    let blender = per_platform(
        "/usr/bin/blender",
        "C:/blender/blender.exe",
        "/Applications/Blender.app/Contents/MacOS/Blender",
    );
    let jobs = per_platform("/shared/flamenco/jobs", "S:/flamenco/jobs", "/Volumes/shared/flamenco/jobs");
    let render = per_platform("/render", "R:", "/Volumes/render");
    let all = [
        ("blender", Direction::OneWay, blender),
        ("ffmpeg", Direction::OneWay, vec![value(EVERY_PLATFORM, "ffmpeg")]),
        ("render", Direction::TwoWay, render),
        ("job_storage", Direction::TwoWay, jobs.clone()),
        ("shaman", Direction::OneWay, jobs),
    ];
    let named = |(name, direction, values): (&str, _, _)| (name.to_owned(), Variable { direction, values });
    Variables(all.into_iter().map(named).collect())
}

fn value(platforms: &[&str], value: &str) -> VariableValue {
    let platforms = platforms.iter().map(ToString::to_string).collect();
    VariableValue { audience: Audience::All, platforms, value: value.to_owned() }
}

/// Reads all variables of the file over the defaults.
pub(super) fn read(section: &mut Section<'_, '_>, variables: &mut Variables) {
    for name in section.names() {
        let plain = |sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == '-';
        if name.is_empty() || !name.chars().all(plain) {
            section.problem(&name, "expected a name of letters, digits, _ and -");
        }
        section.section(&name, |section| {
            let known = variables.0.remove(&name);
            let variable = read_variable(section, known);
            variables.0.extend(variable.map(|variable| (name.clone(), variable)));
        });
    }
}

fn read_variable(section: &mut Section<'_, '_>, known: Option<Variable>) -> Option<Variable> {
    let mut direction = known.as_ref().map_or(Direction::OneWay, |known| known.direction);
    section.read("direction", &DIRECTION, &mut direction);
    let values = section.sections("values", |section| read_value(section, direction));
    let Some(values) = values.map(|values| values.into_iter().flatten().collect::<Vec<_>>()) else {
        if known.is_none() {
            section.problem(
                "values",
                "is missing, expected a list such as [{ platform = \"linux\", value = \"/x\" }]",
            );
        }
        return known.map(|known| Variable { direction, ..known });
    };
    let mut seen = BTreeSet::new();
    for value in &values {
        for platform in &value.platforms {
            if !seen.insert((platform, value.audience as u8)) {
                let message = format!("there are two values for platform {platform:?} and the same audience");
                section.contradiction("values", &message);
            }
        }
    }
    Some(Variable { direction, values })
}

fn read_value(section: &mut Section<'_, '_>, direction: Direction) -> Option<VariableValue> {
    let mut audience = Audience::All;
    section.read("audience", &AUDIENCE, &mut audience);
    let mut platforms = Vec::new();
    section.read("platforms", &PLATFORMS, &mut platforms);
    platforms.extend(section.get("platform", &PLATFORM));
    let value = section.require("value", &MAYBE_EMPTY_TEXT)?;
    if platforms.is_empty() {
        section.problem("platform", "is missing, expected a platform such as \"linux\"");
    }
    if direction == Direction::TwoWay && (value.contains('\\') || value.trim_matches('/').is_empty()) {
        section.contradiction("value", "a two-way variable needs a path, with forward slashes");
    }
    Some(VariableValue { audience, platforms, value })
}
