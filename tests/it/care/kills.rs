//! Restoring, compacting and migrating are cut off by a kill at some moment: there is what was before or what was to come,
//! and never anything between.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    path::Path,
    process::Stdio,
    thread,
    time::Instant,
};

use flamenco_manager::{
    domain::{
        ids::{JobId, TaskId},
        job::Job,
        task::{Progress, Task, TaskStatus},
    },
    store::{Store, StoreError, backup::verify},
};
use jiff::Timestamp;

use crate::faults::{commands::succeeds, process::Place};

const KILLS: u32 = 20;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// As many tasks, each with so many bytes of commands, that there is a middle in what is done with them.
const TASKS: u32 = 3_000;
const COMMANDS: usize = 3_000;

/// A database with so many tasks, that says who it is.
async fn make(path: &Path, who: &'static str, tasks: u32) {
    let store = Store::open(path).unwrap();
    let job = JobId([1; 12]);
    let insert = store.write(NOW, move |tx| {
        tx.put_setting("who", who)?;
        let name = "a job".to_owned();
        let (settings, metadata) = ("{}".to_owned(), "{}".to_owned());
        let (of_server, depends_on) = (false, Vec::new());
        let about = Job {
            id: job,
            name,
            job_type: "custom".into(),
            settings,
            metadata,
            created: NOW,
            of_server,
            depends_on,
        };
        tx.insert_job(&about, 50)?;
        for number in 0..tasks {
            // Like chance, so that it does not become small in a backup.
            let noise =
                (0..COMMANDS / 8).map(|place| RandomState::new().hash_one(place)).map(|n| format!("{n:08x}"));
            tx.insert_task(&task(job, number), &format!("[\"{}\"]", noise.collect::<String>()))?;
        }
        Ok::<_, StoreError>(())
    });
    insert.await.unwrap();
}

fn task(job: JobId, number: u32) -> Task {
    let mut id = [0; 12];
    id[8..].copy_from_slice(&number.to_be_bytes());
    Task {
        id: TaskId(id),
        job,
        name: format!("task {number}"),
        status: TaskStatus::Queued,
        priority: 50,
        task_type: "sleep".into(),
        parents: Vec::new(),
        activity: String::new(),
        worker: String::new(),
        worker_id: None,
        failed_by: Vec::new(),
        last_worker_ping: None,
        started: None,
        last_updated: NOW,
        progress: Progress::default(),
        timing: std::collections::BTreeMap::new(),
        only_for: None,
        etag: None,
    }
}

/// Who the database is, and how many tasks it has; it must agree with itself.
fn look(path: &Path) -> (String, u64) {
    let store = Store::open(path).unwrap();
    store
        .read(NOW, |tx| {
            assert_eq!(tx.contradictions()?, Vec::<String>::new());
            Ok::<_, StoreError>((tx.setting("who")?.unwrap(), tx.count_all_tasks()?))
        })
        .unwrap()
}

/// Runs the command, once to its end to learn how long it takes, and then `KILLS` times until it is killed at a moment within
/// that time: one in each of as many parts of it, at random there. Before each time `prepare` puts things as they were; behind
/// it `verify` looks at them and says whether it is as if the command had not been run. Both have to come about: as long as
/// every kill is too late, the machine has become quicker, and the command takes half of the time.
fn kill_at_moments(place: &Place, arguments: &[&str], prepare: impl Fn(), verify: impl Fn() -> bool) {
    prepare();
    let begun = Instant::now();
    succeeds(place, arguments);
    let mut takes = begun.elapsed();
    assert!(!verify(), "{arguments:?} did nothing");
    let (seed, mut undone) = (RandomState::new(), 0);
    for kill in 0..KILLS {
        prepare();
        let within = f64::from(u32::try_from(seed.hash_one(kill) % 1000).unwrap()) / 1000.0;
        let moment = takes.mul_f64((f64::from(kill) + within) / f64::from(KILLS));
        let mut child = place.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        undone += u32::from(verify());
        if undone == 0 {
            takes /= 2;
        }
    }
    println!("{arguments:?} takes {takes:?}; of {KILLS} kills {undone} came before it was done");
    assert!(undone > 0, "no kill came in time");
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_the_old_or_the_new() {
    let place = Place::new();
    let (old, new) = (place.path("old.redb"), place.path("new.redb"));
    make(&old, "old", 50).await;
    make(&new, "new", TASKS).await;
    fs::rename(&new, place.database()).unwrap();
    succeeds(&place, &["backup", "new.backup"]);
    let prepare = || {
        fs::copy(&old, place.database()).unwrap();
    };
    kill_at_moments(&place, &["restore", "new.backup", "--yes"], prepare, || match look(&place.database()) {
        (who, 50) if who == "old" => true,
        (who, tasks) if who == "new" && tasks == u64::from(TASKS) => false,
        between => panic!("{between:?}"),
    });
    // What the last kill left behind goes with the next restore.
    succeeds(&place, &["restore", "new.backup", "--yes"]);
    assert!(!place.path("flamenco-manager.redb.new").exists());
}

#[tokio::test]
async fn compacting_that_is_killed_loses_nothing() {
    let place = Place::new();
    let full = place.path("full.redb");
    make(&full, "full", TASKS).await;
    let store = Store::open(&full).unwrap();
    let thin_out = store.write(NOW, move |tx| {
        let odd = (0..TASKS).filter(|number| number % 2 == 1);
        odd.map(|number| task(JobId([1; 12]), number).id).try_for_each(|id| tx.delete_task(id))
    });
    let thinned: Result<(), StoreError> = thin_out.await;
    thinned.unwrap();
    drop(store);
    let before = fs::metadata(&full).unwrap().len();
    let prepare = || {
        fs::copy(&full, place.database()).unwrap();
    };
    kill_at_moments(&place, &["database", "compact"], prepare, || {
        assert_eq!(look(&place.database()), ("full".to_owned(), u64::from(TASKS / 2)));
        fs::metadata(place.database()).unwrap().len() >= before
    });
}

#[tokio::test]
async fn a_migration_that_is_killed_leaves_a_file_that_can_be_used() {
    let place = Place::new();
    let first = place.path("first.redb");
    make(&first, "first", TASKS).await;
    is_of_version(&first, Some(1));
    let prepare = || {
        fs::copy(&first, place.database()).unwrap();
    };
    kill_at_moments(&place, &["database", "stats"], prepare, || {
        let undone = is_of_version(&place.database(), None) == 1;
        for backup in backups(&place) {
            let head = verify(&backup).unwrap();
            assert_eq!((head.schema, head.rows("tasks")), (1, u64::from(TASKS)));
            fs::remove_file(backup).unwrap();
        }
        assert_eq!(look(&place.database()), ("first".to_owned(), u64::from(TASKS)));
        for backup in backups(&place) {
            fs::remove_file(backup).unwrap();
        }
        undone
    });
}

/// The backups that were made before migrations.
fn backups(place: &Place) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|end| end == "backup")).collect()
}

/// The version of the schema of a file, after it was made this one.
#[expect(clippy::disallowed_types, reason = "a file of the first version is made here")]
fn is_of_version(path: &Path, wanted: Option<u32>) -> u32 {
    use redb::ReadableDatabase;
    let database = redb::Database::open(path).unwrap();
    let meta = redb::TableDefinition::<&[u8], &[u8]>::new("meta");
    if let Some(version) = wanted {
        let txn = database.begin_write().unwrap();
        let mut table = txn.open_table(meta).unwrap();
        table.insert(b"schema-version".as_slice(), version.to_be_bytes().as_slice()).unwrap();
        table.remove(b"program-version".as_slice()).unwrap();
        drop(table);
        txn.commit().unwrap();
    }
    let txn = database.begin_read().unwrap();
    let version = txn.open_table(meta).unwrap().get(b"schema-version".as_slice()).unwrap().unwrap();
    u32::from_be_bytes(version.value().try_into().unwrap())
}
