//! Those who watch hear of every change that is on disk, and of none that is not.

use std::collections::BTreeSet;

use super::{change, job_id, new_job, new_task, new_worker, small_farm, task_id, worker_id};
use crate::{
    domain::{
        ids::WorkerId,
        task::{Task, TaskStatus},
    },
    store::{Set, Store, StoreError, Touched, WriteTx},
};

/// What is heard of a change.
fn heard(
    store: &Store,
    act: impl FnMut(&mut WriteTx<'_>) -> Result<(), StoreError> + Send + 'static,
) -> Option<Touched> {
    let _refused = change(store, act);
    store.touched()
}

fn set<K: Ord>(things: impl IntoIterator<Item = K>) -> Set<K> {
    Set::Of(things.into_iter().collect())
}

#[test]
fn nobody_hears_of_what_happened_before_or_after_they_watched() {
    let store = small_farm();
    assert_eq!(store.touched(), None);
    store.watch();
    assert_eq!(store.touched(), None);
    assert!(heard(&store, |tx| tx.set_job_priority(job_id(1), 7)).is_some());
    assert_eq!(store.touched(), None, "it is told once");
    store.stop_watching();
    assert_eq!(heard(&store, |tx| tx.set_job_priority(job_id(1), 8)), None);
}

#[test]
fn a_change_of_a_task_is_one_of_its_job_and_its_worker_too() {
    let store = small_farm();
    store.watch();
    let done =
        Task { status: TaskStatus::Completed, worker_id: Some(worker_id(1)), ..new_task(1, 1, "sleep") };
    let expected = Touched {
        jobs: set([job_id(1)]),
        tasks: set([(job_id(1), task_id(1))]),
        workers: set([worker_id(1)]),
    };
    assert_eq!(heard(&store, move |tx| tx.put_task(&done)), Some(expected.clone()));
    assert_eq!(heard(&store, |tx| tx.delete_task(task_id(1))), Some(expected));
}

#[test]
fn jobs_and_workers_are_heard_of_by_themselves() {
    let store = small_farm();
    store.watch();
    let job = |number| Some(Touched { jobs: set([job_id(number)]), ..Touched::default() });
    let worker = |number| Some(Touched { workers: set([worker_id(number)]), ..Touched::default() });
    assert_eq!(heard(&store, |tx| tx.insert_job(&new_job(2), 50)), job(2));
    assert_eq!(heard(&store, |tx| tx.delete_job(job_id(2))), job(2));
    assert_eq!(heard(&store, |tx| tx.insert_worker(&new_worker(3, &["sleep"]))), worker(3));
    assert_eq!(heard(&store, |tx| tx.put_blacklist(worker_id(2), job_id(1), "sleep")), worker(2));
    assert_eq!(heard(&store, |tx| tx.forget_blacklist(worker_id(2), job_id(1), "sleep")), worker(2));
    assert_eq!(heard(&store, |tx| tx.delete_worker(worker_id(3))), worker(3));
    assert_eq!(heard(&store, |tx| tx.put_setting("a", "b")), Some(Touched::default()));
    assert_eq!(heard(&store, |tx| tx.erase_tasks().map(drop)), Some(Touched::everything()));
}

#[test]
fn what_is_refused_is_not_heard_of() {
    let store = small_farm();
    store.watch();
    let refused = |tx: &mut WriteTx<'_>| {
        tx.set_job_priority(job_id(1), 7)?;
        Err(StoreError::Corrupt("no".into()))
    };
    assert_eq!(heard(&store, refused), None);
    assert_eq!(heard(&store, |_| Ok(())), None);
}

#[test]
fn too_many_are_not_told_apart() {
    let id = |number: u16| WorkerId([number.to_be_bytes(); 6].concat().try_into().unwrap());
    let mut some = Set::default();
    (0..1000).for_each(|number| some.add(id(number % 1000)));
    assert_eq!(some, Set::Of((0..1000).map(id).collect::<BTreeSet<_>>()));
    some.add(id(1));
    assert_ne!(some, Set::TooMany);
    some.add(id(1000));
    assert_eq!(some, Set::TooMany);
    some.add(id(1));
    assert_eq!(some, Set::TooMany);
}
