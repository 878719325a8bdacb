//! What is wrong with a configuration, in words for the administrator.

use std::{fmt, io, path::PathBuf};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or cannot be read.
    #[error("cannot read the configuration {}: {reason}{}", path.display(), advice(reason))]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// The file says what is not allowed: a line for each problem.
    #[error("{}", in_lines(file_name, problems))]
    Invalid {
        /// Which file.
        file_name: String,
        /// What is wrong with it, in the order of its lines.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// On which line, counted from 1, if it belongs to one.
    pub line: Option<usize>,
    /// The key, its value, and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, message } = self;
        match line {
            Some(line) => write!(f, "{line}: {message}"),
            None => write!(f, " {message}"),
        }
    }
}

/// What to do about it, if that is known.
fn advice(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::NotFound => "; is the path after --config right?",
        io::ErrorKind::PermissionDenied => "; run this as the user who runs the Manager, or as root",
        _ => "",
    }
}

fn in_lines(file_name: &str, problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{file_name}:{problem}")).collect::<Vec<_>>().join("\n")
}
