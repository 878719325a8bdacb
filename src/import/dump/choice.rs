//! Which database of a dump is read.

use std::collections::BTreeSet;

use super::OpenError;

/// What is looked for in a dump.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The collections by which a database is known. The others of that database are read as well.
    pub collections: Vec<String>,
    /// The name of the database, if it was said which one is meant.
    pub database: Option<String>,
}

impl Wish {
    /// Is it a collection that is looked for?
    pub(super) fn has(&self, collection: &str) -> bool {
        self.collections.iter().any(|wished| wished == collection)
    }

    /// The one that is meant of these databases with their collections; `name` is that of the dump.
    pub(super) fn choose<'a>(
        &self,
        name: &str,
        there: impl Iterator<Item = (&'a str, impl Iterator<Item = &'a str>)>,
    ) -> Result<String, OpenError> {
        let mut databases = BTreeSet::new();
        let mut fitting = BTreeSet::new();
        let mut all = BTreeSet::new();
        for (database, collections) in there {
            databases.insert(database.to_owned());
            for collection in collections {
                all.insert(super::namespace(database, collection));
                if self.has(collection) {
                    fitting.insert(database.to_owned());
                }
            }
        }
        if let Some(chosen) = &self.database {
            return if databases.contains(chosen) {
                Ok(chosen.clone())
            } else {
                let there = in_words(&databases);
                Err(OpenError::NoSuchDatabase { name: name.to_owned(), chosen: chosen.clone(), there })
            };
        }
        match fitting.len() {
            0 => Err(self.nothing(name, &all)),
            1 => Ok(fitting.into_iter().collect()),
            _ => Err(OpenError::SeveralDatabases { name: name.to_owned(), there: in_words(&fitting) }),
        }
    }

    /// Is any of these collections looked for?
    pub(super) fn check(&self, name: &str, there: &BTreeSet<String>) -> Result<(), OpenError> {
        let any = there.iter().any(|collection| self.has(collection));
        if any { Ok(()) } else { Err(self.nothing(name, there)) }
    }

    fn nothing(&self, name: &str, there: &BTreeSet<String>) -> OpenError {
        let wished = in_words(&self.collections.iter().cloned().collect());
        OpenError::NothingWished { name: name.to_owned(), wished, there: in_words(there) }
    }
}

/// Not more names than one wants to read.
fn in_words(names: &BTreeSet<String>) -> String {
    const MOST: usize = 20;
    let mut shown: Vec<_> = names.iter().take(MOST).map(String::as_str).collect();
    let more = format!("{} more", names.len().saturating_sub(MOST));
    if names.len() > MOST {
        shown.push(&more);
    }
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}
