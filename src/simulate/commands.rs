//! What a simulated worker does with a task's commands: it talks, sleeps and fails on demand.
//!
//! `echo`, `sleep` and `exec` mean what they mean to a genuine worker, but that `exec` starts nothing:
//! `false` fails, all else succeeds. One more setting is understood in any command, which a genuine
//! worker ignores: `fail_times: N` lets the first N attempts at this command fail.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use super::rounds::Behaviour;
use crate::clock::{Clock, SystemClock};

/// The failures so far of commands with `fail_times`. Workers that share it fail such a command N
/// times between them.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<HashMap<String, u64>>>);

impl Tally {
    /// Counts one more failure of `command`, unless there were `limit` already.
    fn one_more(&self, command: String, limit: u64) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = failures.entry(command).or_default();
        let may = *failures < limit;
        *failures += u64::from(may);
        may
    }
}

/// How a task ended.
pub(super) struct Outcome {
    log: String,
    commands_begun: usize,
    failure: Option<String>,
}

impl Outcome {
    /// The one update that tells the Manager.
    pub(super) fn update(&self) -> Value {
        let (status, activity) = match &self.failure {
            None => ("completed", "Task completed"),
            Some(why) => ("failed", why.as_str()),
        };
        let mut update = full_update(status, activity);
        update["current_command_idx"] = self.commands_begun.saturating_sub(1).into();
        update["log"] = self.log.as_str().into();
        update
    }
}

/// A full update: the keys that a genuine worker always sends, and the status.
pub(super) fn full_update(status: &str, activity: &str) -> Value {
    json!({
        "activity": activity,
        "current_command_idx": 0,
        "task_progress_percentage": 0,
        "command_progress_percentage": if status == "completed" { 100 } else { 0 },
        "metrics": { "timing": {} },
        "task_status": status,
    })
}

/// Runs the commands one by one until one fails.
pub(super) async fn execute(task: &Value, behaviour: &Behaviour) -> Outcome {
    let mut outcome = Outcome { log: String::new(), commands_begun: 0, failure: None };
    let id = task["_id"].as_str().unwrap_or_default();
    for (index, command) in task["commands"].as_array().into_iter().flatten().enumerate() {
        outcome.commands_begun = index + 1;
        let name = command["name"].as_str().unwrap_or_default();
        log(&mut outcome.log, &format!("{name}: Starting"));
        let clumsy = behaviour.is_clumsy_with(task["task_type"].as_str());
        let attempt = Attempt { at: format!("{id}/{index}"), name, settings: &command["settings"], clumsy };
        if let Err(why) = attempt.make(&mut outcome.log, &behaviour.tally).await {
            let failure = format!("{name}.(task_id={id}, command_idx={index}): Error executing: {why}");
            log(&mut outcome.log, &failure);
            outcome.failure = Some(failure);
            break;
        }
        log(&mut outcome.log, &format!("{name}: Finished"));
    }
    outcome
}

struct Attempt<'a> {
    /// Names the command among all commands of all tasks.
    at: String,
    name: &'a str,
    settings: &'a Value,
    clumsy: bool,
}

impl Attempt<'_> {
    async fn make(self, output: &mut String, tally: &Tally) -> Result<(), String> {
        if self.clumsy {
            return Err("this worker is too clumsy for this type of task".to_owned());
        }
        let fail_times = self.settings["fail_times"].as_u64().unwrap_or(0);
        if tally.one_more(self.at, fail_times) {
            return Err("bad luck, as the settings of the command demand".to_owned());
        }
        match self.name {
            "echo" => log(output, self.settings["message"].as_str().ok_or("Invalid settings: no message")?),
            "sleep" => tokio::time::sleep(sleep_time(self.settings)?).await,
            "exec" if self.settings["cmd"] == "false" => return Err("exit status 1".to_owned()),
            "exec" => log(output, &format!("pretending to run {}", self.settings["cmd"])),
            unknown => return Err(format!("unknown command name {unknown:?}")),
        }
        Ok(())
    }
}

fn sleep_time(settings: &Value) -> Result<Duration, String> {
    let seconds = settings["time_in_seconds"].as_f64().ok_or("Invalid settings: no time_in_seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("Invalid settings: {error}"))
}

/// Adds a line with the time, as genuine workers write them.
pub(super) fn log(output: &mut String, line: &str) {
    let separator = if output.is_empty() { "" } else { "\n" };
    let now = SystemClock.now();
    // Writing to a String cannot fail.
    let _ = write!(output, "{separator}{now}: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Pace;

    async fn ended(behaviour: &Behaviour, commands: Value) -> Value {
        let task = json!({ "_id": "t1", "task_type": "blender-render", "commands": commands });
        execute(&task, behaviour).await.update()
    }

    #[tokio::test]
    async fn commands_run_in_order_and_their_output_is_the_log() {
        let update = ended(
            &Behaviour::good(Pace::brisk()),
            json!([
                { "name": "echo", "settings": { "message": "Hello" } },
                { "name": "sleep", "settings": { "time_in_seconds": 0.001 } },
                { "name": "exec", "settings": { "cmd": "true" } },
            ]),
        )
        .await;
        assert_eq!(update["task_status"], "completed");
        assert_eq!(update["current_command_idx"], 2);
        let log = update["log"].as_str().unwrap();
        assert!(log.contains(": Hello\n") && log.ends_with("exec: Finished"), "{log}");
    }

    #[tokio::test]
    async fn nothing_is_run_after_a_command_that_failed() {
        let behaviour = Behaviour::good(Pace::brisk());
        let echo = json!({ "name": "echo", "settings": { "message": "never said" } });
        for bad in [
            json!({ "name": "exec", "settings": { "cmd": "false" } }),
            json!({ "name": "juggle", "settings": {} }),
            json!({ "name": "sleep", "settings": { "time_in_seconds": -1 } }),
            json!({ "name": "echo", "settings": null }),
            json!("not a command"),
        ] {
            let update = ended(&behaviour, json!([bad, echo])).await;
            assert_eq!(update["task_status"], "failed");
            assert!(!update["log"].as_str().unwrap().contains("never said"), "{update}");
        }
    }

    #[tokio::test]
    async fn a_command_fails_as_often_as_its_settings_say_whoever_tries() {
        let one = Behaviour::good(Pace::brisk());
        let other = one.clone();
        let commands = json!([{ "name": "echo", "settings": { "message": "", "fail_times": 2 } }]);
        assert_eq!(ended(&one, commands.clone()).await["task_status"], "failed");
        assert_eq!(ended(&other, commands.clone()).await["task_status"], "failed");
        assert_eq!(ended(&one, commands).await["task_status"], "completed");
    }

    #[tokio::test]
    async fn a_clumsy_worker_fails_one_type_of_task_only() {
        let commands = json!([{ "name": "echo", "settings": { "message": "" } }]);
        let pace = Pace::brisk();
        let at_renders = Behaviour::clumsy(pace, "blender-render");
        let at_videos = Behaviour::clumsy(pace, "video-encoding");
        assert_eq!(ended(&at_renders, commands.clone()).await["task_status"], "failed");
        assert_eq!(ended(&at_videos, commands).await["task_status"], "completed");
    }
}
