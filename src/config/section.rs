//! Reading a TOML table key by key, so that whatever is wrong is reported with its line, key and value, and
//! with what is allowed. All problems of a file are reported, not only the first.

use std::{collections::BTreeSet, ops::Range};

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{Problem, Written, suggest};

/// How the value of a key is read, and how to say what is allowed.
pub(super) struct Kind<T> {
    /// Completes "expected …".
    pub expected: &'static str,
    /// The typed value, or `None` for what is not allowed.
    pub read: fn(&DeValue<'_>) -> Option<T>,
    /// Whether messages keep the value to themselves.
    pub secret: bool,
}

/// What is known of a file while it is being read.
pub(super) struct Document<'a> {
    text: &'a str,
    /// Every key that was asked for, with its section: what a misspelt key may have meant.
    pub asked: BTreeSet<String>,
    unknown: Vec<(String, usize)>,
    secrets: BTreeSet<String>,
    written: Written,
    problems: Vec<Problem>,
}

/// What became of reading a file.
pub(super) struct Reading {
    /// Every key that was asked for, with its section.
    pub asked: BTreeSet<String>,
    /// Those of them whose values nobody may see.
    pub secrets: BTreeSet<String>,
    /// What the file says, key by key.
    pub written: Written,
    /// What is wrong with it, in the order of its lines.
    pub problems: Vec<Problem>,
}

impl<'a> Document<'a> {
    /// Reads all of `text` with `read`.
    pub fn read(text: &'a str, read: impl FnOnce(&mut Section<'_, 'a>)) -> Reading {
        let mut document = Document {
            text,
            asked: BTreeSet::new(),
            unknown: Vec::new(),
            secrets: BTreeSet::new(),
            written: Written::default(),
            problems: Vec::new(),
        };
        match DeTable::parse(text) {
            Ok(table) => {
                Section::read_whole(&mut document, String::new(), None, Some(table.get_ref()), read);
            }
            Err(error) => {
                let message = format!("this is not TOML: {}", error.message());
                document.report(error.span().map(|span| span.start), message);
            }
        }
        document.report_unknown_keys();
        document.problems.sort_by_key(|problem| problem.line);
        let Document { asked, secrets, written, problems, text: _, unknown: _ } = document;
        Reading { asked, secrets, written, problems }
    }

    fn report(&mut self, position: Option<usize>, message: String) {
        let line = position.and_then(|position| self.line(position));
        self.problems.push(Problem { line, message });
    }

    /// The line of a place in the file, from 1.
    fn line(&self, position: usize) -> Option<usize> {
        self.text.get(..position).map(|before| before.matches('\n').count() + 1)
    }

    /// Done last, when it is known which keys there are.
    fn report_unknown_keys(&mut self) {
        for (path, position) in std::mem::take(&mut self.unknown) {
            let hint = suggest::hint(&path, &self.asked);
            self.report(Some(position), format!("{path}: unknown key{hint}"));
        }
    }

    /// The value as it stands in the file, on one line and not too long.
    fn shown(&self, span: Range<usize>) -> String {
        const LONGEST: usize = 60;
        let source = self.text.get(span).unwrap_or_default();
        let line: String = source.lines().next().unwrap_or_default().chars().take(LONGEST).collect();
        if line.len() == source.len() { line } else { line + "…" }
    }
}

/// One table of the file.
pub(super) struct Section<'d, 'a> {
    document: &'d mut Document<'a>,
    /// What stands before the names of its keys in messages: `""`, or `"intervals."`.
    prefix: String,
    /// Where it stands in the file; `None` for the file itself.
    position: Option<usize>,
    /// `None`: it is not in the file.
    table: Option<&'d DeTable<'a>>,
    asked: BTreeSet<String>,
}

impl<'d, 'a> Section<'d, 'a> {
    /// Lets `read` ask for the keys of a table, and keeps those that it did not ask for as unknown.
    fn read_whole<T>(
        document: &mut Document<'a>,
        prefix: String,
        position: Option<usize>,
        table: Option<&DeTable<'a>>,
        read: impl FnOnce(&mut Section<'_, 'a>) -> T,
    ) -> T {
        let asked = BTreeSet::new();
        let mut section = Section { document, prefix, position, table, asked };
        let result = read(&mut section);
        let Section { document, prefix, asked, .. } = section;
        for key in table.into_iter().flat_map(DeTable::keys) {
            let name = key.get_ref().as_ref();
            if !asked.contains(name) {
                document.unknown.push((format!("{prefix}{name}"), key.span().start));
            }
        }
        result
    }

    /// Reads `key` into `target`, which keeps its default when the file does not have the key.
    pub fn read<T>(&mut self, key: &str, kind: &Kind<T>, target: &mut T) {
        if let Some(value) = self.get(key, kind) {
            *target = value;
        }
    }

    /// Reads `key`, which has no default.
    pub fn require<T>(&mut self, key: &str, kind: &Kind<T>) -> Option<T> {
        if self.table.is_none_or(|table| !table.contains_key(key)) {
            self.problem(key, &format!("is missing, expected {}", kind.expected));
        }
        self.get(key, kind)
    }

    /// Reads `key`; `None` when the file does not have it, or has a bad value there.
    pub fn get<T>(&mut self, key: &str, kind: &Kind<T>) -> Option<T> {
        let value = self.ask_value(key, kind.secret)?;
        let read = (kind.read)(value.get_ref());
        if read.is_none() {
            let message = format!("expected {}", kind.expected);
            if kind.secret { self.problem(key, &message) } else { self.contradiction(key, &message) }
        }
        read
    }

    /// Reads the table `key`. `read` is called as well when the file does not have it, and finds nothing in it.
    pub fn section(&mut self, key: &str, read: impl FnOnce(&mut Section<'_, 'a>)) {
        let value = self.ask(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if value.is_some() && table.is_none() {
            return self.contradiction(key, "expected a section");
        }
        let position = value.map(|value| value.span().start);
        Section::read_whole(self.document, format!("{}{key}.", self.prefix), position, table, read);
    }

    /// Reads the list of tables `key`, one after the other; `None` when the file does not have it.
    pub fn sections<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Section<'_, 'a>) -> T,
    ) -> Option<Vec<T>> {
        let value = self.ask_value(key, false)?;
        let tables = value.get_ref().as_array().and_then(tables);
        if tables.is_none() {
            self.contradiction(key, "expected a list of { … }");
        }
        let each = tables.unwrap_or_default().into_iter().enumerate().map(|(index, (position, table))| {
            let prefix = format!("{}{key}[{index}].", self.prefix);
            Section::read_whole(self.document, prefix, Some(position), Some(table), &mut read)
        });
        Some(each.collect())
    }

    /// The names of the keys that stand in the file.
    pub fn names(&self) -> Vec<String> {
        self.table.into_iter().flat_map(DeTable::keys).map(|key| key.get_ref().to_string()).collect()
    }

    /// Reports that `key` as it stands does not go together with something else, or is missing.
    pub fn problem(&mut self, key: &str, message: &str) {
        let at_key = self.table.and_then(|table| table.get_key_value(key)).map(|(key, _)| key.span().start);
        let message = format!("{}{key}: {message}", self.prefix);
        self.document.report(at_key.or(self.position), message);
    }

    /// Reports `key` with the value that it has in the file.
    pub fn contradiction(&mut self, key: &str, message: &str) {
        let Some(span) = self.table.and_then(|table| table.get(key)).map(Spanned::span) else {
            return self.problem(key, message);
        };
        let shown = self.document.shown(span.clone());
        self.document.report(Some(span.start), format!("{}{key} = {shown}: {message}", self.prefix));
    }

    /// Whether nothing was wrong so far.
    pub fn is_clean(&self) -> bool {
        self.document.problems.is_empty()
    }

    /// Asks for a key that is no section, and notes for people what the file says.
    fn ask_value(&mut self, key: &str, secret: bool) -> Option<&'d Spanned<DeValue<'a>>> {
        let path = format!("{}{key}", self.prefix);
        let value = self.ask(key);
        let document = &mut *self.document;
        if secret {
            document.secrets.insert(path.clone());
        }
        let span = value?.span();
        // What stands in a list is part of its value.
        if let Some(line) = document.line(span.start).filter(|_| !path.contains('[')) {
            let text = document.text.get(span).filter(|_| !secret);
            document.written.note(path, line, text.map(str::to_owned));
        }
        value
    }

    fn ask(&mut self, key: &str) -> Option<&'d Spanned<DeValue<'a>>> {
        self.asked.insert(key.to_owned());
        self.document.asked.insert(format!("{}{key}", self.prefix));
        self.table?.get(key)
    }
}

fn tables<'t, 'a>(list: &'t DeArray<'a>) -> Option<Vec<(usize, &'t DeTable<'a>)>> {
    list.iter().map(|item| Some((item.span().start, item.get_ref().as_table()?))).collect()
}
