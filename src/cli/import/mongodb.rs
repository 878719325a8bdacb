//! `import mongodb`: a farm of Flamenco Manager 2.x, out of a dump of its MongoDB.

use std::process::ExitCode;

use super::{Importable, run};
use crate::{
    cli::{Failure, args::MongodbDump},
    clock::{Clock, SystemClock},
    config::Config,
    import::{
        dump::{Dump, Wish},
        mongodb::{COLLECTIONS, Reader},
        report::Report,
    },
};

/// Imports a dump.
pub(super) fn execute(dump: &MongodbDump, config: &Config, as_json: bool) -> Result<ExitCode, Failure> {
    let has_server = config.server.is_some();
    if !has_server {
        eprintln!(
            "note: the configuration names no Flamenco Server, so the jobs become this Manager's own, and what was for a Server \
             is kept without being used. If the farm is to go on with its Server, set `flamenco` first."
        );
    }
    let wish = Wish { collections: COLLECTIONS.map(str::to_owned).to_vec(), database: dump.database.clone() };
    let opened = Dump::open(&dump.path, &wish).map_err(|error| Failure::of(&error))?;
    let importable = Importable {
        report: Report::of(&COLLECTIONS),
        bytes: opened.progress().total(),
        source: Reader { has_server, now: SystemClock.now() }.read(opened, dump.salvage),
        in_part: dump.how.allow_skips || dump.salvage,
        remarks: Box::new(Vec::new),
    };
    run(importable, dump.how, config, as_json)
}
