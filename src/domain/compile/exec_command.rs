//! `exec-command`: one command, for trying out workers.

use super::{CompiledTask, Given, Problem, command, shell, task};

/// `server-protocol.md`, section 3.5. Workers run the command without a shell, so each word is quoted: `$HOME` is
/// just that.
pub(super) fn compile(given: &Given<'_>) -> Result<Vec<CompiledTask>, Problem> {
    let words = shell::split(given.text("cmd")).map_err(|error| Problem::new("cmd", error.to_string()))?;
    let exec = command("exec", [("cmd", shell::join(&words).into())]);
    Ok(vec![task("exec-command", "debug", exec)])
}
