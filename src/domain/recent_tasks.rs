//! Which tasks a worker was given last.

use std::collections::VecDeque;

use super::ids::TaskId;

/// As many are kept of each worker.
const KEPT: usize = 20;

/// The tasks that a worker was given last, the newest first, each once. Some may be gone by now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentTasks(pub VecDeque<TaskId>);

impl RecentTasks {
    /// Adds the task that the worker has just been given, and forgets the oldest when there are too many.
    pub fn add(&mut self, task: TaskId) {
        self.0.retain(|known| *known != task);
        self.0.push_front(task);
        self.0.truncate(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_first_and_none_is_there_twice() {
        let mut recent = RecentTasks::default();
        for task in [1, 2, 3, 1] {
            recent.add(TaskId([task; 12]));
        }
        assert_eq!(recent.0, [1, 3, 2].map(|task| TaskId([task; 12])));
        for task in 10..10 + u8::try_from(KEPT).unwrap() {
            recent.add(TaskId([task; 12]));
        }
        assert_eq!((recent.0.len(), recent.0[KEPT - 1]), (KEPT, TaskId([10; 12])));
    }
}
