//! A file that `mongoexport` wrote: the documents of one collection as JSON, one on each line, or in a list
//! (`--jsonArray`), or spread over several lines (`--pretty`).

use std::sync::Arc;

use super::{
    Damage, Document, extended_json,
    frames::{self, Broken, Doubt, Patience},
    input::Input,
};

/// The longest document as text, in bytes. That is several times what MongoDB allows, because text is longer.
const LONGEST: usize = 64 << 20;

/// How deep brackets may be nested. Types take brackets of their own.
const DEEPEST: usize = 128;

/// A file that is being read.
pub(super) struct JsonFile {
    input: Input,
    collection: Arc<str>,
    list: List,
    patience: Patience,
}

/// Are the documents in a list?
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    None,
    Open,
    Closed,
}

impl JsonFile {
    pub(super) fn new(input: Input, collection: &str) -> Self {
        Self {
            input: input.counting_lines(),
            collection: collection.into(),
            list: List::None,
            patience: Patience::new(),
        }
    }

    /// Takes what is between documents. False: nothing comes any more.
    fn go_to_document(&mut self) -> Result<bool, Broken> {
        loop {
            let Some(sign) = self.input.ahead(1).first().copied() else {
                return match self.input.take_trouble() {
                    Some(trouble) => Err(Broken::new(trouble)),
                    None if self.list == List::Open => {
                        self.list = List::Closed;
                        Err(Broken::new("cut short: the list is not closed"))
                    }
                    None => Ok(false),
                };
            };
            match (sign, self.list) {
                (b'{', List::None | List::Open) => return Ok(true),
                (b' ' | b'\t' | b'\r' | b'\n', _) | (b',', List::Open) => {}
                (b'[', List::None) => self.list = List::Open,
                (b']', List::Open) => self.list = List::Closed,
                // A mark that some editors put before text.
                (0xef, List::None) if self.input.ahead(3).starts_with(b"\xef\xbb\xbf") => self.input.take(2),
                _ => return Err(Broken::new("a document should begin here, with {")),
            }
            self.input.take(1);
        }
    }

    fn document(&mut self) -> Result<bson::RawDocumentBuf, Broken> {
        let length = match extent(&mut self.input, 0) {
            Ok(length) => length,
            Err(endless) => {
                let is_at_end = endless.looked == self.input.ahead(0).len();
                let trouble = if is_at_end { self.input.take_trouble() } else { None };
                return Err(Broken::cut(endless.reason, trouble));
            }
        };
        let text = &self.input.ahead(length)[..length];
        let bson = extended_json::document(text).map_err(|reason| Broken { reason, length: Some(length) })?;
        self.input.take(length);
        Ok(bson)
    }
}

impl Iterator for JsonFile {
    type Item = Result<Document, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let is_there = self.go_to_document();
        let (place, collection) = (self.input.place(), self.collection.clone());
        let found = match is_there {
            Ok(true) => self.document(),
            Ok(false) => return None,
            Err(broken) => Err(broken),
        };
        let broken = match found {
            Ok(bson) => return Some(Ok(Document { collection, place, bson })),
            Err(broken) => broken,
        };
        match broken.length {
            // It has an end, but makes no sense.
            Some(length) => self.input.take(length),
            None => frames::recover(&mut self.input, None, &mut self.patience, document_begins),
        }
        let passed_over = self.input.offset() - place.offset;
        Some(Err(Damage { place, collection: Some(collection), reason: broken.reason, passed_over }))
    }
}

/// No end was found of a document.
struct Endless {
    reason: String,
    /// In so many bytes.
    looked: usize,
}

/// How long the document is that begins at a place: to the bracket that closes it.
fn extent(input: &mut Input, at: usize) -> Result<usize, Endless> {
    /// So many bytes are looked at in one go.
    const STEP: usize = 16 << 10;
    let (mut depth, mut looked, mut state) = (0_usize, 0, State::Outside);
    while looked < LONGEST {
        let bytes = input.ahead(at + looked + STEP);
        let Some(bytes) = bytes.get(at + looked..).filter(|bytes| !bytes.is_empty()) else {
            let reason = format!("cut short: a document has no end after {looked} bytes");
            return Err(Endless { reason, looked });
        };
        for byte in bytes {
            looked += 1;
            state = match (state, byte) {
                (State::Text, b'"') => State::Outside,
                (State::Text, b'\\') => State::Escaped,
                (State::Text | State::Escaped, 0..b' ') => {
                    let reason = "a text in a document has no end on its line".to_owned();
                    return Err(Endless { reason, looked });
                }
                (State::Text | State::Escaped, _) | (State::Outside, b'"') => State::Text,
                (State::Outside, b'{' | b'[') => {
                    depth += 1;
                    State::Outside
                }
                (State::Outside, b'}' | b']') => {
                    depth -= 1;
                    State::Outside
                }
                (State::Outside, _) => State::Outside,
            };
            if depth == 0 {
                return Ok(looked);
            }
            if depth > DEEPEST {
                let reason = format!("a document has no end, or is nested deeper than {DEEPEST} levels");
                return Err(Endless { reason, looked });
            }
        }
    }
    Err(Endless { reason: format!("a document has no end after {looked} bytes"), looked })
}

/// What is it that is looked at?
#[derive(Clone, Copy)]
enum State {
    Outside,
    /// Inside quotes.
    Text,
    /// Inside quotes, behind a backslash.
    Escaped,
}

/// Does a document begin at this place? Either it begins a line, or it begins with `_id`, as all documents do that were
/// exported.
fn document_begins(input: &mut Input, at: usize, _: Doubt, patience: &mut Patience) -> bool {
    /// So much of it is looked at.
    const HEAD: usize = 16;
    let head = input.ahead(at + HEAD).get(at..).unwrap_or_default();
    let (head, space) = head.strip_prefix(b"\n").map_or((head, 0), |head| (head, 1));
    let Some(inside) = head.strip_prefix(b"{") else { return false };
    let inside = &inside[..inside.len().min(HEAD)];
    let is_first = space > 0 || inside.trim_ascii_start().starts_with(b"\"_id\"");
    if !is_first || !patience.is_left() {
        return false;
    }
    match extent(input, at + space) {
        Ok(_) => true,
        Err(endless) => {
            patience.spend(endless.looked);
            false
        }
    }
}
