//! Putting a log file aside: `.txt` becomes `.txt.1`, `.txt.1` becomes `.txt.2`, and so on. The youngest old log is `.1`.

use std::{fs, io, path::Path};

use super::{unless_missing, with_suffix};

/// An old log is plain or compressed.
const PLAIN_AND_COMPRESSED: [&str; 2] = ["", ".gz"];

/// Puts the log at `current` aside. A crash or an error half-way leaves a gap in the numbers, which the next
/// rotation fills; no file is ever overwritten.
pub(super) fn rotate(current: &Path) -> io::Result<()> {
    let compressed = with_suffix(current, ".gz");
    if current.try_exists()? {
        // But a copy: it would be taken for the log of the new run until that has written something.
        unless_missing(fs::remove_file(&compressed))?;
        make_room(current)?;
        fs::rename(current, with_suffix(current, ".1"))
    } else if compressed.try_exists()? {
        make_room(current)?;
        fs::rename(&compressed, with_suffix(current, ".1.gz"))
    } else {
        Ok(())
    }
}

/// How many old logs there are, up to a gap.
pub(super) fn put_aside(current: &Path) -> io::Result<u32> {
    let mut count = 0;
    while is_taken(current, count + 1)? {
        count += 1;
    }
    Ok(count)
}

/// Moves old logs up by one, so that number 1 is free. Beyond a gap they stay.
fn make_room(current: &Path) -> io::Result<()> {
    for number in (1..=put_aside(current)?).rev() {
        for end in PLAIN_AND_COMPRESSED {
            let from = with_suffix(current, &format!(".{number}{end}"));
            let to = with_suffix(current, &format!(".{}{end}", number + 1));
            unless_missing(fs::rename(from, to))?;
        }
    }
    Ok(())
}

fn is_taken(current: &Path, number: u32) -> io::Result<bool> {
    for end in PLAIN_AND_COMPRESSED {
        if with_suffix(current, &format!(".{number}{end}")).try_exists()? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A folder with these files, each of which holds its first name.
    fn folder_with(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let current = folder.path().join("log.txt");
        (folder, current)
    }

    /// Which file is which now, in order of the names: "name: first name".
    fn files(folder: &tempfile::TempDir) -> Vec<String> {
        let file = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            let first_name = fs::read_to_string(entry.path()).unwrap();
            format!("{}: {first_name}", entry.file_name().into_string().unwrap())
        };
        let mut files: Vec<String> = fs::read_dir(folder.path()).unwrap().map(file).collect();
        files.sort();
        files
    }

    #[test]
    fn each_old_log_moves_up_by_one() {
        let (folder, current) =
            folder_with(&["log.txt", "log.txt.1", "log.txt.2.gz", "log.txt.3", "other.txt"]);
        rotate(&current).unwrap();
        assert_eq!(
            files(&folder),
            [
                "log.txt.1: log.txt",
                "log.txt.2: log.txt.1",
                "log.txt.3.gz: log.txt.2.gz",
                "log.txt.4: log.txt.3",
                "other.txt: other.txt"
            ]
        );
    }

    #[test]
    fn without_a_current_log_nothing_happens() {
        let (folder, current) = folder_with(&["log.txt.1", "log.txt.2"]);
        rotate(&current).unwrap();
        assert_eq!(files(&folder), ["log.txt.1: log.txt.1", "log.txt.2: log.txt.2"]);
        rotate(&folder.path().join("no-folder/log.txt")).unwrap();
    }

    #[test]
    fn a_gap_is_filled_and_what_is_beyond_stays() {
        let (folder, current) = folder_with(&["log.txt", "log.txt.1", "log.txt.3"]);
        rotate(&current).unwrap();
        assert_eq!(files(&folder), ["log.txt.1: log.txt", "log.txt.2: log.txt.1", "log.txt.3: log.txt.3"]);
    }

    #[test]
    fn a_compressed_copy_goes_and_a_compressed_log_is_put_aside() {
        let (folder, current) = folder_with(&["log.txt", "log.txt.gz"]);
        rotate(&current).unwrap();
        assert_eq!(files(&folder), ["log.txt.1: log.txt"]);

        let (folder, current) = folder_with(&["log.txt.gz", "log.txt.1"]);
        rotate(&current).unwrap();
        assert_eq!(files(&folder), ["log.txt.1.gz: log.txt.gz", "log.txt.2: log.txt.1"]);
    }

    #[test]
    fn twelve_runs_leave_twelve_logs_in_order() {
        let (folder, current) = folder_with(&[]);
        for run in 1..=12 {
            fs::write(&current, format!("run {run}")).unwrap();
            rotate(&current).unwrap();
        }
        for run in 1..=12 {
            let old = folder.path().join(format!("log.txt.{}", 13 - run));
            assert_eq!(fs::read_to_string(old).unwrap(), format!("run {run}"));
        }
    }
}
