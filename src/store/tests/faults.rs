//! Bad disks: whatever they do, what was acknowledged stays, and when they are well again so is the store.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    NOW, change, contradictions,
    disk::{Disk, Trouble, scattered},
    job_id, new_job, new_task, task_id,
};
use crate::{
    domain::task::{Task, TaskStatus},
    store::{Store, StoreError, schema::Table},
};

/// More than it ever takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `works` says so.
fn eventually(what: &str, mut works: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !works() {
        assert!(begun.elapsed() < DEADLINE, "{what}: still not after {DEADLINE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A store on a disk, with everything that it has acknowledged.
struct Witness {
    store: Store,
    acknowledged: BTreeSet<u8>,
    completed: BTreeSet<u8>,
    refused: BTreeSet<u8>,
}

impl Witness {
    fn on(disk: &Disk) -> Self {
        Self::of(disk.store().unwrap())
    }

    fn of(store: Store) -> Self {
        change(&store, |tx| tx.insert_job(&new_job(1), 50)).unwrap();
        Self { store, acknowledged: BTreeSet::new(), completed: BTreeSet::new(), refused: BTreeSet::new() }
    }

    /// Keeps a task with commands of this size.
    fn insert(&mut self, number: u8, bytes: usize) -> Result<(), StoreError> {
        let commands = format!("[{}]", " ".repeat(bytes));
        let task = Task { parents: vec![task_id(number.wrapping_add(1))], ..new_task(number, 1, "sleep") };
        let inserted = change(&self.store, move |tx| tx.insert_task(&task, &commands));
        match inserted {
            Ok(()) => self.acknowledged.insert(number),
            Err(_) => self.refused.insert(number),
        };
        inserted
    }

    fn complete(&mut self, number: u8) -> Result<(), StoreError> {
        let task = Task { status: TaskStatus::Completed, ..new_task(number, 1, "sleep") };
        change(&self.store, move |tx| tx.put_task(&task))?;
        self.completed.insert(number);
        Ok(())
    }

    fn is_intact(&self, store: &Store) {
        assert_eq!(contradictions(store), Vec::<String>::new());
        let status =
            |number: &u8| store.read(NOW, |tx| tx.task(task_id(*number))).unwrap().map(|task| task.status);
        for number in &self.acknowledged {
            assert!(status(number).is_some(), "task {number} was acknowledged and lost");
        }
        for number in &self.completed {
            assert_eq!(status(number), Some(TaskStatus::Completed), "task {number}");
        }
        for number in &self.refused {
            assert_eq!(status(number), None, "task {number} was refused and is there");
        }
    }
}

#[test]
fn a_full_disk_is_a_clear_error_and_work_goes_on_when_there_is_room() {
    let disk = Disk::new();
    let mut witness = Witness::on(&disk);
    (0..20).for_each(|number| witness.insert(number, 2000).unwrap());

    disk.gets(Trouble::Full);
    let error = (20..200).find_map(|number| witness.insert(number, 20_000).err()).unwrap();
    assert_eq!(error.to_string(), "the database cannot be read or written");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("no storage space"), "{cause}");
    witness.is_intact(&witness.store);
    witness.insert(200, 20_000).unwrap_err();
    witness.is_intact(&witness.store);

    disk.gets(Trouble::None);
    eventually("writing works again", || witness.insert(201, 20_000).is_ok());
    witness.refused.remove(&201);
    witness.is_intact(&witness.store);
    witness.store.close();
    witness.is_intact(&disk.store().unwrap());
}

#[test]
fn a_database_that_is_gone_is_waited_for_and_not_begun_anew() {
    let (disk, empty) = (Disk::new(), Disk::new());
    let here = Arc::new(Mutex::new(disk.clone()));
    let opened = Arc::clone(&here);
    let store = Store::open_with("the disk", Box::new(move || opened.lock().unwrap().open())).unwrap();
    let mut witness = Witness::of(store);
    witness.insert(1, 2000).unwrap();

    disk.gets(Trouble::GoneAt(0));
    *here.lock().unwrap() = empty;
    for number in [2, 3] {
        witness.insert(number, 2000).unwrap_err();
        thread::sleep(Duration::from_millis(1100));
    }
    *here.lock().unwrap() = disk.clone();
    disk.gets(Trouble::None);
    eventually("writing works again", || witness.insert(4, 2000).is_ok());
    witness.refused.remove(&4);
    witness.is_intact(&witness.store);
}

#[test]
fn compacting_that_fails_loses_nothing() {
    for call in [1, 2, 3, 5, 9, 17] {
        let disk = Disk::new();
        let mut witness = Witness::on(&disk);
        (0..60).for_each(|number| witness.insert(number, 5000).unwrap());
        for number in 30..60 {
            change(&witness.store, move |tx| tx.delete_task(task_id(number))).unwrap();
            witness.acknowledged.remove(&number);
        }
        disk.gets(Trouble::Every(call));
        let compacted = witness.store.compact();
        assert!(call > 5 || compacted.is_err(), "{call}");
        disk.gets(Trouble::None);
        eventually("writing works again", || witness.insert(101, 3000).is_ok());
        witness.refused.clear();
        witness.is_intact(&witness.store);
        witness.store.close();
        witness.is_intact(&disk.store().unwrap());
    }
}

#[test]
fn a_disk_that_fails_now_and_then_loses_nothing_that_was_acknowledged() {
    thread::scope(|scope| {
        for calls in [1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 18, 23, 31, 47] {
            scope.spawn(move || {
                let disk = Disk::new();
                let mut witness = Witness::on(&disk);
                disk.gets(Trouble::Every(calls));
                let failed = (0..100).find(|number| witness.insert(*number, 3000).is_err());
                assert!(calls > 2 || failed.is_some());
                disk.gets(Trouble::None);
                eventually("writing works again", || witness.insert(101, 3000).is_ok());
                witness.refused.clear();
                witness.is_intact(&witness.store);
                witness.store.close();
                witness.is_intact(&disk.store().unwrap());
            });
        }
    });
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    let whole_story = {
        let disk = Disk::new();
        let witness = Witness::on(&disk);
        disk.gets(Trouble::None);
        tell_story(witness);
        disk.calls()
    };
    for cut in 1..=whole_story {
        let disk = Disk::new();
        let witness = Witness::on(&disk);
        disk.gets(Trouble::GoneAt(cut));
        let witness = tell_story(witness);
        for seed in 0..3 {
            witness.is_intact(&disk.after_power_cut(scattered(cut, seed)).store().unwrap());
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_of_a_migration_leaves_a_file_of_one_version_with_everything_in_it() {
    let older = || {
        let disk = Disk::new();
        let mut witness = Witness::on(&disk);
        (0..12).for_each(|number| witness.insert(number, 400).unwrap());
        change(&witness.store, |tx| tx.insert(Table::Meta, b"schema-version", &1_u32.to_be_bytes())).unwrap();
        witness.store.close();
        (disk, witness)
    };
    let whole_story = {
        let (disk, _) = older();
        disk.gets(Trouble::None);
        drop(disk.store().unwrap());
        disk.calls()
    };
    assert!(whole_story > 3);
    for cut in 1..=whole_story {
        let (disk, witness) = older();
        disk.gets(Trouble::GoneAt(cut));
        drop(disk.store());
        for seed in 0..3 {
            let after = disk.after_power_cut(scattered(cut, seed));
            witness.is_intact(&after.store().unwrap());
        }
    }
}

/// Tasks come in and are completed, as long as the disk is there.
fn tell_story(mut witness: Witness) -> Witness {
    for number in 0..12 {
        if witness.insert(number, 1 + 400 * usize::from(number)).is_err() {
            // Nobody knows whether a change whose flush failed is there.
            witness.refused.clear();
            return witness;
        }
        if witness.complete(number).is_err() {
            return witness;
        }
    }
    witness
}

#[test]
fn a_disk_that_was_gone_for_a_while_is_taken_up_again() {
    let disk = Disk::new();
    let mut witness = Witness::on(&disk);
    witness.insert(1, 100).unwrap();
    disk.gets(Trouble::GoneAt(0));
    witness.insert(2, 100).unwrap_err();
    assert!(witness.store.read(NOW, |tx| tx.job(job_id(1))).is_err());
    disk.gets(Trouble::None);
    eventually("writing works again", || witness.insert(3, 100).is_ok());
    witness.refused.remove(&3);
    witness.is_intact(&witness.store);
}

#[test]
fn a_panic_of_the_database_library_does_not_end_the_writer() {
    let calls_of_one_change = {
        let disk = Disk::new();
        let mut witness = Witness::on(&disk);
        disk.gets(Trouble::None);
        witness.insert(1, 3000).unwrap();
        disk.calls()
    };
    thread::scope(|scope| {
        for call in 1..=calls_of_one_change {
            scope.spawn(move || {
                let disk = Disk::new();
                let mut witness = Witness::on(&disk);
                disk.gets(Trouble::PanicAt(call));
                // The second try is made at once, and works.
                let _either = witness.insert(1, 3000);
                eventually("writing works again", || witness.insert(2, 3000).is_ok());
                witness.refused.clear();
                witness.is_intact(&witness.store);
            });
        }
    });
}

#[test]
fn a_reader_that_takes_its_time_is_waited_for_when_the_file_is_opened_anew() {
    let disk = Disk::new();
    let witness = Witness::on(&disk);
    let store = &witness.store;
    let (begun, has_begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            store.read(NOW, |tx| {
                begun.send(()).unwrap();
                released.recv().unwrap();
                tx.count_jobs()
            })
        });
        has_begun.recv().unwrap();
        disk.gets(Trouble::Every(1));
        let writer = scope.spawn(move || change(store, |tx| tx.put_setting("a", "b")));
        // Now the writer wants the file for itself.
        eventually("the change has failed", || disk.calls() > 0);
        release.send(()).unwrap();
        writer.join().unwrap().unwrap_err();
        // It may have found a broken disk; what counts is that both have come to an end.
        let _either = reader.join().unwrap();
    });
    disk.gets(Trouble::None);
    eventually("writing works again", || change(store, |tx| tx.put_setting("a", "c")).is_ok());
    witness.is_intact(store);
}
