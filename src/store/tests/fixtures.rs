//! A file of every released version of the schema is kept in `tests/fixtures`: it can be opened, and has lost nothing.
//!
//! The fixture of this version is made by `cargo test --lib make_the_fixture -- --ignored`, and kept from its release on. The
//! one of version 1 was made in the same way by 3.0.0-dev, before version 2 was begun.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableHandle};

use super::{NOW, change, contradictions, job_id, new_job, new_task, new_worker, task_id, worker_id};
use crate::{
    domain::{
        audit::Deed,
        event::Event,
        idempotency::Receipt,
        ids::TokenId,
        job::Job,
        people::{AccessToken, Role, Session},
        task::{FailedBy, Progress, Task, TaskStatus},
        task_update::{SetAside, TaskUpdate},
        worker::{SecretHash, Worker},
    },
    store::{ExtraOf, Store, StoreError, backup::verify, schema::SCHEMA_VERSION},
};

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/schema-{version}.redb"))
}

/// A copy of the fixture, that can be opened.
fn copy(version: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farm.redb");
    fs::copy(fixture(version), &path).unwrap();
    (folder, path)
}

/// Puts something into every table.
fn fill(store: &Store) {
    change(store, |tx| {
        tx.put_setting("ssdp-device-uuid", "1e97b633-34f6-416f-abbb-853de75e5c57")?;
        tx.insert_worker(&Worker {
            secret_hash: SecretHash("$2a$10$hash".into()),
            ..new_worker(1, &["sleep"])
        })?;
        tx.insert_worker(&new_worker(2, &["sleep"]))?;
        tx.insert_job(&new_job(1), 50)?;
        tx.insert_job(&Job { depends_on: vec![job_id(1)], ..new_job(2) }, 70)?;
        let active =
            Task { status: TaskStatus::Active, worker_id: Some(worker_id(1)), ..new_task(1, 1, "sleep") };
        tx.insert_task(&active, r#"[{"name":"sleep","settings":{"time_in_seconds":3}}]"#)?;
        tx.insert_task(&Task { parents: vec![task_id(1)], ..new_task(2, 1, "sleep") }, "[]")?;
        let failed_by = vec![FailedBy { id: worker_id(2), identifier: "10.0.0.1 (worker 2)".into() }];
        let failed = Task { status: TaskStatus::SoftFailed, failed_by, ..new_task(3, 1, "sleep") };
        tx.insert_task(&failed, "[]")?;
        tx.put_failure(worker_id(2), job_id(1), "sleep", task_id(3))?;
        tx.insert_task(&new_task(4, 2, "sleep"), "[]")?;
        tx.put_blacklist(worker_id(2), job_id(1), "sleep")
    })
    .unwrap();
    change(store, |tx| {
        let active = tx.task(task_id(1))?.unwrap();
        tx.put_task(&Task { status: TaskStatus::Completed, activity: "done".into(), ..active })?;
        let queued = tx.task(task_id(2))?.unwrap();
        tx.put_task(&Task { status: TaskStatus::Active, worker_id: Some(worker_id(1)), ..queued })?;
        tx.put_extra(ExtraOf::Task(task_id(1)), "{\"user\":\"ada\"}")?;
        tx.put_receipt("key", &Receipt { job: job_id(1), digest: [7; 32], taken: NOW })?;
        tx.push_update(&update(1))?;
        tx.put_aside(&SetAside { update: update(3), reason: "no".into(), at: NOW })?;
        tx.put_ask_again(task_id(3))?;
        tx.put_log_request(job_id(1), task_id(1))?;
        tx.push_event(&Event::OutputProduced { at: NOW, worker: worker_id(1), paths: vec!["/a".into()] })?;
        let (name, token) = ("ada".to_owned(), TokenId([8; 12]));
        let access =
            AccessToken { id: token, name: name.clone(), role: Role::Admin, created: NOW, last_used: None };
        tx.put_access_token(&[1; 32], &access)?;
        let session = Session { name: name.clone(), role: Role::Viewer, token: Some(token), until: NOW };
        tx.put_session(&[2; 32], &session)?;
        let (action, target, detail) = ("erase".into(), "t".into(), "d".into());
        tx.push_deed(&Deed {
            at: NOW,
            who: Some(name),
            role: None,
            from: None,
            action,
            target,
            detail,
            status: Some(200),
        })
    })
    .unwrap();
}

fn update(task: u8) -> TaskUpdate {
    TaskUpdate {
        id: [task; 12],
        task: task_id(task),
        status: Some(TaskStatus::Completed),
        received: NOW,
        activity: "done".into(),
        progress: Progress::default(),
        log_tail: "line\n".into(),
        worker: "worker 1".into(),
        failed_by: Vec::new(),
        timing: BTreeMap::new(),
    }
}

/// What [`fill`] put in, as far as it is told by the questions that everybody asks.
fn is_all_there(store: &Store) {
    assert_eq!(contradictions(store), Vec::<String>::new());
    store
        .read(NOW, |tx| {
            assert_eq!(tx.setting("ssdp-device-uuid")?.unwrap(), "1e97b633-34f6-416f-abbb-853de75e5c57");
            assert_eq!(tx.worker(worker_id(1))?.unwrap().secret_hash, SecretHash("$2a$10$hash".into()));
            assert_eq!(tx.job(job_id(2))?.unwrap().depends_on, [job_id(1)]);
            assert_eq!(tx.job_state(job_id(2))?.unwrap().priority, 70);
            let statuses = [1, 2, 3, 4].map(|number| tx.task(task_id(number)).unwrap().unwrap().status);
            let expected =
                [TaskStatus::Completed, TaskStatus::Active, TaskStatus::SoftFailed, TaskStatus::Queued];
            assert_eq!(statuses, expected);
            assert!(tx.commands(task_id(1))?.contains("time_in_seconds"));
            assert_eq!(tx.task_history(task_id(1))?.entries.len(), 1);
            assert_eq!(tx.in_hand()?.len(), 1);
            assert!(tx.has_failed(worker_id(2), job_id(1), "sleep", task_id(3))?);
            assert_eq!(tx.blacklist(None)?.len(), 1);
            assert_eq!(tx.receipt("key")?.unwrap().job, job_id(1));
            assert_eq!((tx.count_updates()?, tx.last_set_aside()?.unwrap().reason), (1, "no".into()));
            assert_eq!((tx.ask_again()?, tx.count_log_requests()?), (vec![task_id(3)], 1));
            assert_eq!((tx.newest_events(9)?.len(), tx.count_deeds()?), (1, 1));
            assert_eq!((tx.access_tokens()?.len(), tx.sessions()?.len()), (1, 1));
            assert_eq!(tx.minutes(1)?[0].1.completed, 1);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
#[ignore = "it writes the fixture of this version"]
fn make_the_fixture_of_this_version() {
    let path = fixture(SCHEMA_VERSION);
    let _ = fs::remove_file(&path);
    let store = Store::open(&path).unwrap();
    fill(&store);
    store.compact().unwrap();
}

#[test]
fn the_fixture_of_this_version_has_something_in_every_table() {
    let (_folder, path) = copy(SCHEMA_VERSION);
    let database = redb::Database::open(&path).unwrap();
    let txn = database.begin_read().unwrap();
    for table in super::super::schema::Table::ALL {
        let rows = txn.open_table(table.definition()).map(|table| table.len().unwrap());
        let rows = rows.unwrap_or_else(|error| {
            panic!("{error}: another table is another version of the schema; until it is released, make the fixture anew")
        });
        assert!(rows > 0, "table {} of the fixture is empty", table.name());
    }
}

#[test]
fn files_of_all_versions_can_be_used_and_have_lost_nothing() {
    for version in 1..=SCHEMA_VERSION {
        let (_folder, path) = copy(version);
        is_all_there(&Store::open(&path).unwrap());
        is_all_there(&Store::open(&path).unwrap());
    }
}

/// All rows of all tables but the one that says what the file is.
fn rows(path: &Path) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
    let database = redb::Database::open(path).unwrap();
    let txn = database.begin_read().unwrap();
    let mut rows = BTreeMap::new();
    for handle in txn.list_tables().unwrap().filter(|table| table.name() != "meta") {
        let definition = redb::TableDefinition::<&[u8], &[u8]>::new(handle.name());
        for row in txn.open_table(definition).unwrap().iter().unwrap() {
            let (key, value) = row.unwrap();
            rows.insert((handle.name().to_owned(), key.value().to_vec()), value.value().to_vec());
        }
    }
    rows
}

#[test]
fn before_a_file_becomes_one_of_this_version_a_backup_is_made_of_it() {
    let (folder, path) = copy(1);
    let before = rows(&path);
    drop(Store::open(&path).unwrap());
    let backup = folder.path().join("farm.redb.before-schema-2.backup");
    assert_eq!(verify(&backup).unwrap().schema, 1);

    let restored = folder.path().join("restored.redb");
    super::super::backup::restore(&backup, &restored).unwrap();
    assert_eq!(rows(&restored), before);
    is_all_there(&Store::open_copy(&restored).unwrap());
    // Of a copy, and of what is of this version, no backup is made.
    drop(Store::open(&path).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn a_file_of_which_there_can_be_no_backup_stays_as_it_is() {
    let (folder, path) = copy(1);
    let before = rows(&path);
    let in_the_way = folder.path().join("farm.redb.before-schema-2.backup.part");
    fs::create_dir(&in_the_way).unwrap();
    let said = Store::open(&path).err().unwrap().to_string();
    assert!(said.contains("a backup is made, which failed"), "{said}");
    assert_eq!(rows(&path), before);
    fs::remove_dir(&in_the_way).unwrap();
    is_all_there(&Store::open(&path).unwrap());
}
