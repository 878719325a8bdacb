//! YAML as a tree of texts, lists and maps, each with its line. Scalars keep the text that stands in the file: what it is
//! (a number, a secret of digits alone) depends on the key, and only who knows the key can say.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

/// Far more than any configuration has, and little enough for aliases that multiply.
const MOST_NODES: usize = 100_000;
/// How deep lists and maps may be in one another.
const DEEPEST: usize = 50;

/// The key of what is taken in from other maps.
const MERGE: &str = "<<";

/// A value in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Where it begins, counted from 1.
    pub line: usize,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing at all, or `null`.
    Nothing,
    Text(String),
    List(Vec<Node>),
    /// In the order of the file. Of a key that is there twice the last one counts.
    Map(Vec<(String, Node)>),
}

/// What is wrong with the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: this cannot be read as YAML: {reason}")]
pub(super) struct BadYaml {
    line: usize,
    reason: String,
}

impl Node {
    /// The value of a key; nothing if this is no map, or has no such key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The keys and values; none if this is no map.
    pub fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Nothing | Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Nothing | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The items, if this is a list of texts.
    pub fn texts(&self) -> Option<Vec<&str>> {
        match &self.value {
            Value::List(items) => items.iter().map(Self::text).collect(),
            Value::Nothing | Value::Text(_) | Value::Map(_) => None,
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Nothing | Value::Text(_) => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|(_, node)| node.count()).sum(),
        }
    }
}

/// Reads the first document of a file, as Flamenco Manager 2.x does. An empty file holds nothing.
pub(super) fn parse(text: &str) -> Result<Node, BadYaml> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut composer = Composer { parser: Parser::new_from_str(text), anchors: BTreeMap::new(), nodes: 0 };
    Ok(composer.node(0)?.unwrap_or(Node { line: 1, value: Value::Nothing }))
}

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
}

impl Composer<'_> {
    /// The next node; nothing at the end of a list, a map or the document.
    fn node(&mut self, depth: usize) -> Result<Option<Node>, BadYaml> {
        loop {
            let Some(next) = self.parser.next() else { return Ok(None) };
            let (event, span) = next
                .map_err(|error| BadYaml { line: error.marker().line(), reason: error.info().to_owned() })?;
            let line = span.start.line();
            let (value, anchor) = match event {
                Event::SequenceEnd | Event::MappingEnd | Event::DocumentEnd | Event::StreamEnd => {
                    return Ok(None);
                }
                Event::Scalar(text, style, anchor, _) => (scalar(text.into_owned(), style), anchor),
                Event::SequenceStart(anchor, _) => (self.list(line, depth + 1)?, anchor),
                Event::MappingStart(anchor, _) => (self.map(line, depth + 1)?, anchor),
                Event::Alias(anchor) => (self.alias(anchor, &span)?, 0),
                _ => continue,
            };
            self.nodes += 1;
            self.check(line)?;
            let node = Node { line, value };
            if anchor != 0 {
                self.anchors.insert(anchor, node.clone());
            }
            return Ok(Some(node));
        }
    }

    fn list(&mut self, line: usize, depth: usize) -> Result<Value, BadYaml> {
        check_depth(line, depth)?;
        let mut items = Vec::new();
        while let Some(item) = self.node(depth)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn map(&mut self, line: usize, depth: usize) -> Result<Value, BadYaml> {
        check_depth(line, depth)?;
        let (mut entries, mut merged) = (Vec::<(String, Node)>::new(), Vec::new());
        while let Some(key) = self.node(depth)? {
            let line = key.line;
            let Value::Text(name) = key.value else { return Err(bad(line, "a key is a single word")) };
            let value = self.node(depth)?.ok_or_else(|| bad(line, "a key has no value"))?;
            match entries.iter_mut().find(|(known, _)| *known == name) {
                _ if name == MERGE => merged.extend(maps_in(value)),
                Some((_, earlier)) => *earlier = value,
                None => entries.push((name, value)),
            }
        }
        // What stands here itself counts, then the first of the others.
        for (name, value) in merged {
            if !entries.iter().any(|(known, _)| *known == name) {
                entries.push((name, value));
            }
        }
        Ok(Value::Map(entries))
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Value, BadYaml> {
        let line = span.start.line();
        let node =
            self.anchors.get(&anchor).ok_or_else(|| bad(line, "an alias of something within itself"))?;
        self.nodes += node.count();
        let value = node.value.clone();
        self.check(line)?;
        Ok(value)
    }

    fn check(&self, line: usize) -> Result<(), BadYaml> {
        if self.nodes > MOST_NODES { Err(bad(line, "there is too much in it")) } else { Ok(()) }
    }
}

/// The keys and values of a map, or of each map in a list.
fn maps_in(node: Node) -> Vec<(String, Node)> {
    match node.value {
        Value::Map(entries) => entries,
        Value::List(maps) => maps.into_iter().flat_map(maps_in).collect(),
        Value::Nothing | Value::Text(_) => Vec::new(),
    }
}

fn check_depth(line: usize, depth: usize) -> Result<(), BadYaml> {
    if depth > DEEPEST { Err(bad(line, "lists and sections are too deep in one another")) } else { Ok(()) }
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    let is_null = style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    if is_null { Value::Nothing } else { Value::Text(text) }
}

fn bad(line: usize, reason: &str) -> BadYaml {
    BadYaml { line, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_keep_what_stands_in_the_file() {
        let node = parse("id: 012345678987654321234567\nyes: 'no'\nempty:\nword: \"null\"\n").unwrap();
        let text = |key| node.get(key).and_then(Node::text);
        assert_eq!(text("id"), Some("012345678987654321234567"));
        assert_eq!(text("yes"), Some("no"));
        assert_eq!(text("word"), Some("null"));
        assert_eq!(node.get("empty").unwrap().value, Value::Nothing);
    }

    #[test]
    fn lines_are_those_of_the_values() {
        let node = parse("# a comment\na: 1\nb:\n  c:\n    - x\n    - y\n").unwrap();
        assert_eq!(node.get("a").unwrap().line, 2);
        let list = node.get("b").unwrap().get("c").unwrap();
        assert_eq!(list.texts().unwrap(), ["x", "y"]);
        let Value::List(items) = &list.value else { panic!("{list:?}") };
        assert_eq!(items[1].line, 6);
    }

    #[test]
    fn the_last_of_equal_keys_counts_and_the_first_of_several_documents() {
        let node = parse("a: 1\na: 2\n---\na: 3\n").unwrap();
        assert_eq!(node.get("a").and_then(Node::text), Some("2"));
        assert_eq!(parse("").unwrap().value, Value::Nothing);
        assert_eq!(parse("# nothing\n").unwrap().value, Value::Nothing);
    }

    #[test]
    fn aliases_are_what_they_stand_for() {
        let node = parse("a: &x [1, 2]\nb: *x\n").unwrap();
        assert_eq!(node.get("b").unwrap().texts().unwrap(), ["1", "2"]);
    }

    #[test]
    fn other_maps_are_taken_in() {
        let text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\nd:\n  <<: *b\n";
        let node = parse(text).unwrap();
        let said = |map: &str| {
            let map = node.get(map).unwrap();
            ["x", "y", "z", "<<"].map(|key| map.get(key).and_then(Node::text))
        };
        assert_eq!(said("c"), [Some("3"), Some("1"), Some("2"), None]);
        assert_eq!(said("d"), [None, Some("2"), Some("2"), None]);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        for (text, line) in
            [("a: 1\nb: [1, 2\n", 3), ("a: 1\nb: 2: 3\n", 2), ("a: *nobody\n", 1), ("[a]: 1\n", 1)]
        {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
        }
    }

    #[test]
    fn what_would_grow_beyond_measure_is_refused() {
        let level = |level: usize| {
            let below = if level == 0 { "x".to_owned() } else { format!("*a{}", level - 1) };
            format!("a{level}: &a{level} [{}]\n", [below.as_str(); 10].join(", "))
        };
        let bomb: String = (0..10).map(level).collect();
        assert!(parse(&bomb).unwrap_err().reason.contains("too much"));
        let deep = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
        parse(&deep).unwrap_err();
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            parse(&text).ok();
        }

        #[test]
        fn no_text_that_looks_like_yaml_makes_it_panic(text in "[a-c:\\-\\[\\]{}&*'\"|>#,!? \n\t]{0,60}") {
            parse(&text).ok();
        }
    }
}
