//! `sleep`: tasks that take their time, for trying out a farm.

use super::{CompiledTask, Given, Problem, TaskList, command, frames, task};

/// `server-protocol.md`, section 3.4. Without frames there are no tasks.
pub(super) fn compile(given: &Given<'_>) -> Result<Vec<CompiledTask>, Problem> {
    let mut job = TaskList::default();
    for chunk in given.frames()?.chunks(given.chunk_size()) {
        let echo = command("echo", [("message", "Preparing to sleep".into())]);
        let mut task = task(format!("sleep-{}", frames::merge(chunk)), "sleep", echo);
        task.commands.push(command("sleep", [("time_in_seconds", given.integer("time_in_seconds").into())]));
        job.add(task)?;
    }
    Ok(job.tasks)
}
