//! The self-check: do the indices agree with the tables? It computes anew whatever is kept twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    StoreError, codec,
    dependencies::dependency_key,
    extras::ExtraOf,
    keys::{Head, Key, Parts, number_from},
    ready::only_for,
    records::TaskRow,
    schema::Table,
    tx::{ReadTx, Rows, Tx},
};
use crate::domain::{
    assign::{Rank, may_run},
    ids::JobId,
    job::{Job, JobState, Tally},
    numbers::{agree, count},
    recent_tasks::RecentTasks,
    task::TaskStatus,
    task_history::TaskHistory,
    worker::Worker,
};

/// What is to be found in the indices, going by the tables.
#[derive(Default)]
struct Expected {
    tallies: BTreeMap<JobId, Tally>,
    heads: BTreeMap<(String, JobId), (Rank, u64)>,
    children: u64,
    ready: u64,
    in_hand: u64,
    failures: u64,
    dependents: u64,
}

impl ReadTx {
    /// Says in a sentence each where the database contradicts itself. An empty list is good news.
    pub fn contradictions(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let mut expected = Expected::default();
        for row in self.prefix(Table::Tasks, &[])? {
            let task: TaskRow = codec::decode(row?.1.value())?;
            self.check_task(&task, &mut expected, &mut found)?;
        }
        self.check_jobs(&mut expected, &mut found)?;
        self.check_sizes(&expected, &mut found)?;
        self.check_heads(&expected, &mut found)?;
        self.check_workers(&mut found)?;
        self.check_histories(&mut found)?;
        self.check_extras(&mut found)?;
        Ok(found)
    }

    fn check_task(
        &self,
        row: &TaskRow,
        expected: &mut Expected,
        found: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let task = &row.task;
        let mut must = |holds: bool, what: &str| {
            if !holds {
                found.push(format!("task {}: {what}", task.id));
            }
        };
        must(self.job(task.job)?.is_some(), "its job is not there");
        must(self.get(Table::Commands, &task.id.0)?.is_some(), "it has no commands");
        must(
            self.has(Table::TasksByJob, &Key::new().job(task.job).task(task.id))?,
            "its job does not list it",
        );
        must(
            row.unfinished_parents == self.count_unfinished(&task.parents)?,
            "the number of its unfinished parents is wrong",
        );
        for parent in task.parents.iter().collect::<BTreeSet<_>>() {
            must(
                self.has(Table::Children, &Key::new().task(*parent).task(task.id))?,
                "a parent does not list it",
            );
            expected.children += 1;
        }
        if let Some(key) = row.in_hand() {
            must(self.has(Table::InHand, &key)?, "it is in hand but not listed so");
            expected.in_hand += 1;
        }
        for by in task.failed_by.iter().map(|by| by.id).collect::<BTreeSet<_>>() {
            let is_there = self.has_worker(by)?;
            must(
                self.has_failed(by, task.job, &task.task_type, task.id)? || !is_there,
                "a failure of it is not recorded",
            );
            expected.failures += u64::from(is_there);
        }
        if row.ready().is_some() {
            let listed = self
                .ready_row(task.job, &task.task_type, task.priority, task.id)?
                .map(|row| only_for(row.value()));
            must(listed == Some(task.only_for), "it is ready but not listed so");
        }
        expected.count(row, self.job_state(task.job)?.as_ref());
        Ok(())
    }

    fn check_sizes(&self, expected: &Expected, found: &mut Vec<String>) -> Result<(), StoreError> {
        let tasks = self.len(Table::Tasks)?;
        for (table, rows) in [
            (Table::Commands, tasks),
            (Table::TasksByJob, tasks),
            (Table::Children, expected.children),
            (Table::InHand, expected.in_hand),
            (Table::Ready, expected.ready),
            (Table::ReadyHeads, expected.heads.len() as u64),
            (Table::Failures, expected.failures),
            (Table::JobStates, self.len(Table::Jobs)?),
            (Table::Dependents, expected.dependents),
            (Table::WorkersSeen, self.len(Table::Workers)?),
            (Table::UpdatesByTask, self.len(Table::UpdateQueue)?),
        ] {
            let there = self.len(table)?;
            if there != rows {
                found.push(format!("table {}: {} instead of {rows}", table.name(), count(there, "row")));
            }
        }
        Ok(())
    }

    fn check_jobs(&self, expected: &mut Expected, found: &mut Vec<String>) -> Result<(), StoreError> {
        let mut totals = Tally::default();
        for row in self.prefix(Table::Jobs, &[])? {
            let Job { id, depends_on, .. } = codec::decode(row?.1.value())?;
            let tally = expected.tallies.get(&id).copied().unwrap_or_default();
            let state = self.job_state(id)?;
            if state.as_ref().map(|state| state.tally) != Some(tally) {
                found.push(format!("job {id}: its tasks are counted wrongly"));
            }
            let waits_for = self.unfinished_jobs(&depends_on)?.len();
            if state.is_some_and(|state| state.waits_for as usize != waits_for) {
                found.push(format!("job {id}: the number of jobs that it waits for is wrong"));
            }
            for dependency in depends_on.iter().collect::<BTreeSet<_>>() {
                if !self.has(Table::Dependents, &dependency_key(*dependency, id))? {
                    found.push(format!("job {id}: job {dependency}, which it depends on, does not list it"));
                }
                expected.dependents += 1;
            }
            for status in TaskStatus::ALL {
                totals.by_status[status as usize] += tally.count(status);
            }
        }
        for status in TaskStatus::ALL {
            let counted = self.count_tasks(status)?;
            if counted != totals.count(status) {
                let tasks = count(counted, &format!("{status} task"));
                found.push(format!(
                    "{tasks} {} counted instead of {}",
                    agree(counted, "is", "are"),
                    totals.count(status)
                ));
            }
        }
        Ok(())
    }

    fn check_heads(&self, expected: &Expected, found: &mut Vec<String>) -> Result<(), StoreError> {
        for row in self.prefix(Table::ReadyHeads, &[])? {
            let (key, count) = row?;
            let (task_type, head) = Head::from_key(key.value())?;
            let there = (head.rank(), number_from(count.value())?);
            if expected.heads.get(&(task_type.to_owned(), head.job)) != Some(&there) {
                found.push(format!("job {}: the first ready task of type {task_type} is wrong", head.job));
            }
        }
        Ok(())
    }

    fn check_histories(&self, found: &mut Vec<String>) -> Result<(), StoreError> {
        for row in self.prefix(Table::TaskHistories, &[])? {
            let (id, history) = row?;
            let _readable: TaskHistory = codec::decode(history.value())?;
            let id = Parts(id.value()).task()?;
            if !self.has(Table::Tasks, &id.0)? {
                found.push(format!("task {id}: it has a history but is not there"));
            }
        }
        Ok(())
    }

    fn check_extras(&self, found: &mut Vec<String>) -> Result<(), StoreError> {
        for row in self.extras()? {
            let (of, json) = row?;
            let is_there = match of {
                ExtraOf::Task(task) => self.has(Table::Tasks, &task.0)?,
                ExtraOf::Worker(worker) => self.has_worker(worker)?,
                ExtraOf::Update(_) | ExtraOf::BlacklistLine(_) | ExtraOf::Settings(_) => true,
            };
            if !is_there {
                found.push(format!("{of:?} brought something along but is not there"));
            }
            if serde_json::from_str::<serde_json::Map<_, _>>(&json).is_err() {
                found.push(format!("what {of:?} brought along is no JSON object"));
            }
        }
        Ok(())
    }

    fn check_workers(&self, found: &mut Vec<String>) -> Result<(), StoreError> {
        let workers: BTreeMap<_, Worker> =
            self.workers()?.into_iter().map(|worker| (worker.id, worker)).collect();
        for (worker, task, _) in self.in_hand()? {
            if !workers.contains_key(&worker) {
                found.push(format!("task {task}: worker {worker}, who has it, is not there"));
            }
        }
        for row in self.prefix(Table::RecentTasks, &[])? {
            let (worker, recent) = row?;
            let _readable: RecentTasks = codec::decode(recent.value())?;
            let worker = Parts(worker.value()).worker()?;
            if !workers.contains_key(&worker) {
                found.push(format!("worker {worker} had tasks but is not there"));
            }
        }
        for entry in self.prefix(Table::Blacklist, &[])? {
            let worker = Parts(entry?.0.value()).worker()?;
            if !workers.contains_key(&worker) {
                found.push(format!("worker {worker} is blacklisted but not there"));
            }
        }
        Ok(())
    }
}

impl<T: Rows> Tx<T> {
    fn has(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.get(table, key)?.is_some())
    }
}

impl Expected {
    fn count(&mut self, row: &TaskRow, job: Option<&JobState>) {
        let task = &row.task;
        let tally = self.tallies.entry(task.job).or_default();
        tally.by_status[task.status as usize] += 1;
        let Some(ready) = row.ready() else { return };
        tally.ready += 1;
        self.ready += 1;
        if let Some(job) = job.filter(|job| may_run(job)) {
            self.lower_head(ready.task_type, task.job, Rank::new(job.priority, task.priority, task.id));
        }
    }

    fn lower_head(&mut self, task_type: &str, job: JobId, rank: Rank) {
        let (first, count) = self.heads.entry((task_type.to_owned(), job)).or_insert((rank, 0));
        *first = (*first).min(rank);
        *count += 1;
    }
}
