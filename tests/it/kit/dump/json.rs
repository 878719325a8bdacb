//! What `mongoexport` writes, by the specification of MongoDB Extended JSON: version 2, relaxed and canonical, and version 1.

use base64::{Engine, engine::general_purpose::STANDARD};
use bson::{Bson, Document};

/// How types are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Canonical,
    Relaxed,
    /// Tools before 4.2.
    Version1,
}

/// How documents are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One on each line.
    Lines,
    /// `--jsonArray`
    List,
    /// `--pretty`
    Pretty,
    /// Both.
    PrettyList,
}

/// The file of a collection.
pub fn export(documents: &[Document], dialect: Dialect, layout: Layout) -> String {
    let pretty = matches!(layout, Layout::Pretty | Layout::PrettyList);
    let texts = documents.iter().map(|of_it| document(of_it, &Style { dialect, pretty }, 0));
    match layout {
        Layout::Lines | Layout::Pretty => texts.map(|text| text + "\n").collect(),
        Layout::List => format!("[{}]\n", texts.collect::<Vec<_>>().join(",")),
        Layout::PrettyList => format!("[{}]\n", texts.collect::<Vec<_>>().join(",\n")),
    }
}

/// What a document is when it was written in a dialect and read again: relaxed texts do not tell the lengths of integers.
pub fn as_told(document: &Document, dialect: Dialect) -> Document {
    document.iter().map(|(name, value)| (name.clone(), value_as_told(value, dialect))).collect()
}

fn value_as_told(value: &Bson, dialect: Dialect) -> Bson {
    match value {
        Bson::Int64(value) if dialect == Dialect::Relaxed => {
            i32::try_from(*value).map_or(Bson::Int64(*value), Bson::Int32)
        }
        Bson::Document(inner) => Bson::Document(as_told(inner, dialect)),
        Bson::Array(values) => values.iter().map(|value| value_as_told(value, dialect)).collect(),
        Bson::JavaScriptCodeWithScope(code) => {
            let mut code = code.clone();
            code.scope = as_told(&code.scope, dialect);
            Bson::JavaScriptCodeWithScope(code)
        }
        other => other.clone(),
    }
}

struct Style {
    dialect: Dialect,
    pretty: bool,
}

impl Style {
    /// Fields or values between brackets.
    fn list(&self, brackets: [char; 2], entries: &[String], depth: usize) -> String {
        let [open, close] = brackets;
        if entries.is_empty() || !self.pretty {
            return format!("{open}{}{close}", entries.join(","));
        }
        let (inside, outside) = ("\t".repeat(depth + 1), "\t".repeat(depth));
        format!("{open}\n{inside}{}\n{outside}{close}", entries.join(&format!(",\n{inside}")))
    }
}

fn document(document: &Document, style: &Style, depth: usize) -> String {
    let field = |(name, of_it): (&String, &Bson)| {
        let space = if style.pretty { " " } else { "" };
        format!("{}:{space}{}", quoted(name), value(of_it, style, depth + 1))
    };
    style.list(['{', '}'], &document.iter().map(field).collect::<Vec<_>>(), depth)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn value(of_it: &Bson, style: &Style, depth: usize) -> String {
    use Dialect::{Canonical, Relaxed, Version1};
    match (of_it, style.dialect) {
        (Bson::Double(number), Canonical) => format!(r#"{{"$numberDouble":"{}"}}"#, double(*number)),
        (Bson::Double(number), _) if number.is_finite() => double(*number),
        (Bson::Double(number), _) => format!(r#"{{"$numberDouble":"{}"}}"#, double(*number)),
        (Bson::String(text), _) => quoted(text),
        (Bson::Document(inner), _) => document(inner, style, depth),
        (Bson::Array(values), _) => {
            let values: Vec<_> = values.iter().map(|of_it| value(of_it, style, depth + 1)).collect();
            style.list(['[', ']'], &values, depth)
        }
        (Bson::Binary(binary), dialect) => {
            let (base64, kind) = (STANDARD.encode(&binary.bytes), u8::from(binary.subtype));
            match dialect {
                Version1 => format!(r#"{{"$binary":"{base64}","$type":"{kind:02x}"}}"#),
                _ => format!(r#"{{"$binary":{{"base64":"{base64}","subType":"{kind:02x}"}}}}"#),
            }
        }
        (Bson::Undefined, _) => r#"{"$undefined":true}"#.to_owned(),
        (Bson::ObjectId(id), _) => format!(r#"{{"$oid":"{}"}}"#, id.to_hex()),
        (Bson::Boolean(value), _) => value.to_string(),
        (Bson::DateTime(time), dialect) => date(time.timestamp_millis(), dialect),
        (Bson::Null, _) => "null".to_owned(),
        (Bson::RegularExpression(regex), dialect) => {
            let (pattern, options) = (quoted(regex.pattern.as_str()), quoted(regex.options.as_str()));
            match dialect {
                Version1 => format!(r#"{{"$regex":{pattern},"$options":{options}}}"#),
                _ => format!(r#"{{"$regularExpression":{{"pattern":{pattern},"options":{options}}}}}"#),
            }
        }
        (Bson::DbPointer(_), _) => unimplemented!("nobody has had these for many years"),
        (Bson::JavaScriptCode(code), _) => format!(r#"{{"$code":{}}}"#, quoted(code)),
        (Bson::Symbol(text), _) => format!(r#"{{"$symbol":{}}}"#, quoted(text)),
        (Bson::JavaScriptCodeWithScope(code), _) => {
            format!(r#"{{"$code":{},"$scope":{}}}"#, quoted(&code.code), document(&code.scope, style, depth))
        }
        (Bson::Int32(number), Canonical) => format!(r#"{{"$numberInt":"{number}"}}"#),
        (Bson::Int32(number), _) => number.to_string(),
        (Bson::Timestamp(stamp), _) => {
            format!(r#"{{"$timestamp":{{"t":{},"i":{}}}}}"#, stamp.time, stamp.increment)
        }
        (Bson::Int64(number), Relaxed) => number.to_string(),
        (Bson::Int64(number), _) => format!(r#"{{"$numberLong":"{number}"}}"#),
        (Bson::Decimal128(number), _) => format!(r#"{{"$numberDecimal":"{number}"}}"#),
        (Bson::MinKey, _) => r#"{"$minKey":1}"#.to_owned(),
        (Bson::MaxKey, _) => r#"{"$maxKey":1}"#.to_owned(),
    }
}

/// With a point or an exponent, so that it is no integer.
fn double(number: f64) -> String {
    match number {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => format!("{number:?}"),
    }
}

/// As a text in the years of the common era that have four digits (in version 2: since 1970), else as a number.
fn date(milliseconds: i64, dialect: Dialect) -> String {
    /// 0000-01-01 and 10000-01-01.
    const YEARS: [i64; 2] = [-62_167_219_200_000, 253_402_300_800_000];
    let first = match dialect {
        Dialect::Canonical => i64::MAX,
        Dialect::Relaxed => 0,
        Dialect::Version1 => YEARS[0],
    };
    if !(first..YEARS[1]).contains(&milliseconds) {
        return format!(r#"{{"$date":{{"$numberLong":"{milliseconds}"}}}}"#);
    }
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap();
    let digits = if dialect == Dialect::Relaxed && milliseconds % 1000 == 0 {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%dT%H:%M:%S.%3fZ"
    };
    format!(r#"{{"$date":"{}"}}"#, time.strftime(digits))
}
