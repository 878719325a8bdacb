//! `import flamenco3`: a farm of Flamenco 3, out of the SQLite file of its Manager.

use std::{path::Path, process::ExitCode};

use super::{Importable, run};
use crate::{
    cli::{Failure, args::ImportHow},
    clock::{Clock, SystemClock},
    config::Config,
    import::{
        flamenco3::{Source, TABLES},
        report::Report,
    },
};

/// Imports a file.
pub(super) fn execute(
    file: &Path,
    how: ImportHow,
    config: &Config,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let source = Source::open(file, SystemClock.now()).map_err(|error| Failure::of(&error))?;
    let told = source.told();
    let importable = Importable {
        report: Report::of(&TABLES),
        bytes: Some(source.size()),
        source,
        in_part: how.allow_skips,
        remarks: Box::new(move || told.remarks()),
    };
    run(importable, how, config, as_json)
}
