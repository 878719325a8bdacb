//! Filling a file in whatever order comes to what the same does one change at a time.

use std::{cell::Cell, collections::BTreeMap};

use proptest::prelude::*;

use super::{NOW, change, contradictions, job_id, new_job, new_task, new_worker, task_id, worker_id};
use crate::{
    domain::{
        job::{JobState, JobWish},
        task::{FailedBy, Task, TaskStatus},
    },
    store::{ExtraOf, Settled, Store, StoreError, Tx, WriteTx, schema::Table},
};

/// Tasks of three jobs, in the hands of three workers, or failed by them, of which the last is not there.
fn tasks() -> impl Strategy<Value = Vec<Task>> {
    let of_task = (
        0_u8..3,
        0_usize..TaskStatus::ALL.len(),
        proptest::option::of(1_u8..4),
        proptest::collection::vec(1_u8..4, 0..3),
        proptest::collection::vec(1_u8..30, 0..4),
        (0_i32..3, any::<bool>()),
    );
    proptest::collection::vec(of_task, 0..25).prop_map(|tasks| {
        let numbered = (1_u8..).zip(tasks);
        let task = |(number, (job, status, worker, failed_by, parents, (priority, other_type)))| {
            let by = |id: u8| FailedBy { id: worker_id(id), identifier: String::new() };
            Task {
                status: TaskStatus::ALL[status],
                worker_id: Option::map(worker, worker_id),
                failed_by: Vec::into_iter(failed_by).map(by).collect(),
                parents: Vec::into_iter(parents).map(task_id).collect(),
                priority,
                last_worker_ping: Some(NOW),
                ..new_task(number, job, if other_type { "sleep" } else { "render" })
            }
        };
        numbered.map(task).collect()
    })
}

/// Nobody wants it to end early.
fn settle(store: &Store) -> Settled {
    store.settle(NOW, || Ok::<_, StoreError>(())).unwrap()
}

/// A key and its value.
type Row = (Vec<u8>, Vec<u8>);

/// Everything in the tables that are filled.
fn rows(store: &Store) -> BTreeMap<&'static str, Vec<Row>> {
    let of_table = |table: Table| {
        let rows = store.read(NOW, |tx| {
            tx.prefix(table, &[])?
                .map(|row| row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
                .collect::<Result<Vec<_>, StoreError>>()
        });
        (table.name(), rows.unwrap())
    };
    Table::ALL.into_iter().map(of_table).collect()
}

/// As it is done one change at a time. A task that nobody has is given back first, as it is when a worker goes.
fn one_at_a_time(tasks: Vec<Task>) -> Store {
    let store = Store::in_memory().unwrap();
    change(&store, move |tx| {
        for worker in 1..3 {
            tx.insert_worker(&new_worker(worker, &["sleep"]))?;
        }
        for job in 0..3 {
            tx.insert_job(&new_job(job), i32::from(job))?;
        }
        tx.set_job_wish(job_id(2), JobWish::Pause)?;
        for task in &tasks {
            let is_there = task.worker_id.is_some_and(|worker| worker != worker_id(3));
            let status = match task.status {
                TaskStatus::Active if !is_there => TaskStatus::ClaimedByManager,
                TaskStatus::CancelRequested if !is_there => TaskStatus::Canceled,
                status => status,
            };
            let task = Task { status, ..task.clone() };
            tx.insert_task(&task, "[]")?;
            tx.replace_failures(None, &task)?;
        }
        Ok(())
    })
    .unwrap();
    store
}

fn load(tx: &mut WriteTx<'_>, tasks: &[Task]) -> Result<(), StoreError> {
    tasks.iter().try_for_each(|task| tx.load_task(task, "[]"))
}

/// All at once, the workers and jobs in the middle.
fn at_once(tasks: &[Task]) -> Store {
    let store = Store::in_memory().unwrap();
    let (some, others) = tasks.split_at(tasks.len() / 2);
    store.fill(NOW, |tx| load(tx, others)).unwrap();
    store
        .fill(NOW, |tx| {
            for worker in 1..3 {
                tx.load_worker(&new_worker(worker, &["sleep"]), NOW)?;
            }
            for job in 0..3_u8 {
                let wish = if job == 2 { JobWish::Pause } else { JobWish::Run };
                let state = JobState { priority: job.into(), updated: NOW, wish, ..JobState::default() };
                tx.load_job(&new_job(job), state)?;
            }
            load(tx, some)
        })
        .unwrap();
    settle(&store);
    store
}

proptest! {
    #[test]
    fn the_order_does_not_matter_and_the_way_does_not(tasks in tasks(), seed: u64) {
        let mut shuffled = tasks.clone();
        let mut seed = seed;
        for place in (1..shuffled.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(place, usize::try_from(seed >> 33).unwrap() % (place + 1));
        }
        let filled = at_once(&shuffled);
        prop_assert_eq!(contradictions(&filled), Vec::<String>::new());
        let ordinary = one_at_a_time(tasks);
        prop_assert_eq!(contradictions(&ordinary), Vec::<String>::new());
        let (filled_rows, ordinary_rows) = (rows(&filled), rows(&ordinary));
        for table in Table::ALL.map(Table::name) {
            prop_assert_eq!(&filled_rows[table], &ordinary_rows[table], "{}", table);
        }
        // What is in order already stays as it is.
        settle(&filled);
        prop_assert_eq!(rows(&filled), filled_rows);
    }
}

#[test]
fn what_does_not_fit_together_is_put_right_and_counted() {
    let store = Store::in_memory().unwrap();
    store
        .fill(NOW, |tx| {
            let mut idle = new_worker(1, &["sleep"]);
            idle.current_task = Some(task_id(9));
            tx.load_worker(&idle, NOW)?;
            let lost =
                Task { status: TaskStatus::Active, worker_id: Some(worker_id(7)), ..new_task(1, 1, "sleep") };
            load(tx, &[lost])
        })
        .unwrap();
    let settled = settle(&store);
    assert_eq!((settled.released, settled.jobs, settled.idle), (1, 1, 1));
    assert_eq!(contradictions(&store), Vec::<String>::new());
    let (task, worker) = store
        .read(NOW, |tx| {
            Ok::<_, StoreError>((tx.task(task_id(1))?.unwrap(), tx.worker(worker_id(1))?.unwrap()))
        })
        .unwrap();
    assert_eq!((task.status, worker.current_task), (TaskStatus::ClaimedByManager, None));
}

#[test]
fn a_change_that_fails_leaves_nothing() {
    let store = Store::in_memory().unwrap();
    let failed = store.fill(NOW, |tx| {
        load(tx, &[new_task(1, 1, "sleep")])?;
        Err::<(), _>(StoreError::Closed)
    });
    assert!(matches!(failed, Err(StoreError::Closed)));
    assert_eq!(store.read(NOW, Tx::count_all_tasks).unwrap(), 0);
}

#[test]
fn what_was_brought_along_goes_with_its_task_and_its_worker() {
    let store = super::small_farm();
    let (task, worker) = (ExtraOf::Task(task_id(3)), ExtraOf::Worker(worker_id(2)));
    change(&store, move |tx| {
        tx.put_extra(task, "{\"log\":\"…\"}")?;
        tx.put_extra(worker, "{}")
    })
    .unwrap();
    assert_eq!(contradictions(&store), Vec::<String>::new());
    assert_eq!(store.read(NOW, |tx| tx.extra(task)).unwrap().as_deref(), Some("{\"log\":\"…\"}"));
    change(&store, |tx| {
        tx.delete_task(task_id(3))?;
        tx.delete_worker(worker_id(2))
    })
    .unwrap();
    assert_eq!(store.read(NOW, |tx| Ok::<_, StoreError>(tx.extras()?.count())).unwrap(), 0);
}

#[test]
fn something_extra_of_what_is_not_there_is_a_contradiction() {
    for (of, json, what) in [
        (ExtraOf::Task(task_id(9)), "{}", "brought something along but is not there"),
        (ExtraOf::Worker(worker_id(9)), "{}", "brought something along but is not there"),
        (ExtraOf::Settings([1; 12]), "no object", "is no JSON object"),
    ] {
        let store = Store::in_memory().unwrap();
        change(&store, move |tx| tx.put_extra(of, json)).unwrap();
        let found = contradictions(&store).join("\n");
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn it_can_be_ended_at_every_step_and_done_anew() {
    let store = Store::in_memory().unwrap();
    let tasks = [new_task(1, 1, "render"), Task { parents: vec![task_id(1)], ..new_task(2, 1, "render") }];
    store.fill(NOW, |tx| load(tx, &tasks)).unwrap();
    let ended = |steps: usize| {
        let asked = Cell::new(0);
        let settled = store.settle(NOW, || {
            asked.set(asked.get() + 1);
            if asked.get() > steps { Err(StoreError::Corrupt("enough".into())) } else { Ok(()) }
        });
        settled.is_err()
    };
    let steps = (0..100).take_while(|steps| ended(*steps)).count();
    // Tasks, their jobs and what is ready: of each there is something to walk through.
    assert_eq!(steps, 4, "job states, tasks, jobs and ready tasks");
    assert_eq!(contradictions(&store), Vec::<String>::new());
}
