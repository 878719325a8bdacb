//! What is to be said about a translation.

use std::fmt;

use super::yaml::Node;

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Whether somebody has to do something about it.
    pub kind: Kind,
    /// Where in the old file, counted from 1.
    pub line: Option<usize>,
    /// Beside which key of `manager.toml` it stands as a comment.
    pub(super) beside: Option<String>,
    /// What it is.
    pub(super) text: String,
}

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is said in other words, or is now said where it was not.
    Changed,
    /// It has no counterpart.
    Dropped,
    /// Somebody has to see what is right.
    ToDecide,
}

impl Note {
    /// Line and text.
    pub fn sentence(&self) -> String {
        let Self { line, text, .. } = self;
        line.map_or_else(|| text.clone(), |line| format!("line {line}: {text}"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "Changed",
            Self::Dropped => "Dropped",
            Self::ToDecide => "To decide",
        })
    }
}

/// What was noted so far.
#[derive(Debug, Default)]
pub(super) struct Notes(pub Vec<Note>);

impl Notes {
    /// It is said in other words now.
    pub fn changed(&mut self, line: Option<usize>, beside: Option<&str>, text: String) {
        self.note(Kind::Changed, line, beside, text);
    }

    /// It has no counterpart.
    pub fn dropped(&mut self, line: usize, beside: Option<&str>, text: String) {
        self.note(Kind::Dropped, Some(line), beside, text);
    }

    /// Somebody has to see what is right.
    pub fn ask(&mut self, line: Option<usize>, beside: Option<&str>, text: String) {
        self.note(Kind::ToDecide, line, beside, text);
    }

    /// Keys of a section that are none of `known`.
    pub fn unknown_keys(&mut self, section: &str, node: &Node, known: &[&str]) {
        for (name, node) in node.entries().iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            self.unknown(&format!("{section}.{name}"), node);
        }
    }

    /// A key that means nothing.
    pub fn unknown(&mut self, key: &str, node: &Node) {
        self.ask(
            Some(node.line),
            None,
            format!("{key}: Flamenco Manager 2.x has no such key either, so it did nothing"),
        );
    }

    fn note(&mut self, kind: Kind, line: Option<usize>, beside: Option<&str>, text: String) {
        self.0.push(Note { kind, line, beside: beside.map(str::to_owned), text });
    }
}
