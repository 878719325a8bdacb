//! What the standard library leaves to do with files.

use std::{io, path::Path};

/// Brings the names of the files in the folder of this file to the disk.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        match std::fs::File::open(folder)?.sync_all() {
            // Some file systems cannot be told to, above all those at the other end of a network.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {}
            synced => synced?,
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn where_a_folder_cannot_be_synced_it_is_not_and_one_that_is_not_there_is_an_error() {
        std::fs::File::open("/proc").unwrap().sync_all().unwrap_err();
        sync_folder_of(Path::new("/proc/version")).unwrap();
        sync_folder_of(Path::new("Cargo.toml")).unwrap();
        sync_folder_of(Path::new("/not/there/at/all")).unwrap_err();
    }
}
