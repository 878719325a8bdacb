//! `export`: everything in the database as lines of JSON, from the running Manager if there is one, else from the file itself.

use std::{io, path::Path, sync::Arc};

use super::{
    Failure,
    args::Export,
    client::Client,
    erase::block_on,
    tables::{print, print_json},
};
use crate::{
    app::{self, StartError},
    clock::SystemClock,
    config::Config,
    export::folder::{Filling, Manifest},
    store::OpenError,
};

/// Exports everything.
pub fn execute(config: &Config, Export { directory }: &Export, as_json: bool) -> Result<(), Failure> {
    if !config.database_path.exists() {
        return Err(Failure::no_database(config, "export"));
    }
    let mut filling = Filling::begin(directory).map_err(|error| Failure::of(&error))?;
    match app::services(config, Arc::new(SystemClock)) {
        Ok(services) => {
            let exported = services.export(&mut filling);
            block_on(async {
                services.remember_command("export everything", "").await;
                Ok(())
            })?;
            exported.map_err(|error| Failure::of(&error))?;
        }
        Err(StartError::Store(OpenError::InUse { .. })) => {
            let mut everything = Client::new(None, None, config)?.download("/api/export")?;
            io::copy(&mut everything, &mut filling)?;
        }
        Err(error) => return Err(Failure::of(&error)),
    }
    let manifest = filling.finish().map_err(|error| Failure::of(&error))?;
    if as_json {
        return print_json(&serde_json::to_value(&manifest).map_err(|error| Failure::of(&error))?);
    }
    print(&in_words(directory, &manifest))
}

fn in_words(directory: &Path, Manifest { files, .. }: &Manifest) -> String {
    let counts = files.iter().filter(|file| file.lines > 0);
    let counts: Vec<_> = counts.map(|file| format!("{} {}", file.name, file.lines)).collect();
    let what = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    format!("{}: {what}. The hashes of secrets are among this: keep it to yourself.", directory.display())
}
