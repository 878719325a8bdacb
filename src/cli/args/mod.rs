//! What can be said on the command line. What the commands do is in the files beside this folder.

mod audit;
mod database;
mod help;
mod import;
mod job;
mod task;
mod user;
mod worker;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as ClapArgs, CommandFactory, Parser, Subcommand, error::ErrorKind};
use clap_complete::Shell;

pub use self::{
    audit::AuditCommand,
    database::{Backup, DatabaseCommand, Restore},
    import::{ImportCommand, ImportHow, MongodbDump},
    job::{BlendJob, Changes, JobCommand, JobFilter, Setting, Submission},
    task::TaskCommand,
    user::{TokenCommand, UserCommand},
    worker::{WorkerCommand, WorkerName},
};
use super::logging::LogLevel;
use crate::config::HttpUrl;

/// Above the options that every command has.
const GENERAL: &str = "General options";

const EXAMPLES: &str = "\
Examples:
  flamenco-manager demo                   look around: simulated workers render a sample job
  flamenco-manager check                  is everything set up well?
  flamenco-manager                        run the Manager; its page is at http://localhost:8080/
  flamenco-manager job submit shot.blend --frames 1-250 --chunk 10
                                          render a blend file on the workers
  flamenco-manager job submit --help      all that can be submitted
  flamenco-manager task log --follow ID   see what a worker does
  flamenco-manager --json job list        the jobs, for a script

The configuration is the file given with --config, else ./manager.toml, else
/etc/flamenco-manager/manager.toml. Without one the Manager works on its own, with defaults.
The environment: FLAMENCO_MANAGER_TOKEN is an access token for commands to a Manager, and NO_COLOR
switches colours off.

Exit codes: 0 done, 1 it failed (stderr says why and what to do), 2 wrong usage. Those of
`job wait` also tell how the job ended.";

const EXPORT_HELP: &str = "\
Example:
  flamenco-manager export farm && jq -c '{name, priority}' farm/jobs.jsonl";

const COMPLETIONS_HELP: &str = "\
Examples:
  flamenco-manager completions bash > ~/.local/share/bash-completion/completions/flamenco-manager
  flamenco-manager completions fish > ~/.config/fish/completions/flamenco-manager.fish
  flamenco-manager completions zsh > _flamenco-manager      in a folder of $fpath";

/// Takes in render jobs and hands their tasks to Flamenco workers
///
/// All that it needs is in this one program. All that it knows is in one database file, but for the task logs,
/// which are files in a folder.
///
/// Without a command it runs the Manager, as with "serve".
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "flamenco-manager",
    version,
    help_template = help::first_page(&Command::augment_subcommands(clap::Command::new(""))),
    after_help = EXAMPLES,
    disable_help_subcommand = true
)]
pub struct Args {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", help_heading = GENERAL)]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    loudness: Loudness,

    /// Log a JSON object a line; commands that show something print JSON
    #[arg(long, global = true, help_heading = GENERAL)]
    pub json: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

/// How much to log: at most one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ClapArgs)]
struct Loudness {
    /// Log what happens; this is the default
    #[arg(long, global = true, conflicts_with_all = ["debug", "quiet"], help_heading = GENERAL)]
    verbose: bool,

    /// Log every detail as well
    #[arg(long, global = true, conflicts_with = "quiet", help_heading = GENERAL)]
    debug: bool,

    /// Log warnings and errors only
    #[arg(long, global = true, help_heading = GENERAL)]
    quiet: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the Manager until it is interrupted (Ctrl+C or SIGTERM)
    Serve,

    /// Show a Manager at work, with simulated workers and a sample job
    ///
    /// It takes less than a minute and ends by itself. It needs no configuration and touches none of your files:
    /// the database is a temporary one.
    Demo {
        /// Leave the Manager running afterwards, to look around until Ctrl+C
        #[arg(long)]
        keep: bool,
    },

    /// Say in plain words what is wrong with the configuration, the database and the paths
    ///
    /// It also says what is left to do: whether the shared storage is there, where workers look for Blender, and which ports a
    /// firewall has to let through. The exit code is 1 if anything is wrong (BAD).
    Check,

    /// Erase all tasks and jobs, after asking
    ///
    /// Workers and task logs stay. While a Manager is running on the database, it is the one that erases.
    Cleanslate(Confirmation),

    /// Erase all task updates that wait for the Server, after asking
    ///
    /// What they say is lost: the Server will not hear of it. Those that the Server would not take go with them. Without a
    /// Server nothing waits.
    Purgequeue(Confirmation),

    /// Make a backup of the database, while a Manager runs or not
    ///
    /// It is read back before it gets its name. A running Manager makes one by itself every day: see the section "backup" of manager.toml.
    /// Task logs are files of their own and not in it.
    Backup(Backup),

    /// Put a backup in the place of the database, after asking; stop the Manager first
    ///
    /// The backup is verified, and what is made of it is checked, before anything is replaced; and what is replaced is kept
    /// beside the database. A backup of an earlier version becomes one of this version.
    Restore(Restore),

    /// Check the database, make its file smaller, and say what it is made of
    ///
    /// All of it works while a Manager is running on the database, and while none is.
    #[command(subcommand)]
    Database(DatabaseCommand),

    /// Write everything that is in the database as JSON lines, for other programs
    ///
    /// There is a file for each kind of things, and manifest.json with their sums. Hashes of secrets are among it, so that
    /// workers can go on elsewhere: nobody but you can read the directory. "import export" reads it back. While a Manager is
    /// running on the database, it is the one that exports, of one moment and without a pause.
    Export(Export),

    /// Take over what another program knows of the farm
    ///
    /// It is written into a new file beside the database, which takes its place when all is well: until then nothing is
    /// changed. No Manager may be running on the database meanwhile.
    #[command(subcommand)]
    Import(ImportCommand),

    /// Submit jobs, look at them and control them
    Job(On<JobCommand>),

    /// Look at tasks and their logs, cancel and requeue them
    Task(On<TaskCommand>),

    /// Look at workers, send them to sleep and wake them
    Worker(On<WorkerCommand>),

    /// Look at what people did, on the running Manager
    Audit(On<AuditCommand>),

    /// Say who may use the pages and the API
    ///
    /// While a Manager is running on the database it is the one that does so.
    User(On<UserCommand>),

    /// Print what lets a shell complete commands and options
    ///
    /// Packages bring it along for bash, zsh and fish.
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// For which shell
        shell: Shell,
    },

    /// Write the manual pages into a folder, which packages do
    #[command(hide = true)]
    Manual {
        /// The folder
        folder: PathBuf,
    },

    /// Make the picture on stdin small; the Manager does so with pictures that it does not trust
    #[command(hide = true)]
    ShrinkPicture,
}

/// For commands that ask before they erase something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ClapArgs)]
pub struct Confirmation {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Where to export to.
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
#[command(after_help = EXPORT_HELP)]
pub struct Export {
    /// A directory that is not there yet, or is empty
    #[arg(value_name = "DIRECTORY")]
    pub directory: PathBuf,
}

/// A command for a running Manager.
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub struct On<C: Subcommand> {
    /// Where the Manager is [default: on this machine, at the port that the configuration says]
    #[arg(long, global = true, value_name = "URL", help_heading = GENERAL)]
    pub manager: Option<HttpUrl>,

    /// A file with the access token to show [default: FLAMENCO_MANAGER_TOKEN; else, on the Manager's own machine, the
    /// file that it keeps beside its database]
    #[arg(long, global = true, value_name = "FILE", help_heading = GENERAL)]
    pub token_file: Option<PathBuf>,

    /// What it shall do.
    #[command(subcommand)]
    pub command: C,
}

impl Args {
    /// What the program was started with, in today's or in yesterday's words. Prints help or what is wrong,
    /// and ends the program, when there is nothing to do.
    pub fn from_command_line() -> Self {
        Self::understand(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn understand(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args = Self::try_parse_from(modernise(words))?;
        if let Command::Job(On { command: JobCommand::Submit(submission), .. }) = args.action() {
            let wrong = |why| Self::command().error(ErrorKind::ArgumentConflict, why);
            submission.check().map_err(wrong)?;
        }
        Ok(args)
    }

    /// How much to log.
    pub fn log_level(&self) -> LogLevel {
        if self.loudness.debug {
            LogLevel::Debug
        } else if self.loudness.quiet {
            LogLevel::Warn
        } else {
            LogLevel::Info
        }
    }

    /// What to do.
    pub fn action(&self) -> &Command {
        self.command.as_ref().unwrap_or(&Command::Serve)
    }
}

/// `arguments` with the flags of Flamenco Manager 2.x, which have one dash, in their present form.
///
/// What follows an option that takes a value, or `--`, is left as it is.
pub fn modernise(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut is_value = false;
    let mut only_values = false;
    let modern = |argument: OsString| {
        let text = argument.to_str().unwrap_or_default();
        let untouched = is_value || only_values;
        is_value = !is_value && matches!(text, "--config" | "--manager");
        only_values |= text == "--" && !untouched;
        let modern = if untouched { None } else { modern_form(text) };
        modern.map_or(argument, OsString::from)
    };
    arguments.into_iter().map(modern).collect()
}

fn modern_form(old: &str) -> Option<&'static str> {
    Some(match old {
        "-debug" => "--debug",
        "-verbose" => "--verbose",
        "-quiet" => "--quiet",
        "-json" => "--json",
        "-version" => "--version",
        "-cleanslate" => "cleanslate",
        "-purgequeue" => "purgequeue",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modern(line: &str) -> String {
        let words = modernise(line.split_whitespace().map(OsString::from));
        words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let words = std::iter::once("flamenco-manager").chain(line.split_whitespace());
        Args::understand(words.map(OsString::from))
    }

    /// What a line of the command line asks for.
    pub(super) fn command(line: &str) -> Command {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).action().clone()
    }

    /// Why a line of the command line is not taken.
    pub(super) fn error(line: &str) -> clap::Error {
        parse(line).unwrap_err()
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_manager_is_run() {
        assert_eq!(command(""), Command::Serve);
        assert_eq!(command("serve"), Command::Serve);
    }

    #[test]
    fn each_command_is_understood() {
        let yes = Confirmation { yes: true };
        assert_eq!(command("demo --keep"), Command::Demo { keep: true });
        assert_eq!(command("check"), Command::Check);
        assert_eq!(command("export farm"), Command::Export(Export { directory: "farm".into() }));
        assert_eq!(command("cleanslate --yes"), Command::Cleanslate(yes));
        assert_eq!(command("purgequeue"), Command::Purgequeue(Confirmation { yes: false }));
    }

    #[test]
    fn jobs_and_workers_are_found_on_a_manager_elsewhere() {
        let id = "5c7d0000000000000000abc9";
        let manager: Option<HttpUrl> = Some("http://farm:8080/".parse().unwrap());
        let shown = JobCommand::Show { id: id.parse().unwrap() };
        let expected = Command::Job(On { manager: manager.clone(), token_file: None, command: shown });
        assert_eq!(command(&format!("job --manager http://farm:8080 show {id}")), expected);
        assert_eq!(command(&format!("job show {id} --manager http://farm:8080/")), expected);
        let expected = Command::Worker(On {
            manager,
            token_file: None,
            command: WorkerCommand::List { status: Vec::new() },
        });
        assert_eq!(command("worker list --manager http://farm:8080"), expected);
    }

    #[test]
    fn the_general_options_may_stand_before_and_after_the_command() {
        for line in ["--config x.toml --json --debug job list", "job list --debug --json --config x.toml"] {
            let args = parse(line).unwrap();
            assert_eq!(args.config, Some(PathBuf::from("x.toml")));
            assert!(args.json);
            assert_eq!(args.log_level(), LogLevel::Debug);
        }
    }

    #[test]
    fn the_flags_say_how_much_to_log() {
        for (line, level) in [
            ("", LogLevel::Info),
            ("--verbose", LogLevel::Info),
            ("--debug", LogLevel::Debug),
            ("serve --quiet", LogLevel::Warn),
        ] {
            assert_eq!(parse(line).unwrap().log_level(), level, "{line}");
        }
        assert_eq!(error("--debug --quiet").kind(), ErrorKind::ArgumentConflict);
        assert_eq!(error("--verbose --debug").kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn wrong_usage_ends_with_2_and_help_with_0() {
        for line in
            ["dance", "--colour", "job", "job show 12", "job list --manager farm", "demo extra", "--config"]
        {
            assert_eq!(error(line).exit_code(), 2, "{line}");
        }
        for line in ["--help", "--version", "-version", "-h", "job submit --help"] {
            assert_eq!(error(line).exit_code(), 0, "{line}");
        }
    }

    #[test]
    fn a_bad_id_is_explained() {
        assert!(error("task show 12").to_string().contains("an ID is 24 lower-case hex digits"));
    }

    #[test]
    fn the_flags_of_2_x_keep_working() {
        assert_eq!(
            modern("flamenco-manager -debug -verbose -quiet -json -version"),
            "flamenco-manager --debug --verbose --quiet --json --version"
        );
        assert_eq!(modern("fm -quiet -cleanslate"), "fm --quiet cleanslate");
        assert_eq!(modern("fm -purgequeue -json"), "fm purgequeue --json");
        assert_eq!(command("-purgequeue -json"), Command::Purgequeue(Confirmation { yes: false }));
    }

    #[test]
    fn values_and_unknown_words_are_left_as_they_are() {
        for line in ["fm --config -json", "fm --manager -debug x", "fm -- -debug -json", "fm -h -x debug -"] {
            assert_eq!(modern(line), line);
        }
        assert_eq!(modern("fm --config --config -json"), "fm --config --config --json");
        assert_eq!(modern("fm --config=a -json"), "fm --config=a --json");
    }

    #[test]
    fn help_names_every_command_with_an_example() {
        let help = error("--help").to_string();
        for word in [
            "serve",
            "demo",
            "check",
            "cleanslate",
            "purgequeue",
            "export",
            "job",
            "task",
            "worker",
            "Examples:",
            "Exit codes",
        ] {
            assert!(help.contains(word), "{word}");
        }
    }

    #[test]
    fn help_is_not_wider_than_a_hundred_columns() {
        fn look_at(command: &mut clap::Command, path: &str) {
            let help = command.render_long_help().to_string();
            for line in help.lines() {
                assert!(line.chars().count() <= 100, "{path}: {line}");
            }
            for part in command.get_subcommands_mut() {
                let path = format!("{path} {}", part.get_name());
                look_at(part, &path);
            }
        }
        look_at(&mut Args::command(), "flamenco-manager");
    }
}
