//! Backups come back as they were made, and whatever is wrong with one is found.

use std::{fs, path::PathBuf, sync::mpsc, time::Duration};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{NOW, change, contradictions, job_id, new_job, small_farm};
use crate::store::{
    ReadTx, Store, StoreError,
    backup::{BackupError, Head, Unfinished, restore, verify},
    schema::Table,
};

/// A backup of a store, in a folder of its own.
struct Made {
    folder: TempDir,
    file: PathBuf,
}

impl Made {
    fn of(store: &Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.backup");
        let mut unfinished = Unfinished::begin(&file).unwrap();
        store.snapshot(NOW).unwrap().back_up(unfinished.file()).unwrap();
        unfinished.finish().unwrap();
        Self { folder, file }
    }

    /// What is said of the file with these bytes in place of its own.
    fn with(&self, bytes: &[u8]) -> Result<Head, BackupError> {
        let file = self.folder.path().join("another.backup");
        fs::write(&file, bytes).unwrap();
        verify(&file)
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap()
    }

    fn restored(&self) -> Store {
        let path = self.folder.path().join("restored.redb");
        restore(&self.file, &path).unwrap();
        Store::open_copy(&path).unwrap()
    }
}

/// All rows of all tables.
fn rows(store: &Store) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let all = |tx: &ReadTx| {
        let mut rows = Vec::new();
        for table in Table::ALL {
            for row in tx.prefix(table, &[])? {
                let (key, value) = row?;
                rows.push((table, key.value().to_vec(), value.value().to_vec()));
            }
        }
        Ok::<_, StoreError>(rows)
    };
    store.read(NOW, all).unwrap()
}

#[test]
fn a_backup_says_what_is_in_it_and_comes_back_the_same() {
    let store = small_farm();
    let made = Made::of(&store);
    let head = verify(&made.file).unwrap();
    assert_eq!((head.made, head.schema, head.program.as_str()), (NOW, 2, env!("CARGO_PKG_VERSION")));
    assert_eq!(["jobs", "tasks", "workers", "audit", "nothing"].map(|name| head.rows(name)), [1, 3, 2, 0, 0]);
    let restored = made.restored();
    assert_eq!(rows(&restored), rows(&store));
    assert_eq!(contradictions(&restored), Vec::<String>::new());
}

#[test]
fn a_flipped_bit_in_any_byte_is_found() {
    let made = Made::of(&small_farm());
    let whole = made.bytes();
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        made.with(&damaged).expect_err(&format!("byte {place} of {} was damaged", whole.len()));
    }
}

#[test]
fn a_backup_that_is_not_whole_or_more_than_that_is_found() {
    let made = Made::of(&small_farm());
    let whole = made.bytes();
    for length in 0..whole.len() {
        made.with(&whole[..length]).expect_err(&format!("{length} of {} bytes", whole.len()));
    }
    let error = made.with(&whole[..whole.len() - 100]).unwrap_err().to_string();
    assert!(error.starts_with("this backup is damaged or not whole: "), "{error}");
    made.with(&[whole.as_slice(), b"x"].concat()).unwrap_err();
    made.with(&[whole.as_slice(), whole.as_slice()].concat()).unwrap_err();
}

#[test]
fn other_files_are_called_what_they_are() {
    let made = Made::of(&small_farm());
    for foreign in [b"".as_slice(), b"FlmncoB", b"this is a letter", &[0; 4096]] {
        assert!(matches!(made.with(foreign), Err(BackupError::Foreign)));
    }
    let mut later = made.bytes();
    later[11] = 2;
    assert!(matches!(made.with(&later), Err(BackupError::OtherFormat(2))));
    assert!(matches!(verify(&made.folder.path().join("nowhere")), Err(BackupError::Io(_))));
}

#[test]
fn a_backup_of_a_later_version_is_whole_but_is_not_restored() {
    let store = small_farm();
    change(&store, |tx| tx.insert(Table::Meta, b"schema-version", &9_u32.to_be_bytes())).unwrap();
    change(&store, |tx| tx.insert(Table::Meta, b"program-version", b"99.1.0")).unwrap();
    let made = Made::of(&store);
    assert_eq!(verify(&made.file).unwrap().schema, 9);
    let to = made.folder.path().join("restored.redb");
    let error = restore(&made.file, &to).unwrap_err().to_string();
    assert!(
        error.contains("schema version 9; it needs Flamenco Manager 99.1.0 or later, and this is "),
        "{error}"
    );
    assert!(!to.exists());
}

#[test]
fn a_backup_is_of_the_moment_at_which_it_was_begun() {
    let store = small_farm();
    let look = store.snapshot(NOW).unwrap();
    change(&store, |tx| tx.insert_job(&new_job(2), 50)).unwrap();
    let mut bytes = Vec::new();
    let head = look.back_up(&mut bytes).unwrap();
    assert_eq!((head.rows("jobs"), store.read(NOW, ReadTx::count_jobs).unwrap()), (1, 2));
}

#[test]
fn half_a_backup_is_never_seen_under_its_name_and_none_is_replaced() {
    let made = Made::of(&small_farm());
    let names = || fs::read_dir(made.folder.path()).unwrap().count();
    let other = made.folder.path().join("b.backup");
    let mut unfinished = Unfinished::begin(&other).unwrap();
    std::io::Write::write_all(unfinished.file(), &made.bytes()[..500]).unwrap();
    assert!(!other.exists());
    unfinished.finish().unwrap_err();
    assert_eq!(names(), 1);

    let mut again = Unfinished::begin(&made.file).unwrap();
    std::io::Write::write_all(again.file(), &made.bytes()).unwrap();
    let error = again.finish().unwrap_err();
    assert!(
        matches!(&error, BackupError::Io(error) if error.kind() == std::io::ErrorKind::AlreadyExists),
        "{error}"
    );
    assert_eq!(names(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&made.file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn nobody_waits_for_a_long_look_and_it_ends_when_the_database_is_closed() {
    let store = small_farm();
    let look = store.snapshot(NOW).unwrap();
    let (closed, is_closed) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            store.close();
            closed.send(()).unwrap();
        });
        is_closed.recv_timeout(Duration::from_secs(20)).expect("closing waits for a look");
    });
    let error = look.back_up(std::io::sink()).unwrap_err();
    assert!(matches!(&error, BackupError::Store(error) if error.is_closed()), "{error:?}");
    assert!(matches!(store.snapshot(NOW), Err(StoreError::Closed)));
}

#[test]
fn compacting_gives_room_back_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("farm.redb")).unwrap();
    let large = "x".repeat(1 << 20);
    change(&store, move |tx| (0..16).try_for_each(|n| tx.put_setting(&format!("large {n}"), &large)))
        .unwrap();
    change(&store, |tx| tx.insert_job(&new_job(1), 50)).unwrap();
    change(&store, |tx| (0..16).try_for_each(|n| tx.forget_setting(&format!("large {n}")))).unwrap();

    let look = store.snapshot(NOW).unwrap();
    assert!(matches!(store.compact(), Err(StoreError::Busy)));
    drop(look);
    let compacted = store.compact().unwrap();
    assert!(compacted.bytes_before > 16 << 20 && compacted.bytes_after < 4 << 20, "{compacted:?}");
    assert_eq!(compacted.bytes_after, store.file_size());
    assert!(store.read(NOW, |tx| tx.job(job_id(1))).unwrap().is_some());
    change(&store, |tx| tx.insert_job(&new_job(2), 50)).unwrap();
    assert!(store.is_intact().unwrap());
    assert_eq!(contradictions(&store), Vec::<String>::new());
}

#[test]
fn sizes_are_those_of_what_is_there() {
    let store = small_farm();
    let sizes = store.snapshot(NOW).unwrap().table_sizes().unwrap();
    let of = |name| sizes.iter().find(|table| table.name == name).unwrap();
    assert_eq!((of("tasks").rows, of("audit").rows, of("audit").bytes), (3, 0, 0));
    // A key of 12 bytes each, and "[]".
    assert_eq!(of("commands").bytes, 3 * (12 + 2));
    assert!(of("tasks").bytes_in_file >= of("tasks").bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_in_the_tables_comes_back(
        written in prop::collection::vec((1..Table::ALL.len(), any::<Vec<u8>>(), any::<Vec<u8>>()), 0..200),
        large in 0..400_000_usize,
    ) {
        let store = Store::in_memory().unwrap();
        change(&store, move |tx| {
            tx.insert(Table::Settings, b"large", &vec![7; large])?;
            written.iter().try_for_each(|(table, key, value)| tx.insert(Table::ALL[*table], key, value))
        })
        .unwrap();
        let made = Made::of(&store);
        prop_assert_eq!(rows(&made.restored()), rows(&store));
    }

    #[test]
    fn no_bytes_at_all_make_reading_panic(bytes: Vec<u8>, head: Vec<u8>) {
        let made = Made::of(&small_farm());
        let begin = [b"FlmncoBk\0\0\0\x01".as_slice(), &u32::try_from(head.len()).unwrap().to_be_bytes(), &head, &bytes];
        made.with(&bytes).unwrap_err();
        made.with(&begin.concat()).unwrap_err();
    }
}
