//! The commands of a task as JSON text, as 2.x sent them to workers: numbers that are whole are written as such.

use bson::{RawBsonRef, RawDocument};

use super::fields::{Field, is_deeper};

/// As deep as settings are nested at the most, so that they can be read when the task is handed out.
const DEEPEST: usize = 100;

/// As large as this every whole number is a `double`.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A list of `{"name", "settings"}`.
pub(super) fn as_json(list: Field<'_>) -> Result<String, String> {
    let mut json = Json(Vec::with_capacity(512));
    json.0.push(b'[');
    for (place, command) in list.items()?.enumerate() {
        json.between(place);
        json.command(command?)?;
    }
    json.0.push(b']');
    String::from_utf8(json.0).map_err(|error| error.to_string())
}

/// JSON text that is being written.
struct Json(Vec<u8>);

impl Json {
    fn between(&mut self, place: usize) {
        if place > 0 {
            self.0.push(b',');
        }
    }

    fn command(&mut self, command: Field<'_>) -> Result<(), String> {
        let (mut name, mut settings) = (None, None);
        for field in command.fields()? {
            let field = field?;
            match field.name {
                "name" => name = Some(field.text()?),
                "settings" => settings = Some(field),
                other => return Err(format!("a command has {other:?}, which no version knows")),
            }
        }
        self.0.extend_from_slice(b"{\"name\":");
        self.text(name.ok_or("a command has no name")?)?;
        self.0.extend_from_slice(b",\"settings\":");
        match settings {
            // A list and a document are around them.
            Some(Field { value: RawBsonRef::Document(settings), .. }) => {
                self.document(settings, DEEPEST - 2)?;
            }
            Some(other) => return Err(other.is_no("document")),
            // Workers want some, even if there are none.
            None => self.0.extend_from_slice(b"{}"),
        }
        self.0.push(b'}');
        Ok(())
    }

    /// So many levels may be in it, its own among them.
    fn document(&mut self, document: &RawDocument, levels: usize) -> Result<(), String> {
        let inside = down(levels)?;
        self.0.push(b'{');
        for (place, field) in document.iter().enumerate() {
            let (name, value) = field.map_err(|error| error.to_string())?;
            self.between(place);
            self.text(name.as_str())?;
            self.0.push(b':');
            self.value(Field { name: name.as_str(), value }, inside)?;
        }
        self.0.push(b'}');
        Ok(())
    }

    fn value(&mut self, field: Field<'_>, levels: usize) -> Result<(), String> {
        match field.value {
            RawBsonRef::Document(document) => self.document(document, levels),
            RawBsonRef::Array(list) => {
                let inside = down(levels)?;
                self.0.push(b'[');
                for (place, value) in list.into_iter().enumerate() {
                    self.between(place);
                    let value = value.map_err(|error| error.to_string())?;
                    self.value(Field { value, ..field }, inside)?;
                }
                self.0.push(b']');
                Ok(())
            }
            RawBsonRef::String(text) | RawBsonRef::Symbol(text) => self.text(text),
            RawBsonRef::Int32(number) => self.write(&number),
            RawBsonRef::Int64(number) => self.write(&number),
            #[expect(clippy::cast_possible_truncation, reason = "that it fits was looked at")]
            RawBsonRef::Double(number) if number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE => {
                self.write(&(number as i64))
            }
            RawBsonRef::Double(number) if number.is_finite() => self.write(&number),
            RawBsonRef::Double(number) => Err(format!("{:?} in its commands is {number}", field.name)),
            RawBsonRef::Boolean(truth) => self.write(&truth),
            RawBsonRef::Null | RawBsonRef::Undefined => self.write(&()),
            RawBsonRef::ObjectId(id) => self.text(&id.to_hex()),
            RawBsonRef::DateTime(_) => match field.time()? {
                Some(time) => self.text(&time.to_string()),
                None => self.write(&()),
            },
            other if is_deeper(other, levels) => Err(too_deep()),
            _ => self.write(&field.as_extra()?),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        self.write(text)
    }

    fn write(&mut self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), String> {
        serde_json::to_writer(&mut self.0, value).map_err(|error| error.to_string())
    }
}

/// One level down, if there is one.
fn down(levels: usize) -> Result<usize, String> {
    levels.checked_sub(1).ok_or_else(too_deep)
}

fn too_deep() -> String {
    format!("its commands are nested more than {DEEPEST} levels deep")
}
