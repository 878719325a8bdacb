//! How a job stands, and what can be done with it.

use proptest::{collection::vec, prelude::*, sample};

use super::*;
use crate::domain::assign::{limit_obstacle, may_run};

fn tally(counts: &[(TaskStatus, u64)], ready: u64) -> Tally {
    let mut tally = Tally { ready, ..Tally::default() };
    for (status, count) in counts {
        tally.by_status[*status as usize] = *count;
    }
    tally
}

#[test]
fn a_job_goes_from_queued_over_active_to_completed() {
    use TaskStatus::{Active, Completed, Queued};
    assert_eq!(tally(&[(Queued, 3)], 1).job_status(), JobStatus::Queued);
    assert_eq!(tally(&[(Queued, 2), (Active, 1)], 0).job_status(), JobStatus::Active);
    assert_eq!(tally(&[(Queued, 2), (Completed, 1)], 2).job_status(), JobStatus::Active);
    assert_eq!(tally(&[(Completed, 3)], 0).job_status(), JobStatus::Completed);
}

#[test]
fn a_job_has_failed_only_when_nothing_else_can_run() {
    use TaskStatus::{Active, Failed, Queued};
    assert_eq!(tally(&[(Failed, 1), (Active, 1)], 0).job_status(), JobStatus::Active);
    assert_eq!(tally(&[(Failed, 1), (Queued, 2)], 1).job_status(), JobStatus::Active);
    assert_eq!(tally(&[(Failed, 1), (Queued, 2)], 0).job_status(), JobStatus::Failed);
}

#[test]
fn a_job_with_a_cancelled_task_does_not_wait_for_ever() {
    use TaskStatus::{CancelRequested, Canceled, Completed, Queued};
    assert_eq!(tally(&[(CancelRequested, 1), (Completed, 1)], 0).job_status(), JobStatus::Active);
    assert_eq!(tally(&[(Canceled, 1), (Queued, 1)], 0).job_status(), JobStatus::Canceled);
}

const ACTIONS: [JobAction; 7] = [
    JobAction::Cancel,
    JobAction::Pause,
    JobAction::Resume,
    JobAction::Requeue,
    JobAction::RequeueFailed,
    JobAction::Delete { force: false },
    JobAction::Delete { force: true },
];

fn state(wish: JobWish, counts: &[(TaskStatus, u64)], ready: u64) -> JobState {
    JobState { tally: tally(counts, ready), wish, ..JobState::default() }
}

/// The whole table, as people see it.
#[test]
fn what_can_be_done_with_a_job_depends_on_how_it_stands() {
    use JobWish::{Cancel, Delete, Fail, Pause, Requeue, RequeueFailed, Run};
    use TaskStatus::{Active, CancelRequested, Canceled, Completed, Failed, Queued};
    let (no, cancel, delete) = (None, Some(Cancel), Some(Delete));
    let (pause, run, again, failed) = (Some(Pause), Some(Run), Some(Requeue), Some(RequeueFailed));
    let waits = [cancel, pause, run, again, failed, delete, delete];
    let in_hand = [cancel, pause, run, again, failed, no, delete];
    let ended = [no, no, no, again, failed, delete, delete];
    let canceled = [cancel, no, no, again, failed, delete, delete];
    let stopping = [cancel, no, no, again, failed, no, delete];
    let requeued = [cancel, no, again, again, again, delete, delete];
    let failed_requeued = [cancel, no, failed, again, failed, no, delete];
    let deleted = [no, no, no, no, no, delete, delete];
    for (state, status, expected) in [
        (state(Run, &[(Queued, 2)], 2), "queued", waits),
        (state(Run, &[(Active, 1), (Queued, 1)], 1), "active", in_hand),
        (state(Run, &[(Completed, 1), (Queued, 1)], 1), "active", in_hand),
        (state(Run, &[(Completed, 2)], 0), "completed", ended),
        (state(Run, &[(Failed, 1), (Queued, 1)], 0), "failed", ended),
        (state(Run, &[(Canceled, 1), (Queued, 1)], 0), "canceled", canceled),
        (state(Pause, &[(Queued, 2)], 2), "paused", waits),
        (state(Pause, &[(Active, 1)], 0), "paused", in_hand),
        (state(Pause, &[(Completed, 1)], 0), "completed", ended),
        (state(Pause, &[(Failed, 1)], 0), "failed", ended),
        (state(Cancel, &[(CancelRequested, 1), (Canceled, 1)], 0), "cancel-requested", stopping),
        (state(Cancel, &[(Canceled, 2)], 0), "canceled", canceled),
        (state(Cancel, &[(Completed, 2)], 0), "completed", ended),
        (state(Fail, &[(Failed, 1), (CancelRequested, 1)], 0), "failed", stopping),
        (state(Fail, &[(Failed, 1), (Canceled, 1)], 0), "failed", ended),
        (state(Requeue, &[(Queued, 1), (Canceled, 1)], 1), "queued", requeued),
        (state(RequeueFailed, &[(Active, 1), (Failed, 1)], 0), "active", failed_requeued),
        (state(Delete, &[(Active, 1), (Queued, 1)], 1), "cancel-requested", deleted),
        (state(Delete, &[(Queued, 1)], 1), "cancel-requested", deleted),
        (state(Delete, &[(Completed, 1)], 0), "cancel-requested", deleted),
        (state(Delete, &[], 0), "cancel-requested", deleted),
    ] {
        assert_eq!(state.status().as_str(), status, "{state:?}");
        assert_eq!(serde_json::to_value(state.status()).unwrap(), status);
        assert_eq!(ACTIONS.map(|action| state.after(action).ok()), expected, "{state:?}");
    }
}

#[test]
fn a_refusal_says_how_to_go_on() {
    let says = |state: JobState, action| state.after(action).unwrap_err().to_string();
    let completed = state(JobWish::Run, &[(TaskStatus::Completed, 1)], 0);
    assert_eq!(
        says(completed, JobAction::Pause),
        "a job that is completed cannot be paused; it can be requeued"
    );
    let active = state(JobWish::Run, &[(TaskStatus::Active, 1)], 0);
    assert_eq!(
        says(active, JobAction::Delete { force: false }),
        "a job that is active cannot be deleted; cancel it first, or use force"
    );
    let on_its_way_back = state(JobWish::Requeue, &[(TaskStatus::Queued, 1)], 1);
    assert_eq!(
        says(on_its_way_back, JobAction::Pause),
        "a job that is queued cannot be paused; it is being requeued, try again in a moment"
    );
    let on_its_way_out = state(JobWish::Delete, &[(TaskStatus::Canceled, 1)], 0);
    assert_eq!(
        says(on_its_way_out, JobAction::Requeue),
        "a job that is cancel-requested cannot be requeued; it is being deleted"
    );
}

#[test]
fn a_job_fails_when_the_tenth_part_of_it_has_failed() {
    let failed_of = |failed, total| {
        let counts = [(TaskStatus::Failed, failed), (TaskStatus::Queued, total - failed)];
        state(JobWish::Run, &counts, 1)
    };
    assert!(failed_of(1, 10).has_failed_by(10));
    assert!(!failed_of(1, 11).has_failed_by(10));
    assert!(failed_of(2, 11).has_failed_by(10));
    assert!(!failed_of(0, 1).has_failed_by(10));
    assert!(!failed_of(9, 10).has_failed_by(100));
    assert!(failed_of(10, 10).has_failed_by(100));
    assert!(!failed_of(10, 10).has_failed_by(0), "never");
}

/// Something that happens to a job. Numbers stand for tasks.
#[derive(Debug, Clone)]
enum Event {
    /// A task gets into a worker's hands, if it can be handed out.
    HandOut(usize),
    /// The job waits for so many others now.
    WaitsFor(u32),
    /// Another number of workers may be at it.
    MaxWorkers(Option<NonZeroU32>),
    /// A worker says something of a task.
    Task(usize, TaskEvent),
    /// Somebody cancels a task.
    CancelTask(usize),
    /// Somebody wants a task done again.
    RequeueTask(usize),
    /// Somebody does something with the job.
    Act(JobAction),
    /// Too many tasks may have failed.
    Judge(u32),
    /// Some tasks follow what is wanted of the job, and then that is cut off.
    SomeFollow(usize),
    /// All tasks follow.
    AllFollow,
}

const TASKS: usize = 6;

fn events() -> impl Strategy<Value = Vec<Event>> {
    let task = || 0..TASKS;
    let said = sample::select(vec![
        TaskEvent::Released,
        TaskEvent::Finished,
        TaskEvent::FailedSoftly,
        TaskEvent::FailedHard,
    ]);
    vec(
        prop_oneof![
            6 => task().prop_map(Event::HandOut),
            1 => (0..3u32).prop_map(Event::WaitsFor),
            1 => (0..4u32).prop_map(|most| Event::MaxWorkers(NonZeroU32::new(most))),
            6 => (task(), said).prop_map(|(task, event)| Event::Task(task, event)),
            1 => task().prop_map(Event::CancelTask),
            1 => task().prop_map(Event::RequeueTask),
            3 => sample::select(&ACTIONS[..]).prop_map(Event::Act),
            1 => sample::select(vec![0, 10, 50, 100]).prop_map(Event::Judge),
            1 => task().prop_map(Event::SomeFollow),
            2 => Just(Event::AllFollow),
        ],
        1..60,
    )
}

/// A job as a plain list of tasks.
#[derive(Debug, Clone)]
struct Model {
    tasks: Vec<TaskStatus>,
    /// The task that each waits for, if any: one before it.
    parents: Vec<Option<usize>>,
    wish: JobWish,
    waits_for: u32,
    max_workers: Option<NonZeroU32>,
}

impl Model {
    fn is_ready(&self, task: usize) -> bool {
        let parent = self.parents[task].map(|parent| self.tasks[parent]);
        self.tasks[task].is_schedulable() && parent.is_none_or(|parent| parent == TaskStatus::Completed)
    }

    /// Nothing is left of it but to forget it.
    fn is_gone(&self) -> bool {
        self.wish == JobWish::Delete && self.tasks.is_empty()
    }

    fn state(&self) -> JobState {
        let mut tally = Tally::default();
        for (task, status) in self.tasks.iter().enumerate() {
            tally.add(*status, self.is_ready(task), 1);
        }
        let Self { wish, waits_for, max_workers, .. } = *self;
        JobState { tally, wish, max_workers, waits_for, ..JobState::default() }
    }

    fn happens(&mut self, task: usize, event: TaskEvent) {
        if let Some(status) = self.tasks.get_mut(task) {
            *status = status.after(event).unwrap_or(*status);
        }
    }

    fn follows(&mut self, task: usize) {
        let kept = self.wish == JobWish::RequeueFailed && self.tasks[task] == TaskStatus::Completed;
        if let Some(event) = self.wish.of_tasks().filter(|_| !kept) {
            self.happens(task, event);
        }
    }

    fn all_follow(&mut self) {
        (0..self.tasks.len()).for_each(|task| self.follows(task));
        match self.wish {
            JobWish::Delete => self.tasks.clear(),
            JobWish::Requeue | JobWish::RequeueFailed => self.wish = JobWish::Run,
            JobWish::Run | JobWish::Pause | JobWish::Cancel | JobWish::Fail => {}
        }
    }

    fn requeue_with_successors(&mut self, task: usize) {
        self.happens(task, TaskEvent::Requeued);
        let children = (0..self.tasks.len()).filter(|child| self.parents[*child] == Some(task));
        children.collect::<Vec<_>>().into_iter().for_each(|child| self.requeue_with_successors(child));
    }

    fn take(&mut self, event: &Event) {
        match *event {
            Event::HandOut(task) => {
                let state = self.state();
                let may_be = may_run(&state) && limit_obstacle(&state).is_none();
                if may_be && task < self.tasks.len() && self.is_ready(task) {
                    self.happens(task, TaskEvent::Assigned);
                }
            }
            Event::WaitsFor(others) => self.waits_for = others,
            Event::MaxWorkers(most) => self.max_workers = most,
            Event::Task(task, event) => {
                if self.tasks.get(task).is_some_and(|status| status.is_in_hand()) {
                    self.happens(task, event);
                }
            }
            Event::CancelTask(task) => self.happens(task, TaskEvent::CancelAsked),
            Event::RequeueTask(task) => {
                let state = self.state();
                let possible =
                    self.tasks.get(task).is_some_and(|task| task.after(TaskEvent::Requeued).is_ok());
                if possible && !state.has_tasks_to_follow() {
                    self.requeue_with_successors(task);
                    if self.wish != JobWish::Pause || state.status().has_ended() {
                        self.wish = JobWish::Run;
                    }
                }
            }
            Event::Act(action) => self.wish = self.state().after(action).unwrap_or(self.wish),
            Event::Judge(percentage) => {
                let goes_on = matches!(self.wish, JobWish::Run | JobWish::Pause);
                if goes_on && self.state().has_failed_by(percentage) {
                    self.wish = JobWish::Fail;
                }
            }
            Event::SomeFollow(most) => (0..most.min(self.tasks.len())).for_each(|task| self.follows(task)),
            Event::AllFollow => self.all_follow(),
        }
    }
}

fn is_requeue(event: &Event) -> bool {
    matches!(event, Event::RequeueTask(_) | Event::Act(JobAction::Requeue | JobAction::RequeueFailed))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_job_never_hangs_in_between(
        events in events(),
        parents in vec(any::<Option<sample::Index>>(), TASKS),
    ) {
        let before_it = |(task, parent): (usize, Option<sample::Index>)| {
            parent.filter(|_| task > 0).map(|parent| parent.index(task))
        };
        let parents = parents.into_iter().enumerate().map(before_it).collect();
        let tasks = vec![TaskStatus::Queued; TASKS];
        let mut model = Model { tasks, parents, wish: JobWish::Run, waits_for: 0, max_workers: None };
        for event in &events {
            let before = model.state();
            model.take(event);
            let (state, status) = (model.state(), model.state().status());
            let in_hand = model.tasks.iter().filter(|task| task.is_in_hand()).count();
            if in_hand as u64 > before.tally.in_hand() {
                let enough = model.max_workers.is_some_and(|most| in_hand > most.get() as usize);
                prop_assert!(model.waits_for == 0 && !enough, "{:?}", event);
            }
            let in_hand = in_hand > 0;
            let on_its_way_back = matches!(state.wish, JobWish::Requeue | JobWish::RequeueFailed);

            let all_completed = model.tasks.iter().all(|task| *task == TaskStatus::Completed);
            let is_deleted = state.wish == JobWish::Delete;
            prop_assert_eq!(status == JobStatus::Completed, all_completed && !on_its_way_back && !is_deleted);
            if before.status() == JobStatus::Completed && !is_requeue(event) && !is_deleted {
                prop_assert_eq!(status, JobStatus::Completed, "{:?}", event);
            }
            prop_assert!(status != JobStatus::CancelRequested || in_hand || is_deleted);
            prop_assert!(status != JobStatus::Canceled || !in_hand);
            prop_assert!(status != JobStatus::Paused || state.wish == JobWish::Pause);
        }

        // Nothing more is done to it: what was begun is finished, workers give back what they have, and other jobs are done.
        model.waits_for = 0;
        model.all_follow();
        prop_assert!(model.wish == JobWish::Delete || !model.state().has_tasks_to_follow());
        (0..model.tasks.len()).for_each(|task| model.happens(task, TaskEvent::Released));
        let (state, status) = (model.state(), model.state().status());
        let goes_on = may_run(&state) && limit_obstacle(&state).is_none() && state.tally.ready > 0;
        prop_assert!(
            goes_on || status.has_ended() || status == JobStatus::Paused || model.is_gone(),
            "{status} for ever: {model:?}"
        );
        prop_assert!(!(goes_on && status.has_ended()), "{status}, and yet it goes on: {model:?}");
    }
}
