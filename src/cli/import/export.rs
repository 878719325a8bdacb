//! `import export`: what `export` has written.

use std::{path::Path, process::ExitCode};

use super::{Importable, run};
use crate::{
    cli::{Failure, args::ImportHow},
    config::Config,
    export::{Kind, folder::Folder},
    import::{export, report::Report},
};

/// Imports an export.
pub(super) fn execute(
    directory: &Path,
    how: ImportHow,
    config: &Config,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let folder = Folder::open(directory).map_err(|error| Failure::of(&error))?;
    let importable = Importable {
        report: Report::of(&Kind::ALL.map(Kind::name)),
        bytes: Some(folder.bytes()),
        source: export::read(folder),
        in_part: how.allow_skips,
        remarks: Box::new(Vec::new),
    };
    run(importable, how, config, as_json)
}
