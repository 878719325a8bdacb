//! The fields of a BSON document, read leniently where versions and drivers differ: any kind of number, times as dates or as
//! text, IDs as such or as text. A field without a value is as good as none.

use bson::{Bson, RawBsonRef, RawDocument};
use jiff::Timestamp;
use serde_json::Value;

use crate::{domain::ids::JobId, import::loader::Extra};

/// What the programming language of 2.x takes for no time at all: the first moment of the year 1.
const NO_TIME: i64 = -62_135_596_800_000;

/// As deep as this JSON is nested at the most: whoever reads it must be able to.
const DEEPEST: usize = 100;

/// A field of a document, or an item of a list.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub name: &'a str,
    pub value: RawBsonRef<'a>,
}

/// The fields of a document that have a value.
pub(super) fn fields(document: &RawDocument) -> impl Iterator<Item = Result<Field<'_>, String>> {
    document.iter().filter_map(|field| match field {
        Ok((_, RawBsonRef::Null | RawBsonRef::Undefined)) => None,
        Ok((name, value)) => Some(Ok(Field { name: name.as_str(), value })),
        Err(error) => Some(Err(error.to_string())),
    })
}

impl<'a> Field<'a> {
    /// An `ObjectId`, or one as text.
    pub fn id(self) -> Result<[u8; 12], String> {
        let id = match self.value {
            RawBsonRef::ObjectId(id) => Some(id.bytes()),
            RawBsonRef::String(text) => text.to_ascii_lowercase().parse().ok().map(|JobId(id)| id),
            _ => None,
        };
        id.ok_or_else(|| self.is_no("ID of 24 hex digits"))
    }

    pub fn text(self) -> Result<&'a str, String> {
        match self.value {
            RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Ok(text),
            _ => Err(self.is_no("text")),
        }
    }

    /// A text that is part of keys: a task type.
    pub fn word(self) -> Result<&'a str, String> {
        let text = self.text()?;
        if text.contains(char::is_control) {
            return Err(format!("{:?} has control characters in it", self.name));
        }
        Ok(text)
    }

    pub fn number(self) -> Result<i32, String> {
        let number = match self.value {
            RawBsonRef::Int32(number) => Some(number),
            RawBsonRef::Int64(number) => number.try_into().ok(),
            #[expect(clippy::cast_possible_truncation, reason = "that it fits was looked at")]
            RawBsonRef::Double(number)
                if number.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number) =>
            {
                Some(number as i32)
            }
            _ => None,
        };
        number.ok_or_else(|| self.is_no("whole number that would be of use"))
    }

    pub fn fraction(self) -> Result<f64, String> {
        let fraction = match self.value {
            RawBsonRef::Double(number) if number.is_finite() => Some(number),
            RawBsonRef::Int32(number) => Some(number.into()),
            #[expect(clippy::cast_precision_loss, reason = "nobody minds the last digits of so many seconds")]
            RawBsonRef::Int64(number) => Some(number as f64),
            _ => None,
        };
        fraction.ok_or_else(|| self.is_no("number"))
    }

    pub fn truth(self) -> Result<bool, String> {
        match self.value {
            RawBsonRef::Boolean(truth) => Ok(truth),
            _ => self.number().map(|number| number != 0).map_err(|_| self.is_no("true or false")),
        }
    }

    /// A date, or one as text.
    pub fn time(self) -> Result<Option<Timestamp>, String> {
        let time = match self.value {
            RawBsonRef::DateTime(time) if time.timestamp_millis() == NO_TIME => return Ok(None),
            RawBsonRef::DateTime(time) => Timestamp::from_millisecond(time.timestamp_millis()).ok(),
            RawBsonRef::String("") => return Ok(None),
            RawBsonRef::String(text) => text.parse::<Timestamp>().ok().and_then(to_the_millisecond),
            RawBsonRef::Timestamp(time) => Timestamp::from_second(time.time.into()).ok(),
            _ => None,
        };
        let time = time.ok_or_else(|| self.is_no("time"))?;
        Ok(Some(time).filter(|time| time.as_millisecond() != NO_TIME))
    }

    /// The items of a list that have a value. Each is called like the list.
    pub fn items(self) -> Result<impl Iterator<Item = Result<Field<'a>, String>>, String> {
        let RawBsonRef::Array(list) = self.value else { return Err(self.is_no("list")) };
        Ok(list.into_iter().filter_map(move |item| match item {
            Ok(RawBsonRef::Null | RawBsonRef::Undefined) => None,
            Ok(value) => Some(Ok(Field { name: self.name, value })),
            Err(error) => Some(Err(error.to_string())),
        }))
    }

    /// The fields of a document in the document.
    pub fn fields(self) -> Result<impl Iterator<Item = Result<Field<'a>, String>>, String> {
        let RawBsonRef::Document(document) = self.value else { return Err(self.is_no("document")) };
        Ok(fields(document))
    }

    /// Is it a list of nothing?
    pub fn is_empty_list(self) -> bool {
        matches!(self.value, RawBsonRef::Array(list) if list.is_empty())
    }

    /// Keeps it as something of which there is no use.
    pub fn keep_in(self, extra: &mut Extra) -> Result<(), String> {
        extra.insert(self.name.to_owned(), self.as_extra()?);
        Ok(())
    }

    /// The value as relaxed extended JSON, in which every type of BSON can be told.
    pub fn as_extra(self) -> Result<Value, String> {
        // Most are these, which are the same in any JSON.
        match self.value {
            RawBsonRef::String(text) => return Ok(text.into()),
            RawBsonRef::Int32(number) => return Ok(number.into()),
            RawBsonRef::Boolean(truth) => return Ok(truth.into()),
            _ => {}
        }
        if is_deeper(self.value, DEEPEST) {
            return Err(format!("{:?} is nested more than {DEEPEST} levels deep", self.name));
        }
        let value = Bson::try_from(self.value).map_err(|error| format!("{:?}: {error}", self.name))?;
        Ok(value.into_relaxed_extjson())
    }

    /// What is wrong if it is not what belongs there.
    pub fn is_no(self, what: &str) -> String {
        let said = match self.value {
            RawBsonRef::String(text) => format!("the text {:?}", &text[..text.floor_char_boundary(50)]),
            RawBsonRef::Int32(number) => format!("the number {number}"),
            RawBsonRef::Int64(number) => format!("the number {number}"),
            RawBsonRef::Double(number) => format!("the number {number}"),
            RawBsonRef::Boolean(truth) => truth.to_string(),
            other => format!("a value of the type {:?}", other.element_type()),
        };
        format!("{:?} is {said}, and no {what}", self.name)
    }
}

/// The database keeps times to the millisecond.
fn to_the_millisecond(time: Timestamp) -> Option<Timestamp> {
    Timestamp::from_millisecond(time.as_millisecond()).ok()
}

/// Is a value nested deeper than so many levels?
pub(super) fn is_deeper(value: RawBsonRef<'_>, levels: usize) -> bool {
    let mut inside: Box<dyn Iterator<Item = RawBsonRef<'_>>> = match value {
        RawBsonRef::Document(document) => Box::new(document.iter().filter_map(|field| Some(field.ok()?.1))),
        RawBsonRef::Array(list) => Box::new(list.into_iter().filter_map(Result::ok)),
        RawBsonRef::JavaScriptCodeWithScope(code) => {
            Box::new(code.scope.iter().filter_map(|field| Some(field.ok()?.1)))
        }
        _ => return false,
    };
    levels == 0 || inside.any(|value| is_deeper(value, levels - 1))
}

/// What must be there.
pub(super) fn need<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("it has no {name:?}"))
}
