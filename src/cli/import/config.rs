//! `import config`: a `flamenco-manager.yaml` of 2.x as a `manager.toml`.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    path::Path,
};

use crate::{
    cli::{Failure, tables::shown},
    import::config::{Kind, Note, Translation, translate},
};

/// No configuration is larger.
const LARGEST: u64 = 4 << 20;

/// Writes the new file, to `output` or to standard output, and says on standard error what is not as it was.
pub(super) fn execute(file: &Path, output: Option<&Path>) -> Result<(), Failure> {
    let whole = std::path::absolute(file)?;
    let text =
        read(file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
    let Translation { toml, notes } = translate(&text, &whole).map_err(|error| Failure::of(&error))?;
    match output {
        Some(path) => write(path, &toml).map_err(|error| cannot_write(path, &error))?,
        None => io::stdout().write_all(toml.as_bytes())?,
    }
    for kind in [Kind::Changed, Kind::Dropped, Kind::ToDecide] {
        tell(kind, &notes);
    }
    if let Some(path) = output {
        eprintln!(
            "{} was written; `flamenco-manager --config {} check` looks at all of it.",
            path.display(),
            path.display()
        );
    }
    Ok(())
}

fn read(file: &Path) -> io::Result<String> {
    if fs::metadata(file)?.len() > LARGEST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it is too large for a configuration"));
    }
    fs::read_to_string(file)
}

/// Writes a file that was not there, which only its owner can read: there are secrets in it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        fs::remove_file(path).ok();
    }
    written
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::new(match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("{path}: exists, and is not overwritten: give another name, or take it away first")
        }
        _ => format!("{path}: cannot be written: {error}"),
    })
}

fn tell(kind: Kind, notes: &[Note]) {
    let mut notes = notes.iter().filter(|note| note.kind == kind).peekable();
    if notes.peek().is_some() {
        eprintln!("{kind}:");
    }
    for note in notes {
        eprintln!("  {}", shown(&note.sentence()));
    }
}
