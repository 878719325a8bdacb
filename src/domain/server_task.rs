//! A task as the Flamenco Server describes it (`server-protocol.md`, section 1.2), and what becomes of its view here.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::{
    ids::{JobId, TaskId},
    task::{FailedBy, TaskStatus},
};

/// The Server's view of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTask {
    /// Its identity.
    pub id: TaskId,
    /// The job it is part of.
    pub job: JobId,
    /// The version of this view, to be compared as text and nothing else.
    pub etag: String,
    /// What people call it.
    pub name: String,
    /// Where the Server thinks that it stands.
    pub status: TaskStatus,
    /// Importance within its job.
    pub priority: i32,
    /// Importance of its job.
    pub job_priority: i32,
    /// What kind of job it is part of.
    pub job_type: String,
    /// What a worker must support to be given it.
    pub task_type: String,
    /// The commands: a JSON list as text, number for number as the Server wrote it.
    pub commands: String,
    /// Tasks that have to be completed first.
    pub parents: Vec<TaskId>,
    /// One line about what is going on.
    pub activity: String,
    /// Who failed it.
    pub failed_by: Vec<FailedBy>,
}

/// What the Manager itself knows of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnView {
    /// Where it stands here.
    pub status: TaskStatus,
    /// Whether it may be ahead of the Server's view: the Server has yet to hear something about it, or something has
    /// happened to it since the Server was asked.
    pub ahead: bool,
}

/// What to do with the Server's view of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// It is newer: the task is as the Server says, with this status.
    Take(TaskStatus),
    /// The task is as the Server says, but for its status: it has this one, and the Server must hear so.
    TakeAndTell(TaskStatus),
    /// The Server waits for the task to be cancelled.
    Cancel,
    /// The Manager knows better, or may do so. The Server is to be asked again when it has heard everything.
    AskAgain,
}

/// Judges the Server's view of a task: `status` there, and what the Manager knows of it, if it does.
///
/// A task in the hands of a worker is the Manager's business, and what is ahead of the Server's view is not undone by it
/// (`server-protocol.md`, section 1.2, "Echo"). But what the Server says is over or held back is so: no news from here
/// can have led to that.
pub fn receive(status: TaskStatus, own: Option<OwnView>) -> Reception {
    use TaskStatus as S;
    if own.is_some_and(|own| own.status.is_in_hand()) {
        return Reception::AskAgain;
    }
    let may_be_late = match status {
        S::Queued | S::ClaimedByManager | S::SoftFailed | S::Active => true,
        S::CancelRequested | S::Failed | S::Completed | S::Canceled | S::Paused => false,
    };
    if may_be_late && own.is_some_and(|own| own.ahead) {
        return Reception::AskAgain;
    }
    match (status, own.map(|own| own.status)) {
        // The Server missed how it ended.
        (S::Active, Some(ended @ (S::Completed | S::Failed | S::Canceled))) => Reception::TakeAndTell(ended),
        // Nobody here has it: its worker is gone, or the database was another one then.
        (S::Active, _) => Reception::TakeAndTell(S::ClaimedByManager),
        (S::CancelRequested, _) => Reception::Cancel,
        (status, _) => Reception::Take(status),
    }
}

/// Puts tasks in the order in which they are taken in, a group at a time, while workers ask for tasks: parents come
/// before their children, so that no child looks as if it could run already, and task types take turns, those that
/// `supported` names first, so that many tasks of one type keep no worker waiting for another.
pub fn in_order_of_reception(tasks: Vec<ServerTask>, supported: &BTreeSet<String>) -> Vec<ServerTask> {
    let mut by_type: BTreeMap<(bool, &str), VecDeque<usize>> = BTreeMap::new();
    for (place, task) in tasks.iter().enumerate() {
        let unsupported = !supported.contains(&task.task_type);
        by_type.entry((unsupported, &task.task_type)).or_default().push_back(place);
    }
    let mut turns = Vec::with_capacity(tasks.len());
    for unsupported in [false, true] {
        let mut queues: Vec<_> =
            by_type.iter_mut().filter(|((type_is, _), _)| *type_is == unsupported).collect();
        while !queues.is_empty() {
            queues.retain_mut(|(_, queue)| {
                turns.extend(queue.pop_front());
                !queue.is_empty()
            });
        }
    }
    let order = parents_first(&tasks, &turns);
    let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
    order.into_iter().filter_map(|place| tasks[place].take()).collect()
}

/// The places of all tasks in the order of `turns`, but for each task's parents before it. Tasks that wait for each
/// other in a circle come in any order.
fn parents_first(tasks: &[ServerTask], turns: &[usize]) -> Vec<usize> {
    let places: HashMap<TaskId, usize> =
        tasks.iter().enumerate().map(|(place, task)| (task.id, place)).collect();
    let mut seen = vec![false; tasks.len()];
    let mut order = Vec::with_capacity(tasks.len());
    for turn in turns {
        // A stack of our own: chains of tasks may be long.
        let mut stack = vec![(*turn, false)];
        while let Some((place, parents_done)) = stack.pop() {
            if parents_done {
                order.push(place);
            } else if !std::mem::replace(&mut seen[place], true) {
                stack.push((place, true));
                let parents = tasks[place].parents.iter().filter_map(|parent| places.get(parent));
                stack.extend(parents.filter(|parent| !seen[**parent]).map(|parent| (*parent, false)));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IN_HAND: [TaskStatus; 2] = [TaskStatus::Active, TaskStatus::CancelRequested];

    fn own(status: TaskStatus, ahead: bool) -> OwnView {
        OwnView { status, ahead }
    }

    #[test]
    fn a_task_in_the_hands_of_a_worker_is_never_overwritten() {
        for status in TaskStatus::ALL {
            for mine in IN_HAND {
                assert_eq!(receive(status, Some(own(mine, false))), Reception::AskAgain, "{status}");
            }
        }
    }

    #[test]
    fn a_task_that_is_ahead_of_the_servers_view_is_overwritten_only_when_the_server_has_ended_it() {
        use TaskStatus as S;
        for status in [S::Queued, S::ClaimedByManager, S::SoftFailed, S::Active] {
            assert_eq!(receive(status, Some(own(S::Completed, true))), Reception::AskAgain);
        }
        for status in [S::Failed, S::Completed, S::Canceled, S::Paused] {
            assert_eq!(receive(status, Some(own(S::ClaimedByManager, true))), Reception::Take(status));
        }
    }

    #[test]
    fn what_the_server_thinks_active_and_nobody_has_goes_back_or_ends_as_it_did() {
        use TaskStatus as S;
        assert_eq!(receive(S::Active, None), Reception::TakeAndTell(S::ClaimedByManager));
        assert_eq!(
            receive(S::Active, Some(own(S::Queued, false))),
            Reception::TakeAndTell(S::ClaimedByManager)
        );
        assert_eq!(receive(S::Active, Some(own(S::Completed, false))), Reception::TakeAndTell(S::Completed));
    }

    #[test]
    fn a_task_is_never_received_as_in_hand() {
        for status in TaskStatus::ALL {
            let views = TaskStatus::ALL.map(|mine| Some(own(mine, false))).into_iter().chain([None]);
            for view in views {
                match receive(status, view) {
                    Reception::Take(status) | Reception::TakeAndTell(status) => assert!(!status.is_in_hand()),
                    Reception::Cancel | Reception::AskAgain => {}
                }
            }
        }
    }

    fn task(id: u8, task_type: &str, parents: &[u8]) -> ServerTask {
        ServerTask {
            id: TaskId([id; 12]),
            job: JobId([0; 12]),
            etag: String::new(),
            name: String::new(),
            status: TaskStatus::Queued,
            priority: 0,
            job_priority: 50,
            job_type: String::new(),
            task_type: task_type.into(),
            commands: "[]".into(),
            parents: parents.iter().map(|id| TaskId([*id; 12])).collect(),
            activity: String::new(),
            failed_by: Vec::new(),
        }
    }

    fn order(tasks: Vec<ServerTask>, supported: &[&str]) -> Vec<u8> {
        let supported = supported.iter().map(ToString::to_string).collect();
        in_order_of_reception(tasks, &supported).iter().map(|task| task.id.0[0]).collect()
    }

    #[test]
    fn types_take_turns_and_those_that_somebody_can_do_come_first() {
        let tasks = vec![
            task(1, "render", &[]),
            task(2, "render", &[]),
            task(3, "render", &[]),
            task(4, "exotic", &[]),
            task(5, "video", &[]),
        ];
        assert_eq!(order(tasks, &["render", "video"]), [1, 5, 2, 3, 4]);
    }

    #[test]
    fn parents_come_before_their_children() {
        let tasks = vec![task(1, "a", &[3]), task(2, "a", &[9]), task(3, "b", &[2])];
        assert_eq!(order(tasks, &["a"]), [2, 3, 1]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_only_circles_break_the_order(
            links in proptest::collection::vec((0_u8..20, 0_u8..20), 0..40),
            types in proptest::collection::vec(0_u8..3, 20),
        ) {
            let tasks: Vec<_> = (0..20)
                .map(|id| {
                    // A parent has a lower number: no circles.
                    let parents = links.iter().filter(|(_, child)| *child == id);
                    let parents: Vec<_> = parents.map(|(parent, _)| *parent).filter(|parent| *parent < id).collect();
                    task(id, &types[usize::from(id)].to_string(), &parents)
                })
                .rev()
                .collect();
            let order = order(tasks.clone(), &["1"]);
            let at = |id: u8| order.iter().position(|other| *other == id);
            for task in &tasks {
                for parent in &task.parents {
                    prop_assert!(at(parent.0[0]) < at(task.id.0[0]));
                }
            }
            prop_assert_eq!(order.len(), tasks.len());
        }

        #[test]
        fn tasks_in_a_circle_are_not_lost(parents in proptest::collection::vec(0_u8..5, 5)) {
            let tasks = (0..5).map(|id| task(id, "a", &[parents[usize::from(id)]])).collect();
            let mut order = order(tasks, &[]);
            order.sort_unstable();
            prop_assert_eq!(order, vec![0, 1, 2, 3, 4]);
        }
    }
}
