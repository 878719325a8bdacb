//! Is it a BSON document, down to its last value? The library finds out about each value when it is looked at; whoever gets a
//! document from a dump need not expect surprises.

use bson::{RawBsonRef, RawDocument};

/// How deep a document may be nested: as deep as MongoDB itself reads them (its users are allowed 100). Whoever goes down into
/// a document by recursion is safe with that.
const DEEPEST: usize = 200;

/// What is wrong with a document, and in which of its fields, from the outermost to the innermost.
struct Flaw {
    path: Vec<String>,
    reason: String,
}

impl Flaw {
    fn inside(mut self, field: &str) -> Self {
        self.path.insert(0, field.to_owned());
        self
    }

    fn in_words(self) -> String {
        let Self { path, reason } = self;
        if path.is_empty() { reason } else { format!("{reason}, in the field {:?}", path.join(".")) }
    }
}

impl From<bson::error::Error> for Flaw {
    fn from(error: bson::error::Error) -> Self {
        let reason = error.message.unwrap_or_else(|| error.kind.to_string());
        Self { path: error.key.into_iter().collect(), reason }
    }
}

/// The document that these bytes are, or what is wrong with it, for people.
pub(super) fn check(bytes: &[u8]) -> Result<&RawDocument, String> {
    let document = RawDocument::from_bytes(bytes).map_err(|error| Flaw::from(error).in_words())?;
    check_fields(document, DEEPEST).map_err(Flaw::in_words)?;
    Ok(document)
}

fn check_fields(document: &RawDocument, deeper: usize) -> Result<(), Flaw> {
    for field in document {
        let (name, value) = field?;
        check_value(value, deeper).map_err(|flaw| flaw.inside(name.as_str()))?;
    }
    Ok(())
}

fn check_value(value: RawBsonRef<'_>, deeper: usize) -> Result<(), Flaw> {
    // Strings, numbers and the like were checked when they were read.
    let down = |deeper: usize| {
        deeper.checked_sub(1).ok_or_else(|| Flaw {
            path: Vec::new(),
            reason: format!("it is nested deeper than {DEEPEST} levels"),
        })
    };
    match value {
        RawBsonRef::Document(document) => check_fields(document, down(deeper)?),
        RawBsonRef::JavaScriptCodeWithScope(code) => check_fields(code.scope, down(deeper)?),
        RawBsonRef::Array(array) => {
            let deeper = down(deeper)?;
            array.into_iter().enumerate().try_for_each(|(index, value)| {
                value.map_err(Flaw::from).and_then(|value| check_value(value, deeper)).map_err(|flaw| {
                    // The library says a name of its own for what it cannot read.
                    if flaw.path.is_empty() { flaw.inside(&index.to_string()) } else { flaw }
                })
            })
        }
        _ => Ok(()),
    }
}
