//! A worker no longer has a task: the task goes back to the queue, or ends as cancelled if that was wanted.

use super::{
    Error, Note,
    server_news::{News, ServerNews},
};
use crate::{
    domain::{
        ids::WorkerId,
        task::{Task, TaskEvent, TaskStatus},
    },
    store::WriteTx,
};

/// Takes `task` from its worker. `reason` says why, for the log and for people.
pub(super) fn release(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    mut task: Task,
    reason: &str,
) -> Result<Note, Error> {
    task.status = task.status.after(TaskEvent::Released)?;
    task.last_updated = tx.now();
    let worker = task.worker.clone();
    let (told_worker, note) = if task.status == TaskStatus::Canceled {
        task.activity = format!("Canceled; worker {worker} no longer has it: {reason}");
        (worker.clone(), format!("Manager canceled the task; worker {worker} no longer has it: {reason}"))
    } else {
        task.activity = format!("Re-queued task after unassigning from worker {worker}: {reason}");
        let note = format!("Manager re-queued task after unassigning it from worker {worker}: {reason}");
        ("-".to_owned(), note)
    };
    tx.put_task(&task)?;
    let text = format!("{}: {note}\n", tx.now());
    news.tell(
        tx,
        &task,
        News {
            status: Some(task.status),
            activity: task.activity.clone(),
            log_tail: text.clone(),
            worker: told_worker,
            ..News::default()
        },
    )?;
    Ok(Note { job: task.job, task: task.id, text })
}

/// Takes all tasks from a worker.
pub(super) fn release_all(
    tx: &mut WriteTx<'_>,
    news: &ServerNews,
    worker: WorkerId,
    reason: &str,
) -> Result<Vec<Note>, Error> {
    tx.in_hand_of(worker)?.into_iter().map(|task| release(tx, news, task, reason)).collect()
}
