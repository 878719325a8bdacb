//! MongoDB Extended JSON: JSON with types, as `{"$oid": "…"}`. There are several dialects, and all are understood: version 2,
//! relaxed and canonical, and version 1, which older tools wrote. (Pointers, a type that was given up long before Flamenco,
//! stay documents.)
//!
//! A document is made while its text is read, so that it takes no more memory than the document itself.

use std::{borrow::Cow, cell::Cell, fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use bson::{
    Binary, DateTime, Decimal128, RawArrayBuf, RawBson, RawDocumentBuf, RawJavaScriptCodeWithScope, Regex,
    Timestamp, oid::ObjectId, raw::CString, spec::BinarySubtype,
};
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};

use super::frames::LONGEST;

/// The document that a text is, or what is wrong with it, for people.
pub(super) fn document(text: &[u8]) -> Result<RawDocumentBuf, String> {
    let room = Room::default();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Value { room: &room }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(RawBson::Document(document)) => Ok(document),
        Ok(_) => Err("a document should stand here, and not a mere value".to_owned()),
        Err(error) => Err(format!("a document is not as extended JSON must be: {error}")),
    }
}

/// How much larger a document may become.
struct Room(Cell<usize>);

impl Default for Room {
    fn default() -> Self {
        Self(Cell::new(LONGEST as usize))
    }
}

impl Room {
    /// Takes room for a value of so many bytes.
    fn take<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let left = self.0.get().checked_sub(bytes);
        let left =
            left.ok_or_else(|| E::custom(format_args!("it is larger than {LONGEST} bytes of BSON")))?;
        self.0.set(left);
        Ok(())
    }
}

/// A value with its types.
#[derive(Clone, Copy)]
struct Value<'r> {
    room: &'r Room,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = RawBson;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<RawBson, D::Error> {
        self.room.take(2)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = RawBson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<RawBson, E> {
        Ok(RawBson::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawBson, E> {
        Ok(RawBson::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<RawBson, E> {
        self.room.take(8)?;
        Ok(i32::try_from(value).map_or(RawBson::Int64(value), RawBson::Int32))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<RawBson, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            #[expect(
                clippy::cast_precision_loss,
                reason = "what is larger than any integer is a double to MongoDB"
            )]
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<RawBson, E> {
        self.room.take(8)?;
        Ok(RawBson::Double(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<RawBson, E> {
        self.room.take(value.len() + 5)?;
        Ok(RawBson::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<RawBson, A::Error> {
        self.room.take(5)?;
        let mut array = RawArrayBuf::new();
        let mut index: usize = 0;
        while let Some(value) = values.next_element_seed(self)? {
            self.room.take(index.checked_ilog10().unwrap_or(0) as usize + 1)?;
            array.push(value);
            index += 1;
        }
        Ok(RawBson::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<RawBson, A::Error> {
        self.room.take(5)?;
        let mut document = RawDocumentBuf::new();
        let Some(first) = fields.next_key::<Cow<'_, str>>()? else { return Ok(RawBson::Document(document)) };
        if first.starts_with('$')
            && let Some(value) = self.typed(&first, &mut fields)?
        {
            return match fields.next_key::<Cow<'_, str>>()? {
                None => Ok(value),
                Some(second) => Err(stranger(&second, &first)),
            };
        }
        let mut next = Some(first);
        while let Some(name) = next {
            self.room.take(name.len())?;
            let value = fields.next_value_seed(self)?;
            let name = CString::try_from(name.as_ref());
            document
                .append(name.map_err(|_| A::Error::custom("the name of a field has a zero in it"))?, value);
            next = fields.next_key()?;
        }
        Ok(RawBson::Document(document))
    }
}

impl Value<'_> {
    /// The value of a type whose sign is the first field. None: it is no sign, and nothing was read behind it.
    fn typed<'de, A: MapAccess<'de>>(self, sign: &str, fields: &mut A) -> Result<Option<RawBson>, A::Error> {
        let value = match sign {
            "$oid" => {
                RawBson::ObjectId(self.parsed(fields, "an ObjectId", |text| ObjectId::parse_str(text).ok())?)
            }
            "$numberInt" => RawBson::Int32(self.parsed(fields, "an integer of 32 bits", number)?),
            "$numberLong" => RawBson::Int64(self.parsed(fields, "an integer of 64 bits", number)?),
            "$numberDouble" => RawBson::Double(self.parsed(fields, "a number", number)?),
            "$numberDecimal" => RawBson::Decimal128(self.parsed(fields, "a decimal number", decimal)?),
            "$date" => RawBson::DateTime(DateTime::from_millis(fields.next_value::<Date>()?.0)),
            "$binary" => RawBson::Binary(self.binary(fields)?),
            "$uuid" => {
                let uuid: uuid::Uuid = self.parsed(fields, "a UUID", number)?;
                let bytes = uuid.as_bytes().to_vec();
                RawBson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes })
            }
            "$symbol" => RawBson::Symbol(self.text(fields)?),
            "$timestamp" => {
                let Operation { t: time, i: increment } = fields.next_value()?;
                RawBson::Timestamp(Timestamp { time, increment })
            }
            "$regularExpression" => {
                let Expression { pattern, options } = fields.next_value()?;
                regex(&pattern, &options)?
            }
            "$regex" => {
                let pattern = self.text(fields)?;
                let options = match fields.next_key::<Cow<'_, str>>()? {
                    None => String::new(),
                    Some(name) if name == "$options" => self.text(fields)?,
                    Some(name) => return Err(stranger(&name, sign)),
                };
                regex(&pattern, &options)?
            }
            "$code" => self.code(fields)?,
            "$undefined" => fields.next_value().map(|_: bool| RawBson::Undefined)?,
            "$minKey" => fields.next_value().map(|_: u8| RawBson::MinKey)?,
            "$maxKey" => fields.next_value().map(|_: u8| RawBson::MaxKey)?,
            // References are documents to BSON, too.
            _ => return Ok(None),
        };
        self.room.take(16)?;
        Ok(Some(value))
    }

    fn text<'de, A: MapAccess<'de>>(self, fields: &mut A) -> Result<String, A::Error> {
        let text: String = fields.next_value()?;
        self.room.take(text.len())?;
        Ok(text)
    }

    fn parsed<'de, A: MapAccess<'de>, T>(
        self,
        fields: &mut A,
        what: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, A::Error> {
        let text = self.text(fields)?;
        parse(&text).ok_or_else(|| A::Error::custom(format_args!("{} is not {what}", shortened(&text))))
    }

    /// Bytes: version 1 has the kind behind them, in a field of its own.
    fn binary<'de, A: MapAccess<'de>>(self, fields: &mut A) -> Result<Binary, A::Error> {
        let (base64, kind) = match fields.next_value()? {
            Bytes::Typed { base64, kind } => (base64, kind),
            Bytes::Bare(base64) => match fields.next_key::<Cow<'_, str>>()? {
                Some(name) if name == "$type" => (base64, self.text(fields)?),
                _ => return Err(A::Error::missing_field("$type")),
            },
        };
        self.room.take(base64.len())?;
        let bytes = STANDARD.decode(&base64).map_err(|_| A::Error::custom("bytes are not in base64"))?;
        let kind = u8::from_str_radix(&kind, 16);
        let kind = kind.map_err(|_| A::Error::custom("the kind of bytes is not a hexadecimal number"))?;
        Ok(Binary { subtype: kind.into(), bytes })
    }

    fn code<'de, A: MapAccess<'de>>(self, fields: &mut A) -> Result<RawBson, A::Error> {
        let code = self.text(fields)?;
        match fields.next_key::<Cow<'_, str>>()? {
            None => Ok(RawBson::JavaScriptCode(code)),
            Some(name) if name == "$scope" => match fields.next_value_seed(self)? {
                RawBson::Document(scope) => {
                    Ok(RawBson::JavaScriptCodeWithScope(RawJavaScriptCodeWithScope { code, scope }))
                }
                _ => Err(A::Error::custom("the scope of code is not a document")),
            },
            Some(name) => Err(stranger(&name, "$code")),
        }
    }
}

fn stranger<E: Error>(name: &str, sign: &str) -> E {
    E::custom(format_args!("{} does not go with {sign:?}", shortened(name)))
}

/// Not more of a text than one wants to read in a message.
fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// The library expects digits, and not too many of them.
fn decimal(text: &str) -> Option<Decimal128> {
    /// 34 digits with sign and point, and an exponent.
    const LONGEST: usize = 34 + 2 + 6;
    (text.is_ascii() && text.len() <= LONGEST).then(|| text.parse().ok()).flatten()
}

fn regex<E: Error>(pattern: &str, options: &str) -> Result<RawBson, E> {
    let without_zero =
        |text: &str| CString::try_from(text).map_err(|_| E::custom("a regular expression has a zero in it"));
    let (pattern, options) = (without_zero(pattern)?, without_zero(options)?);
    Ok(RawBson::RegularExpression(Regex { pattern, options }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    t: u32,
    i: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expression {
    pattern: String,
    options: String,
}

/// Milliseconds since 1970: as a text of ISO 8601, as a number, or as a number with its type.
struct Date(i64);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(DateVisitor)
    }
}

struct DateVisitor;

impl<'de> Visitor<'de> for DateVisitor {
    type Value = Date;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Date, E> {
        let date: Option<jiff::Timestamp> = text.parse().ok();
        let date = date.ok_or_else(|| E::custom(format_args!("{} is not a date", shortened(text))))?;
        Ok(Date(date.as_millisecond()))
    }

    fn visit_i64<E>(self, milliseconds: i64) -> Result<Date, E> {
        Ok(Date(milliseconds))
    }

    fn visit_u64<E: Error>(self, milliseconds: u64) -> Result<Date, E> {
        i64::try_from(milliseconds).map(Date).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Date, A::Error> {
        let name = fields.next_key::<Cow<'_, str>>()?.unwrap_or_default();
        if name != "$numberLong" {
            return Err(stranger(&name, "$date"));
        }
        let text: String = fields.next_value()?;
        let date = number(&text);
        let date =
            date.ok_or_else(|| A::Error::custom(format_args!("{} is not a date", shortened(&text))))?;
        match fields.next_key::<Cow<'_, str>>()? {
            None => Ok(Date(date)),
            Some(name) => Err(stranger(&name, "$numberLong")),
        }
    }
}

/// Bytes in base64, with or without their kind.
enum Bytes {
    Bare(String),
    Typed { base64: String, kind: String },
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes in base64")
    }

    fn visit_str<E>(self, text: &str) -> Result<Bytes, E> {
        Ok(Bytes::Bare(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Bytes, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Typed {
            base64: String,
            #[serde(rename = "subType")]
            kind: String,
        }
        let typed = Typed::deserialize(serde::de::value::MapAccessDeserializer::new(fields))?;
        Ok(Bytes::Typed { base64: typed.base64, kind: typed.kind })
    }
}
