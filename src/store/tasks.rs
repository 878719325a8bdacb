//! Tasks and everything that is found by them: by job, by parent, ready, in hand, and counted.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    StoreError, codec,
    extras::ExtraOf,
    keys::{Key, Parts, number_from, time_bytes, time_from},
    ready::ReadyTask,
    records::{TaskHead, TaskRow},
    schema::Table,
    touched::Touched,
    tx::{ReadTx, Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::{JobId, TaskId, WorkerId},
    task::{Task, TaskStatus},
};

impl TaskRow {
    /// The row among the ready tasks that belongs to this task, if one does.
    pub(super) fn ready(&self) -> Option<ReadyTask<'_>> {
        let Self { task, unfinished_parents } = self;
        (task.status.is_schedulable() && *unfinished_parents == 0).then_some(ReadyTask {
            task_type: &task.task_type,
            job: task.job,
            priority: task.priority,
            task: task.id,
            only_for: task.only_for,
        })
    }

    /// The key among the tasks in hand that belongs to this task, if one does.
    pub(super) fn in_hand(&self) -> Option<Key> {
        let worker = self.task.worker_id.filter(|_| self.task.status.is_in_hand())?;
        Some(Key::new().worker(worker).task(self.task.id))
    }
}

/// Do the tasks behind one in this status have to wait for it?
fn blocks_children(status: TaskStatus) -> bool {
    status != TaskStatus::Completed
}

/// The counter of tasks in a status.
pub(super) fn counter_key(status: TaskStatus) -> Vec<u8> {
    format!("tasks-{status}").into_bytes()
}

impl<T: Rows> Tx<T> {
    /// A task.
    pub fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.task_row(id)?.map(|row| row.task))
    }

    pub(super) fn task_row(&self, id: TaskId) -> Result<Option<TaskRow>, StoreError> {
        self.record(Table::Tasks, &id.0)
    }

    /// A task's commands, as JSON text: a list of `{"name", "settings"}`.
    pub fn commands(&self, id: TaskId) -> Result<String, StoreError> {
        let text = self.get(Table::Commands, &id.0)?.map(|text| String::from_utf8(text.value().to_vec()));
        match text {
            Some(Ok(text)) => Ok(text),
            Some(Err(_)) => Err(StoreError::Corrupt(format!("the commands of task {id} are no text"))),
            None => Ok("[]".into()),
        }
    }

    /// The tasks of a job in the order of their IDs, behind `after`, read one after the other.
    pub fn tasks_of_job(
        &self,
        job: JobId,
        after: Option<TaskId>,
    ) -> Result<impl Iterator<Item = Result<Task, StoreError>> + use<'_, T>, StoreError> {
        Ok(self.ids_in_turn(job, after)?.map(|id| self.known_task(id?)))
    }

    /// The same, but their IDs alone, as many as `limit` at the most.
    pub fn ids_of_job(
        &self,
        job: JobId,
        after: Option<TaskId>,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        self.ids_in_turn(job, after)?.take(limit).collect()
    }

    fn ids_in_turn(
        &self,
        job: JobId,
        after: Option<TaskId>,
    ) -> Result<impl Iterator<Item = Result<TaskId, StoreError>> + use<'_, T>, StoreError> {
        let prefix = Key::new().job(job);
        let start = after.map_or_else(|| prefix.clone(), |task| Key::new().job(job).task(task));
        let rows = self.from(Table::TasksByJob, &prefix, &start)?;
        let ids = rows.map(|row| job_and_task(row?.0.value()).map(|(_, task)| task));
        Ok(ids.filter(move |id| !matches!((id, after), (Ok(id), Some(after)) if *id == after)))
    }

    fn known_task(&self, id: TaskId) -> Result<Task, StoreError> {
        self.task(id)?.ok_or_else(|| StoreError::Corrupt(format!("task {id} is listed but not there")))
    }

    /// The tasks that a worker has in its hands, in the order of their IDs.
    pub fn in_hand_of(&self, worker: WorkerId) -> Result<Vec<Task>, StoreError> {
        self.prefix(Table::InHand, &Key::new().worker(worker))?
            .map(|row| self.known_task(worker_and_task(row?.0.value())?.1))
            .collect()
    }

    /// All tasks in the hands of workers, each with its worker and the last sign of life.
    pub fn in_hand(&self) -> Result<Vec<(WorkerId, TaskId, Timestamp)>, StoreError> {
        self.prefix(Table::InHand, &[])?
            .map(|row| {
                let (key, ping) = row?;
                let (worker, task) = worker_and_task(key.value())?;
                let on_disk = time_from(ping.value())?;
                Ok((worker, task, on_disk.max(self.beats().of_task(worker, task).unwrap_or(on_disk))))
            })
            .collect()
    }

    /// How many workers have a task in their hands.
    pub fn count_at_work(&self) -> Result<u64, StoreError> {
        let (mut count, mut last) = (0, None);
        for row in self.prefix(Table::InHand, &[])? {
            let (worker, _) = worker_and_task(row?.0.value())?;
            // They stand together.
            if last.replace(worker) != Some(worker) {
                count += 1;
            }
        }
        Ok(count)
    }

    /// The last sign of life of a task in a worker's hands; nothing if it is not there.
    pub fn last_ping(&self, worker: WorkerId, task: TaskId) -> Result<Option<Timestamp>, StoreError> {
        let row = self.get(Table::InHand, &Key::new().worker(worker).task(task))?;
        let on_disk = row.map(|ping| time_from(ping.value())).transpose()?;
        Ok(on_disk.map(|on_disk| on_disk.max(self.beats().of_task(worker, task).unwrap_or(on_disk))))
    }

    /// Could the task be handed out now?
    pub fn is_ready(&self, id: TaskId) -> Result<bool, StoreError> {
        Ok(self.task_row(id)?.is_some_and(|row| row.ready().is_some()))
    }

    /// How many tasks there are.
    pub fn count_all_tasks(&self) -> Result<u64, StoreError> {
        self.len(Table::Tasks)
    }

    /// The IDs of tasks last changed before `then`, as many as `limit` at the most, looking at as many as
    /// `steps` behind `after`; and where to go on, unless the end was reached.
    pub fn tasks_untouched_since(
        &self,
        then: Timestamp,
        after: Option<TaskId>,
        steps: usize,
    ) -> Result<(Vec<TaskId>, Option<TaskId>), StoreError> {
        let start = after.map_or(Key::new(), |task| Key::new().task(task));
        let (mut old, mut last, mut looked) = (Vec::new(), None, 0);
        for row in self.from(Table::Tasks, &[], &start)?.take(steps) {
            let task = super::codec::decode::<TaskRow>(row?.1.value())?.task;
            looked += 1;
            last = Some(task.id);
            if task.last_updated < then && Some(task.id) != after {
                old.push(task.id);
            }
        }
        Ok((old, last.filter(|_| looked == steps)))
    }

    /// The tasks that wait for this one.
    pub fn children(&self, parent: TaskId) -> Result<Vec<TaskId>, StoreError> {
        self.prefix(Table::Children, &parent.0)?
            .map(|row| {
                let key = row?;
                let mut parts = Parts(key.0.value());
                parts.task()?;
                parts.task()
            })
            .collect()
    }

    /// How many of a task's parents are known and not completed. One that is named twice counts once.
    pub(super) fn count_unfinished(&self, parents: &[TaskId]) -> Result<u32, StoreError> {
        let mut unfinished = 0;
        for parent in parents.iter().collect::<BTreeSet<_>>() {
            let Some(row) = self.get(Table::Tasks, &parent.0)? else { continue };
            let head: TaskHead<'_> = codec::decode_begin::<TaskRow, _>(row.value())?;
            unfinished += u32::from(blocks_children(head.status()?));
        }
        Ok(unfinished)
    }
}

impl ReadTx {
    /// How many tasks are in this status.
    pub fn count_tasks(&self, status: TaskStatus) -> Result<u64, StoreError> {
        self.get(Table::Counters, &counter_key(status))?.map_or(Ok(0), |count| number_from(count.value()))
    }
}

impl WriteTx<'_> {
    /// Takes in a new task, with its commands as JSON text. Its job is known.
    pub fn insert_task(&mut self, task: &Task, commands: &str) -> Result<(), StoreError> {
        self.insert(Table::Commands, &task.id.0, commands.as_bytes())?;
        self.put_task(task)
    }

    /// Keeps a task, what has become of it, and every index true.
    pub fn put_task(&mut self, task: &Task) -> Result<(), StoreError> {
        let old = self.task_row(task.id)?;
        let unfinished_parents = match &old {
            Some(old) if old.task.parents == task.parents => old.unfinished_parents,
            _ => self.count_unfinished(&task.parents)?,
        };
        let new = TaskRow { task: task.clone(), unfinished_parents };
        self.insert_record(Table::Tasks, &task.id.0, &new)?;
        if let Some(old) = &old {
            self.add_to_history(&old.task, task)?;
            self.count_done(old.task.status, task.status);
        }
        self.reindex(task.id, old.as_ref(), Some(&new))
    }

    /// Forgets a task, its commands, its history, what it brought along and who failed it.
    pub fn delete_task(&mut self, id: TaskId) -> Result<(), StoreError> {
        let Some(old) = self.task_row(id)? else { return Ok(()) };
        self.remove(Table::Tasks, &id.0)?;
        self.remove(Table::Commands, &id.0)?;
        self.forget_history(id)?;
        for by in &old.task.failed_by {
            self.forget_failure(by.id, old.task.job, &old.task.task_type, id)?;
        }
        self.forget_ask_again(id)?;
        self.forget_extra(ExtraOf::Task(id))?;
        self.reindex(id, Some(&old), None)
    }

    /// Forgets all tasks and jobs, and everything that is known of them, and returns how many tasks there were.
    pub fn erase_tasks(&mut self) -> Result<u64, StoreError> {
        let tasks = self.count_all_tasks()?;
        for table in [
            Table::Tasks,
            Table::Commands,
            Table::TaskHistories,
            Table::TasksByJob,
            Table::Children,
            Table::Ready,
            Table::ReadyHeads,
            Table::InHand,
            Table::RecentTasks,
            Table::Failures,
            Table::Blacklist,
            Table::Jobs,
            Table::JobStates,
            Table::Dependents,
            Table::Counters,
            Table::AskAgain,
            Table::Submissions,
        ] {
            self.clear(table)?;
        }
        self.forget_extras_of_tasks()?;
        self.forget_summaries();
        *self.touched() = Touched::everything();
        Ok(tasks)
    }

    /// Brings the indices from what was true of a task to what is true of it now.
    fn reindex(
        &mut self,
        id: TaskId,
        old: Option<&TaskRow>,
        new: Option<&TaskRow>,
    ) -> Result<(), StoreError> {
        self.touch(old);
        self.touch(new);
        self.reindex_job(id, old, new)?;
        self.reindex_parents(id, old, new)?;
        self.reindex_in_hand(old, new)?;
        self.recount(old, new)?;
        self.reindex_ready(old, new)?;
        let blocked = |row: Option<&TaskRow>| row.is_some_and(|row| blocks_children(row.task.status));
        match (blocked(old), blocked(new)) {
            (false, true) => self.children_wait(id, 1),
            (true, false) => self.children_wait(id, -1),
            _ => Ok(()),
        }
    }

    /// A task is also part of what is told of its worker.
    fn touch(&mut self, row: Option<&TaskRow>) {
        let Some(TaskRow { task, .. }) = row else { return };
        self.touched().tasks.add((task.job, task.id));
        if let Some(worker) = task.worker_id {
            self.touched().workers.add(worker);
        }
    }

    fn reindex_job(
        &mut self,
        id: TaskId,
        old: Option<&TaskRow>,
        new: Option<&TaskRow>,
    ) -> Result<(), StoreError> {
        let (old, new) = (old.map(|row| row.task.job), new.map(|row| row.task.job));
        if old == new {
            return Ok(());
        }
        if let Some(job) = old {
            self.remove(Table::TasksByJob, &Key::new().job(job).task(id))?;
        }
        if let Some(job) = new {
            self.insert(Table::TasksByJob, &Key::new().job(job).task(id), &[])?;
        }
        Ok(())
    }

    fn reindex_parents(
        &mut self,
        id: TaskId,
        old: Option<&TaskRow>,
        new: Option<&TaskRow>,
    ) -> Result<(), StoreError> {
        let parents = |row: Option<&TaskRow>| -> BTreeSet<TaskId> {
            row.map_or_else(BTreeSet::new, |row| row.task.parents.iter().copied().collect())
        };
        if let (Some(old), Some(new)) = (old, new)
            && old.task.parents == new.task.parents
        {
            return Ok(());
        }
        let (old, new) = (parents(old), parents(new));
        for parent in old.iter().filter(|parent| !new.contains(parent)) {
            self.remove(Table::Children, &Key::new().task(*parent).task(id))?;
        }
        for parent in new.iter().filter(|parent| !old.contains(parent)) {
            self.insert(Table::Children, &Key::new().task(*parent).task(id), &[])?;
        }
        Ok(())
    }

    fn reindex_in_hand(&mut self, old: Option<&TaskRow>, new: Option<&TaskRow>) -> Result<(), StoreError> {
        let (old, new) = (old.and_then(TaskRow::in_hand), new.and_then(TaskRow::in_hand));
        if old.as_deref() == new.as_deref() {
            return Ok(());
        }
        if let Some(old) = old {
            self.remove(Table::InHand, &old)?;
        }
        let now = time_bytes(self.now());
        new.map_or(Ok(()), |new| self.insert(Table::InHand, &new, &now))
    }

    /// Keeps the counts by status true, of the job and of all.
    fn recount(&mut self, old: Option<&TaskRow>, new: Option<&TaskRow>) -> Result<(), StoreError> {
        let facts =
            |row: Option<&TaskRow>| row.map(|row| (row.task.job, row.task.status, row.ready().is_some()));
        let (old, new) = (facts(old), facts(new));
        if old == new {
            return Ok(());
        }
        let job_of = |row: Option<(JobId, _, _)>| row.map(|(job, ..)| job);
        let mut jobs = vec![job_of(old), job_of(new)];
        jobs.dedup();
        for job in jobs.into_iter().flatten() {
            self.tally(job, |tally| {
                for (row, by) in [(old, -1), (new, 1)] {
                    let Some((_, status, ready)) = row.filter(|(of, ..)| *of == job) else { continue };
                    tally.add(status, ready, by);
                }
            })?;
        }
        for (row, by) in [(old, -1), (new, 1)] {
            if let Some((_, status, _)) = row {
                self.count(status, by);
            }
        }
        Ok(())
    }

    fn reindex_ready(&mut self, old: Option<&TaskRow>, new: Option<&TaskRow>) -> Result<(), StoreError> {
        let (old, new) = (old.and_then(TaskRow::ready), new.and_then(TaskRow::ready));
        if old == new {
            return Ok(());
        }
        if let Some(old) = old {
            self.remove_ready(&old)?;
        }
        if let Some(new) = new {
            self.insert_ready(&new)?;
        }
        Ok(())
    }

    /// The children of a task have one more, or one less, to wait for.
    fn children_wait(&mut self, parent: TaskId, by: i32) -> Result<(), StoreError> {
        for child in self.children(parent)? {
            let Some(old) = self.task_row(child)? else { continue };
            let unfinished_parents = old.unfinished_parents.saturating_add_signed(by);
            let new = TaskRow { task: old.task.clone(), unfinished_parents };
            self.insert_record(Table::Tasks, &child.0, &new)?;
            self.recount(Some(&old), Some(&new))?;
            self.reindex_ready(Some(&old), Some(&new))?;
        }
        Ok(())
    }
}

pub(super) fn job_and_task(key: &[u8]) -> Result<(JobId, TaskId), StoreError> {
    let mut parts = Parts(key);
    Ok((parts.job()?, parts.task()?))
}

fn worker_and_task(key: &[u8]) -> Result<(WorkerId, TaskId), StoreError> {
    let mut parts = Parts(key);
    Ok((parts.worker()?, parts.task()?))
}
