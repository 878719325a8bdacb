//! The way back: when a job is submitted, a path that begins with the value of a two-way variable becomes `{variable}`, so
//! that workers of every platform find it. And by way of it from one platform to another: what a worker calls a file
//! becomes what that file is called here.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};

use super::{Audience, Direction, Variable, Variables, each_leaf};

/// The paths that two-way variables stand for, as those who submit jobs see them.
#[derive(Debug)]
pub struct KnownPaths<'a>(Vec<KnownPath<'a>>);

#[derive(Debug)]
struct KnownPath<'a> {
    variable: &'a str,
    value: &'a str,
    is_windows: bool,
}

impl Variables {
    /// The paths that people know on `platform`; on all platforms if nobody said which.
    #[must_use]
    pub fn known_paths(&self, platform: Option<&str>) -> KnownPaths<'_> {
        let platform = platform.map(str::to_lowercase);
        let is_for_workers =
            |variable: &Variable| variable.values.iter().any(|value| value.audience != Audience::Users);
        // What no worker has a value for would only stand in its way.
        self.paths_of(Audience::Users, platform.as_deref(), is_for_workers)
    }

    /// The values that two-way variables have for `audience` on `platform`, or on all of them.
    fn paths_of(
        &self,
        audience: Audience,
        platform: Option<&str>,
        counts: impl Fn(&Variable) -> bool,
    ) -> KnownPaths<'_> {
        let mut known = Vec::new();
        for (name, variable) in self.two_way().filter(|(_, variable)| counts(variable)) {
            for on in variable.platforms(platform) {
                let value = variable.value(audience, on);
                known.extend(value.map(|value| KnownPath {
                    variable: name,
                    value,
                    is_windows: on == "windows",
                }));
            }
        }
        KnownPaths(known)
    }

    fn two_way(&self) -> impl Iterator<Item = (&str, &Variable)> {
        let all = self.0.iter().map(|(name, variable)| (name.as_str(), variable));
        all.filter(|(_, variable)| variable.direction == Direction::TwoWay)
    }

    /// The folders that two-way variables stand for on `platform` (in lower case), for whomever.
    #[must_use]
    pub fn folders(&self, platform: &str) -> BTreeSet<&str> {
        self.two_way().flat_map(|(_, variable)| variable.all_on(platform)).collect()
    }

    /// What may be the name on the platform `to` of the file that a worker on `from` calls `path`, the likeliest first. Both
    /// platforms are in lower case. A path that no two-way variable stands for has a name on its own platform only.
    #[must_use]
    pub fn translate(&self, path: &str, from: &str, to: &str) -> Vec<String> {
        let mut names = Vec::new();
        if from == to {
            names.push(path.to_owned());
        }
        let known = self.paths_of(Audience::Workers, Some(from), |_| true);
        if let Some((known, rest)) = known.longest(path) {
            let rest = known.with_slashes(rest);
            let values = self.0.get(known.variable).into_iter().flat_map(|variable| variable.all_on(to));
            names.extend(values.map(|value| format!("{value}{rest}")));
        }
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }
}

impl Variable {
    /// Its values on `platform`: what workers know comes first, and what people know after it.
    fn all_on(&self, platform: &str) -> impl Iterator<Item = &str> {
        [Audience::Workers, Audience::Users].into_iter().filter_map(|audience| self.value(audience, platform))
    }
}

impl KnownPaths<'_> {
    /// `settings` with each text that begins with a known path beginning with `{variable}` instead. Texts in lists and
    /// in nested objects count too; keys do not.
    #[must_use]
    pub fn to_variables(&self, settings: Map<String, Value>) -> Map<String, Value> {
        let change = |leaf| match leaf {
            Value::String(text) => Value::String(self.shorten(text)),
            other => other,
        };
        settings.into_iter().map(|(key, value)| (key, each_leaf(value, &change))).collect()
    }

    fn shorten(&self, text: String) -> String {
        match self.longest(&text) {
            Some((known, rest)) => format!("{{{}}}{}", known.variable, known.with_slashes(rest)),
            None => text,
        }
    }

    /// The longest path with which `text` begins, and what follows it, which is shortest then. Of equal ones the first
    /// wins, so that it is always the same.
    fn longest<'t>(&self, text: &'t str) -> Option<(&KnownPath<'_>, &'t str)> {
        let begins = self.0.iter().filter_map(|known| Some((known, known.rest_of(text)?)));
        begins.min_by_key(|(_, rest)| rest.len())
    }
}

impl KnownPath<'_> {
    /// What follows this path, as it is the same on all platforms: with forward slashes.
    fn with_slashes<'t>(&self, rest: &'t str) -> Cow<'t, str> {
        if self.is_windows { rest.replace('\\', "/").into() } else { rest.into() }
    }

    /// What follows this path in `text`, if that begins with it: `/render` is in `/render/x`, and not in `/render2`.
    fn rest_of<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut signs = text.chars();
        for expected in self.value.chars() {
            if !self.is_same(expected, signs.next()?) {
                return None;
            }
        }
        let rest = signs.as_str();
        let ends_here = rest.is_empty() || rest.starts_with('/') || self.is_windows && rest.starts_with('\\');
        ends_here.then_some(rest)
    }

    fn is_same(&self, a: char, b: char) -> bool {
        a == b || self.is_windows && (a == '/' && b == '\\' || a.to_lowercase().eq(b.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::{
        super::{Variable, VariableValue},
        *,
    };

    fn variables() -> Variables {
        use Audience::{All, Users, Workers};
        let value = |audience, platform: &str, value: &str| VariableValue {
            audience,
            platforms: vec![platform.to_owned()],
            value: value.to_owned(),
        };
        let one = |name: &str, direction, values| (name.to_owned(), Variable { direction, values });
        Variables(BTreeMap::from([
            one("blender", Direction::OneWay, vec![value(All, "linux", "/usr/bin/blender")]),
            one(
                "jobs",
                Direction::TwoWay,
                vec![value(All, "linux", "/render/jobs/"), value(All, "windows", "R:/jobs")],
            ),
            one(
                "home",
                Direction::TwoWay,
                vec![value(Users, "linux", "/home"), value(Workers, "linux", "/mnt/home")],
            ),
            one(
                "render",
                Direction::TwoWay,
                vec![
                    value(All, "linux", "/render"),
                    value(All, "windows", "R:/"),
                    value(All, "darwin", "/Volumes/Rüme"),
                ],
            ),
            one("share", Direction::TwoWay, vec![value(All, "windows", "//nas/share")]),
        ]))
    }

    fn submitted(text: &str, platform: Option<&str>) -> String {
        let settings = json!({ "x": text }).as_object().unwrap().clone();
        variables().known_paths(platform).to_variables(settings)["x"].as_str().unwrap().to_owned()
    }

    fn on_linux(text: &str) -> String {
        submitted(text, Some("linux"))
    }

    fn on_windows(text: &str) -> String {
        submitted(text, Some("Windows"))
    }

    #[test]
    fn a_path_that_begins_with_a_value_begins_with_the_variable() {
        assert_eq!(on_linux("/render/shot/######"), "{render}/shot/######");
        assert_eq!(on_linux("/render"), "{render}");
        assert_eq!(on_linux("/render/"), "{render}/");
    }

    #[test]
    fn only_whole_parts_of_a_path_count_and_only_at_its_beginning() {
        for text in
            ["/render2/x", "/rende", "/a/render/x", " /render/x", "render", "/Render/x", r"/render\x", ""]
        {
            assert_eq!(on_linux(text), text);
        }
    }

    #[test]
    fn the_longest_value_wins() {
        assert_eq!(on_linux("/render/jobs/a"), "{jobs}/a");
        assert_eq!(on_linux("/render/jobs2/a"), "{render}/jobs2/a");
        assert_eq!(on_windows(r"r:\JOBS"), "{jobs}");
    }

    #[test]
    fn windows_knows_neither_case_nor_kinds_of_slashes() {
        assert_eq!(on_windows(r"r:\Shot\a b\######"), "{render}/Shot/a b/######");
        assert_eq!(on_windows("R:/shot"), "{render}/shot");
        assert_eq!(on_windows(r"\\NAS\share\x"), "{share}/x");
        for text in [r"R:shot", r"C:\render", r"\\nas\share2", r"a\b"] {
            assert_eq!(on_windows(text), text);
        }
    }

    #[test]
    fn without_a_platform_all_are_tried_and_another_platform_is_none_of_them() {
        for (text, stored) in
            [("/render/x", "{render}/x"), (r"R:\x", "{render}/x"), ("/Volumes/Rüme/x", "{render}/x")]
        {
            assert_eq!(submitted(text, None), stored);
            assert_eq!(submitted(text, Some("plan9")), text);
        }
        assert_eq!(on_linux("R:/x"), "R:/x");
    }

    #[test]
    fn the_values_of_workers_and_of_one_way_variables_stay() {
        assert_eq!(on_linux("/home/ada"), "{home}/ada");
        assert_eq!(on_linux("/mnt/home/ada"), "/mnt/home/ada");
        assert_eq!(on_linux("/usr/bin/blender"), "/usr/bin/blender");
    }

    #[test]
    fn what_is_a_variable_already_stays_one() {
        for text in ["{render}/x", "{blender} /render/x", "{unknown}/render"] {
            assert_eq!(on_linux(text), text);
        }
        assert_eq!(on_linux("/render/{blender}"), "{render}/{blender}");
    }

    fn translated(path: &str, from: &str, to: &str) -> Vec<String> {
        variables().translate(path, from, to)
    }

    #[test]
    fn a_path_of_a_worker_gets_the_name_that_it_has_on_another_platform() {
        assert_eq!(translated(r"r:\Shot\0001.png", "windows", "linux"), ["/render/Shot/0001.png"]);
        assert_eq!(translated("/Volumes/Rüme/0001.png", "darwin", "linux"), ["/render/0001.png"]);
        assert_eq!(translated("/render/0001.png", "linux", "windows"), ["R:/0001.png"]);
        assert_eq!(translated("R:/jobs/a/0001.png", "windows", "linux"), ["/render/jobs/a/0001.png"]);
    }

    #[test]
    fn on_its_own_platform_a_path_keeps_its_name_and_has_that_which_people_know_too() {
        assert_eq!(translated("/render/1.png", "linux", "linux"), ["/render/1.png"]);
        assert_eq!(translated("/elsewhere/1.png", "linux", "linux"), ["/elsewhere/1.png"]);
        assert_eq!(translated("/mnt/home/1.png", "linux", "linux"), ["/mnt/home/1.png", "/home/1.png"]);
    }

    #[test]
    fn what_no_variable_stands_for_has_no_name_elsewhere() {
        for path in [r"C:\render\1.png", "R:1.png", "/render/1.png", ""] {
            assert_eq!(translated(path, "windows", "linux"), Vec::<String>::new(), "{path}");
        }
        // There is a variable, and it has no value here.
        assert_eq!(translated(r"\\nas\share\1.png", "windows", "linux"), Vec::<String>::new());
        assert_eq!(translated("/home/1.png", "plan9", "linux"), Vec::<String>::new());
    }

    #[test]
    fn the_folders_of_a_platform_are_those_of_two_way_variables_for_whomever() {
        let folders: Vec<_> = variables().folders("linux").into_iter().map(str::to_owned).collect();
        assert_eq!(folders, ["/home", "/mnt/home", "/render", "/render/jobs"]);
        assert!(variables().folders("plan9").is_empty());
    }

    #[test]
    fn nested_texts_count_and_keys_do_not() {
        let settings = json!({"/render": 1, "list": ["/render/a", {"deep": "/render/b"}]});
        let stored = variables().known_paths(None).to_variables(settings.as_object().unwrap().clone());
        assert_eq!(
            Value::Object(stored),
            json!({"/render": 1, "list": ["{render}/a", {"deep": "{render}/b"}]})
        );
    }

    /// Texts that begin like a path that is known, or nearly so.
    fn path() -> impl Strategy<Value = String> {
        let begin = prop::sample::select(vec![
            "",
            "/",
            "/render",
            "/render/jobs",
            "/home",
            r"r:\Jobs",
            "R:",
            r"\\nas",
        ]);
        (begin, r"[/\\a-cR:.# ü]{0,12}").prop_map(|(begin, end)| format!("{begin}{end}"))
    }

    proptest! {
        #[test]
        fn a_path_comes_back_where_it_came_from(text in path()) {
            let back = |platform| {
                let stored = submitted(&text, Some(platform));
                variables().replace(json!(stored), Audience::Users, platform).as_str().unwrap().to_owned()
            };
            prop_assert_eq!(back("linux"), text.clone());
            let plain = |path: &str| path.replace('\\', "/").to_lowercase();
            prop_assert_eq!(plain(&back("windows")), plain(&text));
        }

        #[test]
        fn what_is_stored_is_not_changed_again(text in path()) {
            let stored = submitted(&text, None);
            prop_assert_eq!(submitted(&stored, None), stored);
        }
    }
}
