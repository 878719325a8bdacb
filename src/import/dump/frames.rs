//! BSON documents one after another, as they are in files and between the marks of an archive; and how a way on is found
//! behind a damaged place.

use bson::RawDocumentBuf;

use super::{input::Input, valid};

/// The longest document, in bytes: 16 MiB is what users of MongoDB may have, and it adds a little of its own.
pub(super) const LONGEST: u32 = (16 << 20) + (16 << 10);

/// The shortest document: its length, and a zero.
const SHORTEST: u32 = 5;

/// What ends a block of an archive, where the length of a document would be.
const TERMINATOR: [u8; 4] = [0xff; 4];

/// What stands at a place.
pub(super) enum Frame {
    Document(RawDocumentBuf),
    Terminator,
    /// Nothing: all was read.
    End,
}

/// What stands at a place cannot be read.
pub(super) struct Broken {
    pub(super) reason: String,
    /// How long it says it is, if that is possible.
    pub(super) length: Option<usize>,
}

impl Broken {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), length: None }
    }

    /// It has no end, perhaps because reading failed.
    pub(super) fn cut(reason: String, trouble: Option<String>) -> Self {
        Self::new(match trouble {
            Some(trouble) => format!("{reason}; {trouble}"),
            None => reason,
        })
    }
}

/// Takes what comes next. What is broken stays where it is.
pub(super) fn next(input: &mut Input) -> Result<Frame, Broken> {
    let head = input.ahead(TERMINATOR.len());
    let Some(head) = head.first_chunk() else {
        let there = head.len();
        return match (input.take_trouble(), there) {
            (Some(trouble), _) => Err(Broken::new(trouble)),
            (None, 0) => Ok(Frame::End),
            (None, _) => {
                Err(Broken::new(format!("cut short: only {there} of the 4 bytes of a length are there")))
            }
        };
    };
    if *head == TERMINATOR {
        input.take(TERMINATOR.len());
        return Ok(Frame::Terminator);
    }
    let length = document_length(*head).ok_or_else(|| {
        Broken::new(format!("{} is not the length of a document", u32::from_le_bytes(*head)))
    })?;
    let bytes = input.ahead(length);
    let Some(bytes) = bytes.get(..length) else {
        let cut = format!("cut short: a document has only {} of its {length} bytes", bytes.len());
        return Err(Broken { length: Some(length), ..Broken::cut(cut, input.take_trouble()) });
    };
    match valid::check(bytes) {
        Ok(document) => {
            let document = document.to_owned();
            input.take(length);
            Ok(Frame::Document(document))
        }
        Err(flaw) => {
            Err(Broken { reason: format!("a document is not as BSON must be: {flaw}"), length: Some(length) })
        }
    }
}

fn document_length(head: [u8; 4]) -> Option<usize> {
    let length = u32::from_le_bytes(head);
    (SHORTEST..=LONGEST).contains(&length).then_some(usize::try_from(length).ok()?)
}

/// How much may be looked at in vain in search of a way on. It grows with what is passed over: so the time that a search takes
/// is in proportion to that, whatever was written to make it long.
pub(super) struct Patience {
    /// In bytes. The last look may cost more than there was.
    left: i64,
}

impl Patience {
    const AT_FIRST: i64 = 64 << 20;
    const FOR_EACH_BYTE: i64 = 8;

    pub(super) fn new() -> Self {
        Self { left: Self::AT_FIRST }
    }

    /// May anything be looked at?
    pub(super) fn is_left(&self) -> bool {
        self.left > 0
    }

    /// So many bytes were looked at in vain.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub_unsigned(bytes as u64);
    }

    fn passed_over(&mut self, bytes: usize) {
        let more = i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(Self::FOR_EACH_BYTE);
        self.left = self.left.saturating_add(more);
    }
}

/// Goes to the next place where reading can go on, or to the end. What is broken may say how long it is: a place before that
/// may be inside it, which is doubtful.
pub(super) fn recover(
    input: &mut Input,
    length: Option<usize>,
    patience: &mut Patience,
    can_go_on: impl Fn(&mut Input, usize, Doubt, &mut Patience) -> bool,
) {
    /// After so many bytes they are let go.
    const STRIDE: usize = 64 << 10;
    let (began, length) = (input.offset(), length.unwrap_or(0) as u64);
    let mut at = 1;
    while !ends(input, at) {
        let is_inside = input.offset() - began + (at as u64) < length;
        let doubt = if is_inside { Doubt::Inside } else { Doubt::None };
        if can_go_on(input, at, doubt, patience) {
            input.take(at);
            return;
        }
        at += 1;
        if at >= STRIDE {
            input.take(at);
            patience.passed_over(at);
            at = 0;
        }
    }
    let rest = input.ahead(0).len();
    input.take(rest);
}

/// May what is found be part of something else?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    None,
    /// It is inside something that is broken, as far as the length of that is right.
    Inside,
}

/// Does all end at this place?
fn ends(input: &mut Input, at: usize) -> bool {
    input.ahead(at + 1).len() <= at
}

/// Does a document of a collection begin at this place? MongoDB puts `_id` first in all of them. One that is inside another is
/// told by what comes behind it: the next document, or the end.
pub(super) fn document_begins(input: &mut Input, at: usize, doubt: Doubt, patience: &mut Patience) -> bool {
    const FIRST: &[u8] = b"_id\0";
    if !field_begins(input, at, None, FIRST) {
        return false;
    }
    document_at(input, at, patience).is_some_and(|length| {
        let behind = at + length;
        doubt == Doubt::None
            || ends(input, behind)
            || input.ahead(behind + 4)[behind..].starts_with(&TERMINATOR)
            || field_begins(input, behind, None, FIRST)
    })
}

/// Does a terminator stand at this place, with the header of a block or the end behind it?
pub(super) fn block_ends(input: &mut Input, at: usize, patience: &mut Patience) -> bool {
    let behind = at + TERMINATOR.len();
    input.ahead(behind).get(at..behind) == Some(&TERMINATOR)
        && (ends(input, behind) || header_begins(input, behind, patience))
}

/// Does the header of a block of an archive begin at this place?
pub(super) fn header_begins(input: &mut Input, at: usize, patience: &mut Patience) -> bool {
    const STRING: u8 = 2;
    field_begins(input, at, Some(STRING), b"db\0") && document_at(input, at, patience).is_some()
}

/// Could a document begin here whose first field has this type and name?
fn field_begins(input: &mut Input, at: usize, kind: Option<u8>, name: &[u8]) -> bool {
    let until = at + 5 + name.len();
    let Some(bytes) = input.ahead(until).get(at..until) else { return false };
    let (length, field) = (bytes.first_chunk(), &bytes[4..]);
    field[1..] == *name
        && kind.is_none_or(|kind| field[0] == kind)
        && length.copied().and_then(document_length).is_some()
}

/// How long the document is that stands at this place, if it is one.
fn document_at(input: &mut Input, at: usize, patience: &mut Patience) -> Option<usize> {
    let length = input.ahead(at + 4).get(at..)?.first_chunk().copied().and_then(document_length)?;
    if !patience.is_left() {
        return None;
    }
    let bytes = input.ahead(at + length).get(at..at + length)?;
    let is_sound = valid::check(bytes).is_ok();
    if !is_sound {
        patience.spend(length);
    }
    is_sound.then_some(length)
}
