//! From the `flamenco-manager.yaml` of Flamenco Manager 2.x to a `manager.toml` that means the same, and a list of what
//! is different all the same. Versions 1 and 2 are read as 2.7 reads them, with its defaults.

mod duration;
mod fill;
mod keys;
mod notes;
mod read;
mod rules;
mod variables;
mod yaml;

use std::{collections::BTreeMap, path::Path};

pub use self::notes::{Kind, Note};
use self::{
    fill::{Filled, fill},
    notes::Notes,
    read::read,
    yaml::{Node, Value},
};
use crate::config::{Config, ConfigError, Problem};

/// A `manager.toml`, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The text of the file. It may hold secrets.
    pub toml: String,
    /// What is not as it was, in the order of the old file. No secret is in it.
    pub notes: Vec<Note>,
}

/// Why there is no translation.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// It is no YAML, or no sections with keys.
    #[error("{file}:{reason}")]
    Unreadable {
        /// Which file.
        file: String,
        /// On which line, and what is wrong.
        reason: String,
    },
    /// It is of a version that no Flamenco Manager 2.x reads.
    #[error(
        "{file}:{line}: _meta.version is {found}; only versions 1 and 2 are known, which Flamenco Manager 2.x has. (3 is the \
         file of Flamenco 3: what jobs and workers it has comes over by `flamenco-manager import flamenco3`.)"
    )]
    Version {
        /// Which file.
        file: String,
        /// On which line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// What was made of it is refused here, which is a mistake of this program.
    #[error(
        "{file}: what was made of it does not hold together, which is a mistake of Flamenco Manager: {problem}"
    )]
    Contradictory {
        /// Which file.
        file: String,
        /// What is wrong.
        problem: String,
    },
}

/// Translates `text`, which is the file `file` (a whole path, by which relative ones in it are made whole, too).
pub fn translate(text: &str, file: &Path) -> Result<Translation, BadConfig> {
    let name = file.display().to_string();
    let tree = yaml::parse(text)
        .map_err(|reason| BadConfig::Unreadable { file: name.clone(), reason: reason.to_string() })?;
    if let Value::Text(_) | Value::List(_) = tree.value {
        let reason = format!("{}: there are no keys in it; is it a flamenco-manager.yaml?", tree.line);
        return Err(BadConfig::Unreadable { file: name, reason });
    }
    let folder = file.parent().unwrap_or(Path::new("/"));
    if folder.to_str().is_none() {
        let reason = " the name of its folder is no UTF-8, so it cannot stand in a manager.toml".to_owned();
        return Err(BadConfig::Unreadable { file: name, reason });
    }
    let version = version(&tree, &name)?;
    let mut notes = Notes::default();
    let mut given = read(&tree, folder, &mut notes);
    rules::apply(&mut given, version, folder, &mut notes);
    let mut values: BTreeMap<_, _> = given.into_iter().map(|(key, given)| (key, given.toml)).collect();
    values.extend(variables::translate(&tree, version, &mut notes));
    let head = format!(
        "Made by `flamenco-manager import config` from {name}, which is of version {version}.\n\
         Keys without a # in front were set there, or had another default in Flamenco Manager 2.x."
    );
    let filled = fill_as_far_as_allowed(&head, values, &mut notes)
        .map_err(|problem| BadConfig::Contradictory { file: name, problem: problem.to_string() })?;
    let mut notes = notes.0;
    notes.sort_by_key(|note| note.line.unwrap_or(usize::MAX));
    Ok(Translation { toml: filled.text, notes })
}

/// 1 if the file says nothing about it, as those before Flamenco Manager 2.5.
fn version(tree: &Node, file: &str) -> Result<u32, BadConfig> {
    let Some(node) = tree.get("_meta").and_then(|meta| meta.get("version")) else { return Ok(1) };
    match node.text() {
        None | Some("0" | "1") => Ok(1),
        Some("2") => Ok(2),
        Some(found) => {
            let (file, found) = (file.to_owned(), found.to_owned());
            Err(BadConfig::Version { file, line: node.line, found })
        }
    }
}

/// Fills in what our own reader takes. What it refuses is left out, and noted.
fn fill_as_far_as_allowed(
    head: &str,
    mut values: BTreeMap<String, String>,
    notes: &mut Notes,
) -> Result<Filled, Box<ConfigError>> {
    loop {
        let filled = fill(head, values.clone(), &notes.0);
        let Err(error) = Config::from_toml(&filled.text, "manager.toml") else { return Ok(filled) };
        let ConfigError::Invalid { problems, .. } = &error else { return Err(Box::new(error)) };
        let before = values.len();
        for Problem { line, message } in problems {
            let Some(key) = line.and_then(|line| filled.key_at(line)) else { continue };
            if values.remove(key).is_some() {
                notes.ask(None, Some(key), format!("left out: {message}"));
            }
        }
        if values.len() == before {
            return Err(Box::new(error));
        }
    }
}

#[cfg(test)]
mod tests;
