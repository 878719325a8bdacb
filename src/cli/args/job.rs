//! `job`: what can be said of jobs.

use std::{ffi::OsStr, path::PathBuf, str::FromStr};

use clap::{Args as ClapArgs, Subcommand, builder::RangedU64ValueParser};
use serde_json::{Number, Value};

use crate::domain::ids::JobId;

const SUBMIT_HELP: &str = r#"A .blend file, ten frames a task:
  flamenco-manager job submit shot.blend --frames 1-250 --chunk 10 --output /render/shot/######

With a video of the images, and a bar until it is done:
  flamenco-manager job submit shot.blend --frames 1-250 --fps 24 --wait

The workers open the file at the path that it has here. If they find it elsewhere:
  flamenco-manager job submit shot.blend --frames 1-250 --set filepath=/shared/shot.blend

As JSON. The Manager makes the tasks from a job type and its settings (--dry-run shows them):
  {"name": "Shot 1", "job_type": "blender-render", "settings": {
    "filepath": "/shared/shot1.blend", "render_output": "/render/shot1/######",
    "format": "PNG", "frames": "1-250", "chunk_size": 10}}

The same as TOML:
  name = "Shot 1"
  job_type = "blender-render"
  [settings]
  filepath = "/shared/shot1.blend"
  …

GET /api/job-types of the Manager tells the types and what settings each takes.

Or a job brings a list of tasks. A task waits for those that it names as its parents:
  {"name": "Shot 1", "priority": 50, "tasks": [
    {"name": "frames 1-10", "task_type": "blender-render", "commands": [
      {"name": "blender_render", "settings": {
        "blender_cmd": "{blender}", "filepath": "/shared/shot1.blend",
        "render_output": "{render}/shot1/######", "format": "PNG", "frames": "1..10"}}]},
    {"name": "say so", "task_type": "sleep", "parents": ["frames 1-10"], "commands": [
      {"name": "echo", "settings": {"message": "Shot 1 is done"}}]}]}

Which task types and commands there are is up to the workers.

Exit codes: 0 done, 1 it failed, 2 wrong usage; with --wait as with `job wait`."#;

const WAIT_HELP: &str = "\
Exit codes: 0 the job was completed, 3 it failed, 4 it was canceled; 1 this call failed, or the
job was deleted meanwhile; 2 wrong usage; 130 Ctrl+C, which leaves the job running.

A Manager that is restarted meanwhile is waited for, a minute at the most.

Example:
  flamenco-manager job wait ID && make-dailies";

const LIST_HELP: &str = "\
Examples:
  flamenco-manager job list --status active,queued
  flamenco-manager job list --type blender-render --text shot --sort -priority --limit 20";

const JOBS_HELP: &str = "\
Examples:
  flamenco-manager job submit shot.blend --frames 1-250 --chunk 10
  flamenco-manager job list --status active,queued
  flamenco-manager job explain ID             why it is not running
  flamenco-manager job requeue --failed ID    once more what went wrong";

/// What to do with jobs.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(after_help = JOBS_HELP)]
pub enum JobCommand {
    /// Submit a job and print its ID
    #[command(after_long_help = SUBMIT_HELP)]
    Submit(Box<Submission>),

    /// Wait until a job has ended, and show how it goes; the exit code says how it ended
    #[command(after_help = WAIT_HELP)]
    Wait {
        /// The job's ID, 24 hex digits
        id: JobId,
    },

    /// List the jobs
    #[command(after_help = LIST_HELP)]
    List(JobFilter),

    /// Show a job and its tasks
    Show {
        /// The job's ID, 24 hex digits
        id: JobId,
    },

    /// Say why a job is not running
    Explain {
        /// The job's ID, 24 hex digits
        id: JobId,
    },

    /// Stop a job for good; workers are told to stop what they have of it
    Cancel {
        /// The job's ID, 24 hex digits
        id: JobId,
    },

    /// Let a job wait: what is running is finished, and nothing else is handed out
    Pause {
        /// The job's ID, 24 hex digits
        id: JobId,
    },

    /// Let a paused job go on
    Resume {
        /// The job's ID, 24 hex digits
        id: JobId,
    },

    /// Do a job again: all of it, or with --failed what is not completed
    Requeue {
        /// The job's ID, 24 hex digits
        id: JobId,
        /// Only the tasks that are not completed
        #[arg(long)]
        failed: bool,
    },

    /// Give a job another priority; higher goes first
    Priority {
        /// The job's ID, 24 hex digits
        id: JobId,
        /// The new priority
        #[arg(allow_negative_numbers = true)]
        priority: i32,
    },

    /// Forget a job, with its tasks and their logs
    Delete {
        /// The job's ID, 24 hex digits
        id: JobId,
        /// Even if workers have tasks of it in hand
        #[arg(long)]
        force: bool,
    },
}

/// A job to be submitted.
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub struct Submission {
    /// The job: JSON (.json), TOML (.toml), either of them from standard input (-), or a .blend file to render
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Only say what tasks it would have
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,

    /// Wait until the job has ended; the exit code says how, as with `job wait`
    #[arg(long)]
    pub wait: bool,

    /// For a blend file.
    #[command(flatten)]
    pub blend: BlendJob,

    /// For every job.
    #[command(flatten)]
    pub changes: Changes,
}

/// How a blend file is rendered.
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
#[command(next_help_heading = "For a .blend file")]
pub struct BlendJob {
    /// The frames, like 1-10,20,30-40; they must be said, because the Manager does not open the file
    #[arg(long)]
    pub frames: Option<String>,

    /// How many frames a task has [default: 1]
    #[arg(long, value_name = "FRAMES")]
    pub chunk: Option<u32>,

    /// Where images go, as the workers find it [default: a folder in {render} that is called like the file]
    #[arg(long, value_name = "PATH")]
    pub output: Option<String>,

    /// The format of the images [default: PNG; `OPEN_EXR` for a progressive render]
    #[arg(long)]
    pub format: Option<String>,

    /// Make a video of the images, with so many frames per second
    #[arg(long)]
    pub fps: Option<Number>,

    /// The job type, like blender-render-progressive or blender-video-chunks [default: blender-render]
    #[arg(long = "type", value_name = "TYPE")]
    pub job_type: Option<String>,
}

/// What is said of a job besides what its file says. It counts more than the file.
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
#[command(next_help_heading = "For every job; these count more than what the file says")]
pub struct Changes {
    /// Give the job a setting; the value is JSON, or else a text (can be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<Setting>,

    /// What people call the job [default for a .blend file: the name of the file]
    #[arg(long)]
    pub name: Option<String>,

    /// Its priority; higher goes first
    #[arg(long, allow_negative_numbers = true)]
    pub priority: Option<i32>,

    /// Let it wait until somebody resumes it
    #[arg(long)]
    pub paused: bool,

    /// Let it wait until this job is completed (can be repeated)
    #[arg(long, value_name = "JOB ID")]
    pub depends_on: Vec<JobId>,

    /// As many workers work on it at a time, at the most
    #[arg(long, value_name = "NUMBER")]
    pub max_workers: Option<u32>,

    /// Only workers with this tag may work on it, or with another that is named so (can be repeated)
    #[arg(long = "worker-tag", value_name = "TAG")]
    pub worker_tags: Vec<String>,
}

/// A setting of a job, written as `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Which one.
    pub key: String,
    /// What it shall be.
    pub value: Value,
}

impl FromStr for Setting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or("a setting is written KEY=VALUE, like fps=24")?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok(Self { key: key.to_owned(), value })
    }
}

impl Submission {
    /// Whether it is a blend file that is to be rendered.
    pub fn is_blend(&self) -> bool {
        self.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(OsStr::new("blend")))
    }

    /// What is wrong with the options together.
    pub(super) fn check(&self) -> Result<(), String> {
        let BlendJob { frames, chunk, output, format, fps, job_type } = &self.blend;
        if self.is_blend() {
            return match frames {
                Some(_) => Ok(()),
                None => Err(
                    "which frames shall be rendered? The Manager does not open blend files: name them with \
                             --frames, like --frames 1-250"
                        .into(),
                ),
            };
        }
        let given = [
            ("--frames", frames.is_some()),
            ("--chunk", chunk.is_some()),
            ("--output", output.is_some()),
            ("--format", format.is_some()),
            ("--fps", fps.is_some()),
            ("--type", job_type.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((option, _)) => Err(format!(
                "{option} is for a .blend file, but this is {}; its settings are changed with --set KEY=VALUE",
                self.file.display()
            )),
        }
    }
}

/// Which jobs are listed.
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub struct JobFilter {
    /// Only jobs in one of these statuses, like active,queued
    #[arg(long, value_delimiter = ',')]
    pub status: Vec<String>,

    /// Only jobs of one of these types, like blender-render
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub job_type: Vec<String>,

    /// Only jobs with this text in their name or ID
    #[arg(long)]
    pub text: Option<String>,

    /// By name, priority, status, created or updated, and with - in front the other way round
    /// [default: the newest first]
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub sort: Option<String>,

    /// As many at the most [default: all]
    #[arg(long, value_name = "NUMBER", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub limit: Option<usize>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::args::{
        Command, On,
        tests::{command, error},
    };

    fn submission(line: &str) -> Submission {
        match command(&format!("job submit {line}")) {
            Command::Job(On { command: JobCommand::Submit(submission), .. }) => *submission,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_value_of_a_setting_is_json_or_a_text() {
        for (text, key, value) in [
            ("fps=24", "fps", json!(24)),
            ("fps=\"24\"", "fps", json!("24")),
            ("frames=1-10", "frames", json!("1-10")),
            ("audio=true", "audio", json!(true)),
            ("cmd=a=b", "cmd", json!("a=b")),
            ("empty=", "empty", json!("")),
            ("rna_overrides=[\"x = 1\"]", "rna_overrides", json!(["x = 1"])),
        ] {
            assert_eq!(text.parse(), Ok(Setting { key: key.to_owned(), value }), "{text}");
        }
        assert!(error("job submit x.json --set fps").to_string().contains("KEY=VALUE"));
        assert_eq!(error("job submit x.json --set =3").exit_code(), 2);
    }

    #[test]
    fn what_is_said_of_a_job_may_be_repeated_where_there_can_be_several() {
        let id = "5c7d0000000000000000abc9";
        let line = format!(
            "x.json --set a=1 --set b=2 --priority -5 --depends-on {id} --depends-on {id} --worker-tag gpu --worker-tag big"
        );
        let Changes { settings, priority, depends_on, worker_tags, .. } = submission(&line).changes;
        assert_eq!((settings.len(), priority, depends_on.len()), (2, Some(-5), 2));
        assert_eq!(worker_tags, ["gpu", "big"]);
    }

    #[test]
    fn a_blend_file_needs_frames_and_nothing_else_does() {
        assert!(submission("shot.BLEND --frames 1-10 --chunk 5").is_blend());
        assert!(error("job submit shot.blend").to_string().contains("--frames 1-250"));
        assert!(!submission("-").is_blend());
        for option in ["--frames 1", "--chunk 2", "--output /r/#", "--format PNG", "--type sleep"] {
            let why = error(&format!("job submit shot.toml {option}"));
            assert_eq!(why.exit_code(), 2);
            assert!(why.to_string().contains("is for a .blend file"), "{why}");
        }
        assert_eq!(error("job submit shot.json --wait --dry-run").exit_code(), 2);
    }
}
