//! Reads server-sent events, line by line.

/// Something that the server tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// What kind of news it is.
    pub name: String,
    /// The news; several lines are separated by line feeds.
    pub data: String,
}

/// Puts events together. It may go on with the lines of another connection: what was left of the one before is forgotten
/// with [`EventReader::reconnected`], but for the ID behind which the server shall go on.
#[derive(Debug, Default)]
pub struct EventReader {
    last_id: Option<String>,
    id: Option<String>,
    name: String,
    data: Option<String>,
}

impl EventReader {
    /// The ID of the last event that was complete, if it had one or any before it did.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// A new connection begins at the start of an event.
    pub fn reconnected(&mut self) {
        *self = Self { last_id: self.last_id.take(), ..Self::default() };
    }

    /// Takes a line, with or without its end. An empty one completes the event.
    pub fn line(&mut self, line: &str) -> Option<Event> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return self.complete();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            "id" => self.id = Some(value.to_owned()),
            // A comment, which only keeps the connection busy, or something that is of no use here.
            _ => {}
        }
        None
    }

    fn complete(&mut self) -> Option<Event> {
        self.last_id = self.id.take().or(self.last_id.take());
        let name = std::mem::take(&mut self.name);
        let data = self.data.take()?;
        Some(Event { name: if name.is_empty() { "message".into() } else { name }, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut EventReader, text: &str) -> Vec<(String, String)> {
        let events = text.split_inclusive('\n').filter_map(|line| reader.line(line));
        events.map(|Event { name, data }| (name, data)).collect()
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn events_have_a_name_and_lines_of_data() {
        let text =
            "event: log\ndata: one\ndata:two\ndata:  three\n\n: still here\n\nevent:end\ndata: completed\n\n";
        let expected = [event("log", "one\ntwo\n three"), event("end", "completed")];
        assert_eq!(read(&mut EventReader::default(), text), expected);
    }

    #[test]
    fn lines_may_end_as_on_windows_and_data_may_be_empty() {
        let text = "data\r\n\r\ndata:\r\ndata: x:y\r\n\r\n";
        let expected = [event("message", ""), event("message", "\nx:y")];
        assert_eq!(read(&mut EventReader::default(), text), expected);
    }

    #[test]
    fn an_event_without_data_is_none() {
        assert_eq!(read(&mut EventReader::default(), "event: log\n\nretry: 5\nnonsense\n\n\n"), []);
    }

    #[test]
    fn half_an_event_is_forgotten_with_its_connection_and_its_id_too() {
        let mut reader = EventReader::default();
        let whole = "id: 7\ndata: a\n\ndata: b\n\n";
        assert_eq!(read(&mut reader, whole), [event("message", "a"), event("message", "b")]);
        assert_eq!(read(&mut reader, "event: end\nid: 8\ndata: half"), []);
        assert_eq!(reader.last_id(), Some("7"));
        reader.reconnected();
        assert_eq!(read(&mut reader, "data: c\n\n"), [event("message", "c")]);
        assert_eq!(reader.last_id(), Some("7"));
    }
}
