//! What is kept for the exchange with the Server.

use jiff::ToSpan;

use super::{
    NOW, block_on, change, contradictions, job_id, new_job, new_task, new_worker, task_id, worker_id,
};
use crate::{
    domain::{
        assign::Scheduling,
        ids::TaskId,
        task::{FailedBy, Progress, Task, TaskStatus},
        task_update::{SetAside, TaskUpdate},
    },
    store::{ReadTx, Store, StoreError, WriteTx},
};

fn update(id: u8, task: u8, status: Option<TaskStatus>) -> TaskUpdate {
    TaskUpdate {
        id: [id; 12],
        task: task_id(task),
        status,
        received: NOW,
        activity: String::new(),
        progress: Progress::default(),
        log_tail: String::new(),
        worker: String::new(),
        failed_by: Vec::new(),
        timing: [].into(),
    }
}

fn with_updates(updates: &[TaskUpdate]) -> Store {
    let store = Store::in_memory().unwrap();
    let updates = updates.to_vec();
    change(&store, move |tx| updates.iter().try_for_each(|update| tx.push_update(update))).unwrap();
    store
}

#[test]
fn an_update_is_found_by_its_task_until_it_is_taken() {
    let store =
        with_updates(&[update(1, 7, None), update(2, 7, Some(TaskStatus::Canceled)), update(3, 8, None)]);
    let known = |task: TaskId| {
        store.read(NOW, |tx| {
            let canceled = tx.has_update_to(task, TaskStatus::Canceled)?;
            Ok::<_, StoreError>((tx.has_updates(task)?, canceled))
        })
    };
    assert_eq!(known(task_id(7)).unwrap(), (true, true));
    assert_eq!(known(task_id(8)).unwrap(), (true, false));
    assert_eq!(known(task_id(9)).unwrap(), (false, false));
    assert!(change(&store, |tx| tx.take_update(1, [2; 12])).unwrap().is_some());
    assert_eq!(known(task_id(7)).unwrap(), (true, false));
    assert!(change(&store, |tx| tx.take_update(0, [1; 12])).unwrap().is_some());
    assert_eq!(known(task_id(7)).unwrap(), (false, false));
    assert_eq!(contradictions(&store), Vec::<String>::new());
}

#[test]
fn what_has_come_to_stand_in_the_place_of_another_update_is_not_taken_for_it() {
    let store = with_updates(&[update(1, 7, None)]);
    assert_eq!(change(&store, |tx| tx.purge_updates()).unwrap(), 1);
    change(&store, |tx| tx.push_update(&update(2, 7, None))).unwrap();
    assert_eq!(change(&store, |tx| tx.take_update(0, [1; 12])).unwrap(), None);
    assert_eq!(store.read(NOW, ReadTx::count_updates).unwrap(), 1);
}

#[test]
fn many_updates_are_taken_at_once_and_others_between_them_stay() {
    let all: Vec<_> = (0..100).map(|number| update(number, number % 3, None)).collect();
    let store = with_updates(&all);
    let taken: Vec<_> =
        (10..90).filter(|number| *number != 50).map(|number| (number.into(), [number; 12])).collect();
    change(&store, move |tx| {
        tx.take_updates(&[(5, [99; 12]), (2000, [1; 12])])?;
        tx.take_updates(&[])?;
        tx.take_updates(&taken)
    })
    .unwrap();
    let left = store.read(NOW, |tx| tx.oldest_updates(0, 1000, &[].into())).unwrap();
    let ids: Vec<_> = left.into_iter().map(|(_, update)| update.id[0]).collect();
    assert_eq!(ids, (0..10).chain([50]).chain(90..100).collect::<Vec<_>>());
    assert_eq!(contradictions(&store), Vec::<String>::new());
}

#[test]
fn of_what_was_set_aside_the_newest_thousand_is_kept() {
    let store = Store::in_memory().unwrap();
    change(&store, |tx| {
        (0..1005).try_for_each(|number: u32| {
            let reason = number.to_string();
            tx.put_aside(&SetAside { update: update(1, 1, None), reason, at: NOW })
        })
    })
    .unwrap();
    let (count, last) = store
        .read(NOW, |tx| Ok::<_, StoreError>((tx.count_set_aside()?, tx.last_set_aside()?.unwrap().reason)))
        .unwrap();
    assert_eq!((count, last.as_str()), (1000, "1004"));
}

#[test]
fn the_log_that_was_wanted_first_comes_first_until_it_is_postponed() {
    let store = Store::in_memory().unwrap();
    let at = |minutes: i64| NOW + minutes.minutes();
    let oldest = || store.read(NOW, ReadTx::oldest_log_request).unwrap().map(|request| request.task);
    let write = |minutes, act: fn(&mut WriteTx<'_>) -> Result<(), StoreError>| {
        block_on(store.write(at(minutes), act)).unwrap();
    };
    write(1, |tx| tx.put_log_request(job_id(1), task_id(2)));
    write(2, |tx| tx.put_log_request(job_id(1), task_id(1)));
    write(3, |tx| tx.put_log_request(job_id(1), task_id(2)));
    assert_eq!(oldest(), Some(task_id(2)), "asking again does not put it behind others");
    write(4, |tx| tx.postpone_log_request(job_id(1), task_id(2)));
    assert_eq!(oldest(), Some(task_id(1)));
    write(5, |tx| tx.forget_log_request(job_id(1), task_id(1)));
    assert_eq!(oldest(), Some(task_id(2)));
}

#[test]
fn a_job_that_becomes_more_important_is_moved_with_all_its_groups() {
    let store = Store::in_memory().unwrap();
    change(&store, |tx| {
        tx.insert_worker(&new_worker(1, &["sleep", "render"]))?;
        for job in [1, 2] {
            tx.insert_job(&new_job(job), 50)?;
            tx.insert_task(&new_task(job * 10, job, "sleep"), "[]")?;
            tx.insert_task(&new_task(job * 10 + 1, job, "render"), "[]")?;
        }
        Ok(())
    })
    .unwrap();
    let chosen = || {
        let choose = |types: &[&str]| {
            store.read(NOW, |tx| tx.choose_task(&new_worker(1, types), Scheduling::Fifo)).unwrap()
        };
        (choose(&["sleep"]), choose(&["render"]))
    };
    assert_eq!(chosen(), (Some(task_id(10)), Some(task_id(11))));
    change(&store, |tx| tx.set_job_priority(job_id(2), 51)).unwrap();
    assert_eq!(chosen(), (Some(task_id(20)), Some(task_id(21))));
    assert_eq!(contradictions(&store), Vec::<String>::new());
    change(&store, |tx| tx.set_job_priority(job_id(2), 49)).unwrap();
    assert_eq!(chosen(), (Some(task_id(10)), Some(task_id(11))));
    assert_eq!(contradictions(&store), Vec::<String>::new());
}

#[test]
fn who_failed_a_task_is_recorded_anew_when_the_server_says_so() {
    let store = Store::in_memory().unwrap();
    let by = |worker: u8| FailedBy { id: worker_id(worker), identifier: worker.to_string() };
    change(&store, move |tx| {
        tx.insert_worker(&new_worker(1, &["sleep"]))?;
        tx.insert_worker(&new_worker(2, &["sleep"]))?;
        tx.insert_job(&new_job(1), 50)?;
        let first = Task { failed_by: vec![by(1)], ..new_task(1, 1, "sleep") };
        tx.replace_failures(None, &first)?;
        tx.insert_task(&first, "[]")?;
        // A worker that is not known here is left out.
        let second = Task { failed_by: vec![by(2), by(9)], task_type: "render".into(), ..first.clone() };
        tx.replace_failures(Some(&first), &second)?;
        tx.insert_task(&second, "[]")
    })
    .unwrap();
    let failed = |worker, task_type: &'static str| {
        store.read(NOW, |tx| tx.has_failed(worker_id(worker), job_id(1), task_type, task_id(1))).unwrap()
    };
    assert!(!failed(1, "sleep") && failed(2, "render") && !failed(9, "render"));
    assert_eq!(contradictions(&store), Vec::<String>::new());
}
