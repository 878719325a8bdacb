//! The shape of the source: who may name whom, and what every file owes its reader.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A module of the crate, and the modules of the crate that it may name. A new arrow is a decision about the whole.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &[]),
    ("files", &[]),
    ("ssdp", &[]),
    ("systemd", &[]),
    ("config", &["domain"]),
    ("store", &["domain", "files"]),
    ("tasklogs", &["domain", "files"]),
    ("pictures", &["domain"]),
    ("export", &["domain", "store", "files"]),
    ("services", &["domain", "store", "export", "tasklogs", "pictures", "clock"]),
    ("import", &["store", "export", "config", "domain"]),
    ("upstream", &["domain"]),
    ("exchange", &["services", "upstream", "domain"]),
    ("http", &["exchange", "services", "domain"]),
    ("tls", &["clock"]),
    ("loops", &["exchange", "services", "systemd", "tls", "config", "domain"]),
    // A worker knows nothing of the Manager but its protocol.
    ("simulate", &["clock"]),
    (
        "app",
        &[
            "http", "loops", "exchange", "upstream", "services", "store", "tasklogs", "pictures", "ssdp",
            "systemd", "tls", "config", "clock", "domain",
        ],
    ),
    (
        "cli",
        &[
            "app", "import", "export", "simulate", "services", "store", "tasklogs", "pictures", "tls",
            "config", "clock", "domain",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

fn files(folder: &str, end: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(end) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The module of the crate that a file belongs to: `src/http/api/jobs.rs` is part of `http`.
fn module(path: &Path) -> String {
    let first = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The text without what stands behind `//`.
fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules that `crate::name` and `crate::{name, other::{…}}` name.
fn named(text: &str, root: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(root) {
        let rest = &text[at + root.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(outermost_names(group)),
            None => names.extend(leading_word(rest)),
        }
    }
    names
}

/// The first word of each entry of a group whose opening brace has been read.
fn outermost_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut entry) = (1, String::new());
    for sign in group.chars() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && sign == ',' {
            names.extend(leading_word(entry.trim_start()));
            entry.clear();
        } else {
            entry.push(sign);
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn leading_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|sign| sign.is_ascii_alphanumeric() || *sign == '_').collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn names_are_found_however_they_are_imported() {
    let text = "use crate::{\n    a::{x, y::{z}},\n    b,\n    c::d,\n};\nfn f() { crate::e::g(); }";
    let expected: BTreeSet<_> = ["a", "b", "c", "e"].map(str::to_owned).into();
    assert_eq!(named(text, "crate::"), expected);
}

#[test]
fn nobody_names_whom_they_must_not_know() {
    let table: BTreeMap<_, BTreeSet<_>> =
        MAY_NAME.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let mut offences = Vec::new();
    for (path, text) in files("src", ".rs") {
        let module = module(&path);
        let allowed = table.get(module.as_str());
        let text = without_comments(&text);
        for name in named(&text, "crate::").into_iter().chain(named(&text, "flamenco_manager::")) {
            let fine = name == module || allowed.is_some_and(|allowed| allowed.contains(name.as_str()));
            // A constant of the crate's root is nobody's module.
            if !fine && table.contains_key(name.as_str()) {
                offences.push(format!("{} names crate::{name}", path.display()));
            }
        }
        if allowed.is_none() {
            offences.push(format!("{} belongs to no module of the table", path.display()));
        }
    }
    assert_eq!(offences, Vec::<String>::new());
}

#[test]
fn every_arrow_of_the_table_is_still_there() {
    let mut named_by: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files("src", ".rs") {
        let text = without_comments(&text);
        let names = named_by.entry(module(&path)).or_default();
        names.extend(named(&text, "crate::"));
        names.extend(named(&text, "flamenco_manager::"));
    }
    for (from, to) in MAY_NAME {
        for name in *to {
            assert!(named_by[*from].contains(*name), "{from} no longer names {name}: take it from the table");
        }
    }
}

#[test]
fn only_the_store_names_its_database_and_only_http_names_warp() {
    for (crate_name, home) in [("redb::", "src/store"), ("bincode::", "src/store"), ("warp::", "src/http")] {
        for (path, text) in files("src", ".rs") {
            let names = without_comments(&text).contains(crate_name);
            assert!(!names || path.starts_with(home), "{} names {crate_name}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in [files("src", ".rs"), files("tests", ".rs"), files("benches", ".rs")].concat() {
        assert!(text.starts_with("//! "), "{} begins with no word about itself", path.display());
    }
}

#[test]
fn there_is_no_test_code_outside_of_test_modules() {
    for (path, text) in files("src", ".rs") {
        let lines: Vec<_> = text.lines().collect();
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("cfg(test)")) {
            assert_eq!(line.trim(), "#[cfg(test)]", "{}:{}", path.display(), number + 1);
            let next = lines.get(number + 1).copied().unwrap_or_default().trim();
            assert!(
                next == "mod tests;" || next == "mod tests {",
                "{}:{}: {next}",
                path.display(),
                number + 2
            );
        }
    }
}

#[test]
fn every_route_is_in_a_story() {
    let stories: String = files("tests/it", ".rs")
        .into_iter()
        .filter(|(path, _)| !path.ends_with("architecture.rs"))
        .map(|(_, text)| with_placeholders(&text))
        .collect();
    let documented = routes_with_their_paths();
    let listed =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/routes.rs")).unwrap();
    let (_, listed) = listed.split_once("pub fn routes(").unwrap();
    let (listed, _) = listed.split_once("pub fn endpoint").unwrap();
    let listed: Vec<_> = listed.lines().filter_map(called).collect();
    assert!(listed.len() > 20, "the lists of routes were not found");
    // What stands before routes is about no path of its own.
    for route in listed.into_iter().filter(|route| *route != "to_https::redirect") {
        let function = route.rsplit("::").next().unwrap();
        let paths: Vec<_> = documented.iter().filter(|(name, _)| name == function).collect();
        assert!(!paths.is_empty(), "{route} does not say what it answers");
        for (_, path) in paths {
            let in_story =
                ["\"", "?", "{}", "/"].iter().any(|end| stories.contains(&format!("\"{path}{end}")));
            assert!(in_story, "no story is about {route}: {path}");
        }
    }
}

/// The function of another module that a line calls, with the site or with nothing: `api::jobs::list`.
fn called(line: &str) -> Option<&str> {
    let before = line.split_once("(site)").or_else(|| line.split_once("()"))?.0;
    let route = before.rsplit([' ', '(']).next()?;
    route.contains("::").then_some(route)
}

/// What every documented route is called, and the path that it answers at, with `{}` for what varies.
fn routes_with_their_paths() -> Vec<(String, String)> {
    let mut routes = Vec::new();
    for (_, text) in files("src/http", ".rs") {
        let mut path = None;
        for line in text.lines() {
            if let Some(doc) = line.strip_prefix("/// `") {
                let words: Vec<_> = doc.split(['`', ' ']).collect();
                if matches!(words[0], "GET" | "POST" | "PUT" | "PATCH" | "DELETE") {
                    path = Some(with_placeholders(words[1]));
                }
            } else if let Some(function) = line.strip_prefix("pub fn ") {
                routes.extend(path.take().map(|path| (leading_word(function).unwrap_or_default(), path)));
            }
        }
    }
    routes
}

/// `/tasks/{id}/log` and `/tasks/{}/log` are the same.
fn with_placeholders(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        result.push_str(before);
        match behind.split_once('}') {
            Some((inside, after))
                if inside.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_' || sign == '.') =>
            {
                result.push_str("{}");
                rest = after;
            }
            _ => {
                result.push('{');
                rest = behind;
            }
        }
    }
    result + rest
}
