//! The tasks that can be handed out now, sorted as the scheduler wants them, and the choice among them.
//!
//! Ready tasks are grouped by job and task type, because that is what a worker is blacklisted for. The first
//! task of each group, its head, stands in a second table, so that a group is passed over in one step, however many
//! tasks it has. Only the groups of jobs that may run have heads.

use redb::AccessGuard;

use super::{
    StoreError,
    keys::{Head, Key, Parts, number_from, successor},
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::{
    assign::{GroupFacts, Obstacle, Rank, Scheduling, group_obstacles, limit_obstacle, task_obstacle},
    ids::{JobId, TaskId, WorkerId},
    job::JobState,
    worker::Worker,
};

/// A task that can be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadyTask<'a> {
    pub task_type: &'a str,
    pub job: JobId,
    pub priority: i32,
    pub task: TaskId,
    pub only_for: Option<WorkerId>,
}

/// The ready tasks of one job and one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyGroup {
    /// The job.
    pub job: JobId,
    /// The task type.
    pub task_type: String,
    /// How many tasks are ready.
    pub tasks: u64,
    /// The only worker that may have the first of them: set for test renders.
    pub reserved_for: Option<WorkerId>,
}

impl ReadyTask<'_> {
    fn key(&self) -> Key {
        group_key(self.task_type, self.job).descending(self.priority).task(self.task)
    }
}

fn group_key(task_type: &str, job: JobId) -> Key {
    Key::new().task_type(task_type).job(job)
}

/// The only worker that may have a ready task, from the value of its row.
pub(super) fn only_for(value: &[u8]) -> Option<WorkerId> {
    value.try_into().ok().map(WorkerId)
}

impl<T: Rows> Tx<T> {
    /// The task that `worker` should be given (`interface.md`, section 3, "Choosing a task").
    ///
    /// What it costs grows with the number of jobs that the worker may have nothing of, and, if scheduling is fair, with that
    /// of jobs that others are at; not with that of tasks.
    pub fn choose_task(&self, worker: &Worker, scheduling: Scheduling) -> Result<Option<TaskId>, StoreError> {
        let mut best: Option<Rank> = None;
        for task_type in &worker.supported_task_types {
            for row in self.prefix(Table::ReadyHeads, &Key::new().task_type(task_type))? {
                let row = row?;
                let (_, head) = Head::from_key(row.0.value())?;
                // No rank behind this head is better than its own without a share.
                if best.is_some_and(|best| best <= head.rank()) {
                    break;
                }
                if let Some(rank) = self.first_in_group(worker, task_type, &head, scheduling)? {
                    best = Some(best.map_or(rank, |best| best.min(rank)));
                }
            }
        }
        Ok(best.map(|rank| rank.task()))
    }

    /// The first task of a group that the worker may have.
    fn first_in_group(
        &self,
        worker: &Worker,
        task_type: &str,
        head: &Head,
        scheduling: Scheduling,
    ) -> Result<Option<Rank>, StoreError> {
        let state = self.known_job_state(head.job)?;
        let mut obstacles = self.group_obstacles(worker, head.job, &state, task_type)?;
        if limit_obstacle(&state).or_else(|| obstacles.next()).is_some() {
            return Ok(None);
        }
        let first = self.first_ready(worker.id, head.job, task_type)?;
        Ok(first.map(|(priority, task)| {
            Rank::new(head.job_priority, priority, task).with_share(scheduling.share(&state.tally))
        }))
    }

    /// The first ready task of this type of this job, with its priority, that is not kept from the worker by what it is
    /// or by what the worker did to it.
    pub fn first_ready(
        &self,
        worker: WorkerId,
        job: JobId,
        task_type: &str,
    ) -> Result<Option<(i32, TaskId)>, StoreError> {
        let has_failures = self.has_failures(worker, job, task_type)?;
        for row in self.prefix(Table::Ready, &group_key(task_type, job))? {
            let (key, value) = row?;
            let (priority, task) = priority_and_task(key.value())?;
            let reserved_for_another = only_for(value.value()).is_some_and(|owner| owner != worker);
            let failed_before = has_failures && self.has_failed(worker, job, task_type, task)?;
            if task_obstacle(reserved_for_another, failed_before).is_none() {
                return Ok(Some((priority, task)));
            }
        }
        Ok(None)
    }

    /// How many tasks of the job are ready, by type, whether the job may run or not.
    pub fn ready_of_job(&self, job: JobId) -> Result<Vec<(String, u64)>, StoreError> {
        let mut ready = Vec::new();
        for task_type in self.ready_types()? {
            let count = self.count_ready(&task_type, job)?;
            if count > 0 {
                ready.push((task_type, count));
            }
        }
        Ok(ready)
    }

    fn count_ready(&self, task_type: &str, job: JobId) -> Result<u64, StoreError> {
        Ok(self.prefix(Table::Ready, &group_key(task_type, job))?.count() as u64)
    }

    /// All types of ready tasks, each found in one step, however many tasks it has.
    fn ready_types(&self) -> Result<Vec<String>, StoreError> {
        let (mut types, mut start) = (Vec::new(), Vec::new());
        while let Some(row) = self.from(Table::Ready, &[], &start)?.next() {
            let task_type = Parts(row?.0.value()).task_type()?.to_owned();
            let Some(next) = successor(&Key::new().task_type(&task_type)) else { break };
            start = next;
            types.push(task_type);
        }
        Ok(types)
    }

    /// All that stands between the worker and any task of this type of this job, which stands like that; nothing if it
    /// could have one, as soon as the job may run and its limit allows it.
    pub fn group_obstacles(
        &self,
        worker: &Worker,
        job: JobId,
        state: &JobState,
        task_type: &str,
    ) -> Result<impl Iterator<Item = Obstacle> + use<T>, StoreError> {
        let supports_type = worker.supports(task_type);
        let has_tag = state.worker_tags.admit(&worker.tags);
        let blacklisted = supports_type && self.is_blacklisted(worker.id, job, task_type)?;
        Ok(group_obstacles(GroupFacts { supports_type, has_tag, blacklisted }))
    }

    /// All groups of ready tasks of jobs that may run.
    pub fn ready_groups(&self) -> Result<Vec<ReadyGroup>, StoreError> {
        self.prefix(Table::ReadyHeads, &[])?
            .map(|row| {
                let (key, count) = row?;
                let (task_type, head) = Head::from_key(key.value())?;
                let first = self.ready_row(head.job, task_type, head.priority, head.task)?;
                Ok(ReadyGroup {
                    job: head.job,
                    task_type: task_type.to_owned(),
                    tasks: number_from(count.value())?,
                    reserved_for: first.and_then(|row| only_for(row.value())),
                })
            })
            .collect()
    }

    /// The row of a task that is ready: the only worker that may have it, or nothing.
    pub(super) fn ready_row(
        &self,
        job: JobId,
        task_type: &str,
        priority: i32,
        task: TaskId,
    ) -> Result<Option<AccessGuard<'_, &'static [u8]>>, StoreError> {
        self.get(Table::Ready, &group_key(task_type, job).descending(priority).task(task))
    }

    /// The first task of a group of a job of this priority.
    pub(super) fn first_of_group(
        &self,
        task_type: &str,
        job: JobId,
        job_priority: i32,
    ) -> Result<Option<Head>, StoreError> {
        let Some(first) = self.prefix(Table::Ready, &group_key(task_type, job))?.next() else {
            return Ok(None);
        };
        let (priority, task) = priority_and_task(first?.0.value())?;
        Ok(Some(Head { job_priority, priority, task, job }))
    }

    fn count_behind(&self, task_type: &str, head: &Head) -> Result<u64, StoreError> {
        let count = self.get(Table::ReadyHeads, &head.key(task_type))?;
        count.map_or(Ok(0), |count| number_from(count.value()))
    }
}

impl WriteTx<'_> {
    /// Puts a task among the ready ones. It was not there before.
    pub(super) fn insert_ready(&mut self, ready: &ReadyTask<'_>) -> Result<(), StoreError> {
        let Some(job_priority) = self.priority_if_running(ready.job)? else {
            return self.insert_ready_row(ready);
        };
        let before = self.first_of_group(ready.task_type, ready.job, job_priority)?;
        self.insert_ready_row(ready)?;
        let own = Head { job_priority, priority: ready.priority, task: ready.task, job: ready.job };
        let Some(head) = before else { return self.put_head(ready.task_type, &own, 1) };
        let count = self.count_behind(ready.task_type, &head)? + 1;
        if head.rank() < own.rank() {
            return self.put_head(ready.task_type, &head, count);
        }
        self.remove(Table::ReadyHeads, &head.key(ready.task_type))?;
        self.put_head(ready.task_type, &own, count)
    }

    /// The same, but the head of its group is left as it is.
    pub(super) fn insert_ready_row(&mut self, ready: &ReadyTask<'_>) -> Result<(), StoreError> {
        let value = ready.only_for.map_or(Vec::new(), |worker| worker.0.to_vec());
        self.insert(Table::Ready, &ready.key(), &value)
    }

    /// Takes a task from among the ready ones. It was there.
    pub(super) fn remove_ready(&mut self, ready: &ReadyTask<'_>) -> Result<(), StoreError> {
        let Some(job_priority) = self.priority_if_running(ready.job)? else {
            return self.remove(Table::Ready, &ready.key());
        };
        let Some(head) = self.first_of_group(ready.task_type, ready.job, job_priority)? else {
            return Err(StoreError::Corrupt(format!("task {} is not among the ready ones", ready.task)));
        };
        let count = self.count_behind(ready.task_type, &head)?.saturating_sub(1);
        self.remove(Table::Ready, &ready.key())?;
        if head.task != ready.task {
            return self.put_head(ready.task_type, &head, count);
        }
        self.remove(Table::ReadyHeads, &head.key(ready.task_type))?;
        match self.first_of_group(ready.task_type, ready.job, job_priority)? {
            Some(next) => self.put_head(ready.task_type, &next, count),
            None => Ok(()),
        }
    }

    /// Sorts the heads of a job's groups by its new priority.
    pub(super) fn move_heads(&mut self, job: JobId, old: i32, new: i32) -> Result<(), StoreError> {
        for (task_type, head) in self.groups_of(job, old)? {
            let count = self.count_behind(&task_type, &head)?;
            self.remove(Table::ReadyHeads, &head.key(&task_type))?;
            self.put_head(&task_type, &Head { job_priority: new, ..head }, count)?;
        }
        Ok(())
    }

    /// Gives a job heads that may run now, and takes them from one that may no longer: nothing of it is found any more by
    /// whoever looks for a task.
    pub(super) fn heads_follow(&mut self, job: JobId, ran: bool, runs: bool) -> Result<(), StoreError> {
        if ran == runs {
            return Ok(());
        }
        let job_priority = self.known_job_state(job)?.priority;
        for (task_type, head) in self.groups_of(job, job_priority)? {
            if runs {
                let count = self.count_ready(&task_type, job)?;
                self.put_head(&task_type, &head, count)?;
            } else {
                self.remove(Table::ReadyHeads, &head.key(&task_type))?;
            }
        }
        Ok(())
    }

    /// The types of a job's ready tasks, each with the head of its group, whether that is listed or not.
    fn groups_of(&self, job: JobId, job_priority: i32) -> Result<Vec<(String, Head)>, StoreError> {
        let mut groups = Vec::new();
        for task_type in self.ready_types()? {
            if let Some(head) = self.first_of_group(&task_type, job, job_priority)? {
                groups.push((task_type, head));
            }
        }
        Ok(groups)
    }

    pub(super) fn put_head(&mut self, task_type: &str, head: &Head, count: u64) -> Result<(), StoreError> {
        self.insert(Table::ReadyHeads, &head.key(task_type), &count.to_be_bytes())
    }
}

/// The end of a key in [`Table::Ready`].
fn priority_and_task(key: &[u8]) -> Result<(i32, TaskId), StoreError> {
    let mut parts = Parts(key);
    parts.task_type()?;
    parts.job()?;
    Ok((parts.descending()?, parts.task()?))
}
