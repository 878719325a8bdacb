//! A `.bson` file: the documents of one collection, one after another.

use std::sync::Arc;

use super::{
    Damage, Document,
    frames::{self, Broken, Frame, Patience},
    input::Input,
};

/// A file that is being read.
pub(super) struct BsonFile {
    input: Input,
    collection: Arc<str>,
    patience: Patience,
}

impl BsonFile {
    pub(super) fn new(input: Input, collection: &str) -> Self {
        Self { input, collection: collection.into(), patience: Patience::new() }
    }
}

impl Iterator for BsonFile {
    type Item = Result<Document, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let (place, collection) = (self.input.place(), self.collection.clone());
        let broken = match frames::next(&mut self.input) {
            Ok(Frame::Document(bson)) => return Some(Ok(Document { collection, place, bson })),
            Ok(Frame::End) => return None,
            Ok(Frame::Terminator) => Broken::new("a mark stands here that only archives have"),
            Err(broken) => broken,
        };
        frames::recover(&mut self.input, broken.length, &mut self.patience, frames::document_begins);
        let passed_over = self.input.offset() - place.offset;
        Some(Err(Damage { place, collection: Some(collection), reason: broken.reason, passed_over }))
    }
}
