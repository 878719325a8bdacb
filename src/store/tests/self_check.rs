//! The self-check finds whatever contradiction is planted.

use super::{change, contradictions, job_id, new_job, new_task, new_worker, small_farm, task_id, worker_id};
use crate::{
    domain::{job::Job, task::TaskStatus, task_history::TaskHistory},
    store::{
        StoreError, WriteTx, dependencies::dependency_key, keys::Key, schema::Table, tasks::counter_key,
    },
};

type Act = fn(&mut WriteTx<'_>) -> Result<(), StoreError>;

/// What the self-check says after `act` was done behind the store's back.
fn said_after(act: Act) -> String {
    let store = small_farm();
    assert_eq!(contradictions(&store), Vec::<String>::new());
    change(&store, act).unwrap();
    contradictions(&store).join("\n")
}

fn ready_key(task: u8) -> Key {
    Key::new().task_type("sleep").job(job_id(1)).descending(50).task(task_id(task))
}

#[test]
fn a_row_that_is_missing_is_found() {
    let missing: [(Act, &str); 8] = [
        (|tx| tx.remove(Table::Jobs, &job_id(1).0), "its job is not there"),
        (|tx| tx.remove(Table::JobStates, &job_id(1).0), "its tasks are counted wrongly"),
        (|tx| tx.remove(Table::Commands, &task_id(1).0), "it has no commands"),
        (|tx| tx.clear(Table::TasksByJob), "its job does not list it"),
        (|tx| tx.clear(Table::Children), "a parent does not list it"),
        (|tx| tx.remove(Table::Ready, &ready_key(3)), "it is ready but not listed so"),
        (|tx| tx.clear(Table::ReadyHeads), "table ready-heads: 0 rows instead of 1"),
        (|tx| tx.clear(Table::InHand), "it is in hand but not listed so"),
    ];
    for (act, what) in missing {
        let said = said_after(act);
        assert!(said.contains(what), "{said:?} does not say {what:?}");
    }
}

#[test]
fn a_row_too_many_is_found() {
    let too_many: [(Act, &str); 8] = [
        (|tx| tx.insert(Table::Commands, &task_id(9).0, b"[]"), "table commands: 4 rows instead of 3"),
        (|tx| tx.insert(Table::Ready, &ready_key(2), &[]), "table ready: 2 rows instead of 1"),
        (
            |tx| tx.insert(Table::InHand, &Key::new().worker(worker_id(2)).task(task_id(2)), &[0; 8]),
            "table in-hand: 2 rows instead of 1",
        ),
        (
            |tx| tx.put_failure(worker_id(1), job_id(1), "sleep", task_id(1)),
            "table failures: 1 row instead of 0",
        ),
        (
            |tx| tx.insert_record(Table::TaskHistories, &task_id(9).0, &TaskHistory::default()),
            "it has a history but is not there",
        ),
        (|tx| tx.add_to_recent(worker_id(7), task_id(1)), "had tasks but is not there"),
        (|tx| tx.put_blacklist(worker_id(7), job_id(1), "sleep"), "is blacklisted but not there"),
        (|tx| tx.put_worker(&new_worker(3, &[])), "table workers-seen: 2 rows instead of 3"),
    ];
    for (act, what) in too_many {
        let said = said_after(act);
        assert!(said.contains(what), "{said:?} does not say {what:?}");
    }
}

#[test]
fn a_wrong_number_is_found() {
    let queued = |tx: &mut WriteTx<'_>| {
        tx.insert(Table::Counters, &counter_key(TaskStatus::Queued), &7u64.to_be_bytes())
    };
    assert_eq!(said_after(queued), "7 queued tasks are counted instead of 2");
    let tally = |tx: &mut WriteTx<'_>| tx.tally(job_id(1), |tally| tally.ready = 2);
    assert_eq!(said_after(tally), format!("job {}: its tasks are counted wrongly", job_id(1)));
    let parents = |tx: &mut WriteTx<'_>| {
        let mut row = tx.task_row(task_id(2))?.ok_or(StoreError::Closed)?;
        row.unfinished_parents = 2;
        tx.insert_record(Table::Tasks, &task_id(2).0, &row)
    };
    assert_eq!(
        said_after(parents),
        format!("task {}: the number of its unfinished parents is wrong", task_id(2))
    );
}

/// A job that depends on the one that is there.
fn insert_dependent(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    tx.insert_job(&Job { depends_on: vec![job_id(1)], ..new_job(2) }, 50)
}

#[test]
fn a_job_that_waits_for_too_many_or_for_too_few_is_found() {
    assert_eq!(said_after(insert_dependent), "");
    let unlisted = said_after(|tx| {
        insert_dependent(tx)?;
        tx.clear(Table::Dependents)
    });
    assert!(unlisted.contains("which it depends on, does not list it"), "{unlisted}");
    let listed = said_after(|tx| tx.insert(Table::Dependents, &dependency_key(job_id(1), job_id(9)), &[]));
    assert_eq!(listed, "table dependents: 1 row instead of 0");
    let waits = said_after(|tx| {
        insert_dependent(tx)?;
        let mut state = tx.known_job_state(job_id(2))?;
        state.waits_for = 0;
        tx.put_job_state(job_id(2), state);
        Ok(())
    });
    assert_eq!(waits, format!("job {}: the number of jobs that it waits for is wrong", job_id(2)));
}

#[test]
fn a_head_of_a_job_that_waits_is_found() {
    let said = said_after(|tx| {
        insert_dependent(tx)?;
        tx.insert_task(&new_task(9, 2, "render"), "[]")?;
        let head = tx.first_of_group("render", job_id(2), 50)?.ok_or(StoreError::Closed)?;
        tx.insert(Table::ReadyHeads, &head.key("render"), &1u64.to_be_bytes())
    });
    assert!(
        said.contains(&format!("job {}: the first ready task of type render is wrong", job_id(2))),
        "{said}"
    );
}

#[test]
fn a_first_ready_task_that_is_not_the_first_is_found() {
    let wrong_count = |tx: &mut WriteTx<'_>| {
        let head = tx.first_of_group("sleep", job_id(1), 50)?;
        let head = head.ok_or(StoreError::Closed)?;
        tx.insert(Table::ReadyHeads, &head.key("sleep"), &9u64.to_be_bytes())
    };
    assert_eq!(
        said_after(wrong_count),
        format!("job {}: the first ready task of type sleep is wrong", job_id(1))
    );
}

#[test]
fn a_task_in_the_hands_of_nobody_is_found() {
    let said = said_after(|tx| {
        tx.remove(Table::Workers, &worker_id(1).0)?;
        tx.remove(Table::WorkersSeen, &worker_id(1).0)
    });
    assert_eq!(said, format!("task {}: worker {}, who has it, is not there", task_id(1), worker_id(1)));
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_that_says_what_it_was() {
    let store = small_farm();
    change(&store, |tx| tx.insert(Table::Tasks, &task_id(1).0, b"\x01no task")).unwrap();
    let error = store.read(super::NOW, crate::store::ReadTx::contradictions).unwrap_err();
    assert!(error.to_string().starts_with("the database is damaged: a task cannot be read"), "{error}");
}
