//! The one writer: changes that wait are written together, and none of them disturbs its neighbours.

use std::{
    pin::Pin,
    sync::mpsc::{self, Sender},
};

use futures_util::{FutureExt, future::join_all};

use super::{NOW, block_on, disk::Disk};
use crate::store::{Store, StoreError, WriteTx};

type Outcome = Result<u8, StoreError>;
type Waiting<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// Asks for a change, and does not wait for it.
fn ask<'a>(store: &'a Store, act: impl FnMut(&mut WriteTx<'_>) -> Outcome + Send + 'static) -> Waiting<'a> {
    let mut waiting: Waiting<'a> = Box::pin(store.write(NOW, act));
    assert!(waiting.as_mut().now_or_never().is_none(), "nothing is answered before it is on disk");
    waiting
}

/// Keeps the writer busy until the sender is dropped, so that what is asked for meanwhile becomes one group.
fn hold(store: &Store) -> (Waiting<'_>, Sender<()>) {
    let (begun, has_begun) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let waiting = ask(store, move |_| {
        begun.send(()).unwrap();
        let _released = held.lock().unwrap().recv();
        Ok(0)
    });
    has_begun.recv().unwrap();
    (waiting, release)
}

/// Answers to `asked`, which were written as one group.
fn together<'a>(store: &'a Store, asked: impl FnOnce() -> Vec<Waiting<'a>>) -> Vec<Outcome> {
    let (first, release) = hold(store);
    let group = asked();
    drop(release);
    block_on(async {
        first.await.unwrap();
        join_all(group).await
    })
}

fn append(text: &'static str) -> impl FnMut(&mut WriteTx<'_>) -> Outcome + Send + 'static {
    move |tx| {
        let so_far = tx.setting("story")?.unwrap_or_default();
        tx.put_setting("story", &format!("{so_far}{text}"))?;
        Ok(1)
    }
}

fn story(store: &Store) -> String {
    store.read(NOW, |tx| tx.setting("story")).unwrap().unwrap_or_default()
}

fn refuse_half_done(tx: &mut WriteTx<'_>) -> Outcome {
    tx.put_setting("half", "done")?;
    Err(StoreError::Corrupt("on second thoughts, no".into()))
}

#[test]
fn a_refusal_half_way_leaves_nothing_behind_and_disturbs_nobody() {
    let store = Store::in_memory().unwrap();
    let answers = together(&store, || {
        vec![ask(&store, append("a")), ask(&store, refuse_half_done), ask(&store, append("b"))]
    });
    assert!(matches!(&answers[1], Err(StoreError::Corrupt(why)) if why == "on second thoughts, no"));
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(story(&store), "ab");
    assert_eq!(store.read(NOW, |tx| tx.setting("half")).unwrap(), None);
}

#[test]
fn a_refusal_before_the_first_write_costs_the_group_nothing() {
    let disk = Disk::new();
    let store = disk.store().unwrap();
    let flushes = disk.flushes();
    let answers = together(&store, || {
        let refuse = |_: &mut WriteTx<'_>| Err(StoreError::Corrupt("no".into()));
        vec![ask(&store, append("a")), ask(&store, refuse), ask(&store, append("b"))]
    });
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(story(&store), "ab");
    assert_eq!(disk.flushes(), flushes + flushes_of_one_commit());
}

/// How often a single change flushes the disk.
fn flushes_of_one_commit() -> u64 {
    let disk = Disk::new();
    let store = disk.store().unwrap();
    let before = disk.flushes();
    block_on(store.write(NOW, append("x"))).unwrap();
    disk.flushes() - before
}

#[test]
fn a_thousand_changes_share_a_few_flushes() {
    let disk = Disk::new();
    let store = disk.store().unwrap();
    let before = disk.flushes();
    let answers = together(&store, || (0..1000).map(|_| ask(&store, append("x"))).collect());
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(story(&store).len(), 1000);
    assert!(disk.flushes() - before <= 4 * flushes_of_one_commit(), "{}", disk.flushes() - before);
}

#[test]
fn a_panic_is_an_error_to_its_own_caller_only() {
    let store = Store::in_memory().unwrap();
    let answers = together(&store, || {
        let panic = |tx: &mut WriteTx<'_>| {
            tx.put_setting("half", "done")?;
            panic!("a planted mistake")
        };
        vec![ask(&store, append("a")), ask(&store, panic), ask(&store, append("b"))]
    });
    assert!(
        matches!(&answers[1], Err(StoreError::Panicked(why)) if why == "a planted mistake"),
        "{answers:?}"
    );
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(story(&store), "ab");
    assert_eq!(store.read(NOW, |tx| tx.setting("half")).unwrap(), None);
}

#[test]
fn changes_happen_in_the_order_in_which_they_were_asked_for() {
    let store = Store::in_memory().unwrap();
    let letters = ["a", "b", "c", "d", "e", "f", "g"];
    let answers = together(&store, || {
        let mut asked: Vec<_> = letters.iter().map(|letter| ask(&store, append(letter))).collect();
        asked.insert(3, ask(&store, refuse_half_done));
        asked
    });
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), letters.len());
    assert_eq!(story(&store), letters.concat());
}

#[test]
fn closing_finishes_what_waits_and_refuses_what_comes_later() {
    let disk = Disk::new();
    let store = disk.store().unwrap();
    let (first, release) = hold(&store);
    let waiting: Vec<_> = (0..300).map(|_| ask(&store, append("x"))).collect();
    drop(release);
    store.close();
    assert!(matches!(block_on(store.write(NOW, append("y"))), Err(StoreError::Closed)));
    assert!(matches!(store.read(NOW, |tx| tx.setting("story")), Err(StoreError::Closed)));
    assert!(first.now_or_never().unwrap().is_ok());
    assert!(waiting.into_iter().all(|waiting| waiting.now_or_never().unwrap().is_ok()));
    assert_eq!(story(&disk.store().unwrap()).len(), 300);
}

#[test]
fn somebody_who_goes_away_while_waiting_changes_nothing_for_the_others() {
    let store = Store::in_memory().unwrap();
    let answers = together(&store, || {
        drop(ask(&store, append("a")));
        vec![ask(&store, append("b"))]
    });
    assert!(answers[0].is_ok());
    assert_eq!(story(&store), "ab");
}
