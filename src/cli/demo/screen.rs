//! How the tour is shown: live in a terminal, line by line elsewhere.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ColumnConstraint, Table, Width, presets::UTF8_BORDERS_ONLY};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::farm::{Snapshot, WorkerSeen};

/// Where the tour is shown.
pub trait Screen: Send {
    /// Shows a line that stays.
    fn say(&mut self, line: &str);
    /// Shows the farm as it is now, in place of how it was.
    fn show(&mut self, farm: &Snapshot);
    /// Takes away what does not stay.
    fn clear(&mut self);
}

/// What suits the standard output.
pub fn for_stdout() -> Box<dyn Screen> {
    let stdout = io::stdout();
    if stdout.is_terminal() { Box::new(Live::new()) } else { Box::new(Plain::new(stdout)) }
}

/// A bar and a table of workers that stay in place.
#[derive(Debug)]
pub struct Live(ProgressBar);

impl Live {
    /// Draws on the standard output.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        let style = ProgressStyle::with_template("{bar:50} {pos} of {len} tasks, {elapsed}\n{msg}")
            .expect("the template is right")
            .progress_chars("━╸ ");
        Self(bar.with_style(style))
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Screen for Live {
    fn say(&mut self, line: &str) {
        self.0.println(line);
    }

    fn show(&mut self, farm: &Snapshot) {
        let (done, total) = progress(farm);
        self.0.set_length(total);
        self.0.set_position(done);
        self.0.set_message(table_of_workers(farm));
        self.0.tick();
    }

    fn clear(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A line at each tenth of the way.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    tenths_shown: u64,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, tenths_shown: 0 }
    }
}

impl<W: Write + Send> Screen for Plain<W> {
    fn say(&mut self, line: &str) {
        // Nobody reads any more: the tour goes on, its exit status may still matter.
        let _ = writeln!(self.out, "{line}");
    }

    fn show(&mut self, farm: &Snapshot) {
        let (done, total) = progress(farm);
        let tenths = done * 10 / total.max(1);
        if tenths > self.tenths_shown {
            self.tenths_shown = tenths;
            let busy = farm.tasks.iter().filter(|task| task.status == "active").count();
            self.say(&format!("{done} of {total} tasks done, {busy} being worked on."));
        }
    }

    fn clear(&mut self) {}
}

/// Tasks that have ended, and all tasks.
fn progress(farm: &Snapshot) -> (u64, u64) {
    let done = farm.jobs.iter().map(|job| job.tasks_in("completed") + job.tasks_in("failed")).sum();
    (done, farm.jobs.iter().map(|job| job.tasks.total).sum())
}

fn table_of_workers(farm: &Snapshot) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header([
        "Worker",
        "Status",
        "Done",
        "Working on",
        "Blacklisted for",
    ]);
    // As wide as the longest name of a task, so that the table does not jump.
    if let Some(tasks) = table.column_mut(3) {
        tasks.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(23)));
    }
    for worker in &farm.workers {
        table.add_row(row(worker, farm));
    }
    table.to_string()
}

fn row(worker: &WorkerSeen, farm: &Snapshot) -> [String; 5] {
    let of_worker = |status: &'static str| {
        farm.tasks
            .iter()
            .filter(move |task| task.status == status && task.worker_id.as_ref() == Some(&worker.id))
    };
    let current = of_worker("active").map(|task| task.name.clone()).next().unwrap_or_default();
    let blacklist: Vec<&str> = worker.blacklist.iter().map(|entry| entry.task_type.as_str()).collect();
    [
        worker.nickname.clone(),
        worker.status.clone(),
        of_worker("completed").count().to_string(),
        current,
        blacklist.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn farm(completed: u64) -> Snapshot {
        let jobs = json!([{
            "_id": "j", "name": "Film", "status": "active",
            "tasks": { "by_status": { "completed": completed, "queued": 20 - completed }, "total": 20 },
        }]);
        let tasks = json!([
            { "_id": "1", "name": "Frame 1", "status": "completed", "worker_id": "w" },
            { "_id": "2", "name": "Frame 2", "status": "active", "worker_id": "w" },
        ]);
        let workers = json!([
            { "_id": "w", "nickname": "anna", "status": "awake", "blacklist": [{ "task_type": "video" }] },
        ]);
        Snapshot {
            jobs: serde_json::from_value(jobs).unwrap(),
            tasks: serde_json::from_value(tasks).unwrap(),
            workers: serde_json::from_value(workers).unwrap(),
            starved: Vec::new(),
        }
    }

    #[test]
    fn plain_output_has_a_line_for_each_tenth_of_the_way() {
        let mut screen = Plain::new(Vec::new());
        for completed in [0, 1, 2, 3, 3, 6] {
            screen.show(&farm(completed));
        }
        insta::assert_snapshot!(String::from_utf8(screen.out).unwrap(), @r#"
        2 of 20 tasks done, 1 being worked on.
        6 of 20 tasks done, 1 being worked on.
        "#);
    }

    #[test]
    fn the_table_says_who_does_what() {
        insta::assert_snapshot!(table_of_workers(&farm(1)), @r#"
        ┌──────────────────────────────────────────────────────────────────┐
        │ Worker   Status   Done   Working on              Blacklisted for │
        ╞══════════════════════════════════════════════════════════════════╡
        │ anna     awake    1      Frame 2                 video           │
        └──────────────────────────────────────────────────────────────────┘
        "#);
    }
}
