//! BSON, by <https://bsonspec.org/spec.html>.

use bson::{Bson, Document, spec::BinarySubtype};

/// The documents one after another, as in a `.bson` file.
pub fn stream(documents: &[Document]) -> Vec<u8> {
    documents.iter().flat_map(document).collect()
}

/// `document ::= int32 e_list unsigned_byte(0)`, the number being that of all its bytes.
pub fn document(document: &Document) -> Vec<u8> {
    let elements = document.iter().flat_map(|(name, value)| element(name, value));
    with_length(elements.chain([0]).collect())
}

/// Puts the length of all before it.
fn with_length(bytes: Vec<u8>) -> Vec<u8> {
    let length = i32::try_from(bytes.len() + 4).unwrap();
    [length.to_le_bytes().to_vec(), bytes].concat()
}

/// `element ::= type e_name value`
fn element(name: &str, value: &Bson) -> Vec<u8> {
    let (kind, value) = typed(value);
    [vec![kind], cstring(name), value].concat()
}

/// `cstring ::= (byte*) unsigned_byte(0)`
fn cstring(text: &str) -> Vec<u8> {
    assert!(!text.contains('\0'));
    [text.as_bytes(), &[0]].concat()
}

/// `string ::= int32 (byte*) unsigned_byte(0)`, the number being that of the bytes behind it.
fn string(text: &str) -> Vec<u8> {
    let length = i32::try_from(text.len() + 1).unwrap();
    [&length.to_le_bytes(), text.as_bytes(), &[0]].concat()
}

fn typed(value: &Bson) -> (u8, Vec<u8>) {
    match value {
        Bson::Double(value) => (0x01, value.to_le_bytes().to_vec()),
        Bson::String(text) => (0x02, string(text)),
        Bson::Document(inner) => (0x03, document(inner)),
        Bson::Array(values) => {
            let elements =
                values.iter().enumerate().flat_map(|(index, value)| element(&index.to_string(), value));
            (0x04, with_length(elements.chain([0]).collect()))
        }
        Bson::Binary(binary) => {
            let kind = u8::from(binary.subtype);
            let length = i32::try_from(binary.bytes.len()).unwrap();
            if binary.subtype == BinarySubtype::BinaryOld {
                let head = [&(length + 4).to_le_bytes()[..], &[kind], &length.to_le_bytes()].concat();
                (0x05, [head, binary.bytes.clone()].concat())
            } else {
                (0x05, [&length.to_le_bytes()[..], &[kind], &binary.bytes].concat())
            }
        }
        Bson::Undefined => (0x06, Vec::new()),
        Bson::ObjectId(id) => (0x07, id.bytes().to_vec()),
        Bson::Boolean(value) => (0x08, vec![u8::from(*value)]),
        Bson::DateTime(time) => (0x09, time.timestamp_millis().to_le_bytes().to_vec()),
        Bson::Null => (0x0a, Vec::new()),
        Bson::RegularExpression(regex) => {
            (0x0b, [cstring(regex.pattern.as_str()), cstring(regex.options.as_str())].concat())
        }
        Bson::DbPointer(_) => unimplemented!("nobody has had these for many years"),
        Bson::JavaScriptCode(code) => (0x0d, string(code)),
        Bson::Symbol(text) => (0x0e, string(text)),
        Bson::JavaScriptCodeWithScope(code) => {
            (0x0f, with_length([string(&code.code), document(&code.scope)].concat()))
        }
        Bson::Int32(value) => (0x10, value.to_le_bytes().to_vec()),
        Bson::Timestamp(stamp) => (0x11, [stamp.increment.to_le_bytes(), stamp.time.to_le_bytes()].concat()),
        Bson::Int64(value) => (0x12, value.to_le_bytes().to_vec()),
        Bson::Decimal128(value) => (0x13, value.bytes().to_vec()),
        Bson::MinKey => (0xff, Vec::new()),
        Bson::MaxKey => (0x7f, Vec::new()),
    }
}
