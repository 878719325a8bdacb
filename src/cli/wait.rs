//! `job wait`: follows a job until it has ended; the exit code says how.

use std::{process::ExitCode, thread, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio::{runtime, signal, task};

use super::{
    Failure,
    client::Client,
    outage::Outage,
    tables::{print_json, text},
};
use crate::domain::numbers::count;

/// Between two looks at the job.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const FAILED: u8 = 3;
const CANCELED: u8 = 4;

/// What a shell says of a program that Ctrl+C has ended.
const INTERRUPTED: u8 = 130;

/// Waits until a job has ended. Ctrl+C ends the waiting, and the job goes on.
pub fn wait(manager: &Client, id: &str, as_json: bool) -> Result<ExitCode, Failure> {
    let (manager, job) = (manager.clone(), id.to_owned());
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let end = runtime.block_on(async {
        tokio::select! {
            end = task::spawn_blocking(move || watch(&manager, &job)) => end.map_err(|error| Failure::of(&error))?.map(Some),
            interrupted = signal::ctrl_c() => interrupted.map(|()| None).map_err(Failure::from),
        }
    });
    runtime.shutdown_background();
    let Some((job, code)) = end? else {
        eprintln!("\nJob {id} goes on. `flamenco-manager job wait {id}` waits for it again.");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    eprintln!("Job {id} is {}.", standing(&job));
    if code == FAILED {
        eprintln!("`flamenco-manager job show {id}` lists its tasks, `task log ID` says what happened.");
    }
    if as_json {
        print_json(&job)?;
    }
    Ok(ExitCode::from(code))
}

/// Shows how a job goes. Returns how it was when it had ended, with the exit code.
fn watch(manager: &Client, id: &str) -> Result<(Value, u8), Failure> {
    let mut display = Display::new();
    let mut outage = Outage::default();
    loop {
        match manager.get(&format!("/api/jobs/{id}")) {
            Ok(job) => {
                outage.is_over();
                if let Some(code) = code(&job) {
                    display.bar.finish_and_clear();
                    return Ok((job, code));
                }
                display.show(&job);
            }
            Err(error) => {
                if let Some(news) = outage.goes_on(error)? {
                    display.say(&news);
                }
            }
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// The exit code, once the job has ended.
fn code(job: &Value) -> Option<u8> {
    match job["status"].as_str()? {
        "completed" => Some(0),
        "failed" => Some(FAILED),
        "canceled" => Some(CANCELED),
        _ => None,
    }
}

/// A bar that stays in place in a terminal; a line at each change elsewhere.
struct Display {
    bar: ProgressBar,
    last_said: String,
}

impl Display {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:25} {msg}")
            .expect("the template is right")
            .progress_chars("━╸ ");
        Self { bar: bar.with_style(style), last_said: String::new() }
    }

    fn show(&mut self, job: &Value) {
        let standing = standing(job);
        let changed = standing != self.last_said;
        let left = job["time_left_seconds"].as_f64().map(|seconds| format!(", {}", left(seconds)));
        let line = format!("{standing}{}", left.unwrap_or_default());
        if self.bar.is_hidden() {
            if changed {
                eprintln!("{line}");
            }
        } else {
            self.bar.set_length(total(job));
            self.bar.set_position(in_status(job, "completed"));
            self.bar.set_message(line);
            self.bar.tick();
        }
        self.last_said = standing;
    }

    fn say(&self, line: &str) {
        if self.bar.is_hidden() { eprintln!("{line}") } else { self.bar.println(line) }
    }
}

/// How a job stands: "active: 12 of 26 tasks done, 3 active, 1 failed".
fn standing(job: &Value) -> String {
    let done = in_status(job, "completed");
    let others = ["active", "failed"].map(|status| match in_status(job, status) {
        0 => String::new(),
        count => format!(", {count} {status}"),
    });
    format!("{}: {done} of {} done{}", text(job, "status"), count(total(job), "task"), others.concat())
}

/// "about 2 h 5 min left"
fn left(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round();
    if minutes < 1.0 {
        "less than a minute left".into()
    } else if minutes < 60.0 {
        format!("about {minutes} min left")
    } else {
        format!("about {} h {} min left", (minutes / 60.0).floor(), minutes % 60.0)
    }
}

fn total(job: &Value) -> u64 {
    job["tasks"]["total"].as_u64().unwrap_or(0)
}

fn in_status(job: &Value, status: &str) -> u64 {
    job["tasks"]["by_status"][status].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(status: &str, by_status: &Value) -> Value {
        json!({"status": status, "tasks": {"total": 26, "by_status": by_status}})
    }

    #[test]
    fn the_standing_names_what_there_is() {
        let active = job("active", &json!({"completed": 12, "active": 3, "failed": 1, "queued": 10}));
        assert_eq!(standing(&active), "active: 12 of 26 tasks done, 3 active, 1 failed");
        assert_eq!(standing(&job("queued", &json!({"queued": 26}))), "queued: 0 of 26 tasks done");
    }

    #[test]
    fn the_exit_code_tells_how_a_job_ended() {
        for (status, expected) in [("completed", 0), ("failed", 3), ("canceled", 4)] {
            assert_eq!(code(&job(status, &json!({}))), Some(expected));
        }
        for status in ["queued", "active", "paused", "cancel-requested"] {
            assert_eq!(code(&job(status, &json!({}))), None, "{status}");
        }
    }

    #[test]
    fn the_time_that_is_left_is_told_roughly() {
        for (seconds, text) in [
            (0.0, "less than a minute left"),
            (29.0, "less than a minute left"),
            (200.0, "about 3 min left"),
            (3599.0, "about 1 h 0 min left"),
            (7500.0, "about 2 h 5 min left"),
        ] {
            assert_eq!(left(seconds), text);
        }
    }
}
